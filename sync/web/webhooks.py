"""The door: `POST /webhooks/{source}`. A delivery is proven, looked at, stored, and only then acknowledged."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence

import msgspec
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from structlog.contextvars import bind_contextvars

from connectors.base import Delivery
from connectors.errors import BadRecord, BadSignature, Unavailable
from sync.metering import UNKNOWN_SOURCE, UNMETERED, Meters, Outcome
from sync.store.inbox import Arrival
from sync.tracing import span, traceparent
from sync.web.body import LARGEST, PATIENCE, NoMemory, Reserve, TooLarge, TooSlow, body_of
from sync.web.entrance import Entrance, admit
from sync.web.group_commit import GroupCommit, NoRoom
from sync.web.refusals import Refusals
from sync.web.storing import Candidate

log = structlog.get_logger(__name__)

COMMIT_PATIENCE = 4.0
"""Seconds for storing a delivery. EventBridge waits 5 s for the answer, GitHub 10 s."""

RETRY_AFTER = 5
"""Seconds after which a sender may try again when this process cannot take its delivery."""

QUICK = 128 * 1024
"""Bytes of a body that are proven and looked at at once. A larger one takes milliseconds, in which others must not wait."""

_EVENT_GRID = re.compile(r"eventgrid\.azure\.[a-z]{2,6}", re.IGNORECASE)
_LONGEST_ADDRESS = 64
_LONGEST_NAME = 64
_RATE = str(500 * 60)
"""Deliveries a minute that one process is known to take."""

_NO_SOURCE = "there is no such source, or it sends no webhooks"

STRANGERS_PAUSE = 60.0
"""Seconds between two lines about deliveries to sources that are not there: whoever tries names must not fill the log."""

_OTHERS = ("GET", "PUT", "PATCH", "DELETE")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a sender learns: `body` is JSON. `outcome` is how the delivery is counted, None for a handshake. With `retry` the sender
    is told to come again after `RETRY_AFTER` seconds."""

    status: int
    outcome: Outcome | None
    body: bytes
    retry: bool = False

    def response(self) -> Response:
        headers = {"retry-after": str(RETRY_AFTER)} if self.retry else None
        return Response(self.body, self.status, headers, "application/json")


class Door:
    """Takes the deliveries of every source that can send some."""

    def __init__(
        self, entrances: Mapping[str, Entrance], inbox: GroupCommit[Candidate, Outcome], meters: Meters = UNMETERED
    ) -> None:
        self._entrances = entrances
        self._inbox = inbox
        self._meters = meters
        self._reserve = Reserve()
        self._refusals = Refusals()
        self._strangers = Refusals(STRANGERS_PAUSE)
        self._closed = False

    def close(self) -> None:
        """Takes no new delivery from now on; those that are coming in are still stored."""
        self._closed = True

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    async def take(self, source: str, request: Request) -> Response:
        """Answers one delivery to the source of that name: with 202 or 200 only once it is stored, or need not be, with 503 where
        it may be sent again. What a sender can cause, and a store that is away, is an answer and no exception."""
        entrance = self._entrances.get(source)
        if entrance is None:
            return self._unknown(source, request).response()
        bind_contextvars(source=source)
        answer = await self._answered(entrance, request)
        if answer.outcome is not None:
            self._meters.delivery(source, answer.outcome)
        return answer.response()

    def permit(self, source: str, headers: Mapping[str, str]) -> Response:
        """Answers a sender that asks by the rules of CloudEvents before it sends anything: for Azure Event Grid alone.

        This permits sending and proves nothing: each delivery has to hold the secret.
        """
        entrance = self._entrances.get(source)
        if entrance is None:
            return _nowhere().response()
        origin = headers.get("webhook-request-origin", "")
        if not entrance.asks_first or _EVENT_GRID.fullmatch(origin) is None:
            return _no_delivery()
        allowed = {"allow": "POST, OPTIONS", "webhook-allowed-origin": origin, "webhook-allowed-rate": _RATE}
        return Response(status_code=200, headers=allowed)

    def turn_away(self, source: str) -> Response:
        """Answers what is no delivery: one who looks whether an address is right learns whether there is such a source."""
        return _no_delivery() if source in self._entrances else _nowhere().response()

    def _unknown(self, source: str, request: Request) -> Answer:
        """A webhook's address with a name that is not right, or a stranger who tries some."""
        answer = _nowhere()
        self._meters.delivery(UNKNOWN_SOURCE, "unknown_source")
        asked = "".join(letter if letter.isprintable() else "\ufffd" for letter in source[:_LONGEST_NAME])
        self._strangers.tell("delivery.unknown_source", answer.status, _client(request), asked=asked)
        return answer

    async def _answered(self, entrance: Entrance, request: Request) -> Answer:
        if self._closed:
            return _unavailable("shutting down")
        try:
            async with body_of(request, self._reserve) as body:
                return await self._taken(entrance, request, body)
        except TooLarge:
            return self._told(request, _refused(413, "too_large", f"more than {LARGEST:,} bytes"))
        except TooSlow:
            return self._told(request, _refused(408, "malformed", f"the body did not come within {PATIENCE:.0f} s"))
        except ClientDisconnect:
            return _refused(400, "malformed", "the body did not come to its end")  # nobody is there to read it
        except NoMemory:
            return self._told(request, _unavailable("too much is coming in at once"))
        except asyncio.CancelledError:
            return _unavailable("shutting down")  # the time to end is over: whoever still sends must send again

    async def _taken(self, entrance: Entrance, request: Request, body: bytes) -> Answer:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]}
        try:
            if len(body) > QUICK:
                admitted = await asyncio.to_thread(admit, entrance, headers, body)
            else:
                admitted = admit(entrance, headers, body)
        except BadSignature as error:
            return self._told(request, _refused(401, "unsigned", "not proven to be from this source"), error)
        except (BadRecord, Unavailable) as error:
            return self._told(request, _refused(400, "malformed", "no delivery of this source"), error)
        delivery = admitted.delivery
        if delivery.reply is not None:
            log.info("delivery.handshake")
            return Answer(status=200, outcome=None, body=delivery.reply)
        bind_contextvars(delivery=delivery.id, kind=delivery.event)
        with span("delivery", kind="server", source=entrance.source, delivery=delivery.id, event=delivery.event):
            if admitted.matters is False:
                return self._taken_note("uninteresting", delivery)
            return await self._stored(request, entrance, delivery, matters=admitted.matters is True)

    async def _stored(self, request: Request, entrance: Entrance, delivery: Delivery, *, matters: bool) -> Answer:
        arrival = Arrival(
            source=entrance.source, delivery=delivery.id, event=delivery.event, body=delivery.body, trace=traceparent()
        )
        try:
            async with asyncio.timeout(COMMIT_PATIENCE):
                outcome = await self._inbox.put(Candidate(arrival, matters), len(delivery.body))
        except NoRoom:
            return self._told(request, _unavailable("too many deliveries at once"))
        except TimeoutError:
            return self._told(request, _unavailable("the store did not answer in time"))
        except Exception as error:  # whatever it was, nothing was stored, and the sender must know that
            return self._told(request, _unavailable("the store cannot be written to"), error)
        return self._taken_note(outcome, delivery)

    def _taken_note(self, outcome: Outcome, delivery: Delivery) -> Answer:
        log.info(f"delivery.{outcome}")
        status = 200 if outcome == "duplicate" else 202
        return Answer(status=status, outcome=outcome, body=msgspec.json.encode({"delivery": delivery.id, "outcome": outcome}))

    def _told(self, request: Request, answer: Answer, error: Exception | None = None) -> Answer:
        """The answer, once the log has it too: a source that sends for nothing is to be put right by a person."""
        self._refusals.tell(f"delivery.{answer.outcome}", answer.status, _client(request), error)
        return answer


def webhook_routes(door: Door) -> Sequence[Route]:
    """`/webhooks/{source}`."""

    async def deliver(request: Request) -> Response:
        return await door.take(request.path_params["source"], request)

    async def ask(request: Request) -> Response:
        return door.permit(request.path_params["source"], request.headers)

    async def turn_away(request: Request) -> Response:
        return door.turn_away(request.path_params["source"])

    path = "/webhooks/{source}"
    return [
        Route(path, deliver, methods=["POST"]),
        Route(path, ask, methods=["OPTIONS"]),
        Route(path, turn_away, methods=_OTHERS),
    ]


def _client(request: Request) -> str | None:
    return request.client.host[:_LONGEST_ADDRESS] if request.client is not None else None


def _nowhere() -> Answer:
    return _refused(404, "unknown_source", _NO_SOURCE)


def _no_delivery() -> Response:
    return Response(b'{"detail":"Method Not Allowed"}', 405, {"allow": "POST"}, "application/json")


def _refused(status: int, outcome: Outcome | None, detail: str) -> Answer:
    return Answer(status=status, outcome=outcome, body=msgspec.json.encode({"detail": detail}))


def _unavailable(detail: str) -> Answer:
    return Answer(status=503, outcome="unavailable", body=msgspec.json.encode({"detail": detail}), retry=True)
