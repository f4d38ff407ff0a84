"""What the door makes of a receiver's word, and of a receiver's mistakes; and how each delivery is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import httpx
import msgspec
import pytest
import structlog

from connectors.base import Delivery, Mention, Options
from connectors.errors import BadRecord, BadSignature
from mappings.change import Owned
from mappings.model import Ref
from sync.build import ConnectionTypes
from sync.metering import UNKNOWN_SOURCE, Outcome, Unmetered
from sync.source import Source
from sync.store.inbox import Arrival
from sync.web.app import build_app
from sync.web.entrance import Entrance, entrances
from sync.web.group_commit import GroupCommit
from sync.web.refusals import Refusals
from sync.web.storing import Candidate
from sync.web.webhooks import STRANGERS_PAUSE, Door, webhook_routes

MENTION = Mention(ref=Ref("github", "work_item", "12/7"), container="example/ops")


class Word:
    """A receiver that says what it was given: a value, or an error to raise."""

    def __init__(self, verified: Any, parsed: Any = (MENTION,), concerned: Any = True) -> None:
        self._verified, self._parsed, self._concerned = verified, parsed, concerned

    def verify(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        return _said(self._verified)  # type: ignore[no-any-return]  # whatever the test says

    def parse(self, delivery: Delivery) -> Sequence[Mention]:
        return _said(self._parsed)  # type: ignore[no-any-return]

    def concerns(self, mention: Mention, scope: Options) -> bool:
        return _said(self._concerned)  # type: ignore[no-any-return]


def _said(word: Any) -> Any:
    if isinstance(word, Exception):
        raise word
    return word


class Counting(Unmetered):
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def delivery(self, source: str, outcome: Outcome) -> None:
        self.seen.append((source, outcome))


class Scene:
    """One delivery to a door with such a receiver. `stored` is what was to be stored."""

    def __init__(self, receiver: Word, store: Callable[[Sequence[Candidate]], Sequence[Outcome]] | None = None) -> None:
        self.stored: list[Arrival] = []
        self.meters = Counting()
        self._receiver = receiver
        self._store = store or self._keep

    def _keep(self, candidates: Sequence[Candidate]) -> Sequence[Outcome]:
        self.stored.extend(one.arrival for one in candidates if one.matters)
        return ["accepted" if one.matters else "uninteresting" for one in candidates]

    def deliver(self, path: str = "/webhooks/github", body: bytes = b"{}", times: int = 1) -> httpx.Response:
        """The last answer."""
        inbox = GroupCommit(self._store)
        inbox.start()
        entrance = Entrance(source="github", receiver=self._receiver, scopes=[Options()])
        door = Door({"github": entrance}, inbox, self.meters)

        async def delivered() -> httpx.Response:
            transport = httpx.ASGITransport(build_app([webhook_routes(door)]))
            async with httpx.AsyncClient(transport=transport, base_url="http://milepost.example.com") as client:
                for _ in range(times - 1):
                    await client.post(path, content=body)
                return await client.post(path, content=body)

        try:
            return asyncio.run(delivered())
        finally:
            assert inbox.close(60)


GOOD = Delivery(id="one", event="issues.edited", body=b"{}")
MISTAKE = RuntimeError("a mistake of the connector that quotes a-secret-thing")
UNREADABLE = BadRecord("github", "the delivery has an unexpected shape")


@pytest.mark.parametrize(
    ("receiver", "status", "outcome", "is_stored"),
    [
        (Word(GOOD), 202, "accepted", True),
        (Word(GOOD, parsed=()), 202, "uninteresting", False),
        (Word(GOOD, concerned=False), 202, "uninteresting", False),
        (Word(GOOD, parsed=UNREADABLE), 202, "accepted", True),
        (Word(GOOD, parsed=MISTAKE), 202, "accepted", True),
        (Word(GOOD, concerned=MISTAKE), 202, "accepted", True),
        (Word(BadSignature("github", "wrong")), 401, "unsigned", False),
        (Word(UNREADABLE), 400, "malformed", False),
        (Word(MISTAKE), 400, "malformed", False),
        (Word(Delivery(id="", event="issues")), 400, "malformed", False),
        (Word(Delivery(id="one\x00", event="issues")), 400, "malformed", False),
        (Word(Delivery(id="one", event="x" * 201)), 400, "malformed", False),
    ],
)
def test_a_delivery_is_answered_counted_and_stored(receiver: Word, status: int, outcome: str, is_stored: bool) -> None:
    scene = Scene(receiver)
    answer = scene.deliver()

    assert (answer.status_code, scene.meters.seen) == (status, [("github", outcome)])
    assert [arrival.delivery for arrival in scene.stored] == (["one"] if is_stored else [])
    assert "a-secret-thing" not in answer.text


def test_a_large_delivery_is_looked_at_elsewhere_and_answered_alike() -> None:
    scene = Scene(Word(GOOD))

    assert scene.deliver(body=b"x" * 1_000_000).status_code == 202
    assert scene.meters.seen == [("github", "accepted")]


def test_a_handshake_is_no_delivery() -> None:
    scene = Scene(Word(Delivery(id="one", event="asked", reply=b'{"answer":42}')))
    answer = scene.deliver()

    assert (answer.status_code, answer.json()) == (200, {"answer": 42})
    assert (scene.stored, scene.meters.seen) == ([], [])


def test_what_cannot_be_stored_is_counted_as_that() -> None:
    def broken(_: Sequence[Candidate]) -> NoReturn:
        raise OSError("the disk is gone")

    scene = Scene(Word(GOOD), broken)
    answer = scene.deliver()

    assert (answer.status_code, scene.meters.seen) == (503, [("github", "unavailable")])
    assert "disk" not in answer.text


def test_what_strangers_call_a_source_is_no_name_to_count_by() -> None:
    scene = Scene(Word(GOOD))

    assert scene.deliver("/webhooks/no-such-source").status_code == 404
    assert scene.meters.seen == [(UNKNOWN_SOURCE, "unknown_source")]


def test_a_source_that_is_not_there_is_told_once_however_many_names_a_stranger_tries() -> None:
    scene = Scene(Word(GOOD))
    with structlog.testing.capture_logs() as logged:
        scene.deliver("/webhooks/git%0Ahub%1B" + "x" * 2_000, times=50)

    assert scene.meters.seen == [(UNKNOWN_SOURCE, "unknown_source")] * 50
    (line,) = logged
    assert (line["event"], line["log_level"], line["status"], line["client"]) == (
        "delivery.unknown_source",
        "warning",
        404,
        "127.0.0.1",
    )
    assert line["asked"] == ("git\ufffdhub\ufffd" + "x" * 64)[:64]


def test_the_next_line_about_sources_that_are_not_there_counts_those_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.web.refusals.time.monotonic", iter([100.0, 101.0, 102.0, 161.0]).__next__)
    refusals = Refusals(STRANGERS_PAUSE)
    with structlog.testing.capture_logs() as logged:
        for name in ("githb", "a", "b", "c"):
            refusals.tell("delivery.unknown_source", 404, None, asked=name)

    assert [(line["asked"], line.get("left_out")) for line in logged] == [("githb", None), ("c", 2)]


def test_a_type_that_sends_no_webhooks_has_no_entrance() -> None:
    connection = ConnectionTypes().connection("github")
    options = connection.options.model_validate({"url": "https://github.example.com/api/v3"})

    def source(name: str, **changed: Any) -> Source:
        kind = msgspec.structs.replace(connection, **changed)
        return Source(name=name, connection=kind, options=options, secrets=connection.secrets, owned=Owned(), scopes=())

    assert set(entrances([source("sends"), source("silent", receiver=None)])) == {"sends"}
