"""Webhooks of a site: each sends what happens to one address, signed or signed in, and tries again.

Headers and retries: Atlassian's "Webhooks" of the cloud, and "Managing webhooks" of Data Center.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
import uuid
from dataclasses import dataclass, field

import httpx
import msgspec

RETRIED = frozenset({408, 409, 425, 429, *range(500, 600)})
NOT_REACHED = 0


@dataclass
class Sending:
    """One delivery. `answers` are the statuses that it got so far, `NOT_REACHED` where there was no answer."""

    event: str
    headers: dict[str, str]
    body: bytes
    due: float = 0.0
    answers: list[int] = field(default_factory=list)


class Webhook:
    """Sends from a thread of its own, as the site goes on meanwhile: the receiver may read from it.

    The cloud `names_deliveries`, by an identifier that stays, and makes five further attempts: here after `pause` seconds, not
    minutes. `log` has what was sent, in the order in which it happened.
    """

    def __init__(
        self,
        url: str,
        *,
        secret: str | None = None,
        credentials: tuple[str, str] | None = None,
        names_deliveries: bool = True,
        retries: int = 5,
    ) -> None:
        self.log: list[Sending] = []
        self.pause = 0.1
        self._url = url
        self._secret = secret
        self._names_deliveries = names_deliveries
        self._retries = retries
        self._waiting: list[Sending] = []
        self._changed = threading.Condition()
        self._under_way = False
        self._stopped = False
        self._client = httpx.Client(auth=credentials, timeout=10.0, trust_env=False)
        self._thread = threading.Thread(target=self._send_all, name="Jira's webhook", daemon=True)
        self._thread.start()

    def send(self, event: str, body: bytes) -> None:
        headers = {"content-type": "application/json; charset=utf-8", "user-agent": "Atlassian HttpClient"}
        if self._names_deliveries:
            headers |= {"x-atlassian-webhook-identifier": str(uuid.uuid4()), "x-atlassian-webhook-flow": "Primary"}
        if self._secret is not None:
            headers["x-hub-signature"] = f"sha256={hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest()}"
        sending = Sending(event, headers, body)
        with self._changed:
            self.log.append(sending)
            self._waiting.append(sending)
            self._changed.notify_all()

    def settle(self, within: float = 30.0) -> None:
        """Waits until everything was accepted or given up. Raises `TimeoutError`."""
        with self._changed:
            if not self._changed.wait_for(lambda: not (self._waiting or self._under_way), within):
                raise TimeoutError(f"{len(self._waiting)} deliveries are still waiting")

    def stop(self) -> None:
        """What was not accepted yet is lost."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join()
        self._client.close()

    def _send_all(self) -> None:
        while (sending := self._next()) is not None:
            status = self._post(sending)
            with self._changed:
                sending.answers.append(status)
                if (status in RETRIED or status == NOT_REACHED) and len(sending.answers) <= self._retries:
                    sending.due = time.monotonic() + self.pause
                    self._waiting.append(sending)
                self._under_way = False
                self._changed.notify_all()

    def _next(self) -> Sending | None:
        """The delivery that is due first, once it is; None when the webhook was stopped."""
        with self._changed:
            while not self._stopped:
                first = min(self._waiting, key=lambda sending: sending.due, default=None)
                left = None if first is None else first.due - time.monotonic()
                if first is not None and left is not None and left <= 0:
                    self._waiting.remove(first)
                    self._under_way = True
                    return first
                self._changed.wait(left)
            return None

    def _post(self, sending: Sending) -> int:
        tries = len(sending.answers)
        again = {"x-atlassian-webhook-retry": str(tries)} if tries and self._names_deliveries else {}
        try:
            return self._client.post(self._url, content=sending.body, headers=sending.headers | again).status_code
        except httpx.HTTPError:
            return NOT_REACHED


def encoded(event: str, moment: float, body: dict[str, object]) -> bytes:
    return msgspec.json.encode({"timestamp": round(moment * 1000), "webhookEvent": event, **body})
