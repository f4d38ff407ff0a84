"""The page about deployment names files, overlays and objects that exist."""

from __future__ import annotations

import re

import pytest

from tests.deploy.conftest import DEPLOY, OVERLAYS, ROOT, EveryVariable
from tests.deploy.kustomize import manifests

PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")


def test_every_path_of_ours_that_it_names_is_there() -> None:
    paths = set(re.findall(r"\bdeploy/[\w./*-]*[\w*]", PAGE))
    assert len(paths) > 8
    for path in paths:
        assert list(ROOT.glob(path)), path


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_it_speaks_of_every_overlay(overlay: str) -> None:
    assert f"[{overlay}](../deploy/kubernetes/overlays/{overlay}/kustomization.yaml)" in PAGE


def test_every_object_that_it_names_is_made() -> None:
    found = [one for overlay in OVERLAYS for one in manifests(DEPLOY / "kubernetes" / "overlays" / overlay, EveryVariable())]
    objects = {f"{one['kind'].lower()}/{one['metadata']['name']}" for one in found}
    named = set(re.findall(r"\b(?:cronjob|deployment|statefulset)/milepost[\w-]*", PAGE))
    assert named
    assert named <= objects
    assert set(re.findall(r"`(milepost-[a-z]+)`", PAGE)) <= {
        *(one["metadata"]["name"] for one in found),
        "milepost-metrics",  # people make it from a token
    }


def test_every_unit_for_systemd_is_spoken_of() -> None:
    for unit in (DEPLOY / "systemd").iterdir():
        assert f"[{unit.name}](../deploy/systemd/{unit.name})" in PAGE
