"""The suite itself: its proxy does what a test asks of it, and a connector that breaks a law does not pass."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from pydantic import SecretStr

from connectors.base import Batch, Connection, Connector, Finding, Options, SourceContext
from connectors.conformance import Asked, Source
from connectors.conformance.broken_answers import DISTORTIONS, BrokenAnswers
from connectors.conformance.desk import NAME, Desk
from connectors.conformance.faults import drips, is_cut, loses_answer, refuses, resets
from connectors.conformance.laws import Laws
from connectors.conformance.paging import Paging
from connectors.conformance.proxy import FaultProxy
from connectors.conformance.refusals import Refusals
from connectors.conformance.source import NotProvided
from connectors.conformance.stopping import Stopping
from connectors.errors import Unavailable
from connectors.http import decode, open_client
from mappings.decoding import decoder_for
from mappings.model import Entity, Label, Missing, Ref

TOKEN = "not-a-real-token"


class Shop:
    """A server with numbered things: `/things?start=0&limit=100` lists them, with the address of the next page."""

    def __init__(self) -> None:
        self.things = list(range(1, 8))
        self.asked: list[str] = []
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                shop.asked.append(self.path)
                query = httpx.URL(self.path).params
                start, limit = int(query.get("start", 0)), int(query.get("limit", 100))
                rows = [{"id": thing} for thing in shop.things[start : start + limit]]
                following = f"{shop.url}/things?start={start + limit}&limit={limit}" if start + limit < len(shop.things) else None
                body = msgspec.json.encode({"things": rows, "next": following})
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("link", f"<{shop.url}/things>; rel=self")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator[Shop]:
        self._thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


class _Thing(msgspec.Struct):
    id: int


class _Page(msgspec.Struct):
    things: list[_Thing] = []
    next: str | None = None


class ShopOptions(Options):
    url: str


class ShopSecrets(Options):
    token: SecretStr


class Careless:
    """A reader with the mistakes that one makes: it follows any page, takes any object for a page, counts every end as complete."""

    def __init__(self, context: SourceContext) -> None:
        self._context = context
        token = context.secrets.token.get_secret_value()
        self._client = open_client(context, context.options.url, headers={"authorization": f"Bearer {token}"})

    def check(self, scope: Options) -> Sequence[Finding]:
        self._client.get("/things", accept=(200, 401))
        return [Finding(level="ok", topic="read", text="fine")]

    def pull(self, stream: str, scope: Options, cursor: str | None) -> Iterator[Batch]:
        following: str | None = "/things?start=0&limit=100"
        while following:
            response = self._client.get(following, accept=(200, 401))
            page = decode(self._context.name, response, decoder_for(_Page))
            following = page.next
            labels = [
                Label(ref=Ref("shop", "label", str(thing.id)), name=str(thing.id), repository="shop") for thing in page.things
            ]
            yield Batch(entities=labels, complete=following is None)

    def read(self, refs: Sequence[Ref]) -> Sequence[Entity | Missing]:
        return [Missing(ref=ref) for ref in refs]

    def outside(self, refs: Sequence[Ref], scope: Options) -> Collection[Ref]:
        return list(refs)

    def close(self) -> None:
        self._client.close()


def _open(context: SourceContext) -> Connector:
    return Careless(context)


class ShopSource(Source):
    connection = Connection(
        name="shop",
        title="Shop",
        options=ShopOptions,
        scope=Options,
        secrets=ShopSecrets,
        streams={"things": frozenset({"label"})},
        reader=_open,
    )
    paged = frozenset({"things"})
    page_parameter = "limit"
    scope = Options()

    def __init__(self, shop: Shop) -> None:
        self.url = shop.url
        self._shop = shop

    def options(self, url: str) -> Options:
        return ShopOptions(url=url)

    def secrets(self) -> Options:
        return ShopSecrets(token=SecretStr(TOKEN))

    def add(self, stream: str, count: int) -> None:
        start = len(self._shop.things) + 100
        self._shop.things += range(start, start + count)

    def lists(self, stream: str, asked: Asked) -> bool:
        return asked.path == "/things"


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop().running() as running:
        yield running


@pytest.fixture
def desk(shop: Shop) -> Iterator[Desk]:
    with FaultProxy(shop.url) as proxy:
        yield Desk(ShopSource(shop), proxy)


def test_addresses_of_the_server_lead_through_the_proxy(shop: Shop, desk: Desk) -> None:
    answer = httpx.get(f"{desk.proxy.url}/things", params={"limit": 2}, trust_env=False)
    assert answer.json()["next"] == f"{desk.proxy.url}/things?start=2&limit=2"
    assert answer.links["self"]["url"] == f"{desk.proxy.url}/things"
    assert desk.proxy.asked[0].query == "limit=2"


def test_short_pages_are_asked_for_where_the_parameter_is(shop: Shop, desk: Desk) -> None:
    desk.in_small_pages()
    assert len(httpx.get(f"{desk.proxy.url}/things?limit=50", trust_env=False).json()["things"]) == 2
    assert Asked("POST", "/x", body=b'{"limit": 9, "of": 1}').having("limit", 2).json() == {"limit": 2, "of": 1}
    assert Asked("POST", "/x", body=b'{"of": 1}').having("limit", 2).body == b'{"of": 1}'


def test_a_fault_meets_those_requests_that_it_is_for(desk: Desk) -> None:
    desk.fault("things", refuses(418), times=2, after=1)
    seen = [httpx.get(f"{desk.proxy.url}{path}", trust_env=False).status_code for path in ("/things", "/x", *["/things"] * 3)]
    assert seen == [200, 200, 418, 418, 200]


def test_a_lost_answer_was_given_and_a_reset_connection_asked_nothing(shop: Shop, desk: Desk) -> None:
    for effect, asked in ((resets, 0), (loses_answer, 1), (is_cut, 2)):
        desk.proxy.heal()
        desk.fault("things", effect)
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{desk.proxy.url}/things", trust_env=False)
        assert len(shop.asked) == asked


def test_a_dripping_body_comes_byte_by_byte(desk: Desk) -> None:
    desk.fault("things", drips)
    with httpx.stream("GET", f"{desk.proxy.url}/things", trust_env=False) as answer:
        chunks = answer.iter_raw()
        assert [len(next(chunks)) for _ in range(3)] == [1, 1, 1]


def test_a_client_that_resets_its_connection_is_nothing_to_tell_of(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    with FaultProxy(shop.url) as proxy:
        before = set(threading.enumerate())
        with socket.create_connection(("127.0.0.1", urlsplit(proxy.url).port or 0)) as client:
            client.sendall(b"GET /things HTTP/1.1\r\n")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert httpx.get(f"{proxy.url}/things", trust_env=False).status_code == 200
        for thread in set(threading.enumerate()) - before:
            thread.join(10)

    assert capfd.readouterr().err == ""


def test_only_a_server_that_the_proxy_can_reach_is_taken() -> None:
    with pytest.raises(ValueError, match="http address with a port"):
        FaultProxy("https://shop.example.com")


def test_a_hook_that_is_not_there_is_named(shop: Shop) -> None:
    with pytest.raises(NotProvided, match="remove is not provided"):
        ShopSource(shop).remove(Ref("shop", "label", "1"))


def _of_another_shape(desk: Desk) -> None:
    how = next(how for how in DISTORTIONS if how.startswith("an object for"))
    BrokenAnswers().test_a_listing_of_a_wrong_shape_is_no_empty_one(desk, "things", how)


BROKEN: Mapping[str, Callable[[Desk], None]] = {
    "an endless loop": lambda desk: Paging().test_pages_that_repeat_are_an_error_and_no_endless_loop(desk, "things", 2),
    "expected AuthError for 401": lambda desk: Refusals().test_a_refusal_is_the_error_that_says_what_to_do(desk, "things", 401),
    "ended the pull": lambda desk: Laws().test_a_record_that_makes_no_sense_is_rejected_alone(desk, "things"),
    "belongs to another source": lambda desk: Laws().test_refs_are_this_sources_own_and_stay(desk, "things"),
    "called missing": lambda desk: Laws().test_what_is_there_is_never_missing(desk, "things"),
    "outside the scope, and in its listing": lambda desk: Laws().test_what_is_outside_is_asked_and_certain(desk, "things"),
    "gives no cursor": lambda desk: Laws().test_a_pull_from_any_cursor_loses_nothing(desk, "things"),
    "the check found nothing wrong": lambda desk: Refusals().test_a_check_never_raises_but_finds(desk, 401),
}


@pytest.mark.parametrize("law", BROKEN)
def test_a_careless_reader_does_not_pass(desk: Desk, law: str) -> None:
    with pytest.raises(AssertionError, match=law):
        BROKEN[law](desk)


def test_what_it_does_well_passes(desk: Desk) -> None:
    desk.in_small_pages()
    _of_another_shape(desk)
    desk.proxy.heal()
    Stopping().test_a_stop_ends_the_pull_before_the_next_request(desk, "things")
    Laws().test_times_have_a_zone_and_numbers_are_finite(desk, "things")


def test_a_dripping_body_is_ended_by_the_time_for_the_whole_answer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.source.hasten(monkeypatch)
    desk.fault("things", drips)
    assert "not there whole" in str(desk.pull("things").error)


@pytest.mark.parametrize("seen", ["in a message", "in a fix"])
def test_a_secret_in_an_error_does_not_pass(desk: Desk, seen: str) -> None:
    error = Unavailable(NAME, TOKEN if seen == "in a message" else "away", fix=TOKEN if seen == "in a fix" else "wait")
    with pytest.raises(AssertionError, match="a secret was shown"):
        desk.must_be_well_said(error)


def test_an_error_without_a_fix_does_not_pass(desk: Desk) -> None:
    with pytest.raises(AssertionError, match="no fix is named"):
        desk.must_be_well_said(Unavailable(NAME, "away"))
