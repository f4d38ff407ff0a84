"""The reader on a stand-in over TLS: what it sees, what it costs, what it survives."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from connectors.azureml.cursor import JobsCursor, decode_cursor
from connectors.azureml.options import AzureMLScope
from connectors.errors import AuthError, Cancelled, NotFound, RateLimited, SourceError, Unavailable
from mappings.model import Dataset, Deployment, Missing, ModelVersion, Observation, Ref, Run
from sandbox.azureml import documents
from sandbox.azureml.refusals import throttles
from sandbox.faults import Fault, answers

if TYPE_CHECKING:
    from tests.connectors.azureml.conftest import Lab

WATCH = AzureMLScope(monitors=("churn-watch",))


def only(entities: list[Any]) -> Any:
    (one,) = entities
    return one


# -- jobs ------------------------------------------------------------------------------------------------------------------------


def test_a_job_is_a_run_with_its_parameters_data_and_commit(lab: Lab) -> None:
    lab.job(
        "brave_fox_1",
        inputs={"learning_rate": documents.number(0.1), "training_data": documents.data_input("azureml:customers:4")},
        tags={"milepost.issue": "CHURN-7"},
        properties={"mlflow.source.git.commit": "a" * 40, "mlflow.source.git.repoURL": "https://bot:pw@git.example.com/churn.git"},
    )

    run = only(lab.pull("jobs").entities)

    assert isinstance(run, Run)
    assert (run.ref.id, run.experiment, run.status) == ("brave_fox_1", "churn-training", "finished")
    assert run.params == {"learning_rate": "0.1"}
    assert [use.dataset.id for use in run.datasets] == ["customers/4"]
    assert run.tags == {"milepost.issue": "CHURN-7"}
    assert (run.git_commit, run.git_repository) == ("a" * 40, "https://git.example.com/churn.git")
    assert run.url is not None and run.url.startswith("https://ml.azure.com/runs/brave_fox_1?wsid=/subscriptions/")


def test_jobs_of_other_experiments_and_steps_of_pipelines_are_left_out(lab: Lab) -> None:
    lab.job("mine")
    lab.site.put("jobs/theirs", documents.job("fraud"))
    lab.site.put("jobs/step", {"properties": None})

    pulled = lab.pull("jobs")

    assert (pulled.ids, pulled.rejected, pulled.complete) == (["mine"], [], True)


def test_only_the_first_page_is_asked_for_when_nothing_is_new(lab: Lab) -> None:
    for number in range(100):
        lab.job(f"old-{number}", hours_ago=300 - 2 * number)
    first = lab.pull("jobs")
    assert len(first.ids) == 100

    again = lab.pull("jobs", first.cursor)

    assert (again.requests, again.ids, again.complete) == (1, [], False)


def test_an_hour_of_very_many_jobs_is_not_listed_for_ever(lab: Lab) -> None:
    for number in range(100):
        lab.job(f"job-{number}", hours_ago=5 - number / 200)
    first = lab.pull("jobs")
    assert first.requests == 4

    again = lab.pull("jobs", first.cursor)
    lab.job("late", hours_ago=1.5)
    lab.job("new", hours_ago=0.1)
    third = lab.pull("jobs", again.cursor)

    assert (again.requests, again.ids) == (1, [])
    assert third.ids == ["late", "new"]


class Ahead:
    """The reader's clock, three hours ahead of Azure's."""

    @staticmethod
    def time_ns() -> int:
        return time.time_ns() + 3 * 3600 * 10**9


def test_no_job_is_passed_over_after_a_clock_was_ahead(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.job("old", hours_ago=5)
    with monkeypatch.context() as patch:
        patch.setattr("connectors.azureml.jobs.time", Ahead)
        first = lab.pull("jobs")
    lab.job("new", hours_ago=0)

    assert lab.pull("jobs", first.cursor).ids == ["new"]


def test_a_cursor_that_lies_ahead_goes_back(lab: Lab) -> None:
    lab.job("old", hours_ago=5)
    lab.job("new", hours_ago=0)
    pulled = lab.pull("jobs", JobsCursor(since=Ahead.time_ns() // 10**6).encode())
    cursor = decode_cursor(pulled.cursor or "", JobsCursor)

    assert pulled.ids == ["new"]
    assert cursor is not None
    assert cursor.since <= time.time_ns() // 10**6


def test_a_job_is_read_again_until_it_has_ended_though_it_is_far_down_the_list(lab: Lab) -> None:
    lab.job("long", hours_ago=90, status="Running")
    for number in range(60):
        lab.job(f"later-{number}", hours_ago=80 - number)
    first = lab.pull("jobs")

    second = lab.pull("jobs", first.cursor)
    assert only([one for one in second.entities if one.ref.id == "long"]).status == "running"
    lab.job("long", hours_ago=90, status="Completed")
    third = lab.pull("jobs", second.cursor)
    fourth = lab.pull("jobs", third.cursor)

    assert only([one for one in third.entities if one.ref.id == "long"]).status == "finished"
    assert "long" not in fourth.ids and fourth.requests == 1


def test_a_job_under_way_that_was_deleted_is_forgotten(lab: Lab) -> None:
    lab.job("gone", hours_ago=90, status="Queued")
    for number in range(40):
        lab.job(f"later-{number}", hours_ago=80 - number)
    first = lab.pull("jobs")
    lab.site.delete("jobs/gone")

    second = lab.pull("jobs", first.cursor)
    third = lab.pull("jobs", second.cursor)

    assert (second.requests, third.requests) == (2, 1)


def test_a_listing_in_another_order_is_read_to_its_end(lab: Lab) -> None:
    for number in range(70):
        lab.job(f"job-{number}", hours_ago=10 + number)
    first = lab.pull("jobs")
    assert first.requests == 3

    again = lab.pull("jobs", first.cursor)

    assert again.requests == 3


def test_archived_jobs_and_versions_are_read_too(lab: Lab) -> None:
    lab.job("kept")
    resource = lab.site.workspace.get(["jobs", "kept"])
    assert resource is not None
    resource.properties["isArchived"] = True
    lab.model(1)
    version = lab.site.workspace.get(["models", "churn", "versions", "1"])
    assert version is not None
    version.properties["isArchived"] = True

    assert lab.pull("jobs").ids == ["kept"]
    assert only(lab.pull("models").entities).status == "archived"


# -- models and data -------------------------------------------------------------------------------------------------------------


def test_every_version_comes_with_its_stage_tags_and_flavors(lab: Lab) -> None:
    lab.model(1, "brave_fox_1", stage="Production", tags={"milepost.approval": "approved"})
    lab.model(
        2, uri="azureml://subscriptions/x/resourcegroups/y/workspaces/z/datastores/d/paths/ExperimentRun/dcid.quiet_owl_2/model"
    )
    lab.site.put("models/other/versions/1", documents.model_version())

    pulled = lab.pull("models")
    first, second = sorted((one for one in pulled.entities if isinstance(one, ModelVersion)), key=lambda one: one.version)

    assert pulled.complete
    assert (first.ref.id, first.aliases, first.approval) == ("churn/1", ("Production",), "approved")
    assert first.flavors == ("python_function", "sklearn")
    assert first.run == Ref("azure-ml", "run", "brave_fox_1")
    assert second.run == Ref("azure-ml", "run", "quiet_owl_2")
    assert first.cloud_id is not None and first.cloud_id.endswith("/workspaces/churn-lab/models/churn/versions/1")


def test_an_approval_alone_is_seen_by_the_next_pull(lab: Lab, ml_client: Any) -> None:
    lab.model(1)
    assert only(lab.pull("models").entities).approval is None

    client = ml_client()
    version = client.models.get("churn", "1")
    version.tags["approval"] = "approved"
    client.models.create_or_update(version)

    assert only(lab.pull("models").entities).approval == "approved"


def test_models_of_a_registry_are_told_apart_from_the_workspaces_own(lab: Lab) -> None:
    lab.model(1)
    lab.site.put("models/churn/versions/1", documents.model_version(stage="Staging"), registry="shared")

    pulled = lab.pull("models", registries=[{"name": "Shared"}])

    assert pulled.ids == ["churn/1", "registries/shared/churn/1"]
    with closing(lab.reader(registries=[{"name": "Shared"}])) as reader:
        shared = Ref("azure-ml", "model_version", "registries/shared/churn/1")
        gone = Ref("azure-ml", "model_version", "registries/shared/churn/9")
        assert [type(one) for one in reader.read([shared, gone])] == [ModelVersion, Missing]
        assert not reader.outside([shared], AzureMLScope(models=("churn",)))


def test_data_assets_are_data_sets(lab: Lab) -> None:
    tags = {"milepost.data_as_of": "2026-11-01", "owner": "data team"}
    lab.site.put("data/customers/versions/4", documents.data_version("https://store.example.com/c?sv=1&sig=abcdefgh", tags=tags))

    found = only(lab.pull("data").entities)

    assert isinstance(found, Dataset)
    assert (found.name, found.digest, found.origin) == ("customers", "4", "https://store.example.com/c")
    assert (found.tags, found.as_of) == (tags, datetime(2026, 11, 1, tzinfo=UTC))


def test_a_model_that_is_deleted_between_two_requests_is_no_error(lab: Lab) -> None:
    lab.model(1)
    lab.site.put("models/churn-old/versions/1", documents.model_version())
    # What was listed is gone when its versions are asked for.
    lab.site.faults.append(
        Fault(answers(404, {"error": {"code": "UserError", "message": "gone"}}), path="*/models/churn-old*", times=2)
    )

    pulled = lab.pull("models", scope=AzureMLScope(models=("churn*",)))

    assert (pulled.ids, pulled.complete) == (["churn/1"], True)


# -- endpoints -------------------------------------------------------------------------------------------------------------------


def test_an_endpoint_shows_what_serves_with_traffic_and_mirrored_traffic(lab: Lab) -> None:
    first, second = lab.model(1), lab.model(2)
    lab.endpoint("churn-prod", {"blue": 90, "green": 10}, [first, second], mirror={"green": 20}, tags={"env": "production"})

    endpoint = only(lab.pull("endpoints").entities)

    assert isinstance(endpoint, Deployment)
    assert (endpoint.ref.id, endpoint.state, endpoint.environment) == ("online/churn-prod", "in_service", "production")
    shares = [(share.model.id if share.model else None, share.share, share.mirror, share.state) for share in endpoint.models]
    assert shares == [("churn/1", 0.9, 0.0, "in_service"), ("churn/2", 0.1, 0.2, "in_service")]
    assert (endpoint.instance, endpoint.data_capture, endpoint.reason) == ("Standard_DS3_v2", False, None)


def test_a_failed_deployment_is_told_while_the_endpoint_serves_on(lab: Lab) -> None:
    lab.endpoint("churn-prod", {"blue": 100}, [lab.model(1)])
    failed = documents.online_deployment(lab.model(2), state="Failed")
    lab.site.put("onlineEndpoints/churn-prod/deployments/green", failed)

    endpoint = only(lab.pull("endpoints").entities)

    assert (endpoint.state, endpoint.reason) == ("in_service", "deployment green failed")
    assert [(share.name, share.share, share.state) for share in endpoint.models] == [
        ("churn/1", 1.0, "in_service"),
        ("churn/2", 0.0, "failed"),
    ]


def test_the_default_deployment_of_a_batch_endpoint_gets_all(lab: Lab) -> None:
    lab.site.put("batchEndpoints/churn-nightly", documents.batch_endpoint("main"))
    lab.site.put("batchEndpoints/churn-nightly/deployments/main", documents.batch_deployment(lab.model(1)))
    lab.site.put("batchEndpoints/churn-nightly/deployments/next", documents.batch_deployment(lab.model(2)))

    endpoint = only(lab.pull("endpoints").entities)

    assert endpoint.ref.id == "batch/churn-nightly"
    assert [(share.name, share.share) for share in endpoint.models] == [("churn/1", 1.0), ("churn/2", 0.0)]


def test_nothing_is_described_when_nothing_changed(lab: Lab) -> None:
    for number in range(40):
        lab.endpoint(f"churn-{number}", {"blue": 100}, [lab.model(1)])
    first = lab.pull("endpoints")
    assert (len(first.ids), first.complete) == (40, True)
    since = len(lab.site.requests)

    again = lab.pull("endpoints", first.cursor)

    assert (again.ids, again.complete) == ([], False)
    assert not [path for path in lab.asked(since=since) if path.endswith("/deployments")]
    # Two pages of online endpoints, one of batch endpoints, two of changes.
    assert again.requests == 5


def test_only_what_changed_is_described(lab: Lab, ml_client: Any) -> None:
    for name in ("churn-a", "churn-b", "churn-c"):
        lab.endpoint(name, {"blue": 100}, [lab.model(1)])
    first = lab.pull("endpoints")

    client = ml_client()
    endpoint = client.online_endpoints.get("churn-a")
    endpoint.traffic = {"blue": 60}
    client.online_endpoints.begin_create_or_update(endpoint).result()
    lab.site.put("onlineEndpoints/churn-b/deployments/green", documents.online_deployment(lab.model(2), state="Failed"))
    since = len(lab.site.requests)
    second = lab.pull("endpoints", first.cursor)

    assert second.ids == ["online/churn-a", "online/churn-b"]
    described = [path for path in lab.asked(since=since) if path.endswith("/deployments")]
    assert described == ["/onlineEndpoints/churn-a/deployments", "/onlineEndpoints/churn-b/deployments"]
    assert lab.pull("endpoints", second.cursor).ids == []


def test_what_is_under_way_is_described_until_it_has_settled(lab: Lab) -> None:
    lab.endpoint("churn-prod", {"blue": 100}, [lab.model(1)])
    lab.site.put("onlineEndpoints/churn-prod/deployments/green", documents.online_deployment(lab.model(2), state="Creating"))
    first = lab.pull("endpoints")
    resource = lab.site.workspace.get(["onlineEndpoints", "churn-prod", "deployments", "green"])
    assert resource is not None

    second = lab.pull("endpoints", first.cursor)
    assert second.ids == ["online/churn-prod"]
    # Azure ends it by itself: nobody changes the resource.
    resource.properties["provisioningState"] = "Succeeded"
    third = lab.pull("endpoints", second.cursor)

    assert [share.state for share in only(third.entities).models] == ["in_service", "in_service"]
    assert lab.pull("endpoints", third.cursor).ids == []


def test_without_the_listing_of_changes_every_endpoint_is_described(lab: Lab) -> None:
    lab.endpoint("churn-a", {"blue": 100}, [lab.model(1)])
    lab.endpoint("churn-b", {"blue": 100}, [lab.model(1)])
    lab.site.access.denied.add("Microsoft.Resources/subscriptions/resourceGroups/resources/read")

    first = lab.pull("endpoints")
    again = lab.pull("endpoints", first.cursor)

    assert (first.ids, first.complete) == (["online/churn-a", "online/churn-b"], True)
    assert again.ids == first.ids


def test_where_the_listing_of_changes_is_throttled_nothing_more_is_asked(lab: Lab) -> None:
    lab.endpoint("churn-a", {"blue": 100}, [lab.model(1)])
    lab.site.faults.append(Fault(throttles(900), path="*/resources"))

    with pytest.raises(RateLimited):
        lab.pull("endpoints")

    assert not [path for path in lab.asked() if path.endswith("/deployments")]


def test_an_endpoint_that_is_deleted_is_gone_from_a_full_listing_and_proven_missing(lab: Lab) -> None:
    lab.endpoint("churn-prod", {"blue": 100}, [lab.model(1)])
    ref = only(lab.pull("endpoints").entities).ref
    lab.site.delete("onlineEndpoints/churn-prod")

    assert lab.pull("endpoints").ids == []
    with closing(lab.reader()) as reader:
        assert reader.read([ref]) == [Missing(ref=ref)]


def test_what_is_hidden_is_not_missing(lab: Lab) -> None:
    lab.endpoint("churn-prod", {"blue": 100}, [lab.model(1)])
    ref = only(lab.pull("endpoints").entities).ref
    lab.site.delete("onlineEndpoints/churn-prod")
    lab.site.access.denied.add("Microsoft.MachineLearningServices/workspaces/read")

    with closing(lab.reader()) as reader, pytest.raises(AuthError):
        reader.read([ref])


# -- monitors --------------------------------------------------------------------------------------------------------------------


def test_each_run_of_a_monitor_is_an_observation_of_each_signal(lab: Lab) -> None:
    lab.endpoint("churn-prod", {"blue": 100}, [lab.model(1)])
    lab.monitor(drift="DataDrift", quality="DataQuality", features="FeatureAttributionDrift")
    lab.monitor_run("monday")
    lab.site.add_step("monday", "compute")
    lab.site.add_step("compute", "judge", {documents.BREACHED_TAG: documents.breach_message("drift")})

    found = {one.monitor: one for one in lab.pull("monitors").entities if isinstance(one, Observation)}

    assert {name: (one.kind, one.outcome) for name, one in found.items()} == {
        "churn-watch/drift": ("drift", "failed"),
        "churn-watch/quality": ("data_quality", "passed"),
        "churn-watch/features": ("explainability", "passed"),
    }
    failed = found["churn-watch/drift"]
    assert failed.subject == Ref("azure-ml", "deployment", "online/churn-prod")
    assert (failed.value, failed.threshold) == (0.31, "NormalizedWassersteinDistance 0.1")
    assert failed.detail == "tenure_months: NormalizedWassersteinDistance 0.31"


def test_a_breach_on_the_run_itself_needs_no_steps(lab: Lab) -> None:
    lab.monitor()
    lab.monitor_run("monday", status="Failed", breached="drift")

    assert only(lab.pull("monitors", scope=WATCH).entities).outcome == "failed"


def test_a_run_that_failed_without_a_breach_proves_nothing(lab: Lab) -> None:
    lab.monitor()
    lab.monitor_run("monday", status="Failed")

    assert only(lab.pull("monitors", scope=WATCH).entities).outcome == "unknown"


def test_nothing_has_passed_whose_steps_cannot_be_read(lab: Lab) -> None:
    lab.monitor()
    lab.monitor_run("monday")
    lab.site.access.denied.add("Microsoft.MachineLearningServices/workspaces/experiments/runs/read")

    assert only(lab.pull("monitors", scope=WATCH).entities).outcome == "unknown"


def test_a_run_of_long_ago_costs_no_steps(lab: Lab) -> None:
    lab.monitor()
    lab.monitor_run("ancient", hours_ago=24 * 60)
    lab.monitor_run("ancient-failure", hours_ago=24 * 61, breached="drift")

    pulled = lab.pull("monitors", scope=WATCH)

    assert [(one.ref.id, one.outcome) for one in pulled.entities if isinstance(one, Observation)] == [
        ("ancient-failure/drift", "failed"),
        ("ancient/drift", "unknown"),
    ]
    assert not [path for path in lab.asked() if "history" in path]


def test_a_run_is_judged_once_when_it_has_ended(lab: Lab) -> None:
    lab.monitor()
    lab.monitor_run("monday", hours_ago=0.5, status="Running")
    first = lab.pull("monitors", scope=WATCH)
    assert (first.ids, first.complete) == ([], True)

    lab.monitor_run("monday", hours_ago=0.5)
    second = lab.pull("monitors", first.cursor, scope=WATCH)
    third = lab.pull("monitors", second.cursor, scope=WATCH)

    assert (second.ids, third.ids) == (["monday/drift"], [])
    # The schedules and the first page of jobs.
    assert third.requests == 2


def test_monitors_are_those_of_the_scopes_endpoints_and_models_and_the_named_ones(lab: Lab) -> None:
    lab.monitor("churn-watch")
    model = lab.model(1)
    by_model = documents.monitor("", {"quality": "DataQuality"})
    by_model["properties"]["action"]["monitorDefinition"]["monitoringTarget"] = {"taskType": "Classification", "modelId": model}
    lab.site.put("schedules/model-watch", by_model)
    for name in ("churn-watch", "model-watch"):
        lab.monitor_run(f"run-{name}", schedule=name)

    def monitors(**scope: Any) -> list[str]:
        return lab.pull("monitors", scope=AzureMLScope(**scope)).ids

    assert monitors(endpoints=("CHURN-*",)) == ["run-churn-watch/drift"]
    assert monitors(models=("churn",)) == ["run-model-watch/quality"]
    assert monitors(monitors=("*-watch",)) == ["run-churn-watch/drift", "run-model-watch/quality"]
    assert monitors(experiments=("churn*",)) == []


def test_jobs_are_not_looked_through_where_nothing_monitors(lab: Lab) -> None:
    lab.job("one")
    first = lab.pull("monitors")
    assert (first.ids, first.complete, first.requests) == ([], True, 1)

    lab.monitor()
    lab.monitor_run("monday")

    assert lab.pull("monitors", first.cursor).ids == ["monday/drift"]


def test_the_token_goes_to_no_run_history_outside_the_cloud(lab: Lab) -> None:
    lab.monitor()
    lab.monitor_run("monday")
    elsewhere = {"api": "https://history.attacker.example.net"}
    lab.site.faults.append(Fault(answers(200, elsewhere), path="/discovery"))

    assert only(lab.pull("monitors", scope=WATCH).entities).outcome == "unknown"


def test_what_a_monitor_found_can_be_read_again_and_goes_with_its_run(lab: Lab) -> None:
    lab.monitor()
    lab.monitor_run("monday")
    found = only(lab.pull("monitors", scope=WATCH).entities)

    with closing(lab.reader()) as reader:
        assert reader.read([found.ref]) == [found]
        lab.site.delete("jobs/monday")
        assert reader.read([found.ref]) == [Missing(ref=found.ref)]


# -- trouble ---------------------------------------------------------------------------------------------------------------------


def test_a_short_throttling_is_waited_out(lab: Lab) -> None:
    lab.job("one")
    lab.site.faults.append(Fault(throttles(17), path="*/jobs"))

    assert lab.pull("jobs").ids == ["one"]
    assert 17 <= sum(lab.stop.waits) < 18


def test_a_long_throttling_is_left_to_the_engine(lab: Lab) -> None:
    lab.site.faults.append(Fault(throttles(900), path="*/jobs"))

    with pytest.raises(RateLimited) as raised:
        lab.pull("jobs")

    assert timedelta(minutes=14) < raised.value.until - datetime.now(UTC) < timedelta(minutes=16)


def test_a_token_that_ends_is_renewed_in_time(lab: Lab) -> None:
    lab.site.access.lifetime = timedelta(minutes=4)
    lab.job("one")

    with closing(lab.reader()) as reader:
        for _ in range(3):
            assert list(reader.pull("jobs", AzureMLScope(experiments=("*",)), None))

    assert len([entry for entry in lab.site.requests if entry.path == "/msi/token"]) == 3


def test_a_token_that_is_refused_stops_the_source_and_says_what_to_do(lab: Lab) -> None:
    lab.job("one")
    with closing(lab.reader()) as reader:
        assert list(reader.pull("jobs", AzureMLScope(experiments=("*",)), None))
        lab.site.access.expire()
        with pytest.raises(AuthError) as raised:
            list(reader.pull("jobs", AzureMLScope(experiments=("*",)), None))

    assert "az login" in str(raised.value.fix)
    assert "eyJ" not in str(raised.value)


def test_an_identity_that_cannot_sign_in_is_an_auth_error_without_its_secret(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "a-wrong-header-that-is-secret")
    monkeypatch.setenv("PATH", "")  # no developer's tool of this machine may help out

    with pytest.raises(AuthError) as raised:
        lab.pull("jobs")

    assert raised.value.source == "azure-ml"
    assert "a-wrong-header" not in f"{raised.value} {raised.value.fix}"


def test_a_missing_permission_is_an_auth_error(lab: Lab) -> None:
    lab.site.access.denied.add("Microsoft.MachineLearningServices/workspaces/jobs/read")

    with pytest.raises(AuthError):
        lab.pull("jobs")


def test_another_workspace_is_not_found(lab: Lab) -> None:
    with pytest.raises(NotFound):
        lab.pull("jobs", workspace="no-such-lab")


def test_a_next_page_elsewhere_is_refused(lab: Lab) -> None:
    leads_away = {"value": [], "nextLink": f"{lab.site.url}/subscriptions/other/jobs?$skip=1"}
    lab.site.faults.append(Fault(answers(200, leads_away), path="*/jobs"))

    with pytest.raises(Unavailable, match="leads elsewhere"):
        lab.pull("jobs")


def test_a_next_page_is_asked_of_the_host_that_was_asked_before(lab: Lab) -> None:
    """Some regions name themselves in it. Credentials go to the configured host alone."""
    lab.job("one")
    path = f"{lab.site.workspace.root}/jobs"
    regional = {
        "value": [],
        "nextLink": f"https://westeurope.management.azure.example{path}?api-version=2024-10-01&listViewType=All",
    }
    lab.site.faults.append(Fault(answers(200, regional), path="*/jobs"))

    assert lab.pull("jobs").ids == ["one"]


def test_a_stopped_reader_leaves(lab: Lab) -> None:
    lab.stop.set()

    with pytest.raises(Cancelled):
        lab.pull("endpoints")


def test_one_endpoint_that_makes_no_sense_does_not_hide_the_others(lab: Lab) -> None:
    lab.endpoint("churn-good", {"blue": 100}, [lab.model(1)])
    lab.site.put("onlineEndpoints/churn-bad", {"properties": {"traffic": ["blue", 100]}})
    lab.site.put("onlineEndpoints/churn-good/deployments/odd", {"properties": {"model": 7, "password": "hunter2"}})

    pulled = lab.pull("endpoints")

    assert pulled.ids == ["online/churn-good"]
    assert sorted(one.id.rpartition("/")[2] for one in pulled.rejected) == ["churn-bad", "odd"]
    assert not [one for one in pulled.rejected if b"hunter2" in one.payload]


def test_outside_names_only_what_the_scope_certainly_does_not_hold(lab: Lab) -> None:
    lab.job("mine")
    refs = [
        Ref("azure-ml", "deployment", "online/churn-prod"),
        Ref("azure-ml", "deployment", "online/fraud"),
        Ref("azure-ml", "model_version", "fraud/1"),
        Ref("azure-ml", "dataset", "customers/1"),
        Ref("azure-ml", "run", "mine"),
        Ref("azure-ml", "run", "nobody-knows"),
        Ref("azure-ml", "observation", "monday/drift"),
    ]
    scope = AzureMLScope(endpoints=("churn-*",), models=("churn",), experiments=("fraud",), data=("customers",))

    with closing(lab.reader()) as reader:
        left = sorted(reader.outside(refs, scope))

    assert [ref.id for ref in left] == ["online/fraud", "fraud/1", "mine"]


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_failing_azure_is_unavailable_and_named(lab: Lab, status: int) -> None:
    lab.site.faults.append(Fault(answers(status, {"error": {"code": "InternalServerError"}}), path="*/jobs", times=99))

    with pytest.raises(SourceError, match=f"/jobs answered {status}"):
        lab.pull("jobs")
