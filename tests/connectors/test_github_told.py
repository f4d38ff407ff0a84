"""From a change on GitHub to what is read again: sent by the stand-in, proven by the receiver, answered for by the reader."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.base import Mention, ReceiverContext, WebhookSecrets
from connectors.github import CONNECTION
from connectors.github.options import GithubOptions
from mappings.change import Reading
from mappings.model import Missing, Ref
from sandbox.github import GitHub
from tests.connectors.test_github_reader import open_reader
from tests.sandbox.inbox import Inbox, receiving

REPO = "example/churn"
SECRET = "the secret of the webhook"


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with receiving() as started:
        yield started


@pytest.fixture
def hub(inbox: Inbox) -> Iterator[GitHub]:
    with GitHub() as started:
        started.add_repository(REPO)
        started.add_repository("example/other")
        started.add_issue(REPO, "Model drifts")
        started.hook(inbox.url, SECRET)
        yield started


def told(hub: GitHub, inbox: Inbox) -> dict[str, list[Mention]]:
    """What is mentioned, by event, of all that came since it was last asked."""
    secrets = WebhookSecrets.model_validate({"webhook_secret": SECRET})
    assert CONNECTION.receiver is not None
    receiver = CONNECTION.receiver(ReceiverContext(name="github", options=GithubOptions.model_validate({}), secrets=secrets))
    hub.settle_deliveries()
    deliveries = [receiver.verify(headers, body) for headers, body in inbox.deliveries]
    inbox.deliveries.clear()
    found: dict[str, list[Mention]] = {}
    for delivery in deliveries:
        found.setdefault(delivery.event, []).extend(receiver.parse(delivery))
    return found


def answered(hub: GitHub, refs: set[Ref]) -> dict[Ref, bool]:
    """Whether each is there, as far as direct reads tell."""
    reader = open_reader(hub)
    try:
        answers = [answer for answer in reader.read(sorted(refs)) if not isinstance(answer, Reading)]
    finally:
        reader.close()
    return {answer.ref: not isinstance(answer, Missing) for answer in answers}


def test_whatever_happens_is_answered_for_or_listed_again(hub: GitHub, inbox: Inbox) -> None:
    hub.commit(REPO, "Load", branch="load")
    number = hub.open_pull(REPO, "Load", "load", body="Closes #1")
    hub.comment(REPO, number, "Looks good")
    hub.comment(REPO, 1, "Soon")
    hub.merge(REPO, number, "squash")
    hub.add_label(REPO, 1, "bug")
    hub.rename_label(REPO, "bug", "defect")
    hub.add_milestone(REPO, "Release 1")
    hub.archive(REPO)
    mentions = [mention for mentions in told(hub, inbox).values() for mention in mentions]
    refs = {mention.ref for mention in mentions}
    direct = {ref for ref in refs if ref.kind not in CONNECTION.relisted}
    assert {ref.kind for ref in direct} == {"work_item", "change_request", "commit", "milestone"}
    assert {ref.kind for ref in refs - direct} == {"default_branch", "repository", "label"}
    assert {mention.container for mention in mentions} == {REPO}
    assert answered(hub, direct) == dict.fromkeys(direct, True)


def test_what_was_deleted_is_missing(hub: GitHub, inbox: Inbox) -> None:
    number = hub.add_issue(REPO, "Mistake")
    hub.delete_issue(REPO, number)
    (mention,) = told(hub, inbox)["issues.deleted"]
    assert answered(hub, {mention.ref}) == {mention.ref: False}


def test_a_transferred_issue_is_missing_here_and_found_there(hub: GitHub, inbox: Inbox) -> None:
    hub.transfer_issue(REPO, 1, "example/other")
    here, there = told(hub, inbox)["issues.transferred"]
    assert (here.container, there.container) == (REPO, "example/other")
    assert answered(hub, {here.ref, there.ref}) == {here.ref: False, there.ref: True}


def test_an_event_of_no_interest_names_nothing(hub: GitHub, inbox: Inbox) -> None:
    assert told(hub, inbox) == {"ping": []}
