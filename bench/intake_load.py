"""Webhook deliveries at a steady rate, from a process of their own: `python -m bench.intake_load`, with a `Load` on standard input.

The load is open: each delivery is sent when its time has come, whether or not those before it were answered, and its latency counts
from that time. What is sent is made and signed beforehand, so that sending takes little of the machine.
"""

from __future__ import annotations

import asyncio
import gc
import hmac
import random
import sys
import time
from collections import deque
from typing import cast
from urllib.parse import urlsplit

import httptools
import msgspec
import uvloop

_BODIES = 200
_TICK = 0.0005


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """`rate` deliveries a second on average, for `seconds`, at random times; `prefix` begins their ids."""

    address: str
    secret: str
    repository: str
    rate: float
    seconds: float
    body_bytes: int = 6_000
    prefix: str = "bench"
    seed: int = 1


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """`latencies` in seconds, of those that were answered; `acknowledged` are the ids of those that got a 202.

    `unanswered` counts those whose connection ended before an answer.
    """

    statuses: dict[int, int]
    latencies: list[float]
    acknowledged: list[str]
    unanswered: int
    cpu: float


class _Connection(asyncio.Protocol):
    """One keep-alive connection, with at most one request on its way."""

    def __init__(self, sender: _Sender) -> None:
        self._sender = sender
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.WriteTransport
        self._due: tuple[str, float] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is of no class of asyncio's

    def send(self, ident: str, due_at: float, request: bytes) -> None:
        self._due = (ident, due_at)
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        due, self._due = self._due, None
        assert due is not None
        self._sender.answered(*due, self._parser.get_status_code())
        self._parser = httptools.HttpResponseParser(self)
        self._sender.idle.append(self)

    def connection_lost(self, _: Exception | None) -> None:
        if self in self._sender.idle:
            self._sender.idle.remove(self)
        if self._due is not None:
            self._sender.unanswered += 1


class _Sender:
    def __init__(self, load: Load) -> None:
        self._load = load
        where = urlsplit(load.address)
        self._where = (where.hostname or "", where.port or 80)
        self._requests = [_request(load, number) for number in range(_BODIES)]
        self._opening: set[asyncio.Task[None]] = set()
        self._on_their_way = 0
        self.idle: deque[_Connection] = deque()
        self.statuses: dict[int, int] = {}
        self.latencies: list[float] = []
        self.acknowledged: list[str] = []
        self.unanswered = 0

    def answered(self, ident: str, due_at: float, status: int) -> None:
        self._on_their_way -= 1
        self.latencies.append(time.perf_counter() - due_at)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status == 202:
            self.acknowledged.append(ident)

    async def run(self) -> Told:
        chance = random.Random(self._load.seed)  # the same times in every run
        began = time.perf_counter() + 0.2
        due_at, number = began, 0
        while due_at < began + self._load.seconds:
            if (left := due_at - time.perf_counter()) > 0:
                await asyncio.sleep(max(left, _TICK))
                continue
            self._send(number, due_at)
            number += 1
            due_at += chance.expovariate(self._load.rate)
        deadline = time.perf_counter() + 15
        while self._on_their_way > self.unanswered and time.perf_counter() < deadline:
            await asyncio.sleep(0.01)
        return Told(
            statuses=self.statuses,
            latencies=self.latencies,
            acknowledged=self.acknowledged,
            unanswered=number - len(self.latencies),
            cpu=time.process_time(),
        )

    def _send(self, number: int, due_at: float) -> None:
        ident = f"{self._load.prefix}-{number:07d}"
        before, after = self._requests[number % _BODIES]
        request = before + ident.encode() + after
        self._on_their_way += 1
        if self.idle:
            self.idle.pop().send(ident, due_at, request)
            return
        opening = asyncio.create_task(self._send_anew(ident, due_at, request))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)

    async def _send_anew(self, ident: str, due_at: float, request: bytes) -> None:
        host, port = self._where
        try:
            _, connection = await asyncio.get_running_loop().create_connection(lambda: _Connection(self), host, port)
        except OSError:
            self.unanswered += 1
            return
        connection.send(ident, due_at, request)


def _request(load: Load, number: int) -> tuple[bytes, bytes]:
    """What stands before and after the id of a delivery of this body."""
    issue = {"id": 7_000 + number, "number": number + 1, "title": "Retrain the model", "state": "open", "body": ""}
    payload = {"action": "edited", "issue": issue, "repository": {"id": 1, "full_name": load.repository}}
    issue["body"] = "x" * (load.body_bytes - len(msgspec.json.encode(payload)))
    body = msgspec.json.encode(payload)
    head = [
        "POST /webhooks/github HTTP/1.1",
        f"Host: {urlsplit(load.address).netloc}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "X-GitHub-Event: issues",
        f"X-Hub-Signature-256: sha256={hmac.new(load.secret.encode(), body, 'sha256').hexdigest()}",
        "X-GitHub-Delivery: ",
    ]
    return "\r\n".join(head).encode(), b"\r\n\r\n" + body


def main() -> None:
    load = msgspec.json.decode(sys.stdin.buffer.read(), type=Load)
    sender = _Sender(load)
    gc.disable()  # a pause of ours would look like one of the server
    told = uvloop.run(sender.run())
    sys.stdout.buffer.write(msgspec.json.encode(told))


if __name__ == "__main__":
    main()
