"""What MLflow's own deployment plugins leave behind leads to the model version, or to its run."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec
import pytest

from mappings import azureml_endpoints, azureml_names, sagemaker_endpoints
from mappings import sagemaker_records as records
from mappings.model import Deployment, ModelVersion, Ref
from mappings.sagemaker import Site
from tests.core.worlds import World

ARN = "arn:aws:sagemaker:eu-west-1:111122223333"
NAME = "churn-prod-model-0123456789abcdef0123"
FILES = f"s3://mlflow-sagemaker-eu-west-1-111122223333/{NAME}/model.tar.gz"
RUN_ID, LOGGED = "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "m-00112233445566778899aabbccddeeff"


class Recorder:
    """What the plugin asks SageMaker for."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def create_model(self, **asked: Any) -> dict[str, str]:
        self.asked = asked
        return {"ModelArn": f"{ARN}:model/{asked['ModelName']}"}


Deploy: TypeAlias = Callable[[str], Deployment]


@pytest.fixture(scope="module")
def plugin() -> Any:
    """The plugin as it is installed. It warns of its own type hints when it is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("mlflow.sagemaker")


@pytest.fixture(scope="module")
def on_sagemaker(plugin: Any) -> Deploy:
    return lambda model_uri: _deployed(plugin, model_uri)


def _deployed(plugin: Any, model_uri: str) -> Deployment:
    """The endpoint of a model that `mlflow deployments create -t sagemaker` made, as SageMaker describes it."""
    recorder = Recorder()
    plugin._create_sagemaker_model(
        model_name=NAME,
        model_s3_path=FILES,
        model_uri=model_uri,
        flavor="python_function",
        vpc_config=None,
        image_url="111122223333.dkr.ecr.eu-west-1.amazonaws.com/mlflow-pyfunc:3.17.0",
        execution_role="arn:aws:iam::111122223333:role/example",
        sage_client=recorder,
        env={},
        tags={"team": "churn"},
    )
    described = {**recorder.asked, "ModelArn": f"{ARN}:model/{NAME}"}
    variant = {"VariantName": NAME, "ModelName": NAME, "InitialVariantWeight": 1}
    found = {
        "EndpointName": "churn-prod",
        "EndpointArn": f"{ARN}:endpoint/churn-prod",
        "EndpointStatus": "InService",
        "ProductionVariants": [{"VariantName": NAME, "CurrentWeight": 1.0}],
    }
    behind = sagemaker_endpoints.Behind(
        config=msgspec.convert(
            {"EndpointConfigName": "churn-prod-config", "ProductionVariants": [variant]}, records.EndpointConfig
        ),
        models={NAME: msgspec.convert(described, records.Model)},
        model_tags={NAME: msgspec.convert(recorder.asked["Tags"], tuple[records.Tag, ...])},
        tags=[records.Tag("app_name", "churn-prod")],
    )
    return sagemaker_endpoints.endpoint(Site("aws", "eu-west-1"), msgspec.convert(found, records.Endpoint), behind)


def worked() -> tuple[World, ModelVersion]:
    """A ticket whose work was trained, logged and registered in MLflow."""
    world = World(aws=True)
    *_, run, version = world.whole()
    world.drop(run)
    world.run(RUN_ID, git_commit=run.git_commit)
    changed = world.change_of(
        version,
        run=Ref("mlflow", "run", RUN_ID),
        model_id=LOGGED,
        artifact_uri=f"mlflow-artifacts:/1/models/{LOGGED}/artifacts",
    )
    assert isinstance(changed, ModelVersion)
    world.version(4, run=world.run("another"))
    return world, changed


@pytest.mark.parametrize(
    "model_uri",
    [
        "models:/churn-classifier/3",
        f"models:/{LOGGED}",
        f"runs:/{RUN_ID}/model",
        f"mlflow-artifacts:/1/models/{LOGGED}/artifacts",
        f"s3://example-mlflow/1/models/{LOGGED}/artifacts",
        f"s3://example-mlflow/1/{RUN_ID}/artifacts/model",
        f"mlflow-artifacts:/1/{RUN_ID}/artifacts/model",
    ],
)
def test_on_sagemaker_the_address_that_was_deployed_leads_to_the_version(on_sagemaker: Deploy, model_uri: str) -> None:
    world, version = worked()
    endpoint = world.add(on_sagemaker(model_uri))
    (link,) = [one for one in world.linked().links if one.source == endpoint.ref]
    assert (link.relation, link.target, link.confidence) == ("deploys", version.ref, "exact")
    assert link.because.endswith(", by the address in its tag model_uri")
    assert world.truth("deployed", world.entities[Ref("jira", "work_item", "id-of-ML-42")]) is True
    assert world.truth("lineage-gap", endpoint) is False


@pytest.mark.parametrize("model_uri", [f"runs:/{RUN_ID}/model", f"s3://example-mlflow/1/{RUN_ID}/artifacts/model"])
def test_on_sagemaker_a_model_that_nobody_registered_leads_to_its_run(on_sagemaker: Deploy, model_uri: str) -> None:
    world, version = worked()
    world.drop(version)
    endpoint = world.add(on_sagemaker(model_uri))
    assert world.links(endpoint) == [("deploys", RUN_ID)]
    assert world.truth("deployed", world.entities[Ref("jira", "work_item", "id-of-ML-42")]) is True
    assert world.truth("lineage-gap", endpoint) is False


@pytest.mark.parametrize("model_uri", ["models:/churn-classifier@champion", "models:/churn-classifier/Production", "./model"])
def test_an_alias_may_mean_another_version_by_now(on_sagemaker: Deploy, model_uri: str) -> None:
    world, _ = worked()
    assert world.links(world.add(on_sagemaker(model_uri))) == []


# Azure

SUBSCRIPTION, GROUP, WORKSPACE = "00000000-0000-0000-0000-000000000000", "ml-production", "churn"
ROOT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/{WORKSPACE}"
AZURE = azureml_names.Site(
    source="azure-ml", subscription=SUBSCRIPTION, resource_group=GROUP, workspace=WORKSPACE, portal="https://ml.azure.com"
)


def on_azure(model: str) -> Deployment:
    """The endpoint of a deployment that `azureml-mlflow` made: it names the model by its resource id, or in a registry."""
    record = {"name": "churn-prod", "properties": {"provisioningState": "Succeeded", "traffic": {"blue": 100}}}
    blue = {"name": "blue", "properties": {"model": model, "provisioningState": "Succeeded", "endpointComputeType": "Managed"}}
    read = azureml_endpoints.read_endpoint(msgspec.Raw(msgspec.json.encode(record)))
    (found,) = azureml_endpoints.endpoint_records(AZURE, "online", read, [msgspec.Raw(msgspec.json.encode(blue))]).entities
    assert isinstance(found, Deployment)
    return found


@pytest.mark.parametrize(
    ("model", "ident"),
    [
        (f"{ROOT}/models/churn-classifier/versions/3", "churn-classifier/3"),
        ("azureml://registries/shared/models/churn-classifier/versions/3", "registries/shared/churn-classifier/3"),
    ],
)
@pytest.mark.parametrize("source", ["azure-ml", "mlflow"])
def test_on_azure_the_version_leads_to_the_run_wherever_that_is_read(source: str, model: str, ident: str) -> None:
    """The workspace is MLflow's tracking server: a run has one id, whether it is read as a job of Azure's or from MLflow."""
    world, registered = worked()
    world.drop(registered)
    run = world.entities.pop(Ref("mlflow", "run", RUN_ID))
    world.add(msgspec.structs.replace(run, ref=Ref(source, "run", RUN_ID)))
    asset = AZURE.asset_at(model, "models")
    assert asset is not None and asset.ref is not None
    assert asset.ref.id == ident
    version = world.add(
        ModelVersion(
            ref=asset.ref,
            name=asset.name,
            version=asset.version,
            cloud_id=asset.cloud_id,
            run=Ref("azure-ml", "run", RUN_ID),
        )
    )
    endpoint = world.add(on_azure(model))
    assert world.links(endpoint) == [("deploys", ident)]
    assert ("registered_from", RUN_ID) in world.links(version)
    assert world.truth("deployed", world.entities[Ref("jira", "work_item", "id-of-ML-42")]) is True
