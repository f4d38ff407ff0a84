"""Pulling one source: every stream of every scope, page by page, each page and its cursor stored in one transaction."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta

import msgspec
import structlog

from connectors.base import Batch, Connection, Connector, Options, SourceContext
from connectors.errors import AuthError, Cancelled, SourceError
from mappings.change import Owned
from mappings.model import Entity, Missing, Ref
from sync.progress import Report, StreamEvent
from sync.store import entities, leases, streams
from sync.store.connect import Database
from sync.store.streams import StreamKey, StreamState

log = structlog.get_logger(__name__)

READ_CHUNK = 100
DELETE_FLOOR = 10


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """One scope of a source, as one or several projects name it. `hash` covers what is pulled and which slots are ours."""

    options: Options
    hash: str
    label: str


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A source of the project file, ready to be opened."""

    name: str
    connection: Connection
    options: Options
    secrets: Options
    owned: Owned
    scopes: tuple[Scope, ...]

    def key(self, stream: str, scope: Scope) -> StreamKey:
        """Where this stream's cursor, completeness and membership are kept."""
        return StreamKey(source=self.name, stream=stream, scope_hash=scope.hash, mapping_version=self.connection.version)

    def keys(self, scope: Scope) -> Sequence[StreamKey]:
        return [self.key(stream, scope) for stream in self.connection.streams]

    def context(self, meter: Gauge, stop: threading.Event) -> SourceContext:
        return SourceContext(name=self.name, options=self.options, secrets=self.secrets, owned=self.owned, meter=meter, stop=stop)


class PullLimits(msgspec.Struct, frozen=True, kw_only=True):
    """`full_every`: how often a stream is listed whole again to find what was deleted. `max_deletes`: the share of a scope that one
    listing may take away without `force`."""

    full_every: timedelta = timedelta(hours=24)
    max_deletes: float = 0.2
    force: bool = False
    lease: timedelta = timedelta(seconds=120)
    wait: timedelta = timedelta(seconds=60)


class PullFinding(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, or was refused, while a source was pulled. `safety`: a limit refused it; otherwise it failed."""

    source: str
    stream: str
    text: str
    fix: str | None = None
    safety: bool = False


class Pulled(msgspec.Struct, frozen=True, kw_only=True):
    """The result of pulling one source: the last event of each stream, and what people should know."""

    source: str
    events: Sequence[StreamEvent]
    findings: Sequence[PullFinding] = ()

    @property
    def failed(self) -> bool:
        return any(event.state == "failed" for event in self.events) or any(not one.safety for one in self.findings)


class Gauge:
    """Counts a reader's requests and keeps the last rate budget that it saw."""

    def __init__(self) -> None:
        self.requests = 0
        self.remaining: int | None = None
        self.limit: int | None = None
        self.resets_at: datetime | None = None

    def request(self, *, remaining: int | None = None, limit: int | None = None, resets_at: datetime | None = None) -> None:
        self.requests += 1
        if remaining is not None:
            self.remaining, self.limit, self.resets_at = remaining, limit, resets_at


class SourcePull:
    """One pull of one source, in one thread."""

    def __init__(
        self, database: Database, source: Source, limits: PullLimits, *, run_id: str, report: Report, stop: threading.Event
    ) -> None:
        self.database = database
        self.source = source
        self.limits = limits
        self.run_id = run_id
        self.report = report
        self.stop = stop
        self.gauge = Gauge()
        self.events: list[StreamEvent] = []
        self.findings: list[PullFinding] = []

    def run(self) -> Pulled:
        """Pulls everything that can be pulled. Raises `LeaseHeld` and `StoreError`; a source's own failure is in the result."""
        try:
            with closing(self.source.connection.reader(self.source.context(self.gauge, self.stop))) as reader:
                for scope in self.source.scopes:
                    self._pull_scope(reader, scope)
        except Cancelled:
            log.info("pull.stopped", source=self.source.name)
        except SourceError as error:
            self._fail_rest(error)
        return Pulled(source=self.source.name, events=self.events, findings=self.findings)

    def _pull_scope(self, reader: Connector, scope: Scope) -> None:
        name = f"pull:{self.source.name}:{scope.hash}"
        with leases.held(self.database, name, holder=self.run_id, ttl=self.limits.lease, wait=self.limits.wait, stop=self.stop):
            for stream in self.source.connection.streams:
                if self.stop.is_set():
                    raise Cancelled
                self._pull_stream(reader, stream, scope)

    def _pull_stream(self, reader: Connector, stream: str, scope: Scope) -> None:
        key = self.source.key(stream, scope)
        state, full = self._open(key)
        event = StreamEvent(source=self.source.name, stream=stream, scope=scope.label, state="pulling", full=full)
        before, started = self.gauge.requests, time.monotonic()
        self.report(event)
        try:
            complete = False
            for batch in reader.pull(stream, scope.options, state.cursor):
                event = self._store(key, batch, event, before, started)
                complete = complete or batch.complete
                self.report(event)
                if self.stop.is_set():
                    raise Cancelled
            deleted = self._confirm_deletions(reader, key, scope) if complete else 0
            self._finish(key, complete=complete)
            event = msgspec.structs.replace(event, state="done", deleted=deleted, requests=self.gauge.requests - before)
        except SourceError as error:
            with self.database.write() as tx:
                streams.fail(tx, key, str(error), self.database.now(tx))
            event = msgspec.structs.replace(event, state="failed", error=str(error), requests=self.gauge.requests - before)
            self.findings.append(PullFinding(source=self.source.name, stream=stream, text=error.message, fix=error.fix))
            if isinstance(error, AuthError):
                raise
        finally:
            event = msgspec.structs.replace(event, seconds=time.monotonic() - started)
            self.report(event)
            self.events.append(event)

    def _open(self, key: StreamKey) -> tuple[StreamState, bool]:
        """The stream's state, and whether this pull lists it whole; an interrupted full listing goes on where it was."""
        with self.database.write() as tx:
            now = self.database.now(tx)
            state = streams.open_stream(tx, key)
            listing = state.sweep_started_at is not None and (
                state.complete_at is None or state.complete_at < state.sweep_started_at
            )
            if listing and state.cursor is not None:
                return state, True
            due = state.sweep_started_at is None or now - state.sweep_started_at >= self.limits.full_every
            if listing or due or state.cursor is None or key.stream in self.source.connection.sweeps:
                return streams.begin_sweep(tx, key, now), True
            return state, False

    def _store(self, key: StreamKey, batch: Batch, event: StreamEvent, requests_before: int, started: float) -> StreamEvent:
        with self.database.write() as tx:
            saved = entities.save_batch(tx, key, batch, now=self.database.now(tx), run_id=self.run_id)
        return msgspec.structs.replace(
            event,
            records=event.records + len(batch.entities),
            pages=event.pages + 1,
            changed=event.changed + saved.new + saved.changed,
            rejected=event.rejected + len(batch.rejected),
            total=batch.total if batch.total is not None else event.total,
            requests=self.gauge.requests - requests_before,
            remaining=self.gauge.remaining,
            limit=self.gauge.limit,
            resets_at=self.gauge.resets_at,
            seconds=time.monotonic() - started,
        )

    def _finish(self, key: StreamKey, *, complete: bool) -> None:
        with self.database.write() as tx:
            streams.finish(tx, key, complete=complete, now=self.database.now(tx))
            if complete:
                streams.drop_obsolete(tx, key)

    def _confirm_deletions(self, reader: Connector, key: StreamKey, scope: Scope) -> int:
        """What a proven listing no longer has is asked for one by one; only what is proven gone is buried.

        More than the allowed share of a scope at once looks like a lost permission, and is left as it was.
        """
        with self.database.read() as tx:
            candidates = entities.seen_before_sweep(tx, key)
            members = entities.count_members(tx, key)
        if not candidates:
            return 0
        answers = [answer for chunk in _chunks(candidates) for answer in reader.read(chunk)]
        gone = [answer.ref for answer in answers if isinstance(answer, Missing)]
        still_there = [answer for answer in answers if not isinstance(answer, Missing)]
        allowed = max(DELETE_FLOOR, int(self.limits.max_deletes * members))
        if len(gone) > allowed and not self.limits.force:
            text = f"{len(gone)} of {members} objects of {scope.label} are gone, more than safety.max_deletes allows; all were kept"
            fix = "look whether a permission was lost; if they are really gone, pull again with --force"
            self.findings.append(PullFinding(source=self.source.name, stream=key.stream, text=text, fix=fix, safety=True))
            gone = []
        with self.database.write() as tx:
            now = self.database.now(tx)
            entities.tombstone(tx, gone, now)
            entities.save_direct(tx, _entities(still_there), now=now)
            entities.leave_scope(tx, key, [one.ref for one in still_there])
        return len(gone)

    def _fail_rest(self, error: SourceError) -> None:
        """An error that concerns the whole source fails every stream that was not pulled."""
        done = {(event.stream, event.scope) for event in self.events}
        for scope in self.source.scopes:
            for stream in self.source.connection.streams:
                if (stream, scope.label) in done:
                    continue
                with self.database.write() as tx:
                    key = self.source.key(stream, scope)
                    streams.open_stream(tx, key)
                    streams.fail(tx, key, str(error), self.database.now(tx))
                event = StreamEvent(source=self.source.name, stream=stream, scope=scope.label, state="failed", error=str(error))
                self.report(event)
                self.events.append(event)
        if not any(one.text == error.message for one in self.findings):
            self.findings.append(PullFinding(source=self.source.name, stream="*", text=error.message, fix=error.fix))


def _entities(answers: Sequence[Entity | Missing]) -> list[Entity]:
    return [answer for answer in answers if isinstance(answer, Entity)]


def _chunks(refs: Sequence[Ref]) -> Iterator[Sequence[Ref]]:
    for start in range(0, len(refs), READ_CHUNK):
        yield refs[start : start + READ_CHUNK]


def pull_all(
    database: Database,
    sources: Sequence[Source],
    limits: PullLimits,
    *,
    run_id: str,
    report: Report,
    stop: threading.Event,
) -> Mapping[str, Pulled]:
    """Pulls every source at the same time, one thread each. The first `LeaseHeld` or `StoreError` of any is raised at the end."""
    results: dict[str, Pulled] = {}
    errors: list[BaseException] = []

    def work(source: Source) -> None:
        try:
            results[source.name] = SourcePull(database, source, limits, run_id=run_id, report=report, stop=stop).run()
        except BaseException as error:  # carried over to the calling thread, which raises it
            errors.append(error)

    threads = [threading.Thread(target=work, args=(source,), name=f"pull-{source.name}") for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return {source.name: results[source.name] for source in sources}
