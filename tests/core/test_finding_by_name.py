"""Endpoints, data sets and monitors are found by what people see of them, alone and in the forms of `links:`."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mappings.model import Dataset, Deployment, Entity, Ref, TrafficShare
from sync.assess import Assessment
from sync.explain import all_names, find_subjects
from sync.known import Known
from sync.link import bearers_of, resolve
from sync.listings import ScopedProject
from sync.project import DeclaredLink
from tests.core.worlds import DAY, NOW, World, shipped


def found(world: World, text: str) -> Sequence[Entity]:
    return find_subjects(assessed(world), text)


def assessed(world: World) -> Assessment:
    view = world.view()
    return Assessment(
        project=ScopedProject(view=world.project, rules=tuple(shipped()), scopes=(), fresh_within=DAY),
        now=world.now,
        graph=view.graph,
        freshness=view.freshness,
        standings=(),
        findings=(),
    )


def on_azure(world: World, kind: str, name: str = "churn-prod") -> Deployment:
    ref = Ref("azure-ml", "deployment", f"{kind}/{name}")
    deployment: Deployment = world.add(Deployment(ref=ref, endpoint=name, platform="azureml"))
    return deployment


@pytest.mark.parametrize(
    "text",
    [
        "churn-prod",
        "Churn-Prod",
        "endpoint churn-prod",
        "endpoint/churn-prod",
        "deployment/churn-prod",
        "deployment churn-prod",
        "aws:endpoint/churn-prod",
        "aws:deployment/churn-prod",
        "aws:deployment:churn-prod",
    ],
)
def test_an_endpoint(text: str) -> None:
    world = World(aws=True)
    endpoint = world.deployment(world.version())
    world.deployment(endpoint="churn-prod-2")
    assert found(world, text) == [endpoint]


@pytest.mark.parametrize("text", ["churn-2026-11", "churn-prod/churn-2026-11"])
def test_an_endpoint_by_the_model_that_its_console_shows(text: str) -> None:
    world = World(aws=True)
    endpoint = world.deployment(models=(TrafficShare(name="churn-2026-11"),))
    assert found(world, text) == [endpoint]
    assert found(world, "churn-2026") == []


@pytest.mark.parametrize(
    "text", ["customers", "dataset customers (d1)", "dataset/customers", "dataset/customers@d1", "mlflow:dataset/customers@d1"]
)
def test_a_data_set(text: str) -> None:
    world = World()
    dataset = world.dataset()
    assert found(world, text) == [dataset]


@pytest.mark.parametrize("text", ["psi", "monitor/psi", "PSI"])
def test_a_monitor_by_its_newest_result_on_each_subject(text: str) -> None:
    world = World(aws=True)
    one, other = world.deployment(endpoint="one"), world.deployment(endpoint="other")
    old, new = (world.observation(one, at=NOW - days * DAY) for days in (3, 1))
    elsewhere = world.observation(other, at=NOW - 2 * DAY)
    world.observation(other, at=NOW, monitor="auc")
    assert found(world, text) == [new, elsewhere]
    assert found(world, str(old.ref)) == [old]


def test_what_several_bear_finds_all_of_them_and_the_whole_id_one() -> None:
    world = World(aws=True)
    online, batch = on_azure(world, "online"), on_azure(world, "batch")
    here = world.deployment()
    assert found(world, "endpoint/churn-prod") == [here, batch, online]
    assert found(world, "azure-ml:endpoint/churn-prod") == [batch, online]
    assert found(world, "azure-ml:endpoint/online/churn-prod") == [online]


def test_names_that_are_suggested_can_be_typed() -> None:
    world = World(aws=True)
    world.deployment()
    world.dataset()
    assert {"churn-prod", "endpoint churn-prod", "customers"} <= set(all_names(assessed(world)))


def known(world: World) -> Known:
    return Known(world.everything())


def test_a_declared_link_takes_the_one_that_bears_the_name() -> None:
    world = World(aws=True)
    endpoint, dataset = world.deployment(), world.dataset()
    assert resolve("aws:endpoint/churn-prod", known(world)) == endpoint.ref
    assert resolve("mlflow:dataset/customers", known(world)) == dataset.ref
    assert resolve("github:endpoint/churn-prod", known(world)) is None


def test_a_name_of_two_is_told_with_what_to_write_instead() -> None:
    world = World(aws=True)
    world.item("ML-42")
    on_azure(world, "online")
    world.set_project(links=(DeclaredLink(source="azure-ml:endpoint/churn-prod", relation="deploys", target="jira:ML-42"),))
    assert [one.because for one in world.linked().links] == ["declared in the project file"]
    on_azure(world, "batch")
    assert world.linked().links == []
    assert world.linked().findings == [
        "links: azure-ml:endpoint/churn-prod may mean 2 things, such as batch/churn-prod or online/churn-prod: "
        "write the whole of one after the /; the declared link is left out"
    ]
    assert bearers_of("azure-ml:endpoint/batch/churn-prod", known(world)) == [Ref("azure-ml", "deployment", "batch/churn-prod")]


def test_an_id_that_is_written_whole_means_nothing_else() -> None:
    world = World()
    other: Dataset = world.add(Dataset(ref=Ref("mlflow", "dataset", "customers"), name="Customers"))
    world.dataset()
    assert resolve("mlflow:dataset/customers", known(world)) == other.ref
