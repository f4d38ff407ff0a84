"""The GitHub publisher against the stand-in: which labels it sets, and what it says where it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import SourceContext
from connectors.errors import AuthError, Cancelled, RateLimited, Unavailable
from connectors.github import CONNECTION
from connectors.github.options import GithubOptions, GithubPublish, GithubSecrets
from connectors.github.publisher import GithubPublisher
from mappings.change import Badge, Change, Owned, Slot, Value, Written
from mappings.model import Ref
from sandbox.faults import answers, html_page, loses_answer, resets
from sandbox.github import DEFAULT_TOKEN, GitHub, secondary_limit
from sandbox.server import Fault
from tests.connectors.clockless import Clockless

REPO = "example/churn"
READY, ALARM = "ml/model-ready", "ml/drift alert?"
OWNED = Owned(labels={READY: ("0e8a16", "The model is ready"), ALARM: ("d73a4a", "The data has drifted")})


class Budget:
    def __init__(self) -> None:
        self.seen: list[tuple[int | None, int | None]] = []

    def request(self, *, remaining: int | None = None, limit: int | None = None, resets_at: datetime | None = None) -> None:
        self.seen.append((remaining, limit))


def context_for(url: str, token: str = DEFAULT_TOKEN) -> SourceContext:
    return SourceContext(
        name="github",
        options=GithubOptions(url=url, write_pause=0),
        secrets=GithubSecrets.model_validate({"token": token}),
        owned=OWNED,
        meter=Budget(),
        stop=Clockless(),
    )


@pytest.fixture
def hub() -> Iterator[GitHub]:
    with GitHub() as started:
        started.add_repository(REPO)
        yield started
        assert not [entry for entry in started.requests if entry.unknown_query]


@pytest.fixture
def context(hub: GitHub) -> SourceContext:
    return context_for(hub.url)


@pytest.fixture
def publisher(context: SourceContext) -> Iterator[GithubPublisher]:
    opened = GithubPublisher(context)
    yield opened
    opened.close()


def slot_of(hub: GitHub, number: int, name: str = READY, kind: str = "work_item", repo: str = REPO) -> Slot:
    return Slot(Ref("github", kind, f"{hub.site.find(repo).id}/{number}"), "label", name)


def change(slot: Slot, after: Value = True) -> Change:
    return Change(
        id=str(slot),
        project="churn",
        slot=slot,
        action="add" if after else "remove",
        before=None if after else True,
        after=after,
        key=f"{REPO}#{slot.target.id.partition('/')[2]}",
        container=REPO,
    )


def only(written: Iterator[Written]) -> Written:
    (one,) = written
    return one


# -- what it does -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [READY, ALARM])
def test_a_label_is_made_put_on_and_taken_off(hub: GitHub, publisher: GithubPublisher, name: str) -> None:
    issue = hub.add_issue(REPO, "Churn model", labels=["bug", "ml/somebody-else-s"])
    slot = slot_of(hub, issue, name)
    assert publisher.read_slots([slot]) == {slot: None}
    assert only(publisher.write([change(slot)])).state == "done"
    label = hub.site.find(REPO).tracker.labels[name]
    assert (label.name, label.color, label.description) == (name, *OWNED.labels[name])
    assert hub.labels_of(REPO, issue) == ["bug", "ml/somebody-else-s", name]
    assert publisher.read_slots([slot]) == {slot: True}
    assert only(publisher.write([change(slot, None)])).state == "done"
    assert hub.labels_of(REPO, issue) == ["bug", "ml/somebody-else-s"]
    assert not [entry for entry in hub.writes if entry.method == "PUT"]


def test_writing_again_is_harmless(hub: GitHub, publisher: GithubPublisher) -> None:
    slot = slot_of(hub, hub.add_issue(REPO, "Churn model"))
    for after in (True, True, None, None):
        assert only(publisher.write([change(slot, after)])).state == "done"
    assert hub.labels_of(REPO, 1) == []


def test_pull_requests_have_labels_too(hub: GitHub, publisher: GithubPublisher) -> None:
    hub.commit(REPO, "Work", branch="work")
    slot = slot_of(hub, hub.open_pull(REPO, "Train", "work"), kind="change_request")
    assert only(publisher.write([change(slot)])).state == "done"
    assert publisher.read_slots([slot]) == {slot: True}


def test_a_label_that_a_person_defined_is_used_as_it_is(hub: GitHub, publisher: GithubPublisher) -> None:
    hub.define_label(REPO, "ML/Model-Ready", color="ffffff")
    before = hub.site.find(REPO).tracker.labels[READY].description
    slots = [slot_of(hub, hub.add_issue(REPO, f"Issue {n}")) for n in range(3)]
    assert [written.state for written in publisher.write([change(slot) for slot in slots])] == ["done"] * 3
    label = hub.site.find(REPO).tracker.labels[READY]
    assert (label.name, label.color, label.description) == ("ML/Model-Ready", "ffffff", before)
    assert before != OWNED.labels[READY][1]
    assert [(entry.method, entry.json()) for entry in hub.writes] == [("POST", ["ML/Model-Ready"])] * 3
    assert publisher.read_slots(slots) == dict.fromkeys(slots, True)
    assert only(publisher.write([change(slots[0], None)])).state == "done"
    assert hub.labels_of(REPO, 1) == []


def test_a_label_that_another_one_makes_meanwhile_is_success(hub: GitHub, publisher: GithubPublisher) -> None:
    hub.define_label(REPO, READY, color="ffffff")
    hub.faults.append(Fault(answers(404, {"message": "Not Found"}), method="GET", path="*/labels/*"))
    slot = slot_of(hub, hub.add_issue(REPO, "Churn model"))
    assert only(publisher.write([change(slot)])).state == "done"
    assert hub.site.find(REPO).tracker.labels[READY].color == "ffffff"
    assert not [entry for entry in hub.writes if entry.method == "PATCH"]


def test_slots_of_one_target_are_read_at_once(hub: GitHub, publisher: GithubPublisher) -> None:
    issue = hub.add_issue(REPO, "Churn model", labels=["ML/MODEL-READY"])
    slots = [slot_of(hub, issue, name) for name in (READY, ALARM)]
    assert publisher.read_slots(slots) == {slots[0]: True, slots[1]: None}
    assert len([entry for entry in hub.requests if "/issues/" in entry.path]) == 1


def test_slots_of_what_is_gone_are_absent(hub: GitHub, publisher: GithubPublisher) -> None:
    hub.add_repository("example/other")
    deleted, moved = hub.add_issue(REPO, "Deleted"), hub.add_issue(REPO, "Moved")
    hub.delete_issue(REPO, deleted)
    hub.transfer_issue(REPO, moved, "example/other")
    elsewhere = Slot(Ref("github", "work_item", "999999/1"), "label", READY)
    assert publisher.read_slots([slot_of(hub, deleted), slot_of(hub, moved), slot_of(hub, 99), elsewhere]) == {}


def test_a_renamed_repository_is_written_by_its_id(hub: GitHub, publisher: GithubPublisher) -> None:
    slot = slot_of(hub, hub.add_issue(REPO, "Churn model"))
    hub.rename(REPO, "churn-model")
    assert only(publisher.write([change(slot)])).state == "done"
    assert publisher.read_slots([slot]) == {slot: True}


def test_requests_and_what_is_left_are_reported(hub: GitHub, publisher: GithubPublisher, context: SourceContext) -> None:
    publisher.read_slots([slot_of(hub, hub.add_issue(REPO, "Churn model"))])
    assert isinstance(context.meter, Budget)
    assert context.meter.seen == [(4999, 5000), (4998, 5000)]


# -- what it cannot do ------------------------------------------------------------------------------------------------------------


def test_what_is_not_ours_is_not_written(hub: GitHub, publisher: GithubPublisher) -> None:
    issue = hub.add_issue(REPO, "Churn model", labels=["bug"])
    for name in ("bug", "ml/other"):
        assert only(publisher.write([change(slot_of(hub, issue, name), None)])).state == "failed"
    field = Slot(slot_of(hub, issue).target, "field", READY)
    assert only(publisher.write([change(field)])).state == "failed"
    assert hub.writes == []
    assert hub.labels_of(REPO, issue) == ["bug"]


def test_an_archived_repository_is_skipped(hub: GitHub, publisher: GithubPublisher) -> None:
    slot = slot_of(hub, hub.add_issue(REPO, "Churn model"))
    hub.archive(REPO)
    written = only(publisher.write([change(slot)]))
    assert written.state == "skipped"
    assert written.why is not None and "unarchive" in written.why


def test_a_locked_issue_that_refuses_is_skipped(hub: GitHub, publisher: GithubPublisher) -> None:
    slot = slot_of(hub, hub.add_issue(REPO, "Churn model"))
    refused = answers(403, {"message": "Unable to add label because issue is locked."})
    hub.faults.append(Fault(refused, method="POST", path="*/issues/*/labels"))
    written = only(publisher.write([change(slot)]))
    assert written.state == "skipped"
    assert written.why is not None and "unlock" in written.why


def test_what_is_gone_is_skipped_and_the_rest_written(hub: GitHub, publisher: GithubPublisher) -> None:
    gone, here = hub.add_issue(REPO, "Gone"), hub.add_issue(REPO, "Here", labels=[READY])
    hub.delete_issue(REPO, gone)
    slots = [slot_of(hub, gone), slot_of(hub, here)]
    elsewhere = Slot(Ref("github", "work_item", "999999/1"), "label", READY)
    states = [written.state for written in publisher.write([*(change(slot, None) for slot in slots), change(elsewhere)])]
    assert states == ["skipped", "done", "skipped"]


@pytest.mark.parametrize("role", ["read", "triage"])
def test_missing_rights_fail_and_say_whom_to_ask(hub: GitHub, role: str) -> None:
    hub.add_token("weak", login="ada-example")
    hub.grant("ada-example", REPO, "read" if role == "read" else "triage")
    slot = slot_of(hub, hub.add_issue(REPO, "Churn model"))
    publisher = GithubPublisher(context_for(hub.url, "weak"))
    written = only(publisher.write([change(slot)]))
    publisher.close()
    assert written.state == "failed"
    assert written.why is not None and "administrator" in written.why
    assert hub.writes == []


def test_a_refused_label_fails_alone(hub: GitHub, publisher: GithubPublisher) -> None:
    full = hub.add_issue(REPO, "Full", labels=[f"label {n}" for n in range(100)])
    slots = [slot_of(hub, full), slot_of(hub, hub.add_issue(REPO, "Other"))]
    assert [written.state for written in publisher.write([change(slot) for slot in slots])] == ["failed", "done"]


# -- trouble on the way -----------------------------------------------------------------------------------------------------------


def test_a_lost_answer_is_looked_for_and_not_written_again(hub: GitHub, publisher: GithubPublisher) -> None:
    slot = slot_of(hub, hub.add_issue(REPO, "Churn model"))
    hub.faults += [
        Fault(loses_answer(), method="POST", path="*/labels"),
        Fault(loses_answer(), method="POST", path="*/issues/*/labels"),
    ]
    assert only(publisher.write([change(slot)])).state == "done"
    assert hub.labels_of(REPO, 1) == [READY]
    assert len(hub.writes) == 2
    hub.faults.append(Fault(loses_answer(), method="DELETE"))
    assert only(publisher.write([change(slot, None)])).state == "done"
    assert len(hub.writes) == 3


def test_a_write_that_did_not_arrive_is_made(hub: GitHub, publisher: GithubPublisher) -> None:
    slot = slot_of(hub, hub.add_issue(REPO, "Churn model"))
    hub.faults += [Fault(resets(), method="POST", path="*/issues/*/labels"), Fault(html_page(502), method="GET", path="*/issues/*")]
    assert only(publisher.write([change(slot)])).state == "done"
    assert hub.labels_of(REPO, 1) == [READY]


def test_lasting_trouble_is_unavailable(hub: GitHub, publisher: GithubPublisher) -> None:
    slot = slot_of(hub, hub.add_issue(REPO, "Churn model"))
    hub.faults.append(Fault(html_page(502), times=100))
    with pytest.raises(Unavailable):
        only(publisher.write([change(slot)]))


def test_a_short_limit_is_waited_for(hub: GitHub, publisher: GithubPublisher, context: SourceContext) -> None:
    slot = slot_of(hub, hub.add_issue(REPO, "Churn model"))
    hub.faults.append(Fault(secondary_limit(30), method="POST", path="*/issues/*/labels"))
    assert only(publisher.write([change(slot)])).state == "done"
    assert isinstance(context.stop, Clockless)
    assert [round(wait) for wait in context.stop.waits] == [30]


def test_a_long_limit_is_told(hub: GitHub, publisher: GithubPublisher) -> None:
    slot = slot_of(hub, hub.add_issue(REPO, "Churn model"))
    hub.faults.append(Fault(secondary_limit(3600, status=429)))
    with pytest.raises(RateLimited) as limited:
        publisher.read_slots([slot])
    assert limited.value.until > datetime.now(UTC) + timedelta(minutes=55)


def test_a_set_stop_event_ends_it(hub: GitHub, publisher: GithubPublisher, context: SourceContext) -> None:
    slot = slot_of(hub, hub.add_issue(REPO, "Churn model"))
    context.stop.set()
    with pytest.raises(Cancelled):
        only(publisher.write([change(slot)]))
    assert hub.requests == []


def test_a_wrong_token_is_an_error_that_does_not_show_it(hub: GitHub) -> None:
    secret = "ghp_do_not_show_this_0123456789"
    publisher = GithubPublisher(context_for(hub.url, secret))
    with pytest.raises(AuthError) as refused:
        publisher.read_slots([slot_of(hub, 1)])
    publisher.close()
    error: BaseException | None = refused.value
    while error is not None:
        assert secret not in str(error) + repr(error)
        error = error.__cause__ or error.__context__


# -- options ----------------------------------------------------------------------------------------------------------------------


def badge(**changes: str) -> Badge:
    return Badge(**{"id": "ready", "title": "Ready", "label": "ready", "color": "0E8A16", "description": "Ready", **changes})


def test_the_labels_of_the_statuses_are_ours() -> None:
    owned = GithubPublish(prefix="ml/").owned([badge(), badge(id="drift", label="drift")])
    assert owned.labels == {"ml/ready": ("0e8a16", "Ready"), "ml/drift": ("0e8a16", "Ready")}


@pytest.mark.parametrize(
    "wrong",
    [{"label": "x" * 48}, {"description": "x" * 101}, {"color": "red"}, {"label": "a,b"}, {"label": " "}, {"label": "a\nb"}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_labels_that_github_would_refuse_are_named(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="status ready: "):
        GithubPublish(prefix="ml/").owned([badge(**wrong)])


def test_labels_that_differ_in_case_alone_are_one() -> None:
    with pytest.raises(ValueError, match="no case"):
        GithubPublish().owned([badge(), badge(id="other", label="READY")])


@pytest.mark.parametrize(
    "url", ["https://github.com", "ftp://x", "https://u:p@api.example.com", "api.github.com", "https://x/?q=1"]
)
def test_addresses_that_are_no_api_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        GithubOptions(url=url)


@pytest.mark.parametrize("pattern", ["example", "exa*/churn", "a/b/c", "/x", "example/..", "example/a b"])
def test_patterns_that_name_no_repository_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="repositories"):
        CONNECTION.scope.model_validate({"repositories": [pattern]})


def test_an_app_s_credentials_belong_together() -> None:
    with pytest.raises(ValueError, match="alone"):
        GithubSecrets.model_validate({"app_id": "1"})
