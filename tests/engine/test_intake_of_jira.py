"""Jira's deliveries, taken in and followed. The office's own statuses depend on a ticket's labels alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from mappings.model import Ref
from sync.store import entities
from tests.engine.conftest import FIELD
from tests.engine.deliveries import deliver, due_streams, follow, take

if TYPE_CHECKING:
    from tests.engine.conftest import Office


@pytest.fixture
def site(office: Office) -> Office:
    """Jira alone, where the project has three tickets; the first is good."""
    office.without = {"github", "shelf"}
    office.projects = {"churn": {"scopes": {"jira": {"projects": ["ML"]}}}}
    office.top["publish"] = {"jira": {"field": FIELD}}
    office.ticket("good")
    office.ticket()
    office.ticket()
    office.sync(initial=True)
    assert office.field("ML-1") == "Good"
    return office


def event(site: Office, ref: Ref, key: str | None = "ML") -> None:
    """Jira tells of an issue; of one that was moved or deleted it does not prove where it is."""
    held = {"fields": {"project": {"key": key}}} if key is not None else {}
    body = {"webhookEvent": "jira:issue_updated", "issue": {"id": ref.id, **held}}
    deliver(site, msgspec.json.encode(body), source="jira", event="jira:issue_updated")


def members(site: Office) -> set[str]:
    source = site.workspace().sources["jira"]
    with site.database.read() as tx:
        return {one.key for one in entities.load(tx, source.keys(source.scopes[0])) if one.ref.kind == "work_item"}  # type: ignore[union-attr]


def missing(site: Office) -> set[Ref]:
    source = site.workspace().sources["jira"]
    with site.database.read() as tx:
        return set(entities.missing(tx, source.keys(source.scopes[0])))


def test_an_event_leads_to_a_status_and_our_own_write_to_nothing(site: Office) -> None:
    site.jira.edit("ML-2", labels=["bad"])
    event(site, site.ref("ML-2"))
    assert take(site, "jira").projects == ["churn"]
    follow(site)
    assert site.field("ML-2") == "Bad"
    event(site, site.ref("ML-2"))
    taken = take(site, "jira")
    assert (taken.done, taken.projects) == (1, [])


def test_what_a_person_does_to_our_field_is_news(site: Office) -> None:
    site.set_field("ML-1", None)
    event(site, site.ref("ML-1"))
    assert take(site, "jira").projects == ["churn"]
    follow(site)
    assert site.field("ML-1") == "Good"


def test_a_new_ticket_comes_into_the_scope(site: Office) -> None:
    key = site.ticket("bad")
    event(site, site.ref(key))
    take(site, "jira")
    follow(site)
    assert site.field(key) == "Bad"


def test_a_deleted_ticket_is_unknown_until_a_listing_proves_it(site: Office) -> None:
    ref = site.ref("ML-1")
    site.jira.delete("ML-1")
    event(site, ref)
    assert take(site, "jira").projects == ["churn"]
    assert missing(site) == {ref}
    site.list_all_each_time()
    site.pull()
    assert missing(site) == set()
    assert members(site) == {"ML-2", "ML-3"}


def test_a_ticket_that_was_moved_leaves_the_scope(site: Office) -> None:
    site.jira.add_project("OPS", "Operations")
    ref = site.ref("ML-1")
    site.jira.move("ML-1", "OPS")
    event(site, ref, None)
    assert take(site, "jira").projects == ["churn"]
    assert members(site) == {"ML-2", "ML-3"}
    assert missing(site) == set()


def test_a_ticket_of_another_project_is_not_taken_in(site: Office) -> None:
    site.jira.add_project("OPS", "Operations")
    key = site.jira.add_issue("OPS", "Elsewhere", labels=["bad"])
    event(site, site.ref(key), None)
    event(site, site.ref(key), "OPS")
    taken = take(site, "jira")
    assert (taken.done, taken.dropped, taken.projects) == (1, 1, [])
    assert members(site) == {"ML-1", "ML-2", "ML-3"}


def test_a_version_is_left_to_listings(site: Office) -> None:
    body = {"webhookEvent": "jira:version_released", "version": {"id": "10000"}}
    deliver(site, msgspec.json.encode(body), source="jira", event="jira:version_released")
    taken = take(site, "jira")
    assert (taken.done, taken.requests) == (1, 0)
    assert sorted(due_streams(site)) == ["issues", "versions"]
