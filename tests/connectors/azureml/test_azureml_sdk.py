"""The unmodified `azure-ai-ml` reads the stand-in, and sees what the reader sees: each collection that the reader lists."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from connectors.azureml.options import AzureMLScope
from mappings.model import Deployment, Observation, Run
from sandbox.azureml import documents
from sandbox.azureml.refusals import throttles
from sandbox.azureml.site import WORKSPACE
from sandbox.faults import Fault

if TYPE_CHECKING:
    from tests.connectors.azureml.conftest import Lab

EVERYTHING = AzureMLScope(endpoints=("*",), models=("*",), experiments=("*",), data=("*",), monitors=("*",))
STREAMS = ("jobs", "models", "data", "endpoints", "monitors")


@pytest.fixture
def furnished(lab: Lab) -> Lab:
    """Something of everything, and more of each than fits on a page."""
    for number in range(1, 36):
        lab.job(f"job-{number}", hours_ago=100 - number, inputs={"rate": documents.number(0.1)})
        model = lab.model(number, f"job-{number}", stage="Production" if number == 1 else None, tags={"number": str(number)})
        lab.site.put(f"models/model-{number}/versions/1", documents.model_version())
        lab.site.put(f"data/customers/versions/{number}", documents.data_version("azureml://datastores/store/paths/customers"))
        lab.site.put(f"data/data-{number}/versions/1", documents.data_version("azureml://datastores/store/paths/other"))
        lab.endpoint(f"churn-{number}", {"blue": 90, "green": 10}, [model, model], mirror={"green": 20})
        lab.site.put(f"batchEndpoints/batch-{number}", documents.batch_endpoint("main"))
        lab.site.put(f"batchEndpoints/batch-{number}/deployments/main", documents.batch_deployment(model))
        lab.monitor(f"watch-{number}")
    lab.monitor_run("monday", schedule="watch-1")
    lab.site.add_step("monday", "judge", {documents.BREACHED_TAG: documents.breach_message("drift")})
    return lab


def test_jobs_are_the_readers_runs(furnished: Lab, ml_client: Callable[[], Any]) -> None:
    jobs = list(ml_client().jobs.list())
    runs = {one.run_id: one for one in furnished.pull("jobs", scope=EVERYTHING).entities if isinstance(one, Run)}

    assert {job.name for job in jobs} == runs.keys()
    assert len(jobs) == 36
    finished = next(job for job in jobs if job.name == "job-1")
    assert (finished.status, finished.experiment_name) == ("Completed", runs["job-1"].experiment)
    assert [job.name for job in ml_client().jobs.list(parent_job_name="monday")] == ["judge"]


def test_models_by_name_are_the_readers_versions_and_without_a_name_they_show_none(
    furnished: Lab, ml_client: Callable[[], Any]
) -> None:
    models = ml_client().models
    nameless = list(models.list())
    named = [version for model in nameless for version in models.list(name=model.name)]
    pulled = furnished.pull("models", scope=EVERYTHING)

    assert len(nameless) == 36
    assert not any(model.tags or model.version for model in nameless)
    assert sorted(f"{one.name}/{one.version}" for one in named) == pulled.ids
    first = next(one for one in named if (one.name, one.version) == ("churn", "1"))
    assert (first.stage, first.tags, first.job_name, sorted(first.flavors)) == (
        "Production",
        {"number": "1"},
        "job-1",
        ["python_function", "sklearn"],
    )


def test_data_assets_are_the_readers_data_sets(furnished: Lab, ml_client: Callable[[], Any]) -> None:
    data = ml_client().data
    named = [version for asset in data.list() for version in data.list(name=asset.name)]

    assert sorted(f"{one.name}/{one.version}" for one in named) == furnished.pull("data", scope=EVERYTHING).ids
    assert len(named) == 70


def test_endpoints_and_deployments_are_the_readers(furnished: Lab, ml_client: Callable[[], Any]) -> None:
    client = ml_client()
    pulled = furnished.pull("endpoints", scope=EVERYTHING)
    online, batch = list(client.online_endpoints.list()), list(client.batch_endpoints.list())
    ours = {one.ref.id: one for one in pulled.entities if isinstance(one, Deployment)}

    assert {f"online/{one.name}" for one in online} | {f"batch/{one.name}" for one in batch} == ours.keys()
    assert len(ours) == 70
    one = next(endpoint for endpoint in online if endpoint.name == "churn-7")
    deployments = {deployment.name: deployment for deployment in client.online_deployments.list("churn-7")}
    assert (one.traffic, one.mirror_traffic) == ({"blue": 90, "green": 10}, {"green": 20})
    assert [(share.share, share.mirror) for share in ours["online/churn-7"].models] == [(0.9, 0.0), (0.1, 0.2)]
    assert {name: deployment.model.rpartition("/")[2] for name, deployment in deployments.items()} == {"blue": "7", "green": "7"}
    (main,) = client.batch_deployments.list("batch-7")
    assert main.model.endswith("/models/churn/versions/7")


def test_monitors_are_the_schedules_that_the_reader_watches(
    furnished: Lab, ml_client: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    furnished.site.put("schedules/off", documents.monitor("azureml:churn-1:blue", {"drift": "DataDrift"}, enabled=False))
    enabled = list(ml_client().schedules.list())
    every = list(ml_client().schedules.list(list_view_type="All"))

    assert "failed with" not in capsys.readouterr().out
    assert (len(enabled), len(every)) == (35, 36)
    assert {type(one).__name__ for one in every} == {"MonitorSchedule"}
    (found,) = furnished.pull("monitors", scope=EVERYTHING).entities
    assert isinstance(found, Observation)
    assert (found.monitor, found.outcome) == ("watch-1/drift", "failed")


def test_every_path_that_the_reader_asks_for_is_one_that_the_sdk_asks_for(furnished: Lab, ml_client: Callable[[], Any]) -> None:
    for stream in STREAMS:
        furnished.pull(stream, scope=EVERYTHING)
    with closing(furnished.reader()) as reader:
        reader.read([entity.ref for stream in STREAMS for entity in furnished.pull(stream, scope=EVERYTHING).entities[:1]])
    ours = {_shape(path) for path in furnished.asked()}
    since = len(furnished.site.requests)

    client = ml_client()
    client.workspaces.get(WORKSPACE)
    list(client.jobs.list()), list(client.jobs.list(parent_job_name="monday"))
    list(client.models.list()), list(client.models.list(name="churn")), client.models.get("churn", "1")
    list(client.data.list()), list(client.data.list(name="customers")), client.data.get("customers", "1")
    list(client.online_endpoints.list()), client.online_endpoints.get("churn-1")
    list(client.batch_endpoints.list()), list(client.batch_deployments.list("batch-1"))
    list(client.schedules.list()), client.schedules.get("watch-1")

    theirs = {_shape(path) for path in furnished.asked(since=since)}
    # The one listing that the SDK has no use for is Azure Resource Manager's own.
    assert ours - theirs == {"resources"}
    assert ours >= {"", "jobs", "models", "models/*/versions", "onlineEndpoints/*/deployments", "schedules", "runs/*/children"}


def _shape(path: str) -> str:
    """A path without names: `/models/churn/versions` → `models/*/versions`."""
    if path.startswith("/subscriptions"):
        return path.rpartition("/")[2]
    own = path.partition(f"/workspaces/{WORKSPACE}/")[2] if path.startswith("/history") else path.strip("/")
    return "/".join(part if place % 2 == 0 else "*" for place, part in enumerate(own.split("/")))


# -- how the stand-in refuses, as the SDK sees it --------------------------------------------------------------------------------


def test_the_sdk_sees_refusals_as_azure_words_them(lab: Lab, ml_client: Callable[[], Any]) -> None:
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError

    client = ml_client()
    lab.model(1)

    with pytest.raises(ResourceNotFoundError):
        client.models.get("churn", "9")
    lab.site.faults.append(Fault(throttles(30), path="*/models"))
    with pytest.raises(HttpResponseError) as throttled:
        list(client.models.list())
    assert throttled.value.status_code == 429
    lab.site.access.denied.add("Microsoft.MachineLearningServices/workspaces/models/read")
    with pytest.raises(HttpResponseError, match="AuthorizationFailed"):
        list(client.models.list())
    lab.site.access.expire()
    with pytest.raises(ClientAuthenticationError, match="ExpiredAuthenticationToken"):
        list(client.data.list())
