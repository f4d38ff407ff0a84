"""Webhooks: what each asks for, what was sent to it, and the courier that sends."""

from __future__ import annotations

import hashlib
import hmac
import queue
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias
from urllib.parse import urlencode

import httpx

Place: TypeAlias = Literal["repository", "organization", "integration"]
PATIENCE = 10.0
"""Seconds that GitHub waits for an answer."""


@dataclass(slots=True, eq=False)
class Sent:
    """One attempt to deliver. Until the answer is there, `status` is `pending`."""

    id: int
    guid: str
    event: str
    action: str | None
    repository: int | None
    payload: bytes
    delivered_at: datetime
    redelivery: bool = False
    status: str = "pending"
    status_code: int = 0
    duration: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: str = ""


@dataclass(slots=True, eq=False)
class Hook:
    """`owner` is the id of the repository, account or app that it belongs to. `*` in `events` is all of them."""

    id: int
    place: Place
    owner: int
    url: str
    secret: str | None
    form: bool
    events: Sequence[str]
    created_at: datetime
    installation: int | None = None
    active: bool = True
    sent: list[Sent] = field(default_factory=list)

    def wants(self, event: str) -> bool:
        return self.active and (event == "ping" or "*" in self.events or event in self.events)

    def request(self, sent: Sent) -> tuple[bytes, Mapping[str, str]]:
        """The body and headers of a delivery, signed as GitHub signs it."""
        body = urlencode({"payload": sent.payload}).encode() if self.form else sent.payload
        headers = {
            "Accept": "*/*",
            "Content-Type": "application/x-www-form-urlencoded" if self.form else "application/json",
            "User-Agent": "GitHub-Hookshot/5a4dbe7",
            "X-GitHub-Delivery": sent.guid,
            "X-GitHub-Event": sent.event,
            "X-GitHub-Hook-ID": str(self.id),
            "X-GitHub-Hook-Installation-Target-ID": str(self.owner),
            "X-GitHub-Hook-Installation-Target-Type": self.place,
        }
        if self.secret:
            key = self.secret.encode()
            headers["X-Hub-Signature"] = "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest()
            headers["X-Hub-Signature-256"] = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
        return body, headers


def new_guid() -> str:
    """Of one event, for all hooks that ask for it."""
    return str(uuid.uuid4())


class Courier:
    """Sends deliveries one by one in the background, and waits `patience` seconds for each answer. `stop` ends it; what is still
    waiting is not sent then."""

    def __init__(self, record: Callable[[Sent, str, int, float, str], None]) -> None:
        self.patience = PATIENCE
        self._record = record
        self._waiting: queue.SimpleQueue[tuple[Hook, Sent] | None] = queue.SimpleQueue()
        self._under_way = 0
        self._idle = threading.Condition()
        self._thread: threading.Thread | None = None

    def send(self, hook: Hook, sent: Sent) -> None:
        with self._idle:
            self._under_way += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="GitHub delivers", daemon=True)
                self._thread.start()
        self._waiting.put((hook, sent))

    def settle(self, timeout: float) -> None:
        """Returns when all has been sent and answered. Raises `TimeoutError`."""
        with self._idle:
            if not self._idle.wait_for(lambda: self._under_way == 0, timeout):
                raise TimeoutError(f"{self._under_way} deliveries are still under way after {timeout} s")

    def stop(self) -> None:
        """Harmless to repeat."""
        if self._thread is None:
            return
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put(None)
        self._thread.join(timeout=self.patience + 5)
        with self._idle:
            self._thread, self._under_way = None, 0

    def _work(self) -> None:
        with httpx.Client(timeout=self.patience, trust_env=False) as client:
            while work := self._waiting.get():
                hook, sent = work
                self._record(sent, *_outcome(client, hook, sent))
                with self._idle:
                    self._under_way -= 1
                    self._idle.notify_all()


def _outcome(client: httpx.Client, hook: Hook, sent: Sent) -> tuple[str, int, float, str]:
    """GitHub's words for how it went, the status, the seconds, and what was answered."""
    body, headers = hook.request(sent)
    sent.headers = headers
    began = time.monotonic()
    try:
        answer = client.post(hook.url, content=body, headers=dict(headers))
    except httpx.TimeoutException:
        return "timed out", 504, time.monotonic() - began, ""
    except httpx.HTTPError:
        return "failed to connect to host", 502, time.monotonic() - began, ""
    status = "OK" if answer.is_success else f"Invalid HTTP Response: {answer.status_code}"
    return status, answer.status_code, time.monotonic() - began, answer.text[:1000]
