"""Where the manifests are, and what each container of theirs runs as."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from config.settings import KNOWN_VARIABLES
from config.variables import FILE_SUFFIX, variable
from sync.build import ConnectionTypes, read_project_file
from tests.deploy.kustomize import Manifest, manifests

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
OVERLAYS = sorted(path.name for path in (DEPLOY / "kubernetes" / "overlays").iterdir())
CANARY = "a-value-from-the-environment"


class EveryVariable(dict[str, str]):
    """An environment in which every variable is set."""

    def get(self, name: str, default: Any = None) -> str:
        return CANARY


@dataclass(frozen=True)
class Pod:
    """A pod template with what it belongs to."""

    kind: str
    name: str
    replicas: int
    labels: Mapping[str, str]
    spec: Mapping[str, Any]

    @property
    def main(self) -> Mapping[str, Any]:
        """The container that the pod is for."""
        (container,) = self.spec["containers"]
        return cast(Mapping[str, Any], container)

    @property
    def containers(self) -> Sequence[Mapping[str, Any]]:
        return [*self.spec.get("initContainers", ()), *self.spec["containers"]]


def pods_of(found: Sequence[Manifest]) -> Iterator[Pod]:
    for one in found:
        spec = one.get("spec", {})
        kind, name, replicas = one["kind"], one["metadata"]["name"], spec.get("replicas", 1)
        if kind == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if "template" in spec:
            template = spec["template"]
            yield Pod(kind, name, replicas, template["metadata"]["labels"], template["spec"])


@pytest.fixture(params=OVERLAYS, scope="session")
def overlay(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def rendered(overlay: str) -> Sequence[Manifest]:
    return manifests(DEPLOY / "kubernetes" / "overlays" / overlay, EveryVariable())


@pytest.fixture(scope="session")
def pods(rendered: Sequence[Manifest]) -> Sequence[Pod]:
    return list(pods_of(rendered))


@pytest.fixture(scope="session")
def known_variables() -> frozenset[str]:
    """Those of Milepost, and of the sources of the example project file; each may name a file instead."""
    types = ConnectionTypes()
    file = read_project_file(DEPLOY / "kubernetes" / "base" / "milepost.yaml", types)
    assert file.findings == ()
    models = {name: types.connection(source.type).secrets for name, source in file.sources.items()}
    secrets = {variable(name, field) for name, model in models.items() for field in model.model_fields}
    return frozenset(name + suffix for name in KNOWN_VARIABLES | secrets for suffix in ("", FILE_SUFFIX))
