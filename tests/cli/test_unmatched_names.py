"""Names of the project file that match nothing of all that was read are told by `pull` and by `check`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import HeldDemo
from tests.cli.process import Desk


@pytest.fixture
def desk(held_demo: HeldDemo, tmp_path: Path) -> Desk:
    return held_demo.desk(tmp_path)


def respelt(desk: Desk, old: str, new: str) -> None:
    text = desk.config.read_text(encoding="utf-8")
    assert old in text
    desk.config.write_text(text.replace(old, new), encoding="utf-8")


def test_a_project_file_whose_names_all_match_has_no_notices(desk: Desk) -> None:
    pull = desk.call("pull", "-o", "json").json()

    assert [one["unmatched"] for one in pull["projects"]] == [[] for _ in pull["projects"]]


def test_what_matches_nothing_is_told_by_pull_and_by_check(desk: Desk) -> None:
    respelt(desk, 'experiments: ["loan-*"], models: [loan-default]', 'experiments: ["loan-*"], models: [loan-default, loan-prime]')
    respelt(desk, "alias: champion", "alias: champoin")
    respelt(
        desk,
        "    thresholds: {val_auc: {gte: 0.7}}\n    data: {quality",
        "    thresholds: {val_acu: {gte: 0.7}}\n    data: {quality",
    )

    pull, check = desk.call("--project", "loan", "pull", "-o", "json"), desk.call("check", "-o", "json")

    (loan,) = pull.json()["projects"]
    assert [(one["where"], one["text"].partition(";")[0]) for one in loan["unmatched"]] == [
        ("scopes.mlflow.models", "loan-prime matches no model version of mlflow"),
        ("release.alias", "no model version carries the alias champoin"),
        ("thresholds", "no run has a metric val_acu"),
    ]
    assert loan["unmatched"][1]["text"].endswith("did you mean champion?")
    told = [one for source in check.json()["sources"] for one in source["findings"] if one["topic"] == "names"]
    assert [(one["text"].partition(":")[0], one["scope"], one["level"]) for one in told if one["scope"] == "loan"] == [
        ("release.alias", "loan", "warning"),
        ("thresholds", "loan", "warning"),
    ]


def test_so_is_what_matches_nothing_of_a_cloud(desk: Desk) -> None:
    respelt(desk, 'data: ["demand-*"]', 'data: ["demands-*"]')
    respelt(desk, "model_package_groups: [candidate-ranking]", "model_package_groups: [Candidate-Ranking]")

    pull = desk.call("pull", "-o", "json").json()

    assert {one["project"]: [found["text"] for found in one["unmatched"]] for one in pull["projects"] if one["unmatched"]} == {
        "demand": ["demands-* matches no dataset of azure-ml"],
        "hiring": ["Candidate-Ranking matches no model version of aws-eu"],
    }
