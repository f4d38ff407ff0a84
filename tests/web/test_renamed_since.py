"""What the project file knows by another name by now: the door keeps all that those who take deliveries in would follow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.base import Batch
from mappings.model import Ref, WorkItem
from sync.store import entities, inbox, streams
from sync.store.connect import Database
from tests.web.signing import REPOSITORY, github_headers, issue_payload, jira_headers
from tests.web.within import Client, opened

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def door(database: Database, database_url: str, tmp_path: Path) -> Iterator[Client]:
    """Each of GitHub's and Jira's scopes has been listed, and has one issue."""
    with opened(tmp_path, database_url) as client:
        for source, stream, ident, container in (("github", "issues", "12/1", REPOSITORY), ("jira", "issues", "10001", "OPS")):
            found = client.workspace.sources[source]
            key = found.key(stream, found.scopes[0])
            issue = WorkItem(ref=Ref(source, "work_item", ident), key=ident, title="Retrain the model", container=container)
            with database.write() as tx:
                streams.begin_sweep(tx, key, NOON)
                entities.save_batch(tx, key, Batch(entities=[issue], complete=True), now=NOON, run_id="run")
                streams.finish(tx, key, complete=True, now=NOON)
        yield client


def outcomes(door: Client, source: str, *bodies: bytes) -> Sequence[str]:
    signed = github_headers if source == "github" else jira_headers
    answers = [door.post(f"/webhooks/{source}", body, signed(body, f"d-{number}")) for number, body in enumerate(bodies)]
    assert {answer.status_code for answer in answers} == {202}
    return [answer.json()["outcome"] for answer in answers]


def stored(database: Database) -> set[str]:
    with database.read() as tx:
        return {kept.delivery for kept in inbox.listing(tx, states=inbox.STATES)}


def test_an_issue_of_a_renamed_repository_is_kept_and_a_strangers_is_not(door: Client, database: Database) -> None:
    known, new = issue_payload(1, "example/operations"), issue_payload(2, "example/operations")
    strange = issue_payload(2, "example/elsewhere").replace(b'"id":12', b'"id":123')

    assert outcomes(door, "github", known, new, strange) == ["accepted", "accepted", "uninteresting"]
    assert stored(database) == {"d-0", "d-1"}


def test_an_issue_of_a_project_with_another_key_is_kept_and_a_strangers_is_not(door: Client, database: Database) -> None:
    def updated(ident: str, project: str) -> bytes:
        fields = {"project": {"key": project}}
        return json.dumps({"webhookEvent": "jira:issue_updated", "issue": {"id": ident, "fields": fields}}).encode()

    assert outcomes(door, "jira", updated("10001", "RUN"), updated("10002", "RUN")) == ["accepted", "uninteresting"]
    assert stored(database) == {"d-0"}


def test_what_makes_no_sense_is_kept_for_a_person(door: Client, database: Database) -> None:
    senseless = b'{"action":"edited","issue":"seven","repository":{"id":12,"full_name":"example/elsewhere"}}'

    assert outcomes(door, "github", senseless) == ["accepted"]
    assert stored(database) == {"d-0"}
