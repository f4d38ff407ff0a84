"""Which names of the project file match nothing of all that was read, and when nobody can say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from mappings.conditions import Bound
from mappings.model import Deployment, Entity, ModelVersion, Ref, Run
from sync.freshness import Freshness, StreamFacts
from sync.project import ProjectView
from sync.unmatched import Named, unmatched_scopes, unmatched_settings

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KINDS = frozenset({"model_version", "run", "deployment"})
READ = StreamFacts(source="mlflow", stream="models", provides=KINDS, complete=True, pulled_at=NOW)


def version(name: str, *aliases: str) -> Entity:
    return ModelVersion(ref=Ref("mlflow", "model_version", f"{name}/1"), name=name, version="1", aliases=aliases)


def run(**metrics: float) -> Entity:
    return Run(ref=Ref("mlflow", "run", "r1"), run_id="r1", experiment="churn", status="finished", metrics=metrics)


def fresh(*streams: StreamFacts) -> Freshness:
    return Freshness(streams or (READ,), within=timedelta(hours=26), now=NOW + timedelta(hours=1))


def scoped(*globs: str, entities: Sequence[Entity], freshness: Freshness | None = None) -> list[str]:
    named = Named(source="mlflow", field="models", kind="model_version", globs=globs)
    return [f"{one.where}: {one.text}" for one in unmatched_scopes([named], entities, freshness or fresh())]


def settings(view: ProjectView, *entities: Entity, freshness: Freshness | None = None) -> list[str]:
    return [f"{one.where}: {one.text}" for one in unmatched_settings(view, entities, freshness or fresh())]


def test_a_glob_that_matches_nothing_is_told_and_one_that_does_is_not() -> None:
    told = scoped("churn*", "loan-*", "Churn", entities=[version("churn")])
    assert told == [
        "scopes.mlflow.models: loan-* matches no model version of mlflow",
        "scopes.mlflow.models: Churn matches no model version of mlflow",
    ]


def test_what_another_source_has_does_not_count() -> None:
    elsewhere = ModelVersion(ref=Ref("azure", "model_version", "m:1"), name="loan-a", version="1")
    assert len(scoped("loan-*", entities=[elsewhere])) == 1


def test_an_endpoint_is_known_by_the_name_of_its_endpoint() -> None:
    endpoint = Deployment(ref=Ref("aws", "deployment", "arn"), endpoint="churn-live", platform="sagemaker")
    named = Named(source="aws", field="endpoints", kind="deployment", globs=("churn-*", "loan-*"))
    freshness = fresh(msgspec.structs.replace(READ, source="aws"))
    assert [one.text for one in unmatched_scopes([named], [endpoint], freshness)] == ["loan-* matches no deployment of aws"]


@pytest.mark.parametrize(
    "lacking",
    [
        {"complete": False},
        {"pulled_at": None},
        {"failed": "no connection"},
        {"rejected": 1},
        {"pulled_at": NOW - timedelta(days=3)},
    ],
)
def test_nothing_is_told_while_the_listing_may_lack_something(lacking: dict[str, object]) -> None:
    freshness = fresh(msgspec.structs.replace(READ, **lacking))
    view = ProjectView(key="churn", name="Churn", release_alias="champoin", thresholds={"val_acu": Bound(gte=0.8)})
    assert scoped("loan-*", entities=[], freshness=freshness) == []
    assert settings(view, version("churn", "champion"), run(val_auc=0.9), freshness=freshness) == []


def test_an_alias_that_no_version_carries_is_told_with_what_was_meant() -> None:
    view = ProjectView(key="churn", name="Churn", release_alias="champoin")
    assert settings(view, version("churn", "champion", "old")) == [
        "release.alias: no model version carries the alias champoin; did you mean champion?"
    ]
    assert settings(msgspec.structs.replace(view, release_alias="champion"), version("churn", "champion")) == []
    assert settings(view) == [], "without any version there is nothing that could carry it"


def test_a_threshold_of_a_metric_that_no_run_has_is_told_with_those_that_there_are() -> None:
    view = ProjectView(key="churn", name="Churn", thresholds={"Val_*": Bound(gte=0.8), "bleu": Bound(gte=0.3)})
    assert settings(view, run(val_auc=0.9, loss=0.1)) == ["thresholds: no run has a metric bleu; they have loss, val_auc"]
    assert settings(view) == [], "without any run there is nothing that could have it"
