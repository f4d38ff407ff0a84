"""Which model versions a deployment is known to serve, by whatever it calls its model, and how sure that is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from mappings.model import Deployment, Link, ModelVersion, Ref, TrafficShare
from sync.makers import MOST_RIVALS
from tests.core.worlds import World, rule

DIGEST = "sha256:" + "a" * 64
PACKAGE = "arn:aws:sagemaker:eu-west-1:111122223333:model-package/churn/5"
FILES = "s3://models.example/churn/5/model.tar.gz"


def serve(world: World, *, tags: dict[str, str] | None = None, **share: Any) -> Deployment:
    served = TrafficShare(**({"name": "primary"} | share))
    return world.deployment(models=(served,), tags=tags or {})


def package(world: World, number: int = 5, **facts: Any) -> ModelVersion:
    """A model package of SageMaker."""
    ref = Ref("aws", "model_version", f"churn/{number}")
    version: ModelVersion = world.add(ModelVersion(ref=ref, name="churn", version=str(number), **facts))
    return version


def links(world: World, deployment: Deployment) -> list[tuple[str, str, str]]:
    found: list[Link] = [one for one in world.linked().links if one.source == deployment.ref and one.relation == "deploys"]
    return [(str(one.target), one.confidence, one.because.partition(" of the traffic")[2]) for one in found]


@pytest.mark.parametrize(
    ("version", "share", "sign"),
    [
        ({}, {"model": Ref("aws", "model_version", "churn/5")}, ""),
        ({"cloud_id": PACKAGE}, {"cloud_id": PACKAGE.upper()}, ""),
        ({}, {"name": "models:/churn/5/"}, ""),
        ({}, {"tags": {"model_uri": "models:/churn/5"}}, ", by the address in its tag model_uri"),
        ({"run": Ref("mlflow", "run", "r9")}, {"tags": {"model_uri": "runs:/r9/model"}}, ", by the address in its tag model_uri"),
        ({"model_id": "m-0a1b"}, {"tags": {"model_uri": "models:/m-0a1b"}}, ", by the address in its tag model_uri"),
        ({"artifact_uri": FILES}, {"artifact_uri": FILES + "/"}, ", by the address of its files"),
        ({"artifact_uri": FILES}, {"name": FILES}, ""),
        ({"images": (f"a.example/churn@{DIGEST}",)}, {"images": (f"b.example/churn@{DIGEST}",)}, ", by the digest of its image"),
    ],
)  # fmt: skip
def test_each_sign_of_a_version_is_found(version: dict[str, Any], share: dict[str, Any], sign: str) -> None:
    world = World(aws=True)
    wanted = package(world, **version)
    package(world, 6)
    assert links(world, serve(world, **share)) == [(str(wanted.ref), "exact", sign)]


def test_the_tags_of_the_endpoint_count_where_the_model_has_none() -> None:
    world = World(aws=True)
    wanted = package(world)
    deployment = serve(world, tags={"model_uri": "models:/churn/5"})
    assert [target for target, *_ in links(world, deployment)] == [str(wanted.ref)]


def test_the_surest_sign_counts_alone() -> None:
    world = World(aws=True)
    named, other = package(world, 5, cloud_id=PACKAGE), package(world, 6, artifact_uri=FILES)
    deployment = serve(world, cloud_id=PACKAGE, artifact_uri=FILES)
    assert [target for target, *_ in links(world, deployment)] == [str(named.ref)]
    assert other.artifact_uri == FILES


@pytest.mark.parametrize("named", [{"cloud_id": PACKAGE}, {"model": Ref("aws", "model_version", "fraud/9")}])
@pytest.mark.parametrize("sign", [{"artifact_uri": FILES}, {"images": (f"a.example/churn@{DIGEST}",)}])
def test_what_names_another_version_is_no_version_of_ours(named: dict[str, Any], sign: dict[str, Any]) -> None:
    world = World(aws=True)
    wanted = package(world, 6, **sign)
    world.run(artifacts=(FILES,))
    assert [target for target, *_ in links(world, serve(world, **sign))] == [str(wanted.ref)]
    assert links(world, serve(world, **named, **sign)) == []


def test_what_everything_shares_tells_nothing() -> None:
    world = World(aws=True)
    image = f"registry.example/churn@{DIGEST}"
    for number in range(MOST_RIVALS):
        package(world, number, images=(image,))
    deployment = serve(world, images=(image,))
    assert len(links(world, deployment)) == MOST_RIVALS
    package(world, MOST_RIVALS, images=(image,))
    assert links(world, deployment) == []


def test_two_registries_may_hold_the_same_model() -> None:
    world = World(aws=True)
    in_aws, in_mlflow = package(world, artifact_uri=FILES), world.version(artifact_uri=FILES)
    found = links(world, serve(world, artifact_uri=FILES))
    assert {(target, confidence) for target, confidence, _ in found} == {(str(one.ref), "exact") for one in (in_aws, in_mlflow)}


def test_a_name_that_two_registries_use_for_different_models_is_no_proof_of_either() -> None:
    world = World(aws=True)
    for source in ("aws", "mlflow"):
        world.add(
            ModelVersion(ref=Ref(source, "model_version", "churn/5"), name="churn", version="5", artifact_uri=f"s3://{source}/5")
        )
    deployment = serve(world, tags={"model_uri": "models:/churn/5"})
    assert {confidence for _, confidence, _ in links(world, deployment)} == {"textual"}


@pytest.mark.parametrize("registered", [True, False])
def test_a_job_name_of_two_accounts_is_no_proof_of_either(registered: bool) -> None:
    world = World(aws=True)
    for source in ("aws", "aws-dev"):
        run = world.add(msgspec.structs.replace(world.run("churn-train"), ref=Ref(source, "run", "churn-train")))
        if registered or source == "aws":
            world.add(ModelVersion(ref=Ref(source, "model_version", "churn/5"), name="churn", version="5", run=run.ref))
    world.drop(world.run("churn-train"))
    deployment = serve(world, tags={"milepost.run": "churn-train"})
    assert {confidence for _, confidence, _ in links(world, deployment)} == {"textual"}


def test_an_id_given_at_random_is_the_same_run_in_both_sources() -> None:
    world = World(aws=True)
    world.run("0a1b" * 8)
    version = package(world, run=Ref("azure-ml", "run", "0a1b" * 8))
    found = links(world, serve(world, tags={"milepost.run": "0a1b" * 8}))
    assert found == [(str(version.ref), "exact", ", by its tag milepost.run")]


def test_two_versions_of_one_registry_with_the_same_files_leave_it_open_which_serves() -> None:
    world = World(aws=True)
    for number in (5, 6):
        package(world, number, artifact_uri=FILES)
    assert [confidence for _, confidence, _ in links(world, serve(world, artifact_uri=FILES))] == ["textual", "textual"]


def test_a_container_that_only_runs_the_files_says_nothing() -> None:
    world = World(aws=True)
    image = f"registry.example/sklearn@{DIGEST}"
    package(world, images=(image,))
    assert links(world, serve(world, images=(image,), artifact_uri=FILES)) == []


def test_the_container_of_a_version_that_has_files_is_no_sign_of_it() -> None:
    world = World(aws=True)
    image = f"registry.example/xgboost@{DIGEST}"
    package(world, artifact_uri=FILES, images=(image,))
    assert links(world, serve(world, images=(image,))) == []


def test_an_image_of_two_models_is_no_proof_of_either() -> None:
    world = World(aws=True)
    image = f"registry.example/sklearn@{DIGEST}"
    package(world, images=(image,))
    world.version(images=(image,))
    assert {confidence for _, confidence, _ in links(world, serve(world, images=(image,)))} == {"textual"}


@pytest.mark.parametrize(
    "share", [{"images": ("registry.example/churn:latest",)}, {"tags": {"model_uri": "models:/churn/Production"}}, {"name": ""}]
)
def test_what_can_mean_something_else_tomorrow_links_nothing(share: dict[str, Any]) -> None:
    world = World(aws=True)
    package(world, images=("registry.example/churn:latest",))
    assert links(world, serve(world, **share)) == []


@pytest.mark.parametrize(("share", "serving"), [(1.0, True), (0.1, True), (0.0, False)])
def test_a_version_serves_by_whichever_sign_it_is_known(share: float, serving: bool) -> None:
    world = World(aws=True)
    item, _, _, version = world.whole()
    world.change_of(version, artifact_uri=FILES)
    serve(world, artifact_uri=FILES, share=share)
    in_use = rule(when={"any": [{"model_version": {"serving": True}}]}, via=["implements", "built_from", "registered_from"])
    assert world.truth(in_use, item) is serving
