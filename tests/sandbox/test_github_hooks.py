"""The webhooks of the GitHub stand-in: what it tells a receiver, how that is signed, and how lost deliveries are sent again."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import httpx
import pytest
from jsonschema_rs import Draft202012Validator

from sandbox.contract import GITHUB, Contract, contracts_folder
from sandbox.github import GitHub
from sandbox.openapi import json_schema
from tests.sandbox.inbox import Inbox, event_of, receiving

REPO = "example/churn"
SECRET = "the secret of the webhook"


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with receiving() as started:
        yield started


@pytest.fixture
def hub() -> Iterator[GitHub]:
    with GitHub(role="admin") as started:
        started.add_repository(REPO)
        started.add_issue(REPO, "Was there before")
        yield started


def test_it_begins_with_a_ping_and_signs_what_it_sends(hub: GitHub, inbox: Inbox) -> None:
    hook = hub.hook(inbox.url, SECRET)
    hub.settle_deliveries()
    ((headers, body),) = inbox.deliveries
    assert headers["x-hub-signature-256"] == "sha256=" + hmac.digest(SECRET.encode(), body, "sha256").hex()
    assert (headers["x-github-event"], headers["x-github-hook-id"]) == ("ping", str(hook))
    assert headers["x-github-hook-installation-target-type"] == "organization"
    assert json.loads(body)["hook_id"] == hook
    (sent,) = hub.deliveries(hook)
    assert (sent.guid, sent.status, sent.status_code) == (headers["x-github-delivery"], "OK", 202)


def test_a_form_holds_the_payload_in_a_field(hub: GitHub, inbox: Inbox) -> None:
    hub.hook(inbox.url, SECRET, form=True)
    hub.settle_deliveries()
    ((headers, body),) = inbox.deliveries
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert "hook_id" in json.loads(parse_qs(body.decode())["payload"][0])
    assert headers["x-hub-signature-256"] == "sha256=" + hmac.digest(SECRET.encode(), body, "sha256").hex()


def plan(hub: GitHub) -> None:
    hub.add_milestone(REPO, "Release 1")
    hub.plan_for(REPO, 1, 1)


def release(hub: GitHub) -> None:
    hub.add_milestone(REPO, "Release 1")
    hub.close_milestone(REPO, 1)


def try_out(hub: GitHub) -> None:
    hub.commit(REPO, "Try", branch="x")
    hub.delete_branch(REPO, "x")


def merge(hub: GitHub) -> None:
    hub.commit(REPO, "Load", branch="load")
    number = hub.open_pull(REPO, "Load", "load", body="Closes #1")
    hub.commit(REPO, "Load more", branch="load")
    hub.merge(REPO, number, "squash")


Doing = Callable[[GitHub], object]
DOINGS: list[tuple[Doing, list[str]]] = [
    (lambda hub: hub.add_issue(REPO, "New"), ["issues.opened"]),
    (lambda hub: hub.edit_issue(REPO, 1, title="Other"), ["issues.edited"]),
    (lambda hub: hub.close_issue(REPO, 1), ["issues.closed"]),
    (lambda hub: hub.assign(REPO, 1, "ada"), ["issues.assigned"]),
    (lambda hub: hub.lock_issue(REPO, 1), ["issues.locked"]),
    (lambda hub: hub.delete_issue(REPO, 1), ["issues.deleted"]),
    (lambda hub: hub.comment(REPO, 1, "Why?"), ["issue_comment.created"]),
    (lambda hub: hub.add_label(REPO, 1, "bug"), ["label.created", "issues.labeled"]),
    (plan, ["milestone.created", "issues.milestoned"]),
    (release, ["milestone.created", "milestone.closed"]),
    (lambda hub: hub.commit(REPO, "News"), ["push"]),
    (lambda hub: hub.commit(REPO, "Try", branch="topic"), ["push", "create"]),
    (try_out, ["push", "create", "push", "delete"]),
    (
        merge,
        [
            *("push", "create", "pull_request.opened", "push", "pull_request.synchronize"),
            *("pull_request.closed", "push", "issues.closed"),
        ],
    ),
    (lambda hub: hub.rename(REPO, "churn-2"), ["repository.renamed"]),
    (lambda hub: hub.archive(REPO), ["repository.archived"]),
    (lambda hub: hub.delete_repository(REPO), ["repository.deleted"]),
    (lambda hub: hub.add_repository("example/other"), ["repository.created"]),
]


@pytest.mark.parametrize(("doing", "events"), DOINGS)
def test_what_people_do_is_told(hub: GitHub, inbox: Inbox, doing: Doing, events: list[str]) -> None:
    hub.hook(inbox.url, SECRET)
    doing(hub)
    hub.settle_deliveries()
    assert inbox.events() == events


def test_what_the_api_is_asked_for_is_told_as_well(hub: GitHub, inbox: Inbox) -> None:
    hub.hook(inbox.url, SECRET, of=REPO)
    with httpx.Client(base_url=f"{hub.url}/repos/{REPO}", headers={"Authorization": "Bearer sandbox-token"}) as http:
        http.post("labels", json={"name": "ml/drift-alert", "color": "b60205"})
        http.post("issues/1/labels", json=["ml/drift-alert"])
        http.delete("issues/1/labels/ml/drift-alert")
        http.patch("issues/1", json={"state": "closed"})
    hub.settle_deliveries()
    assert inbox.events() == ["label.created", "issues.labeled", "issues.unlabeled", "issues.closed"]
    assert inbox.payload("issues.labeled")["label"]["name"] == "ml/drift-alert"


def test_a_transferred_issue_is_told_in_both_places(hub: GitHub, inbox: Inbox) -> None:
    hub.add_repository("example/other")
    hub.hook(inbox.url, SECRET)
    number = hub.transfer_issue(REPO, 1, "example/other")
    hub.settle_deliveries()
    assert inbox.events()[-1] == "issues.transferred"
    told = inbox.payload("issues.transferred")
    assert (told["repository"]["full_name"], told["issue"]["number"]) == (REPO, 1)
    assert told["changes"]["new_repository"]["full_name"] == "example/other"
    assert told["changes"]["new_issue"]["number"] == number
    assert inbox.payload("issues.opened")["repository"]["full_name"] == "example/other"


def test_a_hook_is_told_of_its_own_place_and_events_alone(hub: GitHub, inbox: Inbox) -> None:
    hub.add_repository("example/other")
    hub.hook(inbox.url, SECRET, of="example/other", events=["issues"])
    hub.add_issue(REPO, "Elsewhere")
    hub.add_issue("example/other", "Here")
    hub.commit("example/other", "News")
    hub.settle_deliveries()
    assert inbox.events() == ["issues.opened"]
    assert inbox.payload("issues.opened")["issue"]["title"] == "Here"


def test_one_event_has_one_guid_for_all_hooks(hub: GitHub, inbox: Inbox) -> None:
    for place in (REPO, "example"):
        hub.hook(inbox.url, SECRET, of=place)
    hub.close_issue(REPO, 1)
    hub.settle_deliveries()
    guids = [headers["x-github-delivery"] for headers, _ in inbox.deliveries if headers["x-github-event"] == "issues"]
    assert len(guids) == 2 and len(set(guids)) == 1


def test_a_forced_push_says_so(hub: GitHub, inbox: Inbox) -> None:
    first = hub.commit(REPO, "One")
    hub.commit(REPO, "Two")
    hub.hook(inbox.url, SECRET)
    hub.force_push(REPO, "main", [first])
    hub.settle_deliveries()
    told = inbox.payload("push")
    assert (told["forced"], told["after"], told["commits"]) == (True, first, [])


# -- what did not arrive ----------------------------------------------------------------------------------------------------------


def test_a_failed_delivery_is_listed_and_sent_again_under_its_guid(hub: GitHub, inbox: Inbox) -> None:
    hook = hub.hook(inbox.url, SECRET, of=REPO)
    hub.settle_deliveries()
    inbox.status = 503
    hub.close_issue(REPO, 1)
    hub.settle_deliveries()
    inbox.status = 202
    with httpx.Client(base_url=f"{hub.url}/repos/{REPO}/hooks", headers={"Authorization": "Bearer sandbox-token"}) as http:
        failed, ping = http.get(f"{hook}/deliveries").json()
        assert (failed["event"], failed["action"], failed["status_code"]) == ("issues", "closed", 503)
        assert [it["id"] for it in http.get(f"{hook}/deliveries", params={"status": "failure"}).json()] == [failed["id"]]
        assert [it["id"] for it in http.get(f"{hook}/deliveries", params={"status": "success"}).json()] == [ping["id"]]
        assert http.post(f"{hook}/deliveries/{failed['id']}/attempts").status_code == 202
        hub.settle_deliveries()
        again = http.get(f"{hook}/deliveries").json()[0]
    assert (again["guid"], again["redelivery"], again["status_code"]) == (failed["guid"], True, 202)
    (headers, body), (headers_again, body_again) = inbox.deliveries[-2:]
    assert body_again == body
    assert headers_again["x-github-delivery"] == headers["x-github-delivery"]


def test_a_receiver_that_is_not_there_is_a_failed_delivery(hub: GitHub) -> None:
    hook = hub.hook("http://127.0.0.1:9/webhooks/github", SECRET)
    hub.settle_deliveries()
    assert [(sent.status, sent.status_code) for sent in hub.deliveries(hook)] == [("failed to connect to host", 502)]


def test_deliveries_are_paged_by_cursors(hub: GitHub, inbox: Inbox) -> None:
    hook = hub.hook(inbox.url, SECRET, of=REPO)
    for number in range(6):
        hub.edit_issue(REPO, 1, title=f"Title {number}")
    hub.settle_deliveries()
    seen: list[int] = []
    with httpx.Client(headers={"Authorization": "Bearer sandbox-token"}) as http:
        following: str | None = f"{hub.url}/repos/{REPO}/hooks/{hook}/deliveries?per_page=3"
        while following:
            page = http.get(following)
            seen += [row["id"] for row in page.json()]
            following = page.links.get("next", {}).get("url")
    assert seen == [sent.id for sent in reversed(hub.deliveries(hook))]
    assert len(seen) == 7


def test_hooks_are_for_who_administers_the_place(hub: GitHub, inbox: Inbox) -> None:
    hub.hook(inbox.url, SECRET, of=REPO)
    hub.hook(inbox.url, SECRET)
    hub.add_token("writer", login="writer", role="write", scopes=("repo", "admin:org_hook"))
    with httpx.Client(base_url=hub.url) as http:

        def asked(path: str, token: str) -> int:
            return http.get(path, headers={"Authorization": f"Bearer {token}"}).status_code

        assert (asked(f"/repos/{REPO}/hooks", "sandbox-token"), asked(f"/repos/{REPO}/hooks", "writer")) == (200, 404)
        assert (asked("/orgs/example/hooks", "sandbox-token"), asked("/orgs/example/hooks", "writer")) == (404, 200)


# -- GitHub's own description of its webhooks -------------------------------------------------------------------------------------


def test_the_payloads_are_as_github_describes_them(hub: GitHub, inbox: Inbox) -> None:
    folder = contracts_folder()
    if folder is None:
        pytest.skip("the official contracts are not here: set MILEPOST_CONTRACTS to their folder")
    document = Contract(folder / GITHUB).document
    hub.clock = lambda: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=1)
    hub.add_repository("example/other")
    hub.hook(inbox.url, SECRET)
    for doing, _ in DOINGS[:5] + DOINGS[6:-3]:
        doing(hub)
        hub.add_issue("example/churn", "Another")
    hub.settle_deliveries()
    checked: set[str] = set()
    for headers, body in inbox.deliveries:
        name = event_of(headers, body)
        described = document["x-webhooks"].get(name.replace(".", "-").replace("_", "-"))
        if described is None or name == "ping":
            continue
        schema = json_schema(document, described["post"]["requestBody"]["content"]["application/json"]["schema"], "response")
        found = [
            f"{name} {list(error.instance_path)}: {error.message[:200]}"
            for error in Draft202012Validator(schema).iter_errors(json.loads(body))
        ]
        assert found == []
        checked.add(name)
    assert len(checked) > 15
