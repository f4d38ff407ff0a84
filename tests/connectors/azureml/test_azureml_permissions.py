"""The documented role, the reader's requests and what `milepost check` says about them agree."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from connectors.azureml.options import AzureMLScope
from connectors.base import Finding
from sandbox.azureml import documents
from sandbox.azureml.access import action_of

if TYPE_CHECKING:
    from tests.connectors.azureml.conftest import Lab

EVERYTHING = AzureMLScope(endpoints=("*",), models=("*",), experiments=("*",), data=("*",), monitors=("*",))
STREAMS = ("jobs", "models", "data", "endpoints", "monitors")
REGISTRIES = [{"name": "shared"}]
PROVIDER = "Microsoft.MachineLearningServices"


@pytest.fixture
def role() -> set[str]:
    """The actions of the role that docs/connectors.md shows."""
    page = (Path(__file__).parents[3] / "docs" / "connectors.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```json\n(\{\s+\"Name\": \"Milepost reader\".*?)```", page, flags=re.DOTALL)
    return set(json.loads(shown)["Actions"])


@pytest.fixture
def furnished(lab: Lab) -> Lab:
    lab.job("one")
    lab.endpoint("churn-prod", {"blue": 100}, [lab.model(1)])
    lab.site.put("batchEndpoints/nightly", documents.batch_endpoint("main"))
    lab.site.put("batchEndpoints/nightly/deployments/main", documents.batch_deployment("azureml:churn:1"))
    lab.site.put("data/customers/versions/1", documents.data_version("azureml://datastores/store/paths/customers"))
    lab.site.put("models/churn/versions/1", documents.model_version(), registry="shared")
    lab.monitor()
    lab.monitor_run("monday")
    return lab


def findings(lab: Lab, scope: AzureMLScope = EVERYTHING) -> list[Finding]:
    with closing(lab.reader(registries=REGISTRIES)) as reader:
        return list(reader.check(scope))


def test_the_role_holds_exactly_what_the_reader_does(furnished: Lab, role: set[str]) -> None:
    with closing(furnished.reader(registries=REGISTRIES)) as reader:
        for stream in STREAMS:
            refs = [entity.ref for batch in reader.pull(stream, EVERYTHING, None) for entity in batch.entities]
            reader.read(refs)
            reader.read([type(ref)(ref.source, ref.kind, f"{ref.id}-gone") for ref in refs])
        reader.check(EVERYTHING)

    asked = [entry for entry in furnished.site.requests if entry.path.startswith(("/subscriptions", "/history"))]
    assert {entry.method for entry in asked} == {"GET"}
    assert {action_of(entry.method, entry.path).lower() for entry in asked} == {action.lower() for action in role}


def test_a_workspace_in_order_has_no_finding_to_look_at(furnished: Lab) -> None:
    said = findings(furnished)

    assert {finding.level for finding in said} == {"ok", "info"}
    assert {"workspace", "clock", "endpoints", "changes", "models", "data", "jobs", "monitors", "client"} <= {
        finding.topic for finding in said
    }
    assert any("azure-ai-ml" in finding.text and "understands" in finding.text for finding in said)


@pytest.mark.parametrize(
    ("action", "level", "topic"),
    [
        ("workspaces/read", "error", "workspace"),
        ("workspaces/jobs/read", "error", "jobs"),
        ("workspaces/models/read", "error", "models"),
        ("workspaces/models/versions/read", "error", "models"),
        ("workspaces/data/read", "error", "data"),
        ("workspaces/data/versions/read", "error", "data"),
        ("workspaces/onlineEndpoints/read", "error", "endpoints"),
        ("workspaces/onlineEndpoints/deployments/read", "error", "endpoints"),
        ("workspaces/batchEndpoints/read", "error", "endpoints"),
        ("workspaces/batchEndpoints/deployments/read", "error", "endpoints"),
        ("workspaces/schedules/read", "error", "monitors"),
        ("workspaces/experiments/runs/read", "warning", "monitors"),
        ("registries/models/read", "error", "models"),
        ("registries/models/versions/read", "error", "models"),
    ],
)
def test_each_action_that_the_role_lacks_is_named(furnished: Lab, action: str, level: str, topic: str) -> None:
    furnished.site.access.denied.add(f"{PROVIDER}/{action}")

    wrong = [finding for finding in findings(furnished) if finding.level in ("error", "warning") and finding.topic == topic]

    assert [finding.level for finding in wrong] == [level]
    assert f"{PROVIDER}/{action}" in (wrong[0].fix or "")


def test_the_listing_of_changes_may_be_missing(furnished: Lab) -> None:
    furnished.site.access.denied.add("Microsoft.Resources/subscriptions/resourceGroups/resources/read")

    (warning,) = [finding for finding in findings(furnished) if finding.level in ("error", "warning")]

    assert warning.level == "warning"
    assert "Microsoft.Resources/subscriptions/resourceGroups/resources/read" in (warning.fix or "")


def test_names_that_match_nothing_are_told_with_what_was_meant(furnished: Lab) -> None:
    scope = AzureMLScope(endpoints=("chrun-prod",), models=("chrun",), data=("customer",), monitors=("churn-wach",))

    told = {finding.text: finding.fix for finding in findings(furnished, scope) if finding.level == "warning"}

    assert told == {
        "'chrun-prod' matches nothing": "did you mean churn-prod?",
        "'chrun' matches nothing": "did you mean churn?",
        "'customer' matches nothing": "did you mean customers?",
        "'churn-wach' matches nothing": "did you mean churn-watch?",
    }


def test_a_monitor_of_nothing_that_is_known_is_told(furnished: Lab) -> None:
    aimless = documents.monitor("", {"drift": "DataDrift"})
    aimless["properties"]["action"]["monitorDefinition"]["monitoringTarget"] = None
    furnished.site.put("schedules/aimless", aimless)

    assert any(finding.level == "info" and "aimless" in finding.text for finding in findings(furnished))


def test_who_cannot_sign_in_learns_how(furnished: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    monkeypatch.setenv("PATH", "")

    (finding,) = findings(furnished)

    assert (finding.level, finding.topic) == ("error", "workspace")
    assert "az login" in (finding.fix or "")
