"""What this process counts of its own work. Whoever counts knows `Meters` alone; where nobody looks, nothing is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from connectors.errors import AuthError, BadRecord, BadSignature, Conflict, NotFound, RateLimited, SourceError, Unavailable

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

Outcome: TypeAlias = Literal[
    "accepted", "duplicate", "uninteresting", "unknown_source", "unsigned", "malformed", "too_large", "unavailable"
]
"""What became of a delivery at the door."""

UNKNOWN_SOURCE = "unknown"
"""How a delivery is counted that names no source of the project file: what strangers write is no label."""


class Meters(Protocol):
    """Counts what happens, by source. Called from any thread; cheap, and never raises."""

    def delivery(self, source: str, outcome: Outcome) -> None:
        """A webhook delivery was answered. `source` is one of the project file, or `UNKNOWN_SOURCE`."""
        ...

    def request(self, source: str, remaining: int | None = None) -> None:
        """The source was asked once; `remaining` is what its rate budget still holds, where it says so."""
        ...

    def records(self, source: str, count: int) -> None:
        """So many records were read."""
        ...

    def failure(self, error: SourceError) -> None:
        """A source could not do what it was asked."""
        ...

    def change(self, source: str, outcome: str) -> None:
        """A change of the plan was `done`, `failed`, `skipped`, `unsent` or a `conflict`."""
        ...

    def run(self, command: str, outcome: str, seconds: float) -> None:
        """A run ended."""
        ...

    def published(self, seconds: float) -> None:
        """So long after the first reason to look, what follows from it was written."""
        ...


class Unmetered:
    """Counts nothing."""

    def delivery(self, source: str, outcome: Outcome) -> None: ...

    def request(self, source: str, remaining: int | None = None) -> None: ...

    def records(self, source: str, count: int) -> None: ...

    def failure(self, error: SourceError) -> None: ...

    def change(self, source: str, outcome: str) -> None: ...

    def run(self, command: str, outcome: str, seconds: float) -> None: ...

    def published(self, seconds: float) -> None: ...


UNMETERED = Unmetered()

_LAGS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600)
_DURATIONS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600, 14_400)


class PrometheusMeters:
    """Counts into the metrics of one registry, which must have none of them yet."""

    def __init__(self, registry: CollectorRegistry) -> None:
        from prometheus_client import Counter, Gauge, Histogram  # the extra `serve` has it; whoever only counts needs none

        self._deliveries = Counter(
            "milepost_deliveries", "Webhook deliveries by what became of them.", ["source", "outcome"], registry=registry
        )
        self._requests = Counter("milepost_requests", "Requests to a source.", ["source"], registry=registry)
        self._remaining = Gauge(
            "milepost_requests_remaining", "What the source's rate budget held last.", ["source"], registry=registry
        )
        self._records = Counter("milepost_records", "Records that were read.", ["source"], registry=registry)
        self._failures = Counter("milepost_errors", "What a source failed on, by kind.", ["source", "kind"], registry=registry)
        self._changes = Counter(
            "milepost_changes",
            "Changes of labels, fields and properties by what became of them.",
            ["source", "outcome"],
            registry=registry,
        )
        self._runs = Histogram(
            "milepost_run_seconds", "How long runs took.", ["command", "outcome"], buckets=_DURATIONS, registry=registry
        )
        self._lag = Histogram(
            "milepost_publish_lag_seconds",
            "From the first event that had not been followed to the end of the writes that it asked for.",
            buckets=_LAGS,
            registry=registry,
        )

    def delivery(self, source: str, outcome: Outcome) -> None:
        self._deliveries.labels(source, outcome).inc()

    def request(self, source: str, remaining: int | None = None) -> None:
        self._requests.labels(source).inc()
        if remaining is not None:
            self._remaining.labels(source).set(remaining)

    def records(self, source: str, count: int) -> None:
        self._records.labels(source).inc(count)

    def failure(self, error: SourceError) -> None:
        self._failures.labels(error.source, kind_of(error)).inc()

    def change(self, source: str, outcome: str) -> None:
        self._changes.labels(source, outcome).inc()

    def run(self, command: str, outcome: str, seconds: float) -> None:
        self._runs.labels(command, outcome).observe(max(0.0, seconds))

    def published(self, seconds: float) -> None:
        self._lag.observe(max(0.0, seconds))


def kind_of(error: SourceError) -> str:
    """What kind of error it is, in one word of few."""
    return next((word for kind, word in _KINDS if isinstance(error, kind)), "other")


_KINDS: tuple[tuple[type[SourceError], str], ...] = (
    (AuthError, "auth"),
    (RateLimited, "rate_limited"),
    (Unavailable, "unavailable"),
    (NotFound, "not_found"),
    (BadRecord, "bad_record"),
    (Conflict, "conflict"),
    (BadSignature, "bad_signature"),
)
