"""Azure Machine Learning's records as entities: what they mean, and that nothing in them does harm."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.azureml import Records, data_version_records, job_records, model_version_records
from mappings.azureml_endpoints import endpoint_records, read_endpoint, state_of
from mappings.azureml_monitors import Monitor, monitor_runs, monitors, observations, schedule_named_in
from mappings.azureml_names import Site, public
from mappings.model import Deployment, ModelVersion, Observation, Ref, Run, decode, encode

SITE = Site(source="azure-ml", subscription="S-1", resource_group="Example", workspace="lab", portal="https://ml.azure.com")
ROOT = "/subscriptions/S-1/resourceGroups/Example/providers/Microsoft.MachineLearningServices/workspaces/lab"
MADE = {"createdAt": "2026-11-02T06:00:00.1234567+00:00", "lastModifiedAt": "2026-11-03T06:00:00Z"}


def raw(document: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(document))


def job(**properties: Any) -> Run:
    (one,) = job_records(SITE, [raw({"name": "j", "systemData": MADE, "properties": properties})]).entities
    assert isinstance(one, Run)
    return one


def version(registry: str | None = None, **properties: Any) -> ModelVersion:
    (one,) = model_version_records(
        SITE, "churn", [raw({"name": "3", "systemData": MADE, "properties": properties})], registry
    ).entities
    assert isinstance(one, ModelVersion)
    return one


def endpoint(document: dict[str, Any], *deployments: dict[str, Any], kind: Any = "online") -> Deployment:
    record = read_endpoint(raw({"name": "Churn-Prod", "systemData": MADE, **document}))
    (one,) = endpoint_records(SITE, kind, record, [raw(one) for one in deployments]).entities
    assert isinstance(one, Deployment)
    return one


# -- names -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "ref"),
    [
        (f"{ROOT}/models/churn/versions/3", "churn/3"),
        (f"azureml:{ROOT}/models/churn/versions/3", "churn/3"),
        (ROOT.upper() + "/models/churn/versions/3", "churn/3"),
        ("azureml:churn:3", "churn/3"),
        ("azureml://locations/westeurope/workspaces/5f5f/models/churn/versions/3", "churn/3"),
        ("azureml://registries/Shared/models/churn/versions/3", "registries/shared/churn/3"),
        (f"{ROOT.rpartition('/workspaces')[0]}/registries/shared/models/churn/versions/3", "registries/shared/churn/3"),
        (f"{ROOT}/data/churn/versions/3", None),
        ("https://store.example.com/models/churn", None),
        ("file:model", None),
        ("azureml://registries/shared/models/churn/labels/latest", None),
        ("", None),
    ],
)
def test_a_model_is_the_same_however_it_is_spelt(address: str, ref: str | None) -> None:
    found = SITE.asset_at(address, "models")

    assert (found.ref.id if found and found.ref else None) == ref


def test_a_model_of_another_workspace_is_none_of_ours_and_has_a_name_everywhere() -> None:
    elsewhere = SITE.asset_at(ROOT.replace("lab", "Other") + "/models/churn/versions/3", "models")
    assert elsewhere is not None
    theirs = Site(source="b", subscription="s-1", resource_group="EXAMPLE", workspace="other", portal="")

    assert elsewhere.ref is None
    assert elsewhere.cloud_id == theirs.asset("models", "churn", "3").cloud_id


@pytest.mark.parametrize(
    ("deployment", "ref"),
    [
        ("azureml:churn-prod:blue", "online/churn-prod"),
        (f"{ROOT}/onlineEndpoints/Churn-Prod/deployments/blue", "online/churn-prod"),
        (f"{ROOT}/batchEndpoints/nightly", "batch/nightly"),
        (ROOT.replace("lab", "other") + "/onlineEndpoints/churn-prod/deployments/blue", None),
        ("what is this?", None),
    ],
)
def test_a_monitor_names_its_target_in_several_ways(deployment: str, ref: str | None) -> None:
    found = SITE.endpoint_of(deployment)

    assert (found.id if found else None) == ref


def test_addresses_lose_what_lets_people_in() -> None:
    assert public("https://user:pw@store.example.com/a?sv=1&sig=abc#x") == "https://store.example.com/a"
    assert public("abfss://data@account.dfs.example.net/a") == "abfss://data@account.dfs.example.net/a"
    assert public("azureml:churn:3") == "azureml:churn:3"


# -- meaning ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("Completed", "finished"),
        ("Failed", "failed"),
        ("Canceled", "killed"),
        ("Queued", "scheduled"),
        ("CancelRequested", "running"),
        ("NotResponding", "unknown"),
        ("a word of next year", "unknown"),
        (None, "unknown"),
    ],
)
def test_the_status_of_a_job(said: str | None, status: str) -> None:
    assert job(status=said).status == status


def test_inputs_are_parameters_data_sets_and_models() -> None:
    run = job(
        inputs={
            "rate": {"jobInputType": "literal", "value": "0.10"},
            "rounds": {"jobInputType": "literal", "value": 5},
            "training_data": {"jobInputType": "uri_folder", "uri": "azureml:customers:4"},
            "validation_data": {"jobInputType": "mltable", "uri": f"{ROOT}/data/customers/versions/5"},
            "base_model": {"jobInputType": "mlflow_model", "uri": "azureml:churn:2"},
            "nothing": None,
        },
        outputs={"model": {"jobOutputType": "mlflow_model", "uri": "https://store.example.com/out?sig=abc"}},
    )

    assert run.params == {"rate": "0.10", "rounds": "5"}
    assert [(use.dataset.id, use.context) for use in run.datasets] == [("customers/4", None), ("customers/5", "validation")]
    assert run.models == ("churn/2",)
    assert run.artifacts == ("https://store.example.com/out",)


def test_times_keep_what_of_a_second_python_can() -> None:
    run = job()

    assert run.created_at is not None and run.started_at == run.created_at
    assert run.created_at.isoformat() == "2026-11-02T06:00:00.123457+00:00"


@pytest.mark.parametrize(
    ("properties", "run"),
    [
        ({"jobName": "j-1", "modelUri": "azureml://jobs/other/outputs/artifacts/paths/model"}, "j-1"),
        ({"modelUri": "azureml://jobs/j-2/outputs/artifacts/paths/model"}, "j-2"),
        ({"modelUri": "runs:/j-3/model"}, "j-3"),
        ({"modelUri": "azureml://subscriptions/s/workspaces/w/datastores/d/paths/ExperimentRun/dcid.j-4/model"}, "j-4"),
        ({"modelUri": "azureml://datastores/d/paths/model"}, None),
        ({}, None),
    ],
)
def test_the_run_behind_a_version(properties: dict[str, Any], run: str | None) -> None:
    found = version(**properties).run

    assert (found.id if found else None) == run


def test_an_approval_is_one_of_three_words() -> None:
    assert version(tags={"approval": " Approved "}).approval == "approved"
    assert version(tags={"approval": "yes", "milepost.approval": "rejected"}).approval == "rejected"
    assert version(tags={"approval": "looks good"}).approval == "rejected"


@pytest.mark.parametrize("tag", ["environment", "Environment", "ENV"])
def test_an_environment_is_read_in_whatever_case(tag: str) -> None:
    assert endpoint({"tags": {tag: "staging"}, "properties": {}}).environment == "staging"


def test_an_endpoint_whose_traffic_goes_to_what_failed_has_failed() -> None:
    failed = {"name": "blue", "properties": {"provisioningState": "Failed", "model": "azureml:churn:3"}}
    fine = {"name": "green", "properties": {"provisioningState": "Succeeded", "model": "azureml:churn:4"}}

    one = endpoint({"properties": {"provisioningState": "Succeeded", "traffic": {"BLUE": 100}}}, failed, fine)

    assert (one.state, one.reason) == ("failed", "deployment blue failed")
    assert [(share.name, share.share) for share in one.models] == [("churn/3", 1.0), ("churn/4", 0.0)]


@pytest.mark.parametrize(
    ("endpoint_is", "blue", "green", "state"),
    [
        ("Succeeded", "Deleting", "Deleting", "deleting"),
        ("Succeeded", "Canceled", "Canceled", "stopped"),
        ("Updating", "Failed", "Failed", "failed"),
        ("Updating", "Failed", "Deleting", "failed"),
        ("Creating", "Failed", "Failed", "creating"),
        ("Succeeded", "Failed", "Succeeded", "in_service"),
        ("Succeeded", "Failed", "Updating", "in_service"),
        ("Succeeded", "Creating", "Creating", "in_service"),
    ],
)
def test_an_endpoint_answers_only_by_its_deployments(endpoint_is: str, blue: str, green: str, state: str) -> None:
    deployments = [{"name": name, "properties": {"provisioningState": one}} for name, one in (("blue", blue), ("green", green))]

    one = endpoint({"properties": {"provisioningState": endpoint_is, "traffic": {"blue": 60, "green": 40}}}, *deployments)

    assert one.state == state


def test_each_deployment_changed_at_a_time_of_its_own() -> None:
    blue = {"name": "blue", "systemData": MADE, "properties": {"provisioningState": "Failed"}}
    shares = endpoint({"properties": {}}, blue, {"name": "green", "properties": {}}).models

    assert [(one.name, one.changed_at and one.changed_at.isoformat()) for one in shares] == [
        ("blue", "2026-11-03T06:00:00+00:00"),
        ("green", None),
    ]


def test_shares_stay_between_nothing_and_all() -> None:
    deployments: list[dict[str, Any]] = [{"name": name, "properties": {}} for name in ("a", "b", "c")]
    odd = {"a": 250, "b": -3}

    one = endpoint({"properties": {"traffic": odd, "mirrorTraffic": None}}, *deployments)

    assert [(share.name, share.share, share.mirror) for share in one.models] == [("a", 1.0, 0.0), ("b", 0.0, 0.0), ("c", 0.0, 0.0)]


@pytest.mark.parametrize(
    ("properties", "kind", "found"),
    [
        ({"traffic": {"BLUE": 80, "gone": 20, "idle": 0}}, "online", [("blue", 0.8, "in_service"), ("gone", 0.2, "unknown")]),
        ({"traffic": {"gone": 100}}, "online", [("blue", 0.0, "in_service"), ("gone", 1.0, "unknown")]),
        ({"defaults": {"deploymentName": "gone"}}, "batch", [("blue", 0.0, "in_service"), ("gone", 1.0, "unknown")]),
        ({"defaults": {"deploymentName": "Blue"}, "traffic": {"gone": 100}}, "batch", [("blue", 1.0, "in_service")]),
        ({"defaults": {}}, "batch", [("blue", 0.0, "in_service")]),
    ],
)
def test_traffic_to_what_is_not_listed_goes_to_something_unknown(properties: dict[str, Any], kind: Any, found: list[Any]) -> None:
    one = endpoint(
        {"properties": {"provisioningState": "Succeeded", **properties}},
        {"name": "blue", "properties": {"provisioningState": "Succeeded"}},
        kind=kind,
    )

    assert one.state == "in_service"
    assert [(share.name, share.share, share.state) for share in one.models] == found


def test_a_model_that_is_not_registered_is_known_by_its_address() -> None:
    deployment = {"name": "main", "properties": {"model": {"referenceType": "DataPath", "path": "https://s.example.com/m?sig=a"}}}

    (share,) = endpoint({"properties": {"defaults": {"deploymentName": "main"}}}, deployment, kind="batch").models

    assert (share.model, share.name, share.artifact_uri, share.share) == (None, "main", "https://s.example.com/m", 1.0)


@pytest.mark.parametrize(
    ("said", "state"), [("Succeeded", "in_service"), ("scaling", "updating"), ("?", "unknown"), (None, "unknown")]
)
def test_provisioning_states(said: str | None, state: str) -> None:
    assert state_of(said) == state


# -- monitors --------------------------------------------------------------------------------------------------------------------

WATCH = Monitor(name="watch", deployment=Ref("azure-ml", "deployment", "online/churn-prod"), model=None, signals={})


def signals(changed: str = "2026-11-02T00:00:00Z", **kinds: str) -> Monitor:
    schedule = {
        "name": "watch",
        "systemData": {"createdAt": "2026-10-01T00:00:00Z", "lastModifiedAt": changed},
        "properties": {
            "action": {
                "actionType": "CreateMonitor",
                "monitorDefinition": {
                    "monitoringTarget": {"deploymentId": "azureml:churn-prod:blue"},
                    "signals": {name: {"signalType": kind} for name, kind in kinds.items()},
                },
            }
        },
    }
    found, rejected = monitors(SITE, [raw(schedule)])
    assert not rejected
    return found[0]


def monday(tags: dict[str, str] | None = None, status: str = "Completed") -> Run:
    properties = {"displayName": "watch-20261102T060000Z", "status": status, "tags": tags or {}}
    (run,) = monitor_runs(SITE, [raw({"name": "monday", "systemData": MADE, "properties": properties})])[0]
    return run


def outcomes(found: list[Observation]) -> dict[str, str]:
    return {one.monitor.partition("/")[2]: one.outcome for one in found}


def breach(signal: str, metric: str = '{"group":"age","metric_name":"PSI","metric_value":0.4,"threshold_value":0.2}') -> str:
    return f"The signal '{signal}' has failed due to one or more features violating metric thresholds.\n['{metric}']\n"


def test_each_signal_is_judged_by_what_is_said_of_it() -> None:
    steps = [{"azureml_modelmonitor_threshold_breached": breach("drift")}, {}]
    told = {"azureml.modelmonitor.threshold.breached.quality": breach("quality")}

    found = list(
        observations(SITE, signals(drift="DataDrift", quality="DataQuality", other="PredictionDrift"), monday(told), steps)
    )

    assert outcomes(found) == {"drift": "failed", "quality": "failed", "other": "passed"}


def test_a_message_that_names_no_signal_is_about_all_of_them() -> None:
    found = list(
        observations(
            SITE, signals(a="DataDrift", b="DataQuality"), monday(), [{"azureml_modelmonitor_threshold_breached": "beyond"}]
        )
    )

    assert outcomes(found) == {"a": "failed", "b": "failed"}


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [("2026-11-02T06:00:00Z", "passed"), ("2026-11-02T06:00:01Z", "unknown"), ("2026-12-01T00:00:00Z", "unknown")],
)
def test_a_run_from_before_the_monitor_was_changed_may_not_have_looked_at_a_signal(changed: str, outcome: str) -> None:
    steps = [{"azureml_modelmonitor_threshold_breached": breach("drift")}]
    found = observations(SITE, signals(changed, drift="DataDrift", later="FeatureAttributionDrift"), monday(), steps)

    assert outcomes(list(found)) == {"drift": "failed", "later": outcome}


def test_when_a_monitor_was_changed_that_does_not_tell_is_not_known() -> None:
    assert outcomes(list(observations(SITE, WATCH, monday(), []))) == {"watch": "unknown"}


@pytest.mark.parametrize(
    "tags",
    [
        {"azureml_modelmonitor_threshold_breached": breach("gone")},
        {"azureml.modelmonitor.threshold.breached.gone": "beyond"},
    ],
)
def test_what_a_signal_found_that_was_taken_away_since_is_told(tags: dict[str, str]) -> None:
    found = observations(SITE, signals("2026-12-01T00:00:00Z", drift="DataDrift"), monday(tags), [])

    assert outcomes(list(found)) == {"drift": "unknown", "gone": "failed"}


@pytest.mark.parametrize(
    ("status", "steps", "outcome"),
    [("Completed", [], "passed"), ("Completed", None, "unknown"), ("Failed", [], "unknown"), ("Canceled", [{}], "unknown")],
)
def test_only_a_run_that_ended_well_and_is_known_whole_has_passed(status: str, steps: Any, outcome: str) -> None:
    assert outcomes(list(observations(SITE, signals(drift="DataDrift"), monday(status=status), steps))) == {"drift": outcome}


def test_a_run_under_way_says_nothing_yet() -> None:
    assert not observations(
        SITE, signals(drift="DataDrift"), monday({"azureml_modelmonitor_threshold_breached": "x"}, "Running"), []
    )


@pytest.mark.parametrize(
    "metric", ['{"metric_value": "much"}', "{not json}", '{"metric_value": 1e999}', '{"metric_value": null}', "{}", '{"group": {}}']
)
def test_a_message_that_cannot_be_read_still_fails_the_signal(metric: str) -> None:
    tags = {"azureml_modelmonitor_threshold_breached": breach("drift", metric)}

    (one,) = observations(SITE, signals(drift="DataDrift"), monday(tags), [])

    assert (one.outcome, one.value) == ("failed", None)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("DataDrift", "drift"),
        ("PredictionDrift", "drift"),
        ("DataQuality", "data_quality"),
        ("FeatureAttributionDrift", "explainability"),
        ("ModelPerformance", "performance"),
        ("Custom", "drift"),
    ],
)
def test_what_a_signal_is_about(kind: str, expected: str) -> None:
    (one,) = observations(SITE, signals(one=kind), monday(), [])

    assert one.kind == expected


@pytest.mark.parametrize(
    ("display_name", "schedule"),
    [
        ("churn-watch-20261102T060000Z", "churn-watch"),
        ("a-20261102T060000Z-20261102T060000Z", "a-20261102T060000Z"),
        ("churn-watch", None),
        (None, None),
    ],
)
def test_the_schedule_that_started_a_job(display_name: str | None, schedule: str | None) -> None:
    assert schedule_named_in(display_name) == schedule


def test_other_schedules_are_no_monitors() -> None:
    assert monitors(SITE, [raw({"name": "retrain", "properties": {"action": {"actionType": "CreateJob"}}})]) == ([], [])


# -- hostile records -------------------------------------------------------------------------------------------------------------

json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = (
    *(
        "name",
        "systemData",
        "createdAt",
        "properties",
        "tags",
        "traffic",
        "mirrorTraffic",
        "provisioningState",
        "model",
        "modelUri",
    ),
    *("jobName", "stage", "flavors", "inputs", "outputs", "uri", "value", "displayName", "experimentName", "status", "action"),
    *("monitorDefinition", "signals", "monitoringTarget", "deploymentId", "defaults", "dataCollector"),
)
shaped = st.recursive(json, lambda inner: st.dictionaries(st.sampled_from(KEYS), inner, max_size=6), max_leaves=12)


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), shaped, max_size=6) | json, max_size=4))
def test_no_record_breaks_the_translation_and_what_comes_of_it_can_be_stored(documents: list[Any]) -> None:
    raws = [raw(document) for document in documents]
    runs, unreadable = monitor_runs(SITE, raws)
    found, rejected = monitors(SITE, raws)
    said = [one for run in runs for monitor in (*found, WATCH) for one in observations(SITE, monitor, run, [run.tags])]
    made = [
        job_records(SITE, raws),
        model_version_records(SITE, "churn", raws),
        data_version_records(SITE, "customers", raws),
        endpoint_records(SITE, "online", read_endpoint(raw({"name": "e", "properties": {}})), raws),
        Records(said, [*unreadable, *rejected]),
    ]

    for records in made:
        for entity in records.entities:
            assert decode(encode(entity)) == entity
        for one in records.rejected:
            assert one.reason
    assert all(len(records.entities) + len(records.rejected) == len(raws) for records in made[:3])


@pytest.mark.parametrize(
    "document", [b"{}", b"null", b"7", b'"x"', b"[]", b"[" * 5000, b'{"name": "\xff"}', b'{"name": "", "properties": {}}']
)
def test_what_is_no_record_is_set_aside(document: bytes) -> None:
    records = job_records(SITE, [msgspec.Raw(document)])

    assert (list(records.entities), len(records.rejected)) == ([], 1)


def test_what_is_set_aside_holds_no_signature() -> None:
    leaky = {
        "name": [],
        "properties": {"modelUri": "https://s.example.com/m?sv=2&sig=Zm9vYmFyYmF6", "key": "AccountKey=Zm9vYmFyYmF6"},
    }

    (one,) = model_version_records(SITE, "churn", [raw(leaky)]).rejected

    assert b"Zm9vYmFyYmF6" not in one.payload
