"""The stand-ins of Jira send webhooks, and our receiver takes them: what happens on a site is named, signed or signed in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest

from connectors.base import Delivery, Mention, Receiver, ReceiverContext
from connectors.errors import BadSignature
from connectors.jira import CONNECTION
from connectors.jira.options import JiraOptions, JiraSecrets
from sandbox.jira import JiraCloud, JiraDataCenter
from sandbox.server import Reply, Request, Route, StandIn

SECRET = "example-webhook-secret"
USER, PASSWORD = "jira", "example:password"
PATH = "/webhooks/jira"


class Listener(StandIn):
    """Keeps what comes, and the credentials with it; `answers` are given first, then 202."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[int] = []
        self.came: list[tuple[dict[str, str], bytes]] = []

    @property
    def address(self) -> str:
        return self.url + PATH

    def routes(self) -> Sequence[Route]:
        return [Route("POST", PATH, self._take, writes=False)]

    def _take(self, request: Request) -> Reply:
        self.came.append((dict(request.headers), request.body))
        return Reply(self.answers.pop(0) if self.answers else 202)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as listening:
        yield listening


@pytest.fixture
def cloud() -> Iterator[JiraCloud]:
    with JiraCloud() as site:
        yield site


@pytest.fixture
def data_center() -> Iterator[JiraDataCenter]:
    with JiraDataCenter(context_path="/jira") as site:
        yield site


def receiver(deployment: str, secret: str = SECRET) -> Receiver:
    options = JiraOptions.model_validate({"url": "https://jira.example.com", "deployment": deployment})
    secrets = JiraSecrets.model_validate({"token": "example-token", "webhook_secret": secret})
    assert CONNECTION.receiver is not None
    return CONNECTION.receiver(ReceiverContext(name="jira", options=options, secrets=secrets))


def taken(listener: Listener, receiving: Receiver) -> list[tuple[Delivery, Sequence[Mention]]]:
    deliveries = [receiving.verify(headers, body) for headers, body in listener.came]
    return [(delivery, receiving.parse(delivery)) for delivery in deliveries]


def named(listener: Listener, receiving: Receiver) -> list[tuple[str, list[tuple[str, str, str | None]]]]:
    return [
        (delivery.event, [(mention.ref.kind, mention.ref.id, mention.container) for mention in mentions])
        for delivery, mentions in taken(listener, receiving)
    ]


def play(site: JiraCloud | JiraDataCenter) -> dict[str, str]:
    """Something of everything. The ids of what is there, by what the tests call it."""
    site.add_project("CHURN", "Churn prediction")
    site.add_project("OTHER", "Something else")
    release = site.add_version("CHURN", "2026.4")
    first = site.add_issue("CHURN", "Train the model")
    second = site.add_issue("OTHER", "Clean the data")
    ids = {"first": site.get(first)["id"], "second": site.get(second)["id"], "release": release}
    site.edit(first, labels=["model"])
    site.transition(first, "Done")
    site.comment(first, "Looks good")
    link = site.link(second, "Blocks", first)
    site.set_property(first, "milepost.status", {"statuses": []})
    site.set_property(first, "another.app", {"seen": True})
    site.unlink(link)
    site.change_version(release, released=True)
    site.move(first, "OTHER")
    site.change_project("CHURN", archived=True)
    site.delete(second)
    return ids | {name: str(site.project(key).id) for name, key in (("churn", "CHURN"), ("other", "OTHER"))}  # type: ignore[union-attr]


def expected(ids: dict[str, str], commented: list[Any]) -> list[tuple[str, list[tuple[str, str, str | None]]]]:
    first, second = ("work_item", ids["first"], "CHURN"), ("work_item", ids["second"], "OTHER")
    both = [("work_item", ids["second"], None), ("work_item", ids["first"], None)]
    return [
        ("project_created", [("project", ids["churn"], "CHURN")]),
        ("project_created", [("project", ids["other"], "OTHER")]),
        ("jira:version_created", [("version", ids["release"], None)]),
        ("jira:issue_created", [first]),
        ("jira:issue_created", [second]),
        ("jira:issue_updated", [first]),
        ("jira:issue_updated", [first]),
        ("comment_created", []),
        *commented,
        ("issuelink_created", both),
        ("issue_property_set", [first]),
        ("issue_property_set", []),
        ("issuelink_deleted", both),
        ("jira:version_released", [("version", ids["release"], None)]),
        ("jira:issue_updated", [("work_item", ids["first"], None)]),
        ("project_archived", [("project", ids["churn"], "CHURN")]),
        ("jira:issue_deleted", [second]),
    ]


def test_all_that_happens_in_the_cloud_is_named(cloud: JiraCloud, listener: Listener) -> None:
    hook = cloud.hook(listener.address, SECRET)
    ids = play(cloud)
    hook.settle()
    assert named(listener, receiver("cloud")) == expected(ids, [])


@pytest.mark.parametrize("proof", ["signature", "sign-in"])
def test_all_that_happens_in_a_data_center_is_named(data_center: JiraDataCenter, listener: Listener, proof: str) -> None:
    signs = proof == "signature"
    hook = data_center.hook(listener.address, SECRET) if signs else data_center.hook(listener.address, credentials=(USER, PASSWORD))
    ids = play(data_center)
    hook.settle()
    receiving = receiver("data-center", SECRET if signs else f"{USER}:{PASSWORD}")
    # There a comment makes the issue an updated one.
    assert named(listener, receiving) == expected(ids, [("jira:issue_updated", [("work_item", ids["first"], "CHURN")])])


def test_what_the_cloud_sends_again_is_the_same_delivery(cloud: JiraCloud, listener: Listener) -> None:
    cloud.add_project("CHURN", "Churn prediction")
    hook = cloud.hook(listener.address, SECRET)
    hook.pause = 0.01
    listener.answers = [503, 429, 503]
    cloud.add_issue("CHURN", "Train the model")
    hook.settle()

    found = [delivery for delivery, _ in taken(listener, receiver("cloud"))]

    assert found == [found[0]] * 4
    assert [headers.get("x-atlassian-webhook-retry") for headers, _ in listener.came] == [None, "1", "2", "3"]
    assert [sending.answers for sending in hook.log] == [[503, 429, 503, 202]]


def test_a_refused_delivery_is_not_sent_again_and_another_is_given_up_in_the_end(cloud: JiraCloud, listener: Listener) -> None:
    cloud.add_project("CHURN", "Churn prediction")
    hook = cloud.hook(listener.address, SECRET)
    hook.pause = 0.01
    listener.answers = [401]
    issue = cloud.add_issue("CHURN", "Train the model")
    hook.settle()
    listener.answers = [503] * 9
    cloud.edit(issue, labels=["model"])
    hook.settle()
    assert [sending.answers for sending in hook.log] == [[401], [503] * 6]


def test_a_data_center_names_no_delivery_so_it_is_known_by_its_content(data_center: JiraDataCenter, listener: Listener) -> None:
    hook = data_center.hook(listener.address, SECRET)
    data_center.add_project("CHURN", "Churn prediction")
    data_center.add_project("OTHER", "Something else")
    hook.settle()
    receiving = receiver("data-center")

    (first, _), (second, _) = taken(listener, receiving)
    assert first.id != second.id
    assert taken(listener, receiving)[0][0].id == first.id


def test_an_unsigned_delivery_is_refused(cloud: JiraCloud, data_center: JiraDataCenter, listener: Listener) -> None:
    hooks = (cloud.hook(listener.address), data_center.hook(listener.address))
    cloud.add_project("CHURN", "Churn prediction")
    data_center.add_project("CHURN", "Churn prediction")
    for hook in hooks:
        hook.settle()

    assert len(listener.came) == 2
    for deployment in ("cloud", "data-center"):
        for headers, body in listener.came:
            with pytest.raises(BadSignature):
                receiver(deployment).verify(headers, body)


def test_what_a_client_writes_is_sent_as_well_and_the_receiver_may_read_meanwhile(cloud: JiraCloud) -> None:
    """The site goes on while it sends: who reads it from within a delivery is answered."""

    class Reading(Listener):
        def _take(self, request: Request) -> Reply:
            with httpx.Client(auth=(cloud.user, cloud.token), trust_env=False) as client:
                key = json.loads(request.body)["issue"]["key"]
                seen.append(client.get(f"{cloud.url}/rest/api/3/issue/{key}").json()["fields"]["labels"])
            return super()._take(request)

    seen: list[Any] = []
    cloud.add_project("CHURN", "Churn prediction")
    issue = cloud.add_issue("CHURN", "Train the model")
    with Reading() as listening, httpx.Client(auth=(cloud.user, cloud.token), trust_env=False) as client:
        hook = cloud.hook(listening.address, SECRET)
        client.put(f"{cloud.url}/rest/api/3/issue/{issue}", json={"fields": {"labels": ["model"]}}).raise_for_status()
        hook.settle()
        hook.stop()
        assert named(listening, receiver("cloud")) == [("jira:issue_updated", [("work_item", cloud.get(issue)["id"], "CHURN")])]
    assert seen == [["model"]]


def test_hiding_and_revealing_an_issue_is_no_event(cloud: JiraCloud, listener: Listener) -> None:
    cloud.add_project("CHURN", "Churn prediction")
    issue = cloud.add_issue("CHURN", "Train the model")
    hook = cloud.hook(listener.address, SECRET)
    cloud.hide(issue)
    cloud.reveal(issue)
    cloud.deny("EDIT_ISSUES", "CHURN")
    hook.settle()
    assert hook.log == []


def test_a_site_that_stops_sends_no_more(listener: Listener) -> None:
    with JiraCloud() as site:
        hook = site.hook(f"{listener.url}/nowhere", SECRET)
        site.add_project("CHURN", "Churn prediction")
        hook.settle()
        assert [sending.answers for sending in hook.log] == [[404]]
    site.add_project("OTHER", "Something else")
    assert len(hook.log) == 1
