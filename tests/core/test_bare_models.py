"""Models that serve although nobody registered them: they are known by the run that made their files."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from mappings import sagemaker_records as records
from mappings.model import Deployment, Ref, TrafficShare, WorkItem
from mappings.sagemaker import Site
from mappings.sagemaker_endpoints import Behind, endpoint
from mappings.sagemaker_runs import training_job
from tests.core.worlds import NOW, World

FILES = "s3://models.example/churn/output/churn-7/output/model.tar.gz"
IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/sklearn:1.2"
RUN = Ref("mlflow", "run", "r7")


def bare(world: World, part: float = 1.0, **facts: Any) -> Deployment:
    """An endpoint of a SageMaker model without a package."""
    share = TrafficShare(name="churn-2026-11", share=part, artifact_uri=FILES + "/", images=(IMAGE,))
    others = (TrafficShare(name="other", share=1 - part, tags={"git_sha": "b" * 40}),) if part < 1 else ()
    return world.deployment(endpoint="churn-bare", models=(share, *others), **facts)


def work(world: World) -> WorkItem:
    """A ticket whose merged change request was trained and never registered."""
    item, _, run, version = world.whole()
    world.drop(version)
    world.change_of(run, artifacts=(FILES,))
    return item


def test_the_run_that_made_the_files_is_behind_the_endpoint() -> None:
    world = World(aws=True)
    work(world)
    served = bare(world)
    (link,) = [one for one in world.linked().links if one.source == served.ref]
    assert (link.relation, link.target, link.confidence) == ("deploys", RUN, "exact")
    assert link.because == "serves churn-2026-11 with 100% of the traffic, made by the run, by the address of its files"


def test_two_runs_of_the_same_files_leave_it_open() -> None:
    world = World(aws=True)
    item = work(world)
    world.run("other", artifacts=(FILES,))
    served = bare(world)
    assert world.links(served) == []
    assert len(world.links(served, sure=False)) == 2
    assert (world.truth("deployed", item), world.truth("lineage-gap", served)) == (False, True)


def test_the_commit_that_another_record_of_the_run_names_is_behind_the_endpoint_too() -> None:
    world = World(aws=True)
    item = world.item("ML-42")
    change = world.merged(branch="ML-42")
    job = world.run("job", artifacts=(FILES,))
    world.run("component", artifacts=(FILES,), tells_of=job.ref, git_commit=change.merge_sha)
    served = bare(world)
    assert world.links(served) == [("deploys", "component"), ("deploys", "job")]
    assert (world.truth("deployed", item), world.truth("lineage-gap", served)) == (True, False)


def test_a_registered_version_of_the_files_goes_before_the_run() -> None:
    world = World(aws=True)
    item = work(world)
    world.version(run=world.run("r7", artifacts=(FILES,)), artifact_uri=FILES)
    assert [target for _, target in world.links(bare(world))] == ["churn-classifier/3"]
    assert item.key == "ML-42"


@pytest.mark.parametrize(("part", "deployed", "canary"), [(1.0, True, False), (0.5, True, False), (0.2, False, True)])
def test_production_counts_without_a_registry(part: float, deployed: bool, canary: bool) -> None:
    world = World(aws=True)
    item = work(world)
    bare(world, part)
    assert (world.truth("deployed", item), world.truth("canary", item)) == (deployed, canary)
    told = world.standing("deployed" if deployed else "canary", item)
    assert told is not None
    assert f"run r7 answers {part:.0%} of the traffic of churn-bare" in told.says


def test_a_bare_model_whose_run_is_known_is_no_gap() -> None:
    world = World(aws=True)
    work(world)
    served = bare(world)
    assert world.truth("lineage-gap", served) is False
    world.change_of(world.entities[RUN], artifacts=())
    assert world.truth("lineage-gap", served) is True


def test_a_failed_endpoint_of_a_bare_model_is_told() -> None:
    world = World(aws=True)
    item = work(world)
    bare(world, state="failed", reason="no such container", updated_at=NOW)
    told = world.standing("deploy-failed", item)
    assert told is not None
    assert told.says == "Deployment failed: run r7 was to be served by churn-bare, which failed: no such container"


def test_what_watches_the_endpoint_reaches_the_ticket() -> None:
    world = World(aws=True)
    item = work(world)
    world.observation(bare(world), "failed")
    assert world.truth("drift-alert", item) is True


@pytest.mark.parametrize("stream", [("mlflow", "models"), ("mlflow", "runs")])
@pytest.mark.parametrize("rule", ["deployed", "lineage-gap"])
def test_while_something_was_not_read_nothing_is_certain(rule: str, stream: tuple[str, str]) -> None:
    world = World(aws=True)
    item = work(world)
    served = bare(world)
    world.set_stream(*stream, complete=False)
    assert world.truth(rule, served if rule == "lineage-gap" else item) is None


@pytest.mark.parametrize("rule", ["canary", "deploy-failed"])
def test_another_endpoint_may_serve_it_that_was_not_read(rule: str) -> None:
    world = World(aws=True)
    item = work(world)
    bare(world)
    assert world.truth(rule, item) is False
    world.set_stream("aws", "endpoints", complete=False)
    assert world.truth(rule, item) is None
    assert world.truth("deployed", item) is True


def test_a_training_job_of_sagemakers_is_behind_its_model_whatever_the_console_calls_it() -> None:
    """From the records themselves: endpoint, model, training job, commit, pull request, ticket."""
    world = World(aws=True)
    item = world.item("ML-42")
    change = world.merged(branch="ML-42")
    site, arn = Site("aws", "eu-west-1"), "arn:aws:sagemaker:eu-west-1:111122223333"
    job = {
        "TrainingJobName": "churn-7",
        "TrainingJobArn": f"{arn}:training-job/churn-7",
        "TrainingJobStatus": "Completed",
        "ModelArtifacts": {"S3ModelArtifacts": FILES},
        "Tags": [{"Key": "git_sha", "Value": change.merge_sha}],
    }
    (run,) = training_job(site, msgspec.convert(job, records.TrainingJob))
    model = {"ModelName": "m", "ModelArn": f"{arn}:model/m", "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": FILES}}
    found = {"EndpointName": "e", "EndpointArn": f"{arn}:endpoint/e", "EndpointStatus": "InService"}
    variants = {"EndpointConfigName": "c", "ProductionVariants": [{"VariantName": "v", "ModelName": "m"}]}
    behind = Behind(config=msgspec.convert(variants, records.EndpointConfig), models={"m": msgspec.convert(model, records.Model)})
    world.add(run)
    served = world.add(endpoint(site, msgspec.convert(found, records.Endpoint), behind))

    way = world.graph().reach(item.ref, ["implements", "built_from", "deploys"])
    links = [way[ref].link for ref in (change.ref, run.ref, served.ref)]
    assert [(one.relation, one.confidence) for one in links] == [
        ("implements", "exact"),
        ("built_from", "exact"),
        ("deploys", "exact"),
    ]
    assert links[-1].because == "serves m with 100% of the traffic, made by the run, by the address of its files"
    assert (world.truth("deployed", item), world.truth("lineage-gap", served)) == (True, False)
