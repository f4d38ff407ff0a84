"""Jira's deliveries: which are proven, by which id they are known, and what they name.

The payloads are those that Atlassian shows, and what sites were seen to send, with fictional contents.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Mention, ReceiverContext, WebhookSecrets
from connectors.errors import BadRecord, BadSignature
from connectors.jira.options import JiraOptions, JiraScope
from connectors.jira.receiver import JiraReceiver
from mappings.model import Ref
from tests.mappings.damage import damaged

NEW, OLD = "the-new-example-secret", "jira:the-old-example-password"
API = "https://jira.example.com/rest/api/2"
USER = {"self": f"{API}/user?username=grace", "name": "grace", "key": "grace", "displayName": "Grace Sample", "active": "true"}
MOMENT: dict[str, Any] = {"timestamp": 1525698237764}
PROJECT = {"self": f"{API}/project/10105", "id": "10105", "key": "CHURN", "name": "Churn prediction"}


def an_issue(**fields: Any) -> dict[str, Any]:
    shown = {"summary": "Train the model", "labels": ["model"], "priority": "Minor", "project": PROJECT, **fields}
    return {"id": "99291", "self": f"{API}/issue/99291", "key": "CHURN-7", "fields": shown}


def changed(*items: dict[str, Any]) -> dict[str, Any]:
    return {"id": 10124, "items": list(items)}


def item(field: str, before: str | None, after: str | None) -> dict[str, Any]:
    return {"field": field, "fieldtype": "jira", "from": None, "fromString": before, "to": None, "toString": after}


UPDATED = {
    "id": 2,
    **MOMENT,
    "webhookEvent": "jira:issue_updated",
    "issue_event_type_name": "issue_generic",
    "issue": an_issue(),
    "user": USER,
    "changelog": changed(item("summary", "Train", "Train the model"), item("issuetype", "Bug", "Task")),
    "comment": {"self": f"{API}/issue/99291/comment/252789", "id": "252789", "author": USER, "body": "Done"},
}
MOVED = UPDATED | {
    "issue_event_type_name": "issue_moved",
    "changelog": changed(item("project", "Something else", "Churn prediction"), item("Key", "OTHER-2", "CHURN-7")),
}
LINKED = {
    **MOMENT,
    "webhookEvent": "issuelink_created",
    "issueLink": {
        "id": 10699,
        "sourceIssueId": 11442,
        "destinationIssueId": 11961,
        "issueLinkType": {"id": 10000, "name": "Blocks", "outwardName": "blocks", "inwardName": "is blocked by"},
        "systemLink": False,
    },
}
VERSION = {"self": f"{API}/version/65456", "id": "65456", "name": "2026.4", "archived": False, "released": True, "projectId": 10105}
RELEASED = {**MOMENT, "webhookEvent": "jira:version_released", "version": VERSION}
MERGED = {**MOMENT, "webhookEvent": "jira:version_deleted", "version": VERSION, "mergedTo": VERSION | {"id": "99991"}}
A_PROJECT = {
    **MOMENT,
    "webhookEvent": "project_soft_deleted",
    "project": {"self": f"{API}/project/10105", "id": 10105, "key": "CHURN", "name": "Churn prediction", "projectLead": USER},
}
PROPERTY = {
    **MOMENT,
    "webhookEvent": "issue_property_set",
    "issue": {"id": "99291", "key": "CHURN-7"},
    "property": {"key": "milepost.status", "value": {"statuses": []}},
}
SHAPES: list[dict[str, Any]] = [UPDATED, MOVED, LINKED, RELEASED, MERGED, A_PROJECT, PROPERTY]

ISSUE = (Ref("jira", "work_item", "99291"), "CHURN")
ANYWHERE = (ISSUE[0], None)
WHOLE_PROJECT = (Ref("jira", "project", "10105"), "CHURN")
RELEASE = (Ref("jira", "version", "65456"), None)


def receiver(
    present: str | None = NEW, previous: str | None = OLD, *, url: str = "https://jira.example.com", deployment: str | None = None
) -> JiraReceiver:
    secrets = WebhookSecrets.model_validate({"webhook_secret": present, "webhook_secret_previous": previous})
    options = JiraOptions.model_validate({"url": url, "deployment": deployment})
    return JiraReceiver(ReceiverContext(name="jira", options=options, secrets=secrets))


def encoded(payload: Any) -> bytes:
    return json.dumps(payload).encode()


def signed(body: bytes, secret: str = NEW, method: str = "sha256") -> dict[str, str]:
    return {"x-hub-signature": f"{method}={hmac.new(secret.encode(), body, method).hexdigest()}"}


def basic(credentials: str, scheme: str = "Basic") -> dict[str, str]:
    return {"authorization": f"{scheme} {base64.b64encode(credentials.encode()).decode()}"}


def parsed(payload: Any) -> Sequence[Mention]:
    body = encoded(payload)
    return receiver().parse(receiver().verify(signed(body), body))


BODY = encoded(UPDATED)


@pytest.mark.parametrize("deployment", ["cloud", "data-center", None])
@pytest.mark.parametrize("secret", [NEW, OLD])
@pytest.mark.parametrize("method", ["sha256", "sha384", "sha512"])
def test_a_signature_by_either_secret_is_proof(deployment: str | None, secret: str, method: str) -> None:
    delivery = receiver(deployment=deployment).verify(signed(BODY, secret, method), BODY)
    assert delivery.event == "jira:issue_updated"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(BODY, "another"),
        signed(BODY + b" "),
        signed(BODY, method="sha1"),
        signed(BODY, method="md5"),
        {"x-hub-signature": signed(BODY)["x-hub-signature"].replace("sha256", "sha3_256")},
        {"x-hub-signature": signed(BODY)["x-hub-signature"].removeprefix("sha256=")},
        {"x-hub-signature": ""},
        {"x-hub-signature-256": signed(BODY)["x-hub-signature"]},
        {"authorization": f"Bearer {NEW}"},
        basic("jira:another"),
        basic(OLD) | signed(BODY, "another"),
        {"authorization": "Basic"},
        {"authorization": "Basic ***"},
        {"authorization": "Basic ÿÿ"},
    ],
)
def test_nothing_else_is_proof(headers: dict[str, str]) -> None:
    with pytest.raises(BadSignature) as refused:
        receiver(deployment="data-center").verify(headers, BODY)
    assert NEW not in str(refused.value)
    assert OLD not in str(refused.value)


def test_of_a_delivery_no_more_is_kept_than_what_is_looked_at() -> None:
    kept = receiver().verify(signed(BODY), BODY).body
    assert json.loads(kept) == {
        "issue": {"id": "99291", "key": "CHURN-7", "fields": {"project": {"key": "CHURN"}}},
        "changelog": {"items": [{"field": "summary"}, {"field": "issuetype"}]},
    }
    comment = encoded({**MOMENT, "webhookEvent": "comment_created", "comment": {"id": "1", "author": USER, "body": "Done"}})
    assert receiver().verify(signed(comment), comment).body == b""
    senseless = encoded(UPDATED | {"issue": None})
    assert receiver().verify(signed(senseless), senseless).body == senseless


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
@pytest.mark.parametrize("deployment", ["data-center", None])
def test_a_data_center_may_sign_in_instead(scheme: str, deployment: str | None) -> None:
    receiving = receiver(deployment=deployment)
    assert receiving.verify(basic(OLD, scheme), BODY).event == "jira:issue_updated"
    unusual = "jürgen:pass:wörd"
    assert receiver(unusual, None).verify(basic(unusual), BODY).event == "jira:issue_updated"


@pytest.mark.parametrize(("url", "deployment"), [("https://example.atlassian.net", None), ("https://jira.example.com", "cloud")])
def test_the_cloud_may_not(url: str, deployment: str | None) -> None:
    with pytest.raises(BadSignature, match="X-Hub-Signature"):
        receiver(url=url, deployment=deployment).verify(basic(OLD), BODY)


def test_without_a_secret_nothing_is_proven() -> None:
    for headers in (signed(BODY, ""), basic("")):
        with pytest.raises(BadSignature, match="MILEPOST_JIRA__WEBHOOK_SECRET"):
            receiver(None, None).verify(headers | {"x-hub-signature": "sha256=00"}, BODY)


@pytest.mark.parametrize("ident", ["c9d4-1", "0f4f2dd7-93a4-4a5c-a5b2-0d2a1f4fd6be"])
def test_a_delivery_is_known_by_its_identifier(ident: str) -> None:
    headers = signed(BODY) | {"x-atlassian-webhook-identifier": ident, "x-atlassian-webhook-flow": "Primary"}
    assert receiver().verify(headers, BODY).id == ident
    assert receiver().verify(headers | {"x-atlassian-webhook-retry": "2"}, BODY).id == ident


@pytest.mark.parametrize("ident", [None, "", "a b", "é", "x" * 201, "a\n"])
def test_without_a_usable_one_it_is_known_by_its_content(ident: str | None) -> None:
    headers = signed(BODY) | ({} if ident is None else {"x-atlassian-webhook-identifier": ident})
    other = encoded(UPDATED | {"timestamp": MOMENT["timestamp"] + 1})
    assert receiver().verify(headers, BODY).id == f"sha256:{hashlib.sha256(BODY).hexdigest()}"
    assert receiver().verify(headers | signed(other), other).id != receiver().verify(headers, BODY).id


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        (UPDATED, [ISSUE]),
        (UPDATED | {"webhookEvent": "jira:issue_created"}, [ISSUE]),
        (UPDATED | {"webhookEvent": "jira:issue_deleted", "changelog": None}, [ISSUE]),
        (UPDATED | {"issue": an_issue(project={"id": "10105"})}, [ISSUE]),
        (UPDATED | {"issue": {"id": 99291, "key": "CHURN-7"}}, [ISSUE]),
        (UPDATED | {"issue": {"id": "99291"}}, [ANYWHERE]),
        (MOVED, [ANYWHERE]),
        (UPDATED | {"changelog": changed(item("Key", "OTHER-2", "CHURN-7"))}, [ANYWHERE]),
        (LINKED, [(Ref("jira", "work_item", "11442"), None), (Ref("jira", "work_item", "11961"), None)]),
        (LINKED | {"webhookEvent": "issuelink_deleted"}, [(Ref("jira", "work_item", i), None) for i in ("11442", "11961")]),
        (RELEASED, [RELEASE]),
        (MERGED, [RELEASE]),
        (RELEASED | {"webhookEvent": "jira:version_moved"}, []),
        (A_PROJECT, [WHOLE_PROJECT]),
        (A_PROJECT | {"webhookEvent": "project_archived"}, [WHOLE_PROJECT]),
        (A_PROJECT | {"webhookEvent": "project_updated"}, [(WHOLE_PROJECT[0], None)]),
        (PROPERTY, [ISSUE]),
        (PROPERTY | {"webhookEvent": "issue_property_deleted"}, [ISSUE]),
        (PROPERTY | {"property": {"key": "another.app"}}, []),
        (PROPERTY | {"property": None}, [ISSUE]),
        (PROPERTY | {"issue": None}, []),
    ],
)
def test_what_an_event_names(payload: dict[str, Any], named: list[tuple[Ref, str | None]]) -> None:
    assert [(mention.ref, mention.container) for mention in parsed(payload)] == named


@pytest.mark.parametrize(
    "event",
    [
        *("comment_created", "comment_updated", "comment_deleted"),
        *("worklog_created", "worklog_updated", "worklog_deleted", "jira:worklog_updated"),
        *("attachment_created", "attachment_deleted"),
        *("board_created", "board_configuration_changed", "sprint_started", "sprint_closed"),
        *("user_created", "user_updated", "user_deleted", "filter_updated"),
        *("issuetype_updated", "option_issuelinks_changed", "jira_expression_evaluation_failed", "app.of-its.own:event"),
    ],
)
def test_what_changes_no_fact_names_nothing(event: str) -> None:
    assert parsed({**MOMENT, "webhookEvent": event, "issue": "whatever", "version": 3}) == []


@pytest.mark.parametrize(
    ("container", "scope", "concerned"),
    [
        ("CHURN", JiraScope(projects=("CHURN", "OTHER")), True),
        ("churn", JiraScope(projects=("Churn",)), True),
        ("CHURNED", JiraScope(projects=("CHURN",)), False),
        (None, JiraScope(projects=("CHURN",)), True),
        ("CHURN", JiraScope(jql="component = Model"), True),
    ],
)
def test_a_scope_is_concerned_unless_the_project_tells(container: str | None, scope: JiraScope, concerned: bool) -> None:
    assert receiver().concerns(Mention(ref=ISSUE[0], container=container), scope) is concerned


@pytest.mark.parametrize(
    ("updated", "told"),
    [
        ("2026-03-02T13:00:05.123+0100", datetime(2026, 3, 2, 12, 0, 5, 123_000, tzinfo=UTC)),
        ("2026-03-02T12:00:05Z", datetime(2026, 3, 2, 12, 0, 5, tzinfo=UTC)),
        ("2026-03-02T12:00:05", None),
        ("0001-01-01T00:00:00+2300", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_an_issue_is_named_with_the_time_of_its_change(updated: str | None, told: datetime | None) -> None:
    """Whatever is no time is passed over: what is named is read all the same."""
    (mention,) = parsed(UPDATED | {"issue": an_issue(updated=updated)})
    assert (mention.ref, mention.updated_at) == (ISSUE[0], told)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"webhookEvent": ""}',
        b'{"webhookEvent": "jira:issue_updated\\n"}',
        b'{"webhookEvent": "jira:issue_\\u0000"}',
        b'{"webhookEvent": "jira:issue_updated"}',
        b'{"webhookEvent": "jira:issue_updated", "issue": {"id": "CHURN-7"}}',
        b'{"webhookEvent": "jira:issue_updated", "issue": {"id": -7}}',
        pytest.param(b'{"webhookEvent": "jira:issue_updated", "issue": {"id": ' + b"9" * 5000 + b"}}", id="a huge number"),
        b'{"webhookEvent": "jira:issue_updated", "issue": {"id": 1e400}}',
        '{"webhookEvent": "jira:issue_updated", "issue": {"id": "१२३"}}'.encode(),
        b'{"webhookEvent": "jira:issue_updated", "issue": {"id": "7", "key": "CHU\\u0000RN-7"}}',
        b'{"webhookEvent": "issuelink_created", "issueLink": {"sourceIssueId": 1}}',
        b'{"webhookEvent": "project_updated", "project": []}',
        b"\xff" + BODY,
        pytest.param(b'{"webhookEvent": "jira:issue_updated", "issue": ' + b'{"fields":' * 100_000, id="deeply nested"),
    ],
)
def test_what_is_proven_and_makes_no_sense_is_told(body: bytes) -> None:
    with pytest.raises(BadRecord):
        receiver().parse(receiver().verify(signed(body), body))


@given(damaged(st.sampled_from(SHAPES)))
def test_a_damaged_delivery_is_told_or_names_what_can_be_named(payload: Any) -> None:
    try:
        mentions = parsed(payload)
    except BadRecord:
        return
    for mention in mentions:
        assert mention.ref.kind in {"work_item", "project", "version"}
        assert mention.ref.id.isascii()
        assert mention.ref.id.isdecimal()
        assert "\x00" not in (mention.container or "")


@given(
    st.dictionaries(st.sampled_from(["x-hub-signature", "authorization", "x-atlassian-webhook-identifier"]), st.text()), st.binary()
)
def test_whatever_comes_without_a_proof_is_refused(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(BadSignature):
        receiver().verify(headers, body)
