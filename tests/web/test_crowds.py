"""Who asks for much at once, with a token or without, keeps no delivery from being stored."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from sqlalchemy import make_url

from sync.store.connect import CONNECTIONS, Database, open_database
from sync.web.auth import AT_ONCE
from sync.web.protocol import MOST_CONNECTIONS
from sync.web.server import allow_many_connections
from tests.web.serving import Served, serving
from tests.web.signing import github_headers, issue_payload

IDLE = b""
HALF_A_HEAD = b"POST /webhooks/github HTTP/1.1\r\nHost: example.com\r\n" + b"a: b\r\n" * 90
HALF_A_BODY = b"POST /webhooks/github HTTP/1.1\r\nHost: example.com\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 100_000
ANSWERED = b"GET /healthz HTTP/1.1\r\nHost: example.com\r\n\r\n"

UNKNOWN = "mp_0123456789ab_" + "A" * 43
"""What could be a token; only the store knows that it is none."""


@contextmanager
def tokens_away(url: str) -> Iterator[psycopg.Connection]:
    """Nobody can look into the table of tokens."""
    server = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(server) as other:
        other.execute("LOCK TABLE token IN ACCESS EXCLUSIVE MODE")
        yield other
        other.rollback()


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_flood_of_requests_that_hang_leaves_room_for_deliveries(database_url: str, folder: Path) -> None:
    with serving(folder, database_url) as served, tokens_away(database_url) as other:
        asyncio.run(_flood(served, other))


async def _flood(served: Served, other: psycopg.Connection) -> None:
    """More requests than there are threads and connections: as many as may hang, and the others are told to come again."""
    said = {"authorization": f"Bearer {UNKNOWN}"}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=served.address, headers=said, limits=limits, trust_env=False, timeout=60) as crowd:
        asked = [asyncio.create_task(crowd.get("/api/v1/projects")) for _ in range(3 * AT_ONCE)]
        told, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        while len(told) < 2 * AT_ONCE:
            more, _ = await asyncio.wait(set(asked) - told, return_when=asyncio.FIRST_COMPLETED)
            told |= more
        refused = [task.result() for task in told]
        assert {(answer.status_code, answer.headers["retry-after"].isdigit()) for answer in refused} == {(503, True)}

        async def asking(token: str | None) -> int:
            headers = {} if token is None else {"authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(base_url=served.address, headers=headers, trust_env=False, timeout=60) as client:
                return (await client.get("/api/v1/projects")).status_code

        # Of what cannot be a token, the store is not asked.
        assert [await asking(token) for token in (None, "nonsense", UNKNOWN[:-1])] == [401] * 3
        for number in range(5):
            answer = await asyncio.to_thread(served.deliver, issue_payload(1), f"beside-{number}")
            assert answer.status_code == 202
        assert (await asyncio.to_thread(served.client.get, "/readyz")).status_code == 200
        other.rollback()
        assert {answer.status_code for answer in await asyncio.gather(*(set(asked) - told))} == {401}


@pytest.fixture
def many_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    allow_many_connections()
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.soak
@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize("sent", [IDLE, HALF_A_HEAD, HALF_A_BODY, ANSWERED], ids=["idle", "half a head", "half a body", "answered"])
def test_more_connections_than_there_may_be_keep_no_delivery_out(sent: bytes, served: Served) -> None:
    where, body = urlsplit(served.address), issue_payload(1)
    with ExitStack() as stack:
        for _ in range(MOST_CONNECTIONS * 6 // 5):
            one = stack.enter_context(socket.create_connection((where.hostname, where.port)))
            with suppress(ConnectionError):  # it had to give way already
                one.sendall(sent)
        headers = github_headers(body, f"beside-{len(sent)}")

        assert httpx.post(f"{served.address}/webhooks/github", content=body, headers=headers, trust_env=False).status_code == 202


def test_who_has_connections_apart_waits_for_nobody_elses(database: Database) -> None:
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            stack.enter_context(database.read())
        apart = database.apart(1)
        stack.callback(apart.close)
        with apart.write() as tx:
            assert apart.now(tx) is not None


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_writers_apart_take_turns_with_the_others(database_url: str) -> None:
    database = open_database(database_url)
    apart = database.apart(1)
    try:
        with database.write(), pytest.raises(RuntimeError, match="write transaction"), apart.write():
            pass
    finally:
        apart.close()
        database.close()
