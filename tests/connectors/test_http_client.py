"""The HTTP client against a real server on loopback: what each kind of answer becomes."""

from __future__ import annotations

import gzip
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import msgspec
import pytest

from connectors.base import Options, SourceContext
from connectors.bodies import LARGEST_ANSWER
from connectors.errors import AuthError, Cancelled, NotFound, RateLimited, Unavailable
from connectors.http import Client, decode, open_client
from connectors.rates import asked_wait, read_reset
from mappings.change import Owned
from tests.connectors.clockless import Clockless

Answer = tuple[int, dict[str, str], bytes]
SECRET = "s3cr3t-token"


class HubSecrets(Options):
    token: str = SECRET


class Counter:
    def __init__(self) -> None:
        self.seen: list[tuple[int | None, int | None, datetime | None]] = []

    def request(self, *, remaining: int | None = None, limit: int | None = None, resets_at: datetime | None = None) -> None:
        self.seen.append((remaining, limit, resets_at))


class Site:
    """Answers with the scripted answers in turn, the last one for ever. None breaks the connection."""

    def __init__(self, script: list[Answer | Callable[[], Answer] | None]) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                site.requests.append((self.command, self.path, headers, body))
                answer = script.pop(0) if len(script) > 1 else script[0]
                if answer is None:
                    self.close_connection = True
                    return
                status, extra, content = answer() if callable(answer) else answer
                self.send_response(status)
                for name, value in {"content-length": str(len(content)), "content-type": "application/json", **extra}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
                if "connection" in extra:
                    self.close_connection = True

            do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - the names the base class asks for

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def talking_to(
    *script: Answer | Callable[[], Answer] | None, stop: threading.Event | None = None, path: str = ""
) -> Iterator[tuple[Client, Site, Counter, threading.Event]]:
    site = Site(list(script))
    meter = Counter()
    stop = stop or Clockless()
    context = SourceContext(name="jira-eu", options=None, secrets=HubSecrets(), owned=Owned(), meter=meter, stop=stop)
    client = open_client(context, site.url + path, auth=httpx.BasicAuth("ada@example.com", SECRET))
    try:
        yield client, site, meter, stop
    finally:
        client.close()
        site.close()


OK: Answer = (200, {}, b'{"a": 1}')


def test_an_accepted_answer_is_returned_and_metered_with_its_budget() -> None:
    headers = {"x-ratelimit-remaining": "41", "x-ratelimit-limit": "5000", "x-ratelimit-reset": "1800000000"}
    with talking_to((200, headers, b"{}"), path="/ex/jira/1") as (client, site, meter, _):
        assert client.get("/rest/x", params={"q": "ä b"}).status_code == 200
        method, path, sent, _ = site.requests[0]
    assert (method, path) == ("GET", "/ex/jira/1/rest/x?q=%C3%A4+b")
    assert sent["authorization"].startswith("Basic ")
    assert meter.seen == [(41, 5000, datetime.fromtimestamp(1800000000, UTC))]


def test_429_with_seconds_is_waited_for() -> None:
    with talking_to((429, {"retry-after": "7"}, b""), OK) as (client, site, meter, stop):
        assert client.get("/x").json() == {"a": 1}
    assert isinstance(stop, Clockless)
    assert len(stop.waits) == 1
    assert 7 <= stop.waits[0] <= 7.35
    assert len(site.requests) == len(meter.seen) == 2


def test_429_with_a_date_is_waited_for() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    with talking_to((429, {"retry-after": soon}, b""), OK) as (client, _, _, stop):
        assert client.get("/x").status_code == 200
    assert isinstance(stop, Clockless)
    assert len(stop.waits) == 1
    assert 0 < stop.waits[0] <= 31.5


def test_a_date_in_the_past_is_no_wait() -> None:
    assert asked_wait({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, datetime.now(UTC)) == timedelta(0)


def test_429_that_asks_for_long_is_left_to_the_caller() -> None:
    with talking_to((429, {"retry-after": "3600"}, b"")) as (client, site, _, stop), pytest.raises(RateLimited) as caught:
        client.get("/x")
    assert len(site.requests) == 1
    assert isinstance(stop, Clockless)
    assert stop.waits == []
    assert timedelta(minutes=59) < caught.value.until - datetime.now(UTC) <= timedelta(hours=1)


def test_429_without_a_word_backs_off_and_then_says_until_when() -> None:
    with talking_to((429, {}, b"")) as (client, site, _, stop), pytest.raises(RateLimited):
        client.get("/x")
    assert len(site.requests) == 5
    assert isinstance(stop, Clockless)
    assert len(stop.waits) == 4


def test_a_post_refused_for_its_rate_is_repeated() -> None:
    with talking_to((429, {"retry-after": "0"}, b""), OK) as (client, site, _, _):
        assert client.request("POST", "/x", json={"b": 2}).status_code == 200
    assert [body for _, _, _, body in site.requests] == [b'{"b":2}', b'{"b":2}']


def test_github_says_rate_limit_with_403() -> None:
    used_up = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(datetime.now(UTC).timestamp()) + 1800)}
    with talking_to((403, used_up, b"")) as (client, _, _, _), pytest.raises(RateLimited):
        client.get("/x")
    with talking_to((403, {"retry-after": "1"}, b""), OK) as (client, _, _, _):
        assert client.get("/x").status_code == 200
    text = b'{"message": "You have exceeded a secondary rate limit."}'
    with talking_to((403, {"x-ratelimit-remaining": "12"}, text), OK) as (client, _, _, _):
        assert client.get("/x").status_code == 200


def test_an_idempotent_request_survives_5xx() -> None:
    with talking_to((502, {}, b"bad gateway"), (503, {}, b""), OK) as (client, site, _, stop):
        assert client.request("PUT", "/x", json={}).status_code == 200
    assert len(site.requests) == 3
    assert isinstance(stop, Clockless)
    assert len(stop.waits) == 2


def test_a_post_meets_5xx_once_unless_it_is_repeatable() -> None:
    with talking_to((500, {}, b""), OK) as (client, site, _, _), pytest.raises(Unavailable):
        client.request("POST", "/x")
    assert len(site.requests) == 1
    with talking_to((500, {}, b""), OK) as (client, site, _, _):
        assert client.request("POST", "/x", repeatable=True).status_code == 200
    assert len(site.requests) == 2


def test_a_broken_connection_is_tried_again_and_metered() -> None:
    with talking_to(None, OK) as (client, _, meter, _):
        assert client.get("/x").status_code == 200
    assert len(meter.seen) == 2
    with talking_to(None, OK) as (client, site, _, _), pytest.raises(Unavailable, match="connection broke"):
        client.request("POST", "/x")
    assert len(site.requests) == 1


def test_a_body_cut_short_is_tried_again() -> None:
    cut = (200, {"content-length": "50", "connection": "close"}, b'{"a": ')
    with talking_to(cut, OK) as (client, _, _, _):
        assert client.get("/x").json() == {"a": 1}


def test_nothing_listens() -> None:
    with talking_to(OK) as (client, site, _, _):
        site.close()
        with pytest.raises(Unavailable, match=r"POST /x: no connection to http://127\.0\.0\.1:\d+: connection refused"):
            client.request("POST", "/x")


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, AuthError), (403, AuthError), (404, NotFound), (410, NotFound), (400, Unavailable), (418, Unavailable)],
)
def test_a_refusal_is_an_error_at_once_and_holds_no_secret(status: int, error: type[Exception]) -> None:
    echo = f'{{"errorMessages": ["no {SECRET}"]}}'.encode()
    with talking_to((status, {}, echo)) as (client, site, _, _), pytest.raises(error) as caught:
        client.get("/rest/x", params={"jql": "text ~ private"})
    assert type(caught.value) is error
    assert len(site.requests) == 1
    assert "GET /rest/x" in str(caught.value)
    assert "jira-eu" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "private" not in str(caught.value)


def test_a_status_the_caller_accepts_is_an_answer() -> None:
    with talking_to((404, {}, b"")) as (client, _, _, _):
        assert client.get("/x", accept=(200, 404)).status_code == 404


def test_a_stop_during_a_wait_ends_it_at_once() -> None:
    stop = threading.Event()

    def stopping() -> Answer:
        stop.set()
        return 429, {"retry-after": "50"}, b""

    with talking_to(stopping, OK, stop=stop) as (client, site, _, _):
        with pytest.raises(Cancelled):
            client.get("/x")
        with pytest.raises(Cancelled):
            client.get("/x")
    assert len(site.requests) == 1


@pytest.mark.parametrize("url", ["http://other.example.com/x", "https://127.0.0.1/x", "http://127.0.0.1:1/x"])
def test_credentials_stay_with_their_host(url: str) -> None:
    with talking_to(OK) as (client, site, meter, _), pytest.raises(Unavailable, match="refused to send credentials"):
        client.get(url)
    assert site.requests == []
    assert meter.seen == []


def test_an_absolute_address_of_the_same_host_is_fine() -> None:
    with talking_to(OK) as (client, site, _, _):
        assert client.get(site.url + "/next?page=2").status_code == 200
    assert site.requests[0][1] == "/next?page=2"


def test_a_redirect_is_followed_on_the_same_host_only() -> None:
    with talking_to((301, {"location": "/moved"}, b""), OK) as (client, site, _, _):
        assert client.get("/x").status_code == 200
    assert [path for _, path, _, _ in site.requests] == ["/x", "/moved"]
    with talking_to(OK) as (other_client, other, _, _):
        del other_client
        with (
            talking_to((302, {"location": other.url + "/take"}, b"")) as (client, _, _, _),
            pytest.raises(Unavailable, match="redirected"),
        ):
            client.get("/x")
        assert other.requests == []


def test_a_redirect_never_turns_a_write_into_a_read() -> None:
    with talking_to((302, {"location": "/login"}, b""), OK) as (client, site, _, _), pytest.raises(Unavailable, match="redirected"):
        client.request("POST", "/x", json={})
    assert len(site.requests) == 1
    with talking_to((307, {"location": "/moved"}, b""), OK) as (client, site, _, _):
        assert client.request("PUT", "/x", json={"c": 3}).status_code == 200
    assert [(method, body) for method, _, _, body in site.requests] == [("PUT", b'{"c":3}')] * 2


def test_a_redirect_loop_ends() -> None:
    with talking_to((301, {"location": "/x"}, b"")) as (client, _, _, _), pytest.raises(Unavailable, match="too many redirects"):
        client.get("/x")


def test_a_secret_that_no_header_can_carry_is_not_quoted() -> None:
    site = Site([OK])
    context = SourceContext(name="hub", options=None, secrets=HubSecrets(), owned=Owned(), meter=Counter(), stop=Clockless())

    class Bearer(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]  # a generator is an iterator
            request.headers["authorization"] = f"Bearer {SECRET}\n"
            yield request

    client = open_client(context, site.url, auth=Bearer())
    try:
        with pytest.raises(AuthError) as caught:
            client.get("/x")
    finally:
        client.close()
        site.close()
    assert SECRET not in str(caught.value)
    assert "check MILEPOST_HUB__TOKEN, and what that account may do" in str(caught.value)


def test_unusable_settings_of_the_environment_are_named_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    context = SourceContext(name="hub", options=None, secrets=HubSecrets(), owned=Owned(), meter=Counter(), stop=Clockless())
    monkeypatch.setenv("HTTPS_PROXY", f"nonsense://ada:{SECRET}@proxy.example.com")
    with pytest.raises(Unavailable, match="HTTPS_PROXY") as caught:
        open_client(context, "https://jira.example.com")
    assert SECRET not in str(caught.value)
    monkeypatch.delenv("HTTPS_PROXY")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    with pytest.raises(Unavailable, match="REQUESTS_CA_BUNDLE"):
        open_client(context, "https://jira.example.com")


def test_a_compressed_answer_is_plain_to_the_caller() -> None:
    body = gzip.compress(b'{"a": 1}')
    with talking_to((200, {"content-encoding": "gzip"}, body), (200, {"content-encoding": "gzip"}, b"")) as (client, site, _, _):
        assert client.get("/x").json() == {"a": 1}
        assert client.get("/x").content == b""
    assert site.requests[0][2]["accept-encoding"] == "gzip"


@pytest.mark.parametrize("compressed", [True, False])
def test_an_answer_is_read_to_the_limit_and_no_further(compressed: bool) -> None:
    def answer(size: int) -> Answer:
        body = bytes(size)
        return (200, {"content-encoding": "gzip"}, gzip.compress(body, 1)) if compressed else (200, {}, body)

    with talking_to(answer(LARGEST_ANSWER), answer(LARGEST_ANSWER + 1), OK) as (client, site, meter, _):
        assert len(client.get("/x").content) == LARGEST_ANSWER
        with pytest.raises(Unavailable, match="GET /x answered more than 64 MiB"):
            client.get("/x")
        assert client.get("/x").json() == {"a": 1}
    assert len(site.requests) == len(meter.seen) == 3


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(8 * LARGEST_ANSWER), 9)
    assert len(bomb) < 1_000_000
    with talking_to((200, {"content-encoding": "gzip"}, bomb)) as (client, _, _, _):
        tracemalloc.start()
        try:
            with pytest.raises(Unavailable, match="64 MiB"):
                client.get("/x")
            assert tracemalloc.get_traced_memory()[1] < 3 * LARGEST_ANSWER
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(("encoding", "body"), [("gzip", b"{}"), ("gzip, gzip", b"{}"), ("br", b"{}")])
def test_what_cannot_be_decompressed_is_said(encoding: str, body: bytes) -> None:
    answer = (200, {"content-encoding": encoding}, body)
    with talking_to(answer) as (client, _, _, _), pytest.raises(Unavailable, match="could not be decompressed"):
        client.request("POST", "/x")


class Shape(msgspec.Struct):
    a: int


@pytest.mark.parametrize(
    ("content", "media_type", "words"),
    [
        (b'{"a": ', "application/json", "no complete JSON"),
        (b"", "application/json", "no complete JSON"),
        (b'{"a": "private"}', "application/json", r"unexpected shape at `\$.a`"),
        (b"[]", "application/json", "unexpected shape"),
        (b"<html>private</html>", "text/html; charset=utf-8", "web page"),
        (b'{"a": "\xff"}', "application/json", "no complete JSON|unexpected shape"),
        (b'{"b":' + b"[" * 100_000, "application/json", "no complete JSON"),
    ],
)
def test_a_body_that_is_not_what_was_asked_for(content: bytes, media_type: str, words: str) -> None:
    with talking_to((200, {"content-type": media_type}, content)) as (client, _, _, _):
        response = client.get("/x")
    with pytest.raises(Unavailable, match=words) as caught:
        decode("jira-eu", response, msgspec.json.Decoder(Shape))
    assert "private" not in str(caught.value)


def test_a_body_of_the_right_shape_is_typed() -> None:
    with talking_to(OK) as (client, _, _, _):
        assert decode("jira-eu", client.get("/x"), msgspec.json.Decoder(Shape)) == Shape(a=1)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1800000000", datetime(2027, 1, 15, 8, 0, tzinfo=UTC)),
        ("2026-11-21T10:00Z", datetime(2026, 11, 21, 10, 0, tzinfo=UTC)),
        ("2026-11-21T10:00+02:00", datetime(2026, 11, 21, 8, 0, tzinfo=UTC)),
        ("999999999999999", None),
        ("soon", None),
        ("", None),
        ("٣", None),
    ],
)
def test_reset_times(text: str, moment: datetime | None) -> None:
    assert read_reset(text) == moment
