"""botocore's own adaptive retries, put together so that a stop ends their waits.

botocore's retry handlers decide whether a request is sent again and after how long, and how fast requests may follow one another
once the service throttles. As a client comes with them, they sleep; here they wait on the stop event, and a wait that the service
asks for (`Retry-After`) is kept.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.retries import adaptive, bucket, standard, throttling  # type: ignore[import-untyped]  # botocore ships no types

from connectors.base import LONGEST_WAIT, SourceContext
from connectors.errors import Cancelled
from connectors.rates import asked_wait

ATTEMPTS = 5
LONGEST_CALL = 240.0
"""Seconds after which a call is not tried again, whatever is left of its attempts."""


def make_stoppable(client: Any, context: SourceContext) -> None:
    """Gives the client these retries instead of those that it came with."""
    service = client.meta.service_model.service_id.hyphenize()
    unique = f"retry-config-{service}"
    events = client.meta.events
    events.unregister(f"needs-retry.{service}", unique_id=unique)
    handler = standard.register_retry_handler(client, max_attempts=ATTEMPTS)
    events.unregister(f"needs-retry.{service}", unique_id=unique)
    retries = _Retries(handler, context)
    events.register(f"before-call.{service}", retries.begin)
    events.register(f"needs-retry.{service}", retries.decide)
    limiter = _limiter(context.stop)
    events.register("before-send", limiter.on_sending_request)
    events.register("needs-retry", limiter.on_receiving_response)


class _Retries:
    def __init__(self, handler: standard.RetryHandler, context: SourceContext) -> None:
        self._handler = handler
        self._context = context
        self._began = 0.0

    def begin(self, **_event: Any) -> None:
        self._began = time.monotonic()

    def decide(self, **event: Any) -> float | None:
        """botocore's decision; the wait is over when it returns. None: not again."""
        delay = self._handler.needs_retry(**event)
        if delay is None or delay is False or time.monotonic() - self._began > LONGEST_CALL:
            return None
        asked = _asked(event["response"])
        if asked > 0:
            self._context.budget.pause(timedelta(seconds=asked))
        if asked > LONGEST_WAIT.total_seconds():
            return None
        if self._context.stop.wait(max(delay, asked)):
            raise Cancelled
        return 0


def _asked(response: Any) -> float:
    """Seconds that the answer asks to wait."""
    if response is None:
        return 0.0
    headers: Mapping[str, str] = {name.lower(): value for name, value in response[0].headers.items()}
    wait = asked_wait({"retry-after": headers.get("retry-after", "")}, datetime.now(UTC))
    return wait.total_seconds() if wait is not None else 0.0


class _Bucket(bucket.TokenBucket):  # type: ignore[misc]  # botocore ships no types
    """A token bucket that lends: who takes a token before it is there waits for it, on the stop event."""

    def __init__(self, stop: threading.Event, clock: bucket.Clock) -> None:
        super().__init__(max_rate=1, clock=clock)
        self._stop = stop

    def acquire(self, amount: int = 1, block: bool = True) -> bool:  # noqa: ARG002, FBT - botocore's
        with self._new_fill_rate_condition:
            self._refill()
            shortage: float = self._sleep_amount(amount)
            self._current_capacity -= amount
        if shortage > 0 and self._stop.wait(shortage):
            raise Cancelled
        return True


def _limiter(stop: threading.Event) -> adaptive.ClientRateLimiter:
    """As `botocore.retries.adaptive.register_retry_handler` puts it together."""
    clock = bucket.Clock()
    return adaptive.ClientRateLimiter(
        rate_adjustor=throttling.CubicCalculator(starting_max_rate=0, start_time=clock.current_time()),
        rate_clocker=adaptive.RateClocker(clock),
        token_bucket=_Bucket(stop, clock),
        throttling_detector=standard.ThrottlingErrorDetector(retry_event_adapter=standard.RetryEventAdapter()),
        clock=clock,
    )
