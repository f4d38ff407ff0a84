"""Webhook deliveries that failed are asked for again: where it is permitted, within bounds, and never without need."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Finding, SourceContext
from connectors.errors import AuthError, Cancelled, RateLimited, Unavailable
from connectors.github import CONNECTION
from connectors.github.options import GithubOptions, GithubScope, GithubSecrets
from connectors.github.redelivery import MOST
from mappings.change import Owned
from mappings.github_hooks import MOST_ATTEMPTS, Attempt, to_ask_for
from sandbox.faults import answers, asks_to_wait, truncates
from sandbox.github import GitHub
from sandbox.github.hooks import Sent
from sandbox.server import Fault
from tests.sandbox.inbox import Inbox, receiving

REPO = "example/churn"
SECRET = "the secret of the webhook"
SCOPE = GithubScope(repositories=(REPO,))


class Unmetered:
    def request(self, **_: object) -> None:
        """Not looked at here."""


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with receiving() as started:
        yield started


@pytest.fixture
def hub() -> Iterator[GitHub]:
    with GitHub(role="admin") as started:
        started.add_repository(REPO)
        started.add_repository("example/other")
        started.add_issue(REPO, "Model drifts")
        yield started
        assert not [entry for entry in started.requests if entry.unknown_query]


def opened(hub: GitHub, url: str | None, *, pause: float = 0, **secrets: Any) -> SourceContext:
    return SourceContext(
        name="github",
        options=GithubOptions.model_validate({"url": hub.url, "write_pause": pause, "webhook_url": url}),
        secrets=GithubSecrets.model_validate(secrets or {"token": "sandbox-token"}),
        owned=Owned(),
        meter=Unmetered(),
        stop=threading.Event(),
    )


def redeliver(context: SourceContext, scope: GithubScope = SCOPE) -> Sequence[Finding]:
    assert CONNECTION.redeliver is not None
    return CONNECTION.redeliver(context, [scope])


def lost(hub: GitHub, inbox: Inbox, of: str | int = REPO, *, times: int = 1) -> int:
    """A hook, and as many events as it could not deliver."""
    hook = hub.hook(inbox.url, SECRET, of=of)
    hub.settle_deliveries()
    inbox.status = 503
    for number in range(times):
        hub.edit_issue(REPO, 1, title=f"Title {number}")
    hub.settle_deliveries()
    inbox.status = 202
    inbox.deliveries.clear()
    return hook


def asked(hub: GitHub) -> int:
    return sum(entry.method == "POST" and entry.path.endswith("/attempts") for entry in hub.requests)


def test_a_failed_delivery_arrives_after_all_and_once(hub: GitHub, inbox: Inbox) -> None:
    hook = lost(hub, inbox)
    (finding,) = redeliver(opened(hub, inbox.url))
    assert (finding.level, finding.place) == ("ok", REPO)
    assert finding.text == "GitHub was asked to send 1 failed webhook deliveries again"
    hub.settle_deliveries()
    assert inbox.events() == ["issues.edited"]
    assert len({sent.guid for sent in hub.deliveries(hook) if sent.event == "issues"}) == 1
    assert redeliver(opened(hub, inbox.url)) == []
    assert asked(hub) == 1


def test_those_of_an_organisation_are_asked_for_as_far_as_they_concern_us(hub: GitHub, inbox: Inbox) -> None:
    hub.add_token("owner", login="owner", role="read", scopes=("repo", "admin:org_hook"))
    lost(hub, inbox, of="example", times=2)
    inbox.status = 503
    hub.add_issue("example/other", "Nobody reads this")
    hub.settle_deliveries()
    inbox.status = 202
    (finding,) = redeliver(opened(hub, inbox.url + "/", token="owner"))
    hub.settle_deliveries()
    assert (finding.place, inbox.events()[-2:]) == ("example", ["issues.edited", "issues.edited"])
    assert asked(hub) == 2


@pytest.fixture(scope="module")
def keys() -> tuple[str, str]:
    """A private key and its public one, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return private.decode(), key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_those_of_an_app_are_asked_for_by_the_app_itself(hub: GitHub, inbox: Inbox, keys: tuple[str, str]) -> None:
    app, installation = hub.add_app("milepost", "example", keys[1])
    lost(hub, inbox, of=app)
    context = opened(hub, inbox.url, app_id=str(app), installation_id=installation, private_key=keys[0])
    (finding,) = redeliver(context)
    hub.settle_deliveries()
    assert (finding.level, finding.place, inbox.events()) == ("ok", "the App", ["issues.edited"])
    assert not [entry for entry in hub.requests if entry.path.endswith("/hooks")]


def test_an_app_without_a_hook_of_its_own_looks_at_the_others(hub: GitHub, inbox: Inbox, keys: tuple[str, str]) -> None:
    permissions = {"metadata": "read", "contents": "read", "issues": "read", "repository_hooks": "write"}
    app, installation = hub.add_app("milepost", "example", keys[1], permissions=permissions)
    lost(hub, inbox)
    (finding,) = redeliver(opened(hub, inbox.url, app_id=str(app), installation_id=installation, private_key=keys[0]))
    assert (finding.level, finding.place) == ("ok", REPO)


def test_a_key_that_is_none_is_said(hub: GitHub, inbox: Inbox) -> None:
    with pytest.raises(AuthError, match="private key cannot be used"):
        redeliver(opened(hub, inbox.url, app_id="1", installation_id=2, private_key="no key"))


# -- what is left alone -----------------------------------------------------------------------------------------------------------


def test_without_an_address_nothing_is_asked(hub: GitHub, inbox: Inbox) -> None:
    lost(hub, inbox)
    hub.requests.clear()
    assert redeliver(opened(hub, None)) == []
    assert hub.requests == []


def test_a_hook_that_sends_elsewhere_is_not_ours(hub: GitHub, inbox: Inbox) -> None:
    lost(hub, inbox)
    (finding,) = redeliver(opened(hub, "https://milepost.example.com/webhooks/github"))
    assert (finding.level, finding.text) == ("info", "no webhook sends to https://milepost.example.com/webhooks/github")
    assert finding.fix is not None and "webhook_url" in finding.fix
    assert asked(hub) == 0


def test_a_hook_that_is_switched_off_is_left_alone(hub: GitHub, inbox: Inbox) -> None:
    hub.change_hook(lost(hub, inbox), active=False)
    assert [finding.level for finding in redeliver(opened(hub, inbox.url))] == ["info"]
    assert asked(hub) == 0


def test_who_may_not_manage_webhooks_is_told_and_nothing_fails(hub: GitHub, inbox: Inbox) -> None:
    lost(hub, inbox)
    hub.add_token("reader", login="reader", role="read")
    hub.add_token("fine", login="fine", role="read", kind="fine-grained", permissions={"issues": "read"})
    for token in ("reader", "fine"):
        (finding,) = redeliver(opened(hub, inbox.url, token=token))
        assert (finding.level, finding.place) == ("info", REPO)
        assert "Webhooks: read and write" in str(finding.fix)
    assert asked(hub) == 0


def test_who_may_look_and_not_ask_is_told_and_nothing_fails(hub: GitHub, inbox: Inbox) -> None:
    lost(hub, inbox, times=3)
    hub.faults.append(Fault(answers(403, {"message": "Resource not accessible"}), "POST", "*/attempts", times=9))
    (finding,) = redeliver(opened(hub, inbox.url))
    assert (finding.level, finding.place, asked(hub)) == ("info", REPO, 1)


def test_what_github_has_forgotten_is_passed_over(hub: GitHub, inbox: Inbox) -> None:
    lost(hub, inbox, times=2)
    hub.faults.append(Fault(answers(422, {"message": "Gone"}), "POST", "*/attempts"))
    (finding,) = redeliver(opened(hub, inbox.url))
    assert finding.text.startswith("GitHub was asked to send 1 ")


# -- bounds -----------------------------------------------------------------------------------------------------------------------


def failed(hub: GitHub, hook: int, number: int, *, age: timedelta, status: int = 503) -> None:
    """As if an event had not been delivered so long ago."""
    found = hub.happenings.hooks[hook]
    ident, repository = hub.site.take_id(), hub.site.find(REPO).id
    sent = Sent(
        ident, f"guid-{number}", "issues", "edited", repository, b"{}", hub.now() - age, status="failed", status_code=status
    )
    found.sent.append(sent)


def test_one_run_asks_for_so_many_and_the_oldest_first(hub: GitHub, inbox: Inbox) -> None:
    hook = hub.hook(inbox.url, SECRET, of=REPO)
    count = MOST + 50
    for number in range(count):
        failed(hub, hook, number, age=timedelta(minutes=count - number))
    (finding,) = redeliver(opened(hub, inbox.url))
    hub.settle_deliveries()
    assert finding.text.startswith(f"GitHub was asked to send {MOST} ")
    assert {headers["x-github-delivery"] for headers, _ in inbox.deliveries[1:]} == {f"guid-{number}" for number in range(MOST)}
    redeliver(opened(hub, inbox.url))
    assert asked(hub) == count


def test_what_is_older_than_three_days_is_not_looked_for(hub: GitHub, inbox: Inbox) -> None:
    hook = hub.hook(inbox.url, SECRET, of=REPO)
    hub.settle_deliveries()
    hub.happenings.hooks[hook].sent.clear()
    for number in range(500):
        failed(hub, hook, number, age=timedelta(days=3, minutes=500 - number))
    failed(hub, hook, 500, age=timedelta(days=2))
    redeliver(opened(hub, inbox.url))
    assert asked(hub) == 1
    assert sum(entry.path.endswith("/deliveries") for entry in hub.requests) == 1


def test_a_stop_ends_it_between_two(hub: GitHub, inbox: Inbox) -> None:
    lost(hub, inbox, times=3)
    context = opened(hub, inbox.url, pause=30)
    threading.Timer(0.1, context.stop.set).start()
    with pytest.raises(Cancelled):
        redeliver(context)
    assert asked(hub) <= 1


# -- hostile and failing answers --------------------------------------------------------------------------------------------------

HOSTILE: Sequence[Any] = [
    [None, 1, "x", {}, {"id": 0}],
    [{"id": 10**30, "guid": "g", "delivered_at": "2026-01-01T00:00:00Z", "status_code": 500}],
    [{"id": 1, "guid": "g" * 10_000, "delivered_at": "2026-01-01T00:00:00Z", "status_code": 500}],
    [{"id": 1, "guid": "g", "delivered_at": "2026-01-01T00:00:00", "status_code": 500}],
    [{"id": 1, "guid": "g", "delivered_at": "9999-12-31T23:59:59Z", "status_code": "500"}],
    [{"id": -1, "config": {"url": 7}}, {"id": 1, "config": None}],
]


@pytest.mark.parametrize("rows", HOSTILE)
def test_rows_that_are_none_are_passed_over(hub: GitHub, inbox: Inbox, rows: Any) -> None:
    lost(hub, inbox)
    hub.faults.append(Fault(answers(200, rows), "GET", "*/deliveries"))
    assert redeliver(opened(hub, inbox.url)) == []
    hub.faults.append(Fault(answers(200, rows), "GET", "*/hooks", times=9))
    assert [finding.level for finding in redeliver(opened(hub, inbox.url))] == ["info"]
    assert asked(hub) == 0


def test_pages_that_lead_elsewhere_or_round_are_refused(hub: GitHub, inbox: Inbox) -> None:
    lost(hub, inbox)
    elsewhere = {"Link": '<https://elsewhere.example.com/x?cursor=1>; rel="next"'}
    hub.faults.append(Fault(answers(200, [], elsewhere), "GET", "*/deliveries"))
    with pytest.raises(Unavailable, match="refused to send credentials"):
        redeliver(opened(hub, inbox.url))
    round_and_round = {"Link": f'<{hub.url}/repositories/1/hooks/1/deliveries?cursor=1>; rel="next"'}
    hub.faults.append(Fault(answers(200, [], round_and_round), "GET", "*/deliveries*", times=9))
    with pytest.raises(Unavailable, match="again and again"):
        redeliver(opened(hub, inbox.url))
    assert asked(hub) == 0


def test_a_source_that_fails_is_an_error(hub: GitHub, inbox: Inbox) -> None:
    lost(hub, inbox)
    hub.faults.append(Fault(asks_to_wait(600), "GET", "*/deliveries"))
    with pytest.raises(RateLimited):
        redeliver(opened(hub, inbox.url))
    hub.faults.append(Fault(answers(200, {"message": "no list"}), "GET", "*/deliveries"))
    with pytest.raises(Unavailable):
        redeliver(opened(hub, inbox.url))
    with pytest.raises(AuthError):
        redeliver(opened(hub, inbox.url, token="wrong"))
    hub.faults.append(Fault(truncates(), "POST", "*/attempts", times=9))
    with pytest.raises(Unavailable):
        redeliver(opened(hub, inbox.url))


# -- which ones -------------------------------------------------------------------------------------------------------------------

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def attempt(ident: int, *, guid: str = "g", status: int = 503, minutes: int = 120, redelivery: bool = False) -> Attempt:
    return Attempt(id=ident, guid=guid, delivered_at=NOW - timedelta(minutes=minutes), status_code=status, redelivery=redelivery)


@pytest.mark.parametrize("status", [0, 404, 401, 500, 502, 504, -1])
def test_what_failed_is_asked_for(status: int) -> None:
    assert [it.id for it in to_ask_for([attempt(1, status=status)], NOW)] == [1]


def test_what_succeeded_later_or_was_asked_for_within_the_hour_is_left_alone() -> None:
    assert to_ask_for([attempt(1), attempt(2, status=202, minutes=100, redelivery=True)], NOW) == []
    assert to_ask_for([attempt(1), attempt(2, minutes=59, redelivery=True)], NOW) == []
    assert [it.id for it in to_ask_for([attempt(1), attempt(2, minutes=60, redelivery=True)], NOW)] == [2]
    assert [it.id for it in to_ask_for([attempt(1, minutes=1)], NOW)] == [1]


def test_what_was_refused_so_often_is_given_up() -> None:
    refused = [attempt(ident, minutes=600 - 70 * ident, redelivery=ident > 1) for ident in range(1, MOST_ATTEMPTS + 1)]
    assert to_ask_for(refused, NOW) == []
    assert [it.id for it in to_ask_for(refused[:-1], NOW)] == [MOST_ATTEMPTS - 1]


_ATTEMPTS = st.lists(
    st.builds(
        attempt,
        st.integers(1, 99),
        guid=st.sampled_from("abc"),
        status=st.sampled_from([0, 202, 500]),
        minutes=st.integers(0, 4000),
        redelivery=st.booleans(),
    )
)


@given(_ATTEMPTS)
def test_each_event_is_asked_for_at_most_once_and_only_if_nothing_of_it_arrived(attempts: list[Attempt]) -> None:
    chosen = to_ask_for(attempts, NOW)
    guids = [it.guid for it in chosen]
    assert len(guids) == len(set(guids))
    assert not {it.guid for it in attempts if it.succeeded} & set(guids)
    assert [it.delivered_at for it in chosen] == sorted(it.delivered_at for it in chosen)
    assert to_ask_for(reversed(attempts), NOW) == chosen or len({it.id for it in attempts}) < len(attempts)
