"""Who sends slowly, or without end, keeps neither a connection nor anybody else waiting."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from sync.web import body as bodies
from sync.web import protocol
from sync.web.app import build_app
from sync.web.body import SMALL, NoMemory, Reserve, Share, body_of
from sync.web.entrance import Entrance
from sync.web.group_commit import GroupCommit
from sync.web.protocol import LARGEST_HEAD, MOST_AHEAD, MOST_HEADERS, ImpatientProtocol
from sync.web.server import configuration
from sync.web.webhooks import Door, webhook_routes
from tests.web.serving import Served
from tests.web.signing import github_headers, issue_payload

HALF_A_HEAD = b"POST /webhooks/github HTTP/1.1\r\nHost: example.com\r\nX-GitHub-"
HALF_A_BODY = b"POST /webhooks/github HTTP/1.1\r\nHost: example.com\r\nContent-Length: 100\r\n\r\n{"


def test_a_hundred_slow_clients_keep_nobody_waiting(served: Served) -> None:
    where = urlsplit(served.address)
    with ExitStack() as stack:
        for number in range(100):
            slow = stack.enter_context(socket.create_connection((where.hostname, where.port)))
            slow.sendall(HALF_A_HEAD if number % 2 else HALF_A_BODY)
        body = issue_payload(1)

        assert served.deliver(body, "beside-the-slow").status_code == 202


class _Refusing:
    """Proves nothing: what is looked at here happens before."""

    def verify(self, headers: Any, body: bytes) -> Any:
        raise AssertionError("nothing comes as far as this")


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Dial = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


def closed_door() -> ASGIApp:
    """Nothing gets through it."""
    entrance = Entrance(source="github", receiver=_Refusing(), scopes=[])  # type: ignore[arg-type]  # it is never asked more
    return build_app([webhook_routes(Door({"github": entrance}, GroupCommit(lambda items: ["accepted"] * len(items))))])


def beside_a_server(body: Callable[[Dial, ServerState], Awaitable[None]], app: ASGIApp | None = None) -> None:
    """Opens connections to a server of our protocol, with a closed door unless another application is named."""

    async def run() -> None:
        config, state = configuration(app or closed_door()), ServerState()
        server = await asyncio.get_running_loop().create_server(lambda: ImpatientProtocol(config, state, {}), "127.0.0.1", 0)
        opened: list[asyncio.StreamWriter] = []

        async def dial() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            opened.append(writer)
            return reader, writer

        async with server:
            try:
                await body(dial, state)
            finally:
                for writer in opened:
                    writer.close()

    asyncio.run(asyncio.wait_for(run(), 60))


def on_a_connection(talk: Talk) -> None:
    async def body(dial: Dial, _: ServerState) -> None:
        await talk(*await dial())

    beside_a_server(body)


@pytest.mark.parametrize("sent", [b"", HALF_A_HEAD, b"POST /webhooks/github HTTP/1.1\r\n\r\n" + HALF_A_HEAD])
def test_a_head_that_does_not_end_in_time_ends_the_connection(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_PATIENCE", 0.1)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        assert b"200 OK" not in await reader.read()  # to its end: the connection was closed

    on_a_connection(talk)


def test_a_head_without_end_ends_the_connection() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HALF_A_HEAD)
        with pytest.raises(ConnectionError):
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()

    on_a_connection(talk)


def test_a_body_that_does_not_come_in_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PATIENCE", 0.1)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HALF_A_BODY)
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")

    on_a_connection(talk)


def test_after_a_refusal_the_rest_of_a_body_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_PATIENCE", 0.1)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST /webhooks/github HTTP/1.1\r\nHost: example.com\r\nContent-Length: 99999999\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
        await reader.read()  # to its end: the connection was closed

    on_a_connection(talk)


REQUEST = b"GET /webhooks/github HTTP/1.1\r\nHost: example.com\r\n\r\n"
REFUSED = b"HTTP/1.1 405 "


async def is_answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.write(REQUEST)
    return (await reader.readuntil(b"}")).startswith(REFUSED)


def test_line_breaks_between_requests_keep_no_connection_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_PATIENCE", 0.1)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await is_answered(reader, writer)
        writer.write(b"\r\n")
        assert await reader.read() == b""

    on_a_connection(talk)


@pytest.mark.parametrize("before", [b"", HALF_A_BODY[:-1] + b"x" * 100, b"POST /webhooks/github HTTP/1.1\r\n"])
def test_nothing_but_line_breaks_ends_the_connection(before: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(before)
        with pytest.raises(ConnectionError):
            for _ in range(1_000):
                writer.write(b"\r\n" * LARGEST_HEAD)
                await writer.drain()

    on_a_connection(talk)


@pytest.mark.parametrize("part", [b"1;ext=", b"0\r\nX-Trailer: "])
def test_what_stands_around_a_body_has_an_end(part: bytes) -> None:
    """Chunks may bear names and values, and a body may be followed by further headers."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST /webhooks/github HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n" + part)
        with pytest.raises(ConnectionError):
            for _ in range(1_000):
                writer.write(b"x" * LARGEST_HEAD)
                await writer.drain()

    on_a_connection(talk)


def test_more_headers_than_any_sender_has_are_refused() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST /webhooks/github HTTP/1.1\r\n" + b"a:b\r\n" * (MOST_HEADERS + 1) + b"\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")

    on_a_connection(talk)


def test_more_requests_than_anybody_sends_ahead_are_refused() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(REQUEST * (MOST_AHEAD + 2))
        assert b"HTTP/1.1 400 " in await reader.read()

    on_a_connection(talk)


def test_idle_and_slow_connections_give_way_to_new_ones_the_longest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MOST_CONNECTIONS", 4)

    async def body(dial: Dial, _: ServerState) -> None:
        kept, silent, slow, slower = await dial(), await dial(), await dial(), await dial()
        slow[1].write(HALF_A_HEAD)
        slower[1].write(HALF_A_BODY)
        assert await is_answered(*kept)
        for gone in (silent, slow):
            assert await is_answered(*await dial())
            with suppress(ConnectionError):
                assert await gone[0].read() == b""
            assert await is_answered(*kept)  # what was used lately stays

    beside_a_server(body)


def test_a_connection_serves_one_delivery_after_the_other(served: Served) -> None:
    """More of them than a deadline that is never lifted would let pass, and pipelined."""
    where, body = urlsplit(served.address), issue_payload(2)
    requests = b""
    for number in range(5):
        lines = "".join(f"{name}: {value}\r\n" for name, value in github_headers(body, f"pipelined-{number}").items())
        head = f"POST /webhooks/github HTTP/1.1\r\nHost: example.com\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
        requests += head.encode() + body
    with socket.create_connection((where.hostname, where.port)) as connection:
        connection.sendall(requests)
        answers = b""
        while answers.count(b"HTTP/1.1 202 ") < 5 and (more := connection.recv(65_536)):
            answers += more

    assert answers.count(b"HTTP/1.1 202 ") == 5


def begun(reserve: Reserve, held: int) -> Share:
    share = Share(lambda: None)
    reserve.begin(share)
    reserve.grow(share, held)
    return share


def test_bodies_share_a_bounded_memory_in_which_large_ones_leave_room_for_small_ones() -> None:
    reserve = Reserve(small=2 * SMALL, large=10)
    large = begun(reserve, SMALL + 6)
    reserve.end(large)
    with pytest.raises(NoMemory):
        begun(reserve, SMALL + 5)
    small = begun(reserve, SMALL)
    reserve.end(small)
    with pytest.raises(NoMemory):
        begun(reserve, 1)
    reserve.release(large)
    reserve.grow(small, 10)
    with pytest.raises(NoMemory):
        reserve.grow(small, 1)


def test_where_memory_is_short_those_give_way_that_have_been_coming_in_for_longest() -> None:
    reserve = Reserve(small=4 * SMALL, large=20)
    complete, large, small, larger = (begun(reserve, held) for held in (10, SMALL + 10, SMALL, SMALL + 5))
    reserve.end(complete)
    late = begun(reserve, SMALL + 8)
    assert [one.has_given_way for one in (complete, large, small, larger, late)] == [False, True, False, False, False]
    last = begun(reserve, SMALL)
    assert [one.has_given_way for one in (complete, small, larger, late, last)] == [False, True, False, False, False]
    assert (complete.held, large.held, small.held) == (10, 0, 0)


def test_a_body_that_gives_way_is_refused_at_once() -> None:
    """Long before its time is over."""
    reserve = Reserve(small=SMALL, large=0)

    async def run() -> None:
        never, has_come = asyncio.Event(), asyncio.Event()
        first = {"type": "http.request", "body": b"x" * SMALL, "more_body": True}

        async def slowly() -> Any:
            if has_come.is_set():
                await never.wait()
            has_come.set()
            return first

        async def at_once() -> Any:
            return {**first, "more_body": False}

        async def read(receive: Any) -> int:
            async with body_of(Request({"type": "http", "headers": []}, receive), reserve) as body:
                return len(body)

        slow = asyncio.create_task(read(slowly))
        await has_come.wait()
        await asyncio.sleep(0)
        assert await read(at_once) == SMALL
        with pytest.raises(NoMemory):
            await slow

    asyncio.run(asyncio.wait_for(run(), 15))


def test_who_does_not_read_what_was_asked_for_does_not_keep_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "ANSWER_PATIENCE", 0.1)
    much = 50_000_000
    app = build_app([[Route("/", lambda _: Response(b"x" * much))]])

    async def body(dial: Dial, state: ServerState) -> None:
        reader, writer = await dial()
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        transport = writer.transport
        assert isinstance(transport, asyncio.ReadTransport)
        transport.pause_reading()
        while state.connections:
            await asyncio.sleep(0.01)
        transport.resume_reading()
        with suppress(ConnectionError):
            assert len(await reader.read()) < much

    beside_a_server(body, app)


@pytest.mark.parametrize("method", [b"POST", b"GET"])
def test_what_asks_for_another_protocol_is_refused_with_its_body(method: bytes) -> None:
    """Its body would be read as a request."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = b" /webhooks/github HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n"
        writer.write(method + head % len(REQUEST))
        assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
        writer.write(REQUEST)
        with suppress(ConnectionError):
            assert b"HTTP/1.1" not in await reader.read()

    on_a_connection(talk)
