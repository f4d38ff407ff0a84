"""Which run made a model version that names none, and how sure that is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from mappings.model import ModelVersion, Ref
from tests.core.worlds import World

FILES = "s3://models.example/churn/5/model.tar.gz"


def package(world: World, number: int = 5, **facts: Any) -> ModelVersion:
    ref = Ref("aws", "model_version", f"churn/{number}")
    version: ModelVersion = world.add(ModelVersion(ref=ref, name="churn", version=str(number), **{"artifact_uri": FILES, **facts}))
    return version


def made(world: World, version: ModelVersion) -> list[tuple[str, str, str]]:
    found = [one for one in world.linked().links if one.source == version.ref and one.relation == "registered_from"]
    return [(one.target.id, one.confidence, one.because) for one in found]


def test_the_run_that_a_version_names_made_it() -> None:
    world = World()
    run = world.run(artifacts=(FILES,))
    other = world.run("other", artifacts=(FILES,))
    assert made(world, world.version(run=run, artifact_uri=FILES)) == [("r1", "exact", "the version names its run")]
    assert other.artifacts == (FILES,)


def test_the_run_that_made_the_files_made_the_version() -> None:
    world = World(aws=True)
    world.run(artifacts=(FILES + "/",))
    world.run("other", artifacts=("s3://models.example/other.tar.gz",))
    assert made(world, package(world)) == [("r1", "exact", "the run made its files")]


def test_of_two_runs_with_the_same_files_nobody_knows_which() -> None:
    world = World(aws=True)
    for name in ("r1", "r2"):
        world.run(name, artifacts=(FILES,))
    assert [confidence for _, confidence, _ in made(world, package(world))] == ["textual", "textual"]


def test_what_is_registered_a_second_time_comes_from_the_same_run() -> None:
    world = World(aws=True)
    version = world.version(run=world.run(), artifact_uri=FILES)
    assert made(world, package(world)) == [("r1", "exact", f"it has the files of {version.name} v{version.version}")]


@pytest.mark.parametrize("facts", [{"artifact_uri": None}, {"artifact_uri": "s3://models.example/another"}])
def test_without_the_same_files_there_is_no_run(facts: dict[str, Any]) -> None:
    world = World(aws=True)
    world.run(artifacts=(FILES,))
    assert made(world, package(world, **facts)) == []


def test_a_package_is_ready_by_the_run_that_made_its_files() -> None:
    world = World(aws=True)
    item, _, run, version = world.whole()
    world.change_of(run, artifacts=(FILES,))
    world.drop(version)
    package(world, approval="approved")
    assert world.truth("model-ready", item) is True
    world.set_stream("mlflow", "runs", complete=False)
    assert world.truth("model-ready", item) is not False


@pytest.mark.parametrize("ident", ["0a1b" * 8, "0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"])
def test_the_same_run_may_be_read_from_another_source(ident: str) -> None:
    world = World(aws=True)
    world.run(ident)
    version = package(world, run=Ref("azure-ml", "run", ident))
    assert made(world, version) == [(ident, "exact", "the version names its run, which azure-ml does not show")]


@pytest.mark.parametrize(("workspace", "confidence"), [("churn", "exact"), ("fraud", "textual")])
def test_mlflow_knows_a_job_of_its_workspace_by_its_name(workspace: str, confidence: str) -> None:
    """Azure's workspace is the tracking server; the address of a run there, and the studio's page of a job, name it."""
    world = World(aws=True)
    group = "/subscriptions/0a1b/resourceGroups/ml"
    provider = f"{group}/providers/Microsoft.MachineLearningServices/workspaces"
    named = package(
        world, run=Ref("azure-ml", "run", "train"), cloud_id=f"{provider}/churn/models/churn/versions/5".lower(), artifact_uri=None
    )
    for url in (
        f"https://westeurope.api.azureml.ms/mlflow/v1.0{provider}/{workspace}/#/experiments/1/runs/train",
        f"https://ml.azure.com/runs/train?wsid={group.lower()}/workspaces/{workspace}&tid=0a1b",
    ):
        world.run("train", url=url)
        assert [found for _, found, _ in made(world, named)] == [confidence]


def test_a_job_of_the_same_name_in_another_account_is_no_proof() -> None:
    world = World(aws=True)
    item, _, run, version = world.whole()
    world.drop(version)
    world.drop(run)
    world.add(msgspec.structs.replace(run, ref=Ref("aws-dev", "run", "churn-train"), run_id="churn-train"))
    named = package(world, run=Ref("aws", "run", "churn-train"), approval="approved")
    assert [confidence for _, confidence, _ in made(world, named)] == ["textual"]
    assert world.truth("model-ready", item) is not True


def test_two_records_of_one_run_are_one_run() -> None:
    """SageMaker makes a trial component for each training job of an experiment, with the same files."""
    world = World(aws=True)
    job = world.run("job", artifacts=(FILES,))
    world.run("component", artifacts=(FILES,), tells_of=job.ref)
    assert made(world, package(world)) == [
        ("component", "exact", "the run made its files"),
        ("job", "exact", "the run made its files"),
    ]
    world.run("other", artifacts=(FILES,))
    assert {confidence for _, confidence, _ in made(world, package(world))} == {"textual"}
