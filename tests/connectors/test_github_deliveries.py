"""GitHub's webhook deliveries: every example payload that GitHub publishes, signed, verified and read; and what is none."""

from __future__ import annotations

import gzip
import hmac
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.base import Delivery, Mention, Receiver, ReceiverContext, WebhookSecrets
from connectors.errors import BadRecord, BadSignature
from connectors.github import CONNECTION
from connectors.github.options import GithubOptions, GithubScope, GithubSecrets
from mappings.model import Ref
from sandbox.contract import contracts_folder

SECRET, FORMER = "the present secret", "the former secret"
GUID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
FORM = "application/x-www-form-urlencoded"
REPOSITORY = {"id": 7, "full_name": "example/churn", "default_branch": "main"}


def receiver(present: str | None = SECRET, former: str | None = FORMER) -> Receiver:
    secrets = WebhookSecrets.model_validate({"webhook_secret": present, "webhook_secret_previous": former})
    assert CONNECTION.receiver is not None
    return CONNECTION.receiver(ReceiverContext(name="github", options=GithubOptions.model_validate({}), secrets=secrets))


RECEIVER = receiver()


def headers(event: str, body: bytes, *, secret: str = SECRET, content_type: str = "application/json") -> dict[str, str]:
    return {
        "content-type": content_type,
        "x-github-event": event,
        "x-github-delivery": GUID,
        "x-hub-signature": "sha1=" + hmac.digest(secret.encode(), body, "sha1").hex(),
        "x-hub-signature-256": "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex(),
    }


def delivered(event: str, payload: Any) -> Delivery:
    body = json.dumps(payload).encode()
    return RECEIVER.verify(headers(event, body), body)


def mentioned(event: str, **payload: Any) -> list[tuple[str, str, str | None]]:
    mentions = RECEIVER.parse(delivered(event, {"repository": REPOSITORY, **payload}))
    assert all(mention.ref.source == "github" for mention in mentions)
    return [(mention.ref.kind, mention.ref.id, mention.container) for mention in mentions]


# -- GitHub's own payloads --------------------------------------------------------------------------------------------------------

NAMES: Mapping[str, Sequence[tuple[str, ...]]] = {
    "issues": [
        ("work_item", "repository.full_name", "repository.id", "issue.number"),
        ("work_item", "changes.new_repository.full_name", "changes.new_repository.id", "changes.new_issue.number"),
        ("work_item", "changes.old_repository.full_name", "changes.old_repository.id", "changes.old_issue.number"),
    ],
    "issue_comment": [("work_item", "repository.full_name", "repository.id", "issue.number")],
    "pull_request": [("change_request", "repository.full_name", "pull_request.base.repo.id", "pull_request.number")],
    "pull_request_review": [("change_request", "repository.full_name", "repository.id", "pull_request.number")],
    "pull_request_review_comment": [("change_request", "repository.full_name", "repository.id", "pull_request.number")],
    "pull_request_review_thread": [("change_request", "repository.full_name", "repository.id", "pull_request.number")],
    "milestone": [("milestone", "repository.full_name", "repository.id", "milestone.number")],
    "label": [("label", "repository.full_name", "repository.id", "label.id")],
    "repository": [("repository", "repository.full_name", "repository.id")],
    "repository_import": [("repository", "repository.full_name", "repository.id")],
    "public": [("repository", "repository.full_name", "repository.id")],
    "installation": [("repository", "repositories.full_name", "repositories.id")],
    "installation_repositories": [
        ("repository", "repositories_added.full_name", "repositories_added.id"),
        ("repository", "repositories_removed.full_name", "repositories_removed.id"),
    ],
}
"""Of each event that changes a fact: the kind, where its container is, and the paths that make up its id."""

CHANGE_NO_FACT = frozenset(
    [
        "branch_protection_rule",
        "check_run",
        "check_suite",
        "code_scanning_alert",
        "commit_comment",
        "dependabot_alert",
        "deploy_key",
        "deployment",
        "deployment_review",
        "deployment_status",
        "discussion",
        "discussion_comment",
        "fork",
        "github_app_authorization",
        "gollum",
        "marketplace_purchase",
        "member",
        "membership",
        "merge_group",
        "meta",
        "organization",
        "org_block",
        "package",
        "page_build",
        "ping",
        "project",
        "project_card",
        "project_column",
        "projects_v2_item",
        "release",
        "repository_dispatch",
        "repository_vulnerability_alert",
        "security_advisory",
        "sponsorship",
        "star",
        "status",
        "team",
        "team_add",
        "watch",
        "workflow_dispatch",
        "workflow_job",
        "workflow_run",
    ]
)


def examples() -> Iterator[tuple[str, dict[str, Any]]]:
    folder = contracts_folder()
    if folder is None:
        pytest.skip("the official contracts are not here: set MILEPOST_CONTRACTS to their folder")
    for event in json.loads(gzip.decompress((folder / "github-webhook-examples.json.gz").read_bytes())):
        for payload in event["examples"]:
            yield event["name"], payload


def at(document: Any, path: str) -> list[Any]:
    """What is at a path: one value, one of each element of a list, or none."""
    found = [document]
    for name in path.split("."):
        found = [one[name] for one in found if isinstance(one, dict) and one.get(name) is not None]
        found = [inner for one in found for inner in (one if isinstance(one, list) else [one])]
    return found


def expected(event: str, payload: dict[str, Any]) -> set[tuple[str, str, str | None]]:
    if event in CHANGE_NO_FACT:
        return set()
    repository = payload.get("repository", {})
    if event in ("create", "delete"):
        assert payload["ref_type"] == "tag"  # GitHub has no other example
        return set()
    if event == "push":
        on_default = payload["ref"] == f"refs/heads/{repository['default_branch']}"
        assert on_default or payload["ref"].startswith("refs/tags/")
        return {("default_branch", str(repository["id"]), repository["full_name"])} if on_default else set()
    if event == "label" and (payload["action"] == "created" or "name" not in payload.get("changes", {"name": None})):
        return set()
    found = set[tuple[str, str, str | None]]()
    for kind, container, *parts in NAMES[event]:
        is_pull = event == "issue_comment" and "pull_request" in payload["issue"]
        for name, *idents in zip(at(payload, container), *(at(payload, part) for part in parts), strict=True):
            found.add(("change_request" if is_pull else kind, "/".join(map(str, idents)), name))
    if payload.get("action") == "renamed" and event == "repository":
        (owner, _), before = repository["full_name"].split("/"), payload["changes"]["repository"]["name"]["from"]
        found.add(("repository", str(repository["id"]), f"{owner}/{before}"))
    if payload.get("action") == "transferred" and event == "repository":
        ((_, account),) = payload["changes"]["owner"]["from"].items()
        found.add(("repository", str(repository["id"]), f"{account['login']}/{repository['name']}"))
    return found


def test_every_payload_that_github_publishes_names_exactly_what_it_changes() -> None:
    seen, mentions = 0, 0
    for event, payload in examples():
        body = json.dumps(payload).encode()
        delivery = RECEIVER.verify(headers(event, body), body)
        assert (delivery.id, delivery.reply) == (GUID, None)
        assert delivery.event == (
            f"{event}.{payload['action']}" if "action" in payload and event != "repository_dispatch" else event
        )
        found = {(it.ref.kind, it.ref.id, it.container) for it in RECEIVER.parse(delivery) if it.ref.source == "github"}
        assert found == expected(event, payload), (event, payload.get("action"))
        seen, mentions = seen + 1, mentions + len(found)
    assert (seen, mentions > 100) == (329, True)


def test_a_payload_as_a_form_is_the_same_delivery() -> None:
    for event, payload in examples():
        body = json.dumps(payload, ensure_ascii=False).encode()
        form = b"payload=" + quote_plus(body).encode()
        as_form = RECEIVER.verify(headers(event, form, content_type=FORM), form)
        assert as_form == RECEIVER.verify(headers(event, body), body)


def test_what_is_kept_of_a_delivery_tells_of_nobody() -> None:
    """Names of accounts are kept only as the owners of repositories."""
    for event, payload in examples():
        kept = delivered(event, payload).body
        assert len(kept) < 1000
        for text in [
            *at(payload, "pusher.email"),
            *at(payload, "issue.body"),
            *at(payload, "comment.body"),
            *at(payload, "issue.title"),
        ]:
            assert not text or text.encode() not in kept


def test_what_is_mentioned_is_either_read_directly_or_relisted() -> None:
    """Every kind leads to a reading: by the look-ups, or by streams that there are."""
    kinds = {kind for event, payload in examples() for kind, _, _ in expected(event, payload)}
    assert kinds - {"work_item", "change_request", "commit", "milestone"} == set(CONNECTION.relisted)
    assert set().union(*CONNECTION.relisted.values()) <= set(CONNECTION.streams)


# -- events that have no example --------------------------------------------------------------------------------------------------

SHAS = [f"{number:040x}" for number in range(1, 31)]


def pushed(ref: str, shas: Sequence[str] = (), **more: Any) -> list[tuple[str, str, str | None]]:
    return mentioned("push", ref=ref, commits=[{"id": sha, "distinct": True} for sha in shas], **more)


def test_a_push_to_the_default_branch_has_its_commits_listed() -> None:
    branch = [("default_branch", "7", "example/churn")]
    assert pushed("refs/heads/main", SHAS) == branch
    assert pushed("refs/heads/main", forced=True, before=SHAS[0], after=SHAS[1]) == branch
    assert pushed("refs/heads/main", deleted=True) == branch
    assert mentioned("push", ref="refs/heads/any", repository={"id": 7, "full_name": "example/churn"}) == branch


def test_a_push_to_another_branch_names_its_new_commits_and_of_many_the_newest() -> None:
    assert pushed("refs/heads/topic", SHAS[:2]) == [("commit", f"7/{sha}", "example/churn") for sha in SHAS[:2]]
    assert pushed("refs/heads/topic", SHAS) == [("commit", f"7/{sha}", "example/churn") for sha in SHAS[-20:]]
    assert pushed("refs/heads/topic", deleted=True, after="0" * 40) == []
    assert pushed("refs/tags/main", SHAS) == []
    merged = [{"id": SHAS[0], "distinct": False}, {"id": SHAS[1], "distinct": True}]
    assert mentioned("push", ref="refs/heads/topic", commits=merged) == [("commit", f"7/{SHAS[1]}", "example/churn")]


def test_a_branch_matters_when_it_is_the_default_one() -> None:
    assert mentioned("create", ref="main", ref_type="branch") == [("default_branch", "7", "example/churn")]
    assert mentioned("delete", ref="main", ref_type="branch") == [("default_branch", "7", "example/churn")]
    assert mentioned("create", ref="topic", ref_type="branch") == []
    assert mentioned("create", ref="main", ref_type="tag") == []


def test_a_comment_belongs_to_what_it_was_written_on() -> None:
    pull = {"number": 3, "pull_request": {"url": "https://api.github.example.com/x"}}
    assert mentioned("issue_comment", action="created", issue=pull) == [("change_request", "7/3", "example/churn")]
    assert mentioned("issue_comment", action="created", issue={"number": 3}) == [("work_item", "7/3", "example/churn")]


def test_a_transferred_issue_is_named_in_both_places() -> None:
    other = {"id": 8, "full_name": "example/other"}
    here, there = ("work_item", "7/3", "example/churn"), ("work_item", "8/1", "example/other")
    went = {"new_issue": {"number": 1}, "new_repository": other}
    assert mentioned("issues", action="transferred", issue={"number": 3}, changes=went) == [here, there]
    came = {"old_issue": {"number": 1}, "old_repository": other}
    assert mentioned("issues", action="opened", issue={"number": 3}, changes=came) == [here, there]


def test_an_issue_that_got_another_parent_is_named() -> None:
    child, parent = {"number": 4}, {"number": 2}
    other = {"id": 8, "full_name": "example/other"}
    told_here = mentioned("sub_issues", action="parent_issue_added", sub_issue=child, parent_issue=parent, parent_issue_repo=other)
    assert told_here == [("work_item", "7/4", "example/churn")]
    told_there = mentioned("sub_issues", action="sub_issue_removed", sub_issue=child, parent_issue=parent, sub_issue_repo=other)
    assert told_there == [("work_item", "8/4", "example/other")]
    assert mentioned("sub_issues", action="sub_issue_added", parent_issue=parent) == []


@pytest.mark.parametrize("action", ["archived", "unarchived", "deleted", "privatized", "edited"])
def test_whatever_happens_to_a_repository_has_it_listed(action: str) -> None:
    assert mentioned("repository", action=action) == [("repository", "7", "example/churn")]


def test_an_installation_of_very_many_repositories_concerns_every_scope() -> None:
    many = [{"id": ident, "full_name": f"example/repo-{ident}"} for ident in range(1, 102)]
    assert mentioned("installation_repositories", repositories_added=many[:100]) == [
        ("repository", str(one["id"]), one["full_name"]) for one in many[:100]
    ]
    assert mentioned("installation_repositories", repositories_added=many) == [("repository", "1", None)]


def test_an_event_that_github_adds_one_day_is_taken_and_names_nothing() -> None:
    assert mentioned("brand_new_event", action="created", whatever=[1, {"x": None}]) == []


# -- which scopes it concerns -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("repositories", "exclude", "container", "concerned"),
    [
        (["example/churn"], [], "example/churn", True),
        (["example/churn"], [], "Example/Churn", True),
        (["example/churn*"], [], "example/churn-2", True),
        (["example/churn*"], ["example/churn-old"], "example/churn-old", False),
        (["example/churn"], [], "example/other", False),
        (["example/churn"], [], "else/churn", False),
        (["example/churn"], [], None, True),
    ],
)
def test_a_mention_concerns_the_scopes_that_mean_its_repository(
    repositories: list[str], exclude: list[str], container: str | None, concerned: bool
) -> None:
    scope = GithubScope.model_validate({"repositories": repositories, "exclude": exclude})
    mention = Mention(ref=Ref("github", "work_item", "7/1"), container=container)
    assert RECEIVER.concerns(mention, scope) is concerned


def test_what_an_event_is_about_is_named_with_the_time_of_its_change() -> None:
    """Of a comment on a pull request GitHub tells the time of the issue behind it."""
    told = datetime(2026, 3, 2, 12, 0, 5, tzinfo=UTC)
    said = {"number": 1, "updated_at": "2026-03-02T12:00:05Z"}
    payloads: list[tuple[str, dict[str, Any], datetime | None]] = [
        ("issues", {"action": "edited", "issue": said}, told),
        ("issue_comment", {"action": "created", "issue": said}, told),
        ("issue_comment", {"action": "created", "issue": {**said, "pull_request": {}}}, None),
        ("pull_request_review", {"action": "submitted", "pull_request": said}, told),
        ("milestone", {"action": "edited", "milestone": said}, told),
        ("sub_issues", {"action": "sub_issue_added", "sub_issue": said}, told),
        ("issues", {"action": "edited", "issue": {"number": 1, "updated_at": None}}, None),
    ]
    for event, payload, moment in payloads:
        (mention,) = RECEIVER.parse(delivered(event, {**payload, "repository": REPOSITORY}))
        assert mention.updated_at == moment


# -- what is no delivery ----------------------------------------------------------------------------------------------------------

BODY = json.dumps({"action": "opened", "issue": {"number": 1}, "repository": REPOSITORY}).encode()


@pytest.mark.parametrize("secret", [SECRET, FORMER])
def test_either_secret_proves_a_delivery(secret: str) -> None:
    assert RECEIVER.verify(headers("issues", BODY, secret=secret), BODY).event == "issues.opened"


def _without(sent: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in sent.items() if name != "x-hub-signature-256"}


def _with(change: Callable[[str], str]) -> Callable[[dict[str, str]], dict[str, str]]:
    return lambda sent: {**sent, "x-hub-signature-256": change(sent["x-hub-signature-256"])}


@pytest.mark.parametrize(
    "forged",
    [
        _without,
        _with(lambda _: ""),
        _with(lambda signature: signature[:-1]),
        _with(lambda signature: signature[:-2]),
        _with(lambda signature: signature.removeprefix("sha256=")),
        _with(lambda signature: "sha512=" + signature.removeprefix("sha256=")),
        _with(lambda _: "sha512=" + hmac.digest(SECRET.encode(), BODY, "sha512").hex()),
        _with(lambda _: "sha1=" + hmac.digest(SECRET.encode(), BODY, "sha1").hex()),
        _with(lambda _: "sha256=" + hmac.digest(b"another secret", BODY, "sha256").hex()),
        _with(lambda _: "sha256=" + hmac.digest(SECRET.encode(), BODY + b"\n", "sha256").hex()),
        _with(lambda _: "sha256=ÿ" + "0" * 63),
    ],
)
def test_a_delivery_that_is_not_properly_signed_is_refused(forged: Callable[[dict[str, str]], dict[str, str]]) -> None:
    with pytest.raises(BadSignature, match=r"X-Hub-Signature-256.*MILEPOST_GITHUB__WEBHOOK_SECRET") as refused:
        RECEIVER.verify(forged(headers("issues", BODY)), BODY)
    assert SECRET not in str(refused.value) and FORMER not in str(refused.value)


def test_a_form_may_hold_other_fields_and_must_hold_the_payload() -> None:
    form = b"mypayload=%7B&payload=" + quote_plus(BODY).encode() + b"&x=1"
    assert RECEIVER.verify(headers("issues", form, content_type=f"{FORM}; charset=utf-8"), form).event == "issues.opened"
    without = b"&" * 1_000_000 + b"mypayload=%7B"
    with pytest.raises(BadRecord, match="a form without payload"):
        RECEIVER.verify(headers("issues", without, content_type=FORM), without)


def test_without_a_secret_nothing_is_taken() -> None:
    with pytest.raises(BadSignature, match="set MILEPOST_GITHUB__WEBHOOK_SECRET"):
        receiver(None, None).verify(headers("issues", BODY, secret=""), BODY)


@pytest.mark.parametrize(
    "wrong",
    [
        {"x-github-delivery": ""},
        {"x-github-delivery": "a b"},
        {"x-github-delivery": "x" * 101},
        {"x-github-event": ""},
        {"x-github-event": "issues\n"},
        {"x-github-event": "Issues/../x"},
        {"content-type": FORM},
    ],
)
def test_what_is_signed_and_no_delivery_is_a_bad_record(wrong: dict[str, str]) -> None:
    with pytest.raises(BadRecord):
        RECEIVER.verify({**headers("issues", BODY), **wrong}, BODY)


def test_what_anybody_may_call_as_they_like_is_not_counted_by_that_name() -> None:
    assert delivered("repository_dispatch", {"action": "anything"}).event == "repository_dispatch"
    assert delivered("issues", {"action": "with spaces and " + "length" * 50}).event == "issues"


HOSTILE: Sequence[Any] = [None, True, 0, -1, 2**63, 10**400, 1e300, "", "\0", "1", "x" * 500, [], {}, [[]], [None], {"id": -1}]


_OF_CONSEQUENCE = {
    "action",
    "issue",
    "number",
    "repository",
    "id",
    "full_name",
    "default_branch",
    "changes",
    "new_issue",
    "new_repository",
    "name",
    "from",
    "owner",
    "login",
    "user",
    "pull_request",
    "ref",
    "ref_type",
    "commits",
    "distinct",
    "deleted",
    "milestone",
    "label",
    "repositories",
    "repositories_added",
    "repositories_removed",
    "organization",
}


def test_a_wrong_type_at_any_place_is_a_bad_record_or_changes_nothing_that_matters() -> None:
    """One payload of each event and action that changes a fact, with each value replaced by each of many others."""
    seen = set[tuple[str, Any]]()
    for event, payload in examples():
        if event in CHANGE_NO_FACT or (event, payload.get("action")) in seen:
            continue
        seen.add((event, payload.get("action")))
        short = _pruned(payload, 5)
        for path in _paths(short):
            for value in HOSTILE:
                _is_handled(event, json.dumps(_replaced(short, path, value)).encode())
    assert len(seen) > 30


def _pruned(document: Any, depth: int) -> Any:
    """What bears on the result; of a list, only the first element."""
    if isinstance(document, list):
        return [_pruned(one, depth) for one in document[:1]]
    if not isinstance(document, dict):
        return document
    return {name: _pruned(value, depth - 1) for name, value in document.items() if name in _OF_CONSEQUENCE and depth}


def _paths(document: Any) -> Iterator[tuple[str | int, ...]]:
    inner = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    for name, value in inner:
        yield (name,)
        yield from ((name, *rest) for rest in _paths(value))


def _replaced(document: Any, path: tuple[str | int, ...], value: Any) -> Any:
    if not path:
        return value
    changed = document.copy()
    changed[path[0]] = _replaced(document[path[0]], path[1:], value)
    return changed


def _is_handled(event: str, body: bytes) -> None:
    """A result whose refs are of the shapes that the look-ups know, or `BadRecord`."""
    try:
        for mention in RECEIVER.parse(RECEIVER.verify(headers(event, body), body)):
            parts = mention.ref.id.split("/")
            assert all(part.isascii() and part.isalnum() and len(part) <= 40 for part in parts)
            assert mention.container is None or mention.container.isprintable()
    except BadRecord as error:
        assert error.source == "github" and len(str(error)) < 300


_EVENTS = st.sampled_from(["issues", "push", "issue_comment", "repository", "installation_repositories", "label", "star"])
_BODIES = st.one_of(
    st.binary(max_size=300),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["action", "issue", "number", "repository", "id", "full_name", "ref", "commits"]), inner
            )
        ),
        max_leaves=12,
    ).map(lambda document: json.dumps(document).encode()),
)


@given(_EVENTS, _BODIES, st.sampled_from(["application/json", FORM, "", "text/plain; charset=\xff"]))
@settings(max_examples=150)
def test_no_body_causes_another_error(event: str, body: bytes, content_type: str) -> None:
    for sent in (body, urlencode({"payload": body}).encode()):
        try:
            RECEIVER.parse(RECEIVER.verify(headers(event, sent, content_type=content_type), sent))
        except BadRecord as error:
            assert error.source == "github"


@given(st.dictionaries(st.sampled_from(["x-hub-signature-256", "x-github-event", "x-github-delivery", "content-type"]), st.text()))
@settings(max_examples=100)
def test_no_header_causes_another_error(sent: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        RECEIVER.verify(sent, BODY)
    try:
        assert RECEIVER.verify({**headers("issues", BODY), **sent, "x-hub-signature-256": _signature(BODY)}, BODY).id
    except BadRecord as error:
        assert error.source == "github"


def _signature(body: bytes) -> str:
    return headers("issues", body)["x-hub-signature-256"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[" * 200_000,
        b'{"issue": ' * 200_000,
        b'{"issue": {"number": 1' + b"0" * 100_000 + b"}}",
        b'{"issue": {"number": 1e9999}}',
        b'{"action": "\x00"}',
        b'{"action": "op\\u0000ened"}',
        b'{"action": "\xff\xfe"}',
        b"payload=%7B",
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", FORM])
def test_hostile_bodies_are_bad_records(body: bytes, content_type: str) -> None:
    with pytest.raises(BadRecord):
        RECEIVER.parse(RECEIVER.verify(headers("issues", body, content_type=content_type), body))


def test_the_secrets_of_a_receiver_are_those_of_the_source() -> None:
    assert issubclass(GithubSecrets, WebhookSecrets)
    secrets = GithubSecrets.model_validate({"token": "t", "webhook_secret": SECRET, "webhook_secret_previous": FORMER})
    assert secrets.webhook_secrets() == [SECRET, FORMER]
