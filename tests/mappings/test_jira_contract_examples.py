"""The examples in Atlassian's own contract: each is an entity, or one of the few that contradict the contract's own schema."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mappings.change import Owned
from mappings.jira import Translation
from mappings.jira_records import FIELD, VERSION, Untranslatable, read_record
from mappings.model import decode, encode

FOLDER = Path(os.environ.get("MILEPOST_CONTRACTS", Path(__file__).parents[2] / ".." / "shared" / "contracts"))
FILE = FOLDER / "jira-cloud-openapi.json.gz"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the contracts are not here: MILEPOST_CONTRACTS names their folder")


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    return dict(json.loads(gzip.decompress(FILE.read_bytes())))


def example(contract: dict[str, Any], method: str, path: str) -> Any:
    return contract["paths"][path][method]["responses"]["200"]["content"]["application/json"]["example"]


ALWAYS = {"updated": "2024-01-02T03:04:05.000+0000", "status": {"name": "Open"}, "project": {"key": "EX"}}


def translation() -> Translation:
    return Translation("jira", "https://example.atlassian.net", Owned())


def test_bulk_fetched_issues(contract: dict[str, Any]) -> None:
    issues = example(contract, "post", "/rest/api/3/issue/bulkfetch")["issues"]
    for issue in issues:
        # The example asks for a few fields; a reader asks for these in any case.
        issue["fields"] |= ALWAYS
    items = [translation().issue(msgspec.json.encode(issue)).item for issue in issues]
    assert [item.key for item in items] == ["EX-1", "EX-2", "EX-4"]
    assert all(item.assignee is not None and item.assignee.name == "Mia Krystof" for item in items)
    assert [decode(encode(item)) for item in items] == items


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "/rest/api/3/issue/{issueIdOrKey}"), ("post", "/rest/api/3/search/jql"), ("get", "/rest/api/3/search/jql")],
)
def test_whole_issues(contract: dict[str, Any], method: str, path: str) -> None:
    found = example(contract, method, path)
    for issue in found.get("issues", [found]):
        # Written as a number there, where the real service and the field's own schema have a date and time.
        assert issue["fields"]["updated"] == 1
        with pytest.raises(Untranslatable, match="updated"):
            translation().issue(msgspec.json.encode(issue))
        issue["fields"] |= ALWAYS
        item = translation().issue(msgspec.json.encode(issue)).item
        assert item.body == "Main order flow broken"
        assert item.blocked_by == ()


def test_versions(contract: dict[str, Any]) -> None:
    records = example(contract, "get", "/rest/api/3/project/{projectIdOrKey}/version")["values"]
    found = [translation().milestone(read_record(VERSION, msgspec.json.encode(record)), "PR") for record in records]
    assert [(one.name, one.state) for one in found] == [("New Version 1", "closed"), ("Next Version", "open")]


def test_fields(contract: dict[str, Any]) -> None:
    records = example(contract, "get", "/rest/api/3/field")
    found = [translation().field(read_record(FIELD, msgspec.json.encode(record))) for record in records]
    assert [(one.name, one.schema_type) for one in found] == [("Description", "string"), ("Summary", "string")]
