"""Our Jira reader against two servers that other people wrote: an emulator of Data Center 8.20, and one of Jira Cloud.

Where they deviate from Atlassian's documentation, the tests work around them and the connector does not:

- the data center's emulator serves searches by address only, finds no issue by its id (`/issue/{id}` and `id in (…)`), sorts and
  compares dates by the day, and has neither `/mypermissions` nor issue properties: an issue is then not known to be gone, and
  `check` takes the project for hidden;
- the cloud's emulator has neither `/myself` nor `/issue/bulkfetch`, and ignores JQL: the account's zone stands in a cursor, as an
  earlier pull would have kept it, and a second pull would bring everything again.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.base import Batch, SourceContext
from connectors.github import CONNECTION as GITHUB
from connectors.jira import CONNECTION as JIRA
from connectors.jira.cursor import Cursor, SiteFacts, write_cursor
from connectors.jira.options import JiraOptions, JiraScope
from connectors.jira.site import wanted_facts
from mappings.change import Owned
from mappings.model import Field, Milestone, Person, WorkItem

ML = JiraScope(projects=("ML",))
PATIENCE = 60.0


class Counter:
    def request(self, **_budget: Any) -> None:
        pass


def context(options: Any, secrets: Any) -> SourceContext:
    return SourceContext(name="lab", options=options, secrets=secrets, owned=Owned(), meter=Counter(), stop=threading.Event())


@contextmanager
def opened(asked: SourceContext, connection: Any = JIRA) -> Iterator[Any]:
    reader = connection.reader(asked)
    try:
        yield reader
    finally:
        reader.close()


def items(batches: Sequence[Batch]) -> list[WorkItem]:
    return [entity for batch in batches for entity in batch.entities if isinstance(entity, WorkItem)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(command: Sequence[str], environ: dict[str, str], url: str, cwd: Path) -> Iterator[str]:
    """The server's process, once it answers; ended by its own handle."""
    process = subprocess.Popen(
        command, env={**os.environ, **environ}, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + PATIENCE
        while not _answers(url):
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < until, "the server did not come up"
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=5).status_code < 500
    except httpx.TransportError:
        return False


# -- Data Center --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data_center(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SourceContext]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environ = {"JIRA820_PORT": str(port), "JIRA820_PROJECT_KEY": "ML"}
    with served([sys.executable, "-m", "jira820"], environ, url, tmp_path_factory.mktemp("jira820")):
        yield context(JiraOptions(url=url), JIRA.secrets.model_validate({"token": "any"}))


def make_issue(asked: SourceContext, **fields: Any) -> str:
    said = {"project": {"key": "ML"}, "issuetype": {"name": "Task"}, **fields}
    answer = httpx.post(f"{asked.options.url}/rest/api/2/issue", json={"fields": said}, trust_env=False)
    assert answer.status_code == 201
    return str(answer.json()["key"])


def test_every_stream_of_a_data_center_is_pulled(data_center: SourceContext) -> None:
    made = make_issue(data_center, summary="Retrain", description="h2. After *ML-1*", labels=["data"], assignee={"name": "admin"})
    with opened(data_center) as reader:
        first = list(reader.pull("issues", ML, None))
        fields = [entity for batch in reader.pull("fields", ML, None) for entity in batch.entities]
        versions = [entity for batch in reader.pull("versions", ML, None) for entity in batch.entities]
    assert len(first) > 1
    assert first[-1].complete
    assert not [refused for batch in first for refused in batch.rejected]
    found = {item.key: item for item in items(first)}
    assert len(found) == first[0].total
    assert found[made].title == "Retrain"
    assert found[made].body == "After ML-1"
    assert found[made].labels == ("data",)
    assert found[made].status_category == "todo"
    assert isinstance(found[made].assignee, Person)
    assert found[made].url == f"{data_center.options.url}/browse/{made}"
    assert {item.status_category for item in found.values()} == {"todo", "in_progress", "done"}
    assert fields
    assert all(isinstance(entity, Field) for entity in fields)
    assert versions
    assert all(isinstance(entity, Milestone) for entity in versions)


def test_a_second_pull_of_a_data_center_brings_what_is_new(data_center: SourceContext) -> None:
    with opened(data_center) as reader:
        first = list(reader.pull("issues", ML, None))
        made = make_issue(data_center, summary="New")
        second = list(reader.pull("issues", ML, first[-1].cursor))
    assert made in {item.key for item in items(second)}
    assert 0 < len(items(second)) < len(items(first))
    assert not second[-1].complete


def test_direct_reads_of_a_data_center_call_nothing_gone_that_is_not_proven_gone(data_center: SourceContext) -> None:
    with opened(data_center) as reader:
        (some, *_) = items(list(reader.pull("issues", ML, None)))
        assert {entity.ref for entity in reader.read([some.ref])} <= {some.ref}


def test_check_tells_a_data_center(data_center: SourceContext) -> None:
    with opened(data_center) as reader:
        findings = {finding.topic: finding for finding in reader.check(ML)}
    assert findings["site"].text.startswith("Jira Data Center at ")
    assert findings["identity"].level == "ok"
    assert findings["projects"].level == "error"


# -- Jira Cloud and GitHub ----------------------------------------------------------------------------------------------------

ISSUE = {"created": "2026-02-10T18:00:00Z", "author_email": "ada@example.com", "content": "See ML-1"}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BACKLOT_TELEMETRY", "0")
        import backlot  # type: ignore[import-untyped]  # it ships without types

        tickets = [
            {"source_type": "jira", "doc_id": f"j{n}", "project": "ML", "issuetype": "Task", "status": "To Do", "title": f"T {n}"}
            for n in range(230)
        ]
        issues = [
            {"source_type": "github", "doc_id": f"g{n}", "repo": "churn", "subtype": "issue", "state": "open", "title": f"I {n}"}
            for n in range(230)
        ]
        with backlot.serve(records=[record | ISSUE for record in (*tickets, *issues)]) as server:
            yield server


def test_issues_of_the_cloud_are_listed_page_by_page(emulator: Any) -> None:
    options = JiraOptions(url=f"{emulator.base_url}/atlassian", deployment="cloud")
    asked = context(options, JIRA.secrets.model_validate({"user": "ada@example.com", "token": emulator.token}))
    facts = SiteFacts(url=options.url, zone="UTC", fields={}, own={}, wanted=wanted_facts(asked), asked_at=datetime.now(UTC))
    with opened(asked) as reader:
        batches = list(reader.pull("issues", ML, write_cursor(Cursor(since=None, listing=True, site=facts))))
    assert len(batches) == 3
    assert batches[-1].complete
    assert len({item.ref for item in items(batches)}) == 230
    assert {item.body for item in items(batches)} == {"See ML-1"}
    assert {item.status_category for item in items(batches)} == {"todo"}


def test_the_cloud_is_known_by_what_it_says(emulator: Any) -> None:
    options = JiraOptions(url=f"{emulator.base_url}/atlassian")
    with opened(context(options, JIRA.secrets.model_validate({"user": "ada@example.com", "token": emulator.token}))) as reader:
        (site, identity) = reader.check(ML)
    assert site.text.startswith("Jira Cloud at ")
    assert identity.level == "error"


def test_issues_of_github_are_listed_by_their_links(emulator: Any) -> None:
    options = GITHUB.options.model_validate({"url": f"{emulator.base_url}/github"})
    asked = context(options, GITHUB.secrets.model_validate({"token": emulator.token}))
    scope = GITHUB.scope.model_validate({"repositories": ["example/churn"]})
    with opened(asked, GITHUB) as reader:
        batches = list(reader.pull("issues", scope, None))
    assert batches[-1].complete
    assert len({item.ref for item in items(batches)}) == 230
