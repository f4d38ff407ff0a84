"""A project on SageMaker in small, and readers of it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from connectors.base import Batch, Connector, SourceContext
from connectors.sagemaker import CONNECTION
from connectors.sagemaker.options import SageMakerOptions, SageMakerScope, SageMakerSecrets
from mappings.change import Owned
from mappings.model import Entity
from sandbox.sagemaker.server import ACCOUNT, AwsRegion, AwsServer

NAME = "aws"


class Meter:
    """Counts what was asked."""

    def __init__(self) -> None:
        self.requests = 0

    def request(self, *, remaining: int | None = None, limit: int | None = None, resets_at: datetime | None = None) -> None:
        self.requests += 1


class Office:
    """One region with names of its own, as its owner and as Milepost see it."""

    def __init__(self, server: AwsServer, region: str = "eu-west-1", account: str = ACCOUNT) -> None:
        self.region: AwsRegion = server.region(region, account)
        self.sagemaker = self.region.client("sagemaker")
        self.name = f"n{uuid.uuid4().hex[:8]}"
        self.role = f"arn:aws:iam::{account}:role/example"
        self.meter = Meter()
        self.cursors: dict[str, str] = {}
        self.options: dict[str, Any] = {"region": region, "endpoint_url": server.url}

    @contextmanager
    def reader(self, stop: threading.Event | None = None, **options: Any) -> Iterator[Connector]:
        opened = CONNECTION.reader(
            SourceContext(
                name=NAME,
                options=SageMakerOptions.model_validate({**self.options, **options}),
                secrets=SageMakerSecrets(),
                owned=Owned(),
                meter=self.meter,
                stop=stop or threading.Event(),
            )
        )
        try:
            yield opened
        finally:
            opened.close()

    def scope(self, **more: Any) -> SageMakerScope:
        ours = [f"{self.name}*"]
        everything = dict.fromkeys((name for name in SageMakerScope.model_fields if name != "metrics"), ours)
        return SageMakerScope.model_validate({**everything, **more})

    def batches(self, stream: str, *, anew: bool = False, **more: Any) -> Sequence[Batch]:
        """What a pull gives that goes on from the last one, by a reader of its own."""
        with self.reader() as reader:
            found = list(reader.pull(stream, self.scope(**more), None if anew else self.cursors.get(stream)))
        self.cursors[stream] = next((batch.cursor for batch in reversed(found) if batch.cursor), "")
        return found

    def pull(self, stream: str, *, anew: bool = False, **more: Any) -> Sequence[Entity]:
        return [entity for batch in self.batches(stream, anew=anew, **more) for entity in batch.entities]

    def asked(self) -> int:
        """Requests since this was last called."""
        asked, self.meter.requests = self.meter.requests, 0
        return asked

    # -- what its owner does ------------------------------------------------------------------------------------------------

    def package(self, **more: Any) -> str:
        """A new version of the group; its ARN."""
        if self.name not in {
            one["ModelPackageGroupName"] for one in self.sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]
        }:
            self.sagemaker.create_model_package_group(ModelPackageGroupName=self.name)
        specification = {
            "Containers": [{"Image": "example/churn:1", "ModelDataUrl": f"s3://example/{self.name}/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        }
        asked = {"InferenceSpecification": specification, "ModelApprovalStatus": "PendingManualApproval", **more}
        arn: str = self.sagemaker.create_model_package(ModelPackageGroupName=self.name, **asked)["ModelPackageArn"]
        return arn

    def endpoint(self, packages: Sequence[str], weights: Sequence[float] = (1.0,), *, suffix: str = "", tags: Any = ()) -> str:
        """An endpoint that serves these packages; its name."""
        name = f"{self.name}{suffix}"
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=self.config(packages, weights), Tags=list(tags))
        return name

    def config(self, packages: Sequence[str], weights: Sequence[float] = (1.0,)) -> str:
        """A configuration with a variant for each package; its name."""
        variants = []
        for number, (package, weight) in enumerate(zip(packages, weights, strict=True)):
            model = f"{self.name}-{uuid.uuid4().hex[:6]}"
            self.sagemaker.create_model(ModelName=model, ExecutionRoleArn=self.role, PrimaryContainer={"ModelPackageName": package})
            variants.append(
                {
                    "VariantName": f"v{number}",
                    "ModelName": model,
                    "InitialVariantWeight": weight,
                    "InitialInstanceCount": 1,
                    "InstanceType": "ml.m5.large",
                }
            )
        name = f"{self.name}-{uuid.uuid4().hex[:6]}"
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
        return name

    def monitor(self, endpoint: str, kind: str = "DataQuality", *, name: str = "") -> str:
        """A schedule that watches the endpoint; its name."""
        cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
        definition = {
            "MonitoringInputs": [{"EndpointInput": {"EndpointName": endpoint, "LocalPath": "/opt/input"}}],
            "MonitoringOutputConfig": {"MonitoringOutputs": [{"S3Output": {"S3Uri": "s3://example", "LocalPath": "/opt/output"}}]},
            "MonitoringResources": {"ClusterConfig": cluster},
            "MonitoringAppSpecification": {"ImageUri": "example/monitor"},
            "RoleArn": self.role,
        }
        name = name or f"{endpoint}-{kind}"
        config = {"MonitoringType": kind, "MonitoringJobDefinition": definition}
        self.sagemaker.create_monitoring_schedule(MonitoringScheduleName=name, MonitoringScheduleConfig=config)
        return name
