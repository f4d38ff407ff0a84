"""As much of kustomize as our manifests use: resources and generators. What else one says is refused, not passed over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

Manifest = Mapping[str, Any]

_KNOWN = {"apiVersion", "kind", "resources", "configMapGenerator", "secretGenerator"}


def manifests(folder: Path, environ: Mapping[str, str]) -> list[Manifest]:
    """What `kubectl apply -k` would send, without the hashes that it appends to generated names."""
    found = list(_rendered(folder, environ))
    names = [(one["kind"], one["metadata"]["name"]) for one in found]
    assert len(names) == len(set(names)), f"{folder}: the same object twice"
    return found


def documents(path: Path) -> list[Any]:
    return [one for one in YAML(typ="safe").load_all(path) if one is not None]


def names_of_variables(path: Path) -> list[str]:
    """Of an env file that names variables. A line with a value would be a secret in the repository."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _rendered(folder: Path, environ: Mapping[str, str]) -> Iterator[Manifest]:
    (kustomization,) = documents(folder / "kustomization.yaml")
    assert kustomization["kind"] == "Kustomization"
    assert kustomization.keys() <= _KNOWN, f"{folder}: {kustomization.keys() - _KNOWN} is not understood"
    for resource in kustomization.get("resources", ()):
        path = (folder / resource).resolve()
        if path.is_dir():
            yield from _rendered(path, environ)
        else:
            assert path.parent == folder.resolve(), f"{folder}: kustomize loads no file from outside, {resource}"
            yield from documents(path)
    for made in kustomization.get("configMapGenerator", ()):
        assert made.keys() == {"name", "files"}, made
        data = {name: (folder / name).read_text(encoding="utf-8") for name in made["files"]}
        yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": made["name"]}, "data": data}
    for made in kustomization.get("secretGenerator", ()):
        assert made.keys() == {"name", "envs"}, made
        held = {name: environ.get(name, "") for file in made["envs"] for name in names_of_variables(folder / file)}
        yield {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": made["name"]}, "type": "Opaque", "stringData": held}
