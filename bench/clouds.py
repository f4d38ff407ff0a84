"""The clouds' stand-ins, filled, as a project file names them. They serve from this process; what is measured has its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from moto.sagemaker.models import sagemaker_backends

from bench import azureml_world, sagemaker_world
from bench.cloud_size import NAME, CloudSize
from connectors.conformance.proxy import FaultProxy
from sandbox.azureml import AzureMLSite
from sandbox.azureml.certificate import loopback_tls
from sandbox.azureml.site import GROUP, SUBSCRIPTION, WORKSPACE
from sandbox.sagemaker.server import ACCOUNT, AwsServer

_REGION = "eu-west-1"
_NO_LIMIT = 1_000_000
_SINGLE_IN_SAGEMAKER = re.compile(r"SageMaker\.(Describe\w+|ListTags)")
_SINGLE_IN_AZURE = re.compile(r"(\w+Endpoints/[^/]+/deployments|(\w+)/[^/]+(/versions/[^/]+)?|.+/children)")
"""What tells of one object alone."""


class Cloud(msgspec.Struct, frozen=True, kw_only=True):
    """`source` and `scope` are its lines in the project file, `access` the variables that let a process in. `first_floors` and
    `quiet_floors` are the fewest requests of each stream: for everything, and while nothing changes; `swept` says what makes the
    latter more than one a stream. `read_singly` counts the requests about one object since it was called before."""

    title: str
    size: CloudSize
    source: str
    scope: str
    access: Mapping[str, str]
    first_floors: Mapping[str, int]
    quiet_floors: Mapping[str, int]
    swept: str
    read_singly: Callable[[], int]


@contextmanager
def sagemaker(folder: Path, size: CloudSize) -> Iterator[Cloud]:
    with AwsServer() as server, FaultProxy(server.url, most=_NO_LIMIT) as proxy:
        # moto's state belongs to the process, and outlives a server.
        sagemaker_backends[ACCOUNT][_REGION].reset()
        sagemaker_world.fill_sagemaker(server.region(_REGION), size)

        def read_singly() -> int:
            asked = sum(_SINGLE_IN_SAGEMAKER.match(one.headers.get("x-amz-target", "")) is not None for one in proxy.asked)
            proxy.heal()
            return asked

        everything = (
            *("endpoints", "model_package_groups", "training_jobs", "processing_jobs", "transform_jobs"),
            *("pipelines", "experiments", "feature_groups"),
        )
        yield Cloud(
            title="SageMaker",
            size=size,
            source=f"{{type: sagemaker, region: {_REGION}, endpoint_url: {proxy.url}}}",
            scope=f"{{{', '.join(f'{name}: [{NAME}-*]' for name in everything)}}}",
            access={
                "AWS_ACCESS_KEY_ID": "testing-key-id",
                "AWS_SECRET_ACCESS_KEY": "testing-not-a-secret",
                "AWS_CONFIG_FILE": str(folder / "no-aws-config"),
                "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no-aws-credentials"),
                "AWS_EC2_METADATA_DISABLED": "true",
            },
            first_floors=sagemaker_world.first_floors(size),
            quiet_floors=sagemaker_world.quiet_floors(),
            swept=sagemaker_world.SWEPT,
            read_singly=read_singly,
        )


@contextmanager
def azureml(folder: Path, size: CloudSize) -> Iterator[Cloud]:
    tls, authority = loopback_tls(folder)
    with AzureMLSite(tls=tls) as site:
        site.keep_answers = False
        azureml_world.fill_azureml(site, size)

        def read_singly() -> int:
            with site.lock:
                paths = [entry.path.removeprefix(f"{site.workspace.root}/") for entry in site.requests]
                site.requests.clear()
            return sum(_SINGLE_IN_AZURE.fullmatch(path) is not None for path in paths)

        where = f"subscription: {SUBSCRIPTION}, resource_group: {GROUP}, workspace: {WORKSPACE}, resource_manager: '{site.url}'"
        yield Cloud(
            title="Azure ML",
            size=size,
            source=f"{{type: azureml, {where}}}",
            scope=f"{{endpoints: [{NAME}-*], models: [{NAME}-*], experiments: [{NAME}-*], data: [customers]}}",
            access={**site.identity_environment, "SSL_CERT_FILE": str(authority), "REQUESTS_CA_BUNDLE": str(authority)},
            first_floors=azureml_world.first_floors(size),
            quiet_floors=azureml_world.quiet_floors(size),
            swept=azureml_world.SWEPT,
            read_singly=read_singly,
        )
