"""MLflow's records become entities: what is read, what is forgiven, what is rejected."""

from __future__ import annotations

import itertools
import json
import math
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.mlflow import (
    Records,
    RegisteredModels,
    Site,
    experiment_records,
    logged_models_without_run,
    run_records,
    single_version,
    standard_json,
    version_records,
)
from mappings.model import Dataset, DatasetUse, Entity, Experiment, ModelVersion, Ref, Run, encode

SITE = Site("mlflow", "https://mlflow.example.com/ml")
START = 1_790_000_000_000


def raw(record: Any) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(record).encode())


def pairs(**values: str) -> list[dict[str, str]]:
    return [{"key": key.replace("__", "."), "value": value} for key, value in values.items()]


def run_record(**info: Any) -> dict[str, Any]:
    return {
        "info": {
            "run_id": "r1",
            "run_uuid": "r1",
            "experiment_id": "7",
            "run_name": "nightly",
            "status": "FINISHED",
            "start_time": START,
            "end_time": START + 1500,
            "lifecycle_stage": "active",
            **info,
        },
        "data": {"metrics": [], "params": [], "tags": []},
        "inputs": {},
    }


def dataset_input(name: str = "customers", digest: str = "ab12", source: Any = None, **tags: str) -> dict[str, Any]:
    source = {"url": "https://data.example.com/customers.csv"} if source is None else source
    return {
        "tags": pairs(**tags),
        "dataset": {"name": name, "digest": digest, "source_type": "http", "source": json.dumps(source)},
    }


def project(address: str) -> dict[str, str]:
    """The tags by which `mlflow run` says what it ran."""
    return {"mlflow.source.type": "PROJECT", "mlflow.source.name": address}


def one_run(record: dict[str, Any]) -> Run:
    (run,) = [entity for entity in translated(record) if isinstance(entity, Run)]
    return run


def translated(*records: dict[str, Any]) -> list[Entity]:
    result = run_records(SITE, [raw(record) for record in records])
    assert not result.rejected
    return list(result.entities)


def test_a_run_carries_what_a_team_asks_of_it() -> None:
    record = run_record()
    record["data"] = {
        "metrics": [{"key": "val_auc", "value": 0.91, "timestamp": 5, "step": 0}],
        "params": pairs(C="1.0"),
        "tags": pairs(
            mlflow__source__git__commit="c" * 40,
            mlflow__source__git__repoURL="https://github.com/example/churn",
            estimator_class="sklearn.linear_model._logistic.LogisticRegression",
            milepost__issue="ML-42",
        ),
    }
    record["inputs"] = {
        "dataset_inputs": [dataset_input(mlflow__data__context="training", milepost__data_as_of="2026-10-01")],
        "model_inputs": [{"model_id": "m-2"}, {"model_id": "m-1"}],
    }
    dataset, run = translated(record)
    assert dataset == Dataset(
        ref=Ref("mlflow", "dataset", "customers@ab12"),
        name="customers",
        digest="ab12",
        origin="https://data.example.com/customers.csv",
    )
    assert isinstance(run, Run)
    assert run.ref == Ref("mlflow", "run", "r1")
    assert run.url == "https://mlflow.example.com/ml/#/experiments/7/runs/r1"
    assert (run.name, run.experiment, run.status, run.framework) == ("nightly", "7", "finished", "sklearn")
    assert (run.metrics, run.params) == ({"val_auc": 0.91}, {"C": "1.0"})
    assert (run.git_commit, run.git_repository) == ("c" * 40, "https://github.com/example/churn")
    assert run.tags["milepost.issue"] == "ML-42"
    assert run.models == ("m-1", "m-2")
    assert run.started_at == datetime.fromtimestamp(START / 1000, UTC)
    assert run.ended_at == datetime.fromtimestamp((START + 1500) / 1000, UTC)
    assert run.datasets == (DatasetUse(dataset=dataset.ref, context="training", as_of=datetime(2026, 10, 1, tzinfo=UTC)),)


@pytest.mark.parametrize(
    ("tags", "repository"),
    [
        ({"mlflow.source.git.repoURL": "https://github.com/example/churn.git"}, "https://github.com/example/churn.git"),
        ({"mlflow.gitRepoURL": "git@github.com:example/churn.git"}, "git@github.com:example/churn.git"),
        (project("https://github.com/example/churn#training"), "https://github.com/example/churn"),
        (project("https://ada:secret@github.com/example/churn"), "https://github.com/example/churn"),
        (project("git@git.example.com:example/churn.git"), "git@git.example.com:example/churn.git"),
        (project("ssh://git@git.example.com/example/churn"), "ssh://git@git.example.com/example/churn"),
        (project("file:///srv/churn"), None),
        (project("/srv/churn"), None),
        (project("C:/work/churn"), None),
        (project("https://git.example.com"), None),
        ({**project("https://github.com/example/churn"), "mlflow.source.type": "LOCAL"}, None),
        ({"mlflow.source.name": "https://github.com/example/churn"}, None),
        (
            {**project("https://git.example.com/a/a"), "mlflow.source.git.repoURL": "https://git.example.com/b/b"},
            "https://git.example.com/b/b",
        ),
    ],
)
def test_the_repository_is_the_one_that_was_cloned(tags: dict[str, str], repository: str | None) -> None:
    record = run_record()
    record["data"] = {"tags": [{"key": key, "value": value} for key, value in tags.items()]}
    assert one_run(record).git_repository == repository


def test_a_run_under_way_has_no_end() -> None:
    record = run_record(status="RUNNING")
    del record["info"]["end_time"]
    run = one_run(record)
    assert (run.status, run.ended_at) == ("running", None)
    assert one_run(run_record(status="RUNNING", end_time=0)).ended_at is None


def test_no_reading_of_a_run_claims_to_be_the_newer_one() -> None:
    """MLflow keeps no time of a run's last change: one that is resumed would look older than it was when it had ended."""
    ended, resumed = one_run(run_record()), one_run(run_record(status="RUNNING", end_time=None))
    assert (ended.status, resumed.status) == ("finished", "running")
    assert ended.updated_at is resumed.updated_at is None


def test_an_unheard_of_status_is_unknown() -> None:
    assert one_run(run_record(status="PAUSED")).status == "unknown"
    assert one_run(run_record(status=None)).status == "unknown"


def test_int64_may_be_written_as_text() -> None:
    assert one_run(run_record(start_time=str(START), experiment_id=7)) == one_run(run_record())


def test_a_deleted_run_is_left_out() -> None:
    assert run_records(SITE, [raw(run_record(lifecycle_stage="deleted"))]) == Records([], [])


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "nan", None, "?", sys.float_info.max, -sys.float_info.max])
def test_a_metric_that_is_no_number_is_present_without_value(value: Any) -> None:
    record = run_record()
    record["data"]["metrics"] = [{"key": "loss", "value": value, "timestamp": 1, "step": 0}]
    assert one_run(record).metrics == {"loss": None}


def test_bare_nan_is_read_though_it_is_no_json() -> None:
    record = run_record()
    record["data"]["metrics"] = [{"key": key, "value": value} for key, value in (("a", math.nan), ("b", -math.inf), ("c", 0.5))]
    content = json.dumps(record).encode()
    assert b"NaN" in content
    result = run_records(SITE, [msgspec.Raw(standard_json(content))])
    assert [entity.metrics for entity in result.entities if isinstance(entity, Run)] == [{"a": None, "b": None, "c": 0.5}]


def test_what_is_no_json_at_all_stays_as_it_is() -> None:
    assert standard_json(b"<html>") == b"<html>"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-10-01", datetime(2026, 10, 1, tzinfo=UTC)),
        ("2026-10-01T12:30:00+02:00", datetime(2026, 10, 1, 10, 30, tzinfo=UTC)),
        ("2026-10-01T12:30:00Z", datetime(2026, 10, 1, 12, 30, tzinfo=UTC)),
        (" 2026-10-01T12:30 ", datetime(2026, 10, 1, 12, 30, tzinfo=UTC)),
        ("last week", None),
        ("0001-01-01T00:00:00+23:00", None),
        ("", None),
    ],
)
def test_as_of_is_a_date_or_time_and_else_says_nothing(written: str, read: datetime | None) -> None:
    record = run_record()
    record["inputs"] = {"dataset_inputs": [dataset_input(milepost__data_as_of=written)]}
    assert one_run(record).datasets[0].as_of == read


def test_the_tag_of_the_input_beats_that_of_the_run() -> None:
    record = run_record()
    record["data"]["tags"] = pairs(milepost__data_as_of="2026-09-01")
    record["inputs"] = {"dataset_inputs": [dataset_input("a", milepost__data_as_of="2026-10-01"), dataset_input("b")]}
    assert [use.as_of for use in one_run(record).datasets] == [datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)]


def test_autologging_names_the_framework_before_the_estimator_does() -> None:
    record = run_record()
    record["data"]["tags"] = pairs(mlflow__autologging="xgboost", estimator_class="sklearn.pipeline.Pipeline")
    assert one_run(record).framework == "xgboost"


def test_credentials_in_addresses_are_not_kept() -> None:
    record = run_record()
    record["data"]["tags"] = pairs(mlflow__source__git__repoURL="https://bot:ghp_secret@github.com/example/churn.git")
    record["inputs"] = {"dataset_inputs": [dataset_input(source={"url": "https://u:p@data.example.com/c.csv?sig=s3cret"})]}
    dataset, run = translated(record)
    assert isinstance(run, Run)
    assert isinstance(dataset, Dataset)
    assert run.git_repository == "https://github.com/example/churn.git"
    assert dataset.origin == "https://data.example.com/c.csv"
    assert b"s3cret" not in encode(dataset) + encode(run)
    assert b"ghp_secret" not in encode(run)


def test_where_code_ran_is_no_origin_of_data() -> None:
    given_by_code = dataset_input(source={"tags": {"mlflow.user": "ada"}})
    given_by_code["dataset"]["source_type"] = "code"
    record = run_record()
    record["inputs"] = {"dataset_inputs": [given_by_code]}
    (dataset, _) = translated(record)
    assert isinstance(dataset, Dataset)
    assert dataset.origin is None


@pytest.mark.parametrize(
    ("source", "origin"),
    [
        ('{"uri": "s3://bucket/c.parquet"}', "s3://bucket/c.parquet"),
        ('{"path": "example/customers"}', "example/customers"),
        ("plain text", "plain text"),
        ("[1]", None),
        ("{}", None),
    ],
)
def test_the_origin_is_the_place_that_the_source_names(source: str, origin: str | None) -> None:
    used = dataset_input()
    used["dataset"]["source"] = source
    record = run_record()
    record["inputs"] = {"dataset_inputs": [used]}
    (dataset, _) = translated(record)
    assert isinstance(dataset, Dataset)
    assert dataset.origin == origin


@pytest.mark.parametrize(
    ("record", "ident"),
    [
        ({"info": {"run_id": "r9", "experiment_id": "1", "start_time": "yesterday"}}, "r9"),
        ({"info": {"run_id": "r9", "experiment_id": "1", "start_time": 10**18}}, "r9"),
        ({"info": {"run_id": "", "run_uuid": "", "experiment_id": "1"}}, ""),
        ({"info": {"run_id": "r9", "experiment_id": ""}}, "r9"),
        ({"info": {"run_uuid": "r9", "experiment_id": "1"}, "data": {"tags": [{"value": "no key"}]}}, "r9"),
        ({"info": None}, ""),
        ([], ""),
        ("run", ""),
    ],
)
def test_a_run_without_sense_is_rejected_and_the_others_are_kept(record: Any, ident: str) -> None:
    result = run_records(SITE, [raw(record), raw(run_record())])
    assert [entity.ref.id for entity in result.entities] == ["r1"]
    (rejected,) = result.rejected
    assert (rejected.kind, rejected.id) == ("run", ident)
    assert rejected.reason
    assert json.loads(rejected.payload) == record


def test_a_rejected_payload_holds_no_secret() -> None:
    record = {"info": {"run_id": "r9"}, "data": {"tags": pairs(api_token="t0psecret", url="https://u:p4ss@example.com")}}
    (rejected,) = run_records(SITE, [raw(record)]).rejected
    assert b"p4ss" not in rejected.payload


def test_experiments_and_the_deleted_one() -> None:
    records = [
        {"experiment_id": "3", "name": "churn", "creation_time": START, "last_update_time": START + 1, "tags": pairs(team="ml")},
        {"experiment_id": "4", "name": "old", "lifecycle_stage": "deleted"},
        {"experiment_id": "5"},
    ]
    result = experiment_records(SITE, [raw(record) for record in records])
    assert result.entities == [
        Experiment(
            ref=Ref("mlflow", "experiment", "3"),
            url="https://mlflow.example.com/ml/#/experiments/3",
            created_at=datetime.fromtimestamp(START / 1000, UTC),
            updated_at=datetime.fromtimestamp((START + 1) / 1000, UTC),
            name="churn",
            tags={"team": "ml"},
        )
    ]
    assert [rejected.id for rejected in result.rejected] == ["5"]


def version(**fields: Any) -> dict[str, Any]:
    return {"name": "churn", "version": "3", "creation_timestamp": START, "source": "models:/m-1", "status": "READY", **fields}


def models(*records: dict[str, Any]) -> RegisteredModels:
    found = RegisteredModels(lambda name: name != "other")
    found.add(map(raw, records))
    return found


def one_version(
    record: dict[str, Any], aliases: Sequence[dict[str, Any]] = (), source_runs: dict[str, str] | None = None
) -> ModelVersion:
    registered = models({"name": record["name"], "aliases": aliases})
    (entity,) = version_records(SITE, [raw(record)], registered, source_runs or {}).entities
    assert isinstance(entity, ModelVersion)
    return entity


def test_a_version_gets_its_aliases_from_the_registered_model() -> None:
    names = {"live": 3, "champion": "3", "next": "4"}
    found = one_version(version(run_id="r1"), [{"alias": alias, "version": number} for alias, number in names.items()])
    assert found.ref == Ref("mlflow", "model_version", "churn/3")
    assert found.aliases == ("champion", "live")
    assert found.run == Ref("mlflow", "run", "r1")
    assert (found.model_id, found.artifact_uri, found.status) == ("m-1", "models:/m-1", "READY")
    assert found.url == "https://mlflow.example.com/ml/#/models/churn/versions/3"
    assert one_version(version(version=9)).aliases == ()


@pytest.mark.parametrize(
    ("broken", "lost"),
    [
        ({"name": "churn", "aliases": 7}, {"churn/3"}),
        ({"name": 7}, {"churn/3", "demand/3"}),
        ({"name": "other", "aliases": 7}, set()),
    ],
)
def test_versions_of_a_registered_model_that_makes_no_sense_are_rejected(broken: dict[str, Any], lost: set[str]) -> None:
    """Of one without a name that can be read, it may be any that was not listed. What is not wanted costs nothing."""
    registered = models({"name": "sales"}, broken)
    listed = [raw(version(name=name)) for name in ("churn", "demand", "sales", "other")]
    records = version_records(SITE, listed, registered, {})
    assert {entity.ref.id for entity in records.entities} == {"sales/3"}
    assert {one.id for one in records.rejected} == lost
    assert len(registered.rejected) == (1 if lost else 0)


def test_a_version_without_run_is_that_of_its_logged_model() -> None:
    assert one_version(version(run_id=""), source_runs={"m-1": "r5"}).run == Ref("mlflow", "run", "r5")
    assert one_version(version(), source_runs={}).run is None
    assert one_version(version(source="s3://bucket/model")).model_id is None
    asked = [version(run_id=""), version(run_id="r1", source="models:/m-2"), version(source="models:/m-3", name="other"), {}]
    assert logged_models_without_run([raw(record) for record in asked], {"churn"}) == {"m-1"}
    assert logged_models_without_run([raw(version(source="models:/churn/2"))], {"churn"}) == set()


@pytest.mark.parametrize(
    ("tags", "approval"),
    [
        ({"approval": "approved"}, "approved"),
        ({"approval": " Rejected "}, "rejected"),
        ({"milepost__approval": "pending", "approval": "approved"}, "pending"),
        ({"milepost__approval": "perhaps", "approval": "approved"}, "rejected"),
        ({"Milepost__Approval": "rejected", "approval": "approved"}, "rejected"),
        ({}, None),
    ],
)
def test_approval_is_a_tag(tags: dict[str, str], approval: str | None) -> None:
    assert one_version(version(tags=pairs(**tags))).approval == approval


def test_versions_of_other_models_are_left_out() -> None:
    assert version_records(SITE, [raw(version(name="other"))], models({"name": "churn"}), {}) == Records([], [])


def test_a_single_version_brings_its_own_aliases() -> None:
    (found,) = single_version(SITE, raw(version(aliases=["b", "a"])), {}).entities
    assert isinstance(found, ModelVersion)
    assert found.aliases == ("a", "b")


def test_names_are_quoted_in_addresses() -> None:
    assert (one_version(version(name="Kündigung #1")).url or "").endswith("/#/models/K%C3%BCndigung%20%231/versions/3")


metrics = st.lists(
    st.fixed_dictionaries(
        {"key": st.sampled_from("ab"), "value": st.floats(0, 1), "timestamp": st.integers(0, 3), "step": st.integers(0, 3)}
    ),
    max_size=5,
)


@given(metrics=metrics, order=st.randoms(use_true_random=False))
def test_the_order_of_lists_does_not_matter(metrics: list[dict[str, Any]], order: Any) -> None:
    inputs = [dataset_input("a", mlflow__data__context="training"), dataset_input("b"), dataset_input("a")]
    tags = pairs(x="1", y="2", z="3")
    record = run_record()
    record["data"] = {"metrics": metrics, "tags": tags}
    record["inputs"] = {"dataset_inputs": inputs}
    shuffled = run_record()
    shuffled["data"] = {key: order.sample(values, len(values)) for key, values in record["data"].items()}
    shuffled["inputs"] = {"dataset_inputs": order.sample(inputs, len(inputs))}
    assert encode(one_run(shuffled)) == encode(one_run(record))


run_shapes = st.fixed_dictionaries(
    {"run_id": st.sampled_from(["r1", "r2", "r3"]), "start_time": st.integers(0, 4_000_000_000_000)},
)


@given(infos=st.lists(run_shapes, unique_by=lambda info: info["run_id"], max_size=3), cuts=st.integers(0, 3))
def test_any_order_and_duplication_of_pages_gives_the_same_store(infos: list[dict[str, Any]], cuts: int) -> None:
    records = []
    for number, info in enumerate(infos):
        record = run_record(**info)
        record["data"]["tags"] = pairs(milepost__data_as_of=f"2026-10-0{number + 1}")
        record["inputs"] = {"dataset_inputs": [dataset_input("shared"), dataset_input(f"own-{number}")]}
        records.append(record)

    def stored(pages: list[list[dict[str, Any]]]) -> dict[Ref, bytes]:
        return {entity.ref: encode(entity) for page in pages for entity in translated(*page)}

    whole = stored([records])
    for order in itertools.permutations(records):
        pages = [list(order[:cuts]), list(order[cuts:]), list(order[:1])]
        assert stored(pages) == whole


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["info", "run_id", "experiment_id", "start_time", "data", "tags", "key", "name", "version"]), inner
        )
    ),
    max_leaves=12,
)


@given(record=json_values)
def test_no_record_breaks_a_page(record: Any) -> None:
    for result in (
        run_records(SITE, [raw(record)]),
        experiment_records(SITE, [raw(record)]),
        version_records(SITE, [raw(record)], models({"name": "n"}), {}),
    ):
        assert len(result.entities) + len(result.rejected) <= 1
        for entity in result.entities:
            assert encode(entity)
