"""Pulling one source: every stream of every scope, pages and the cursor behind them stored in one transaction."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from structlog.contextvars import bound_contextvars

from connectors.base import Batch, Connector
from connectors.errors import AuthError, Cancelled, SourceError, Unavailable
from sync.deletions import confirm_deletions
from sync.gather import gathered
from sync.moments import is_ahead
from sync.progress import Report, StreamEvent
from sync.source import Gauge, Scope, Source, each, reading
from sync.store import entities, leases, quarantine, streams
from sync.store.connect import Connection, Database
from sync.store.leases import Lease, LeaseLost
from sync.store.rows import PageRows, page_rows
from sync.store.streams import StreamState
from sync.tracing import span

__all__ = ["Gauge", "PullFinding", "PullLimits", "Pulled", "Scope", "Source", "SourcePull", "lease_name", "pull_all"]

log = structlog.get_logger(__name__)


DOWN_AFTER = 2
"""Streams in a row without any answer, each after its retries, and the source is down for this run. Those that asked nothing, as
for what the scope does not name, are passed over."""


class PullLimits(msgspec.Struct, frozen=True, kw_only=True):
    """`full_every`: how often a stream is listed whole again to find what was deleted. `max_deletes`: the share of a scope that one
    listing may take away without `force`. `only` are the streams to read; None for all."""

    full_every: timedelta = timedelta(hours=24)
    max_deletes: float = 0.2
    force: bool = False
    lease: timedelta = timedelta(seconds=120)
    wait: timedelta = timedelta(seconds=60)
    only: frozenset[str] | None = None


class PullFinding(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, or was refused, while a source was pulled, or what people should know of it all the same.

    `safety`: a limit refused it. `notice`: nothing failed. Otherwise it failed.
    """

    source: str
    stream: str
    text: str
    fix: str | None = None
    safety: bool = False
    notice: bool = False


class Pulled(msgspec.Struct, frozen=True, kw_only=True):
    """The result of pulling one source: the last event of each stream, what people should know, and why the source was given up."""

    source: str
    events: Sequence[StreamEvent]
    findings: Sequence[PullFinding] = ()
    away: SourceError | None = None

    @property
    def failed(self) -> bool:
        return any(event.state == "failed" for event in self.events) or any(not (one.safety or one.notice) for one in self.findings)


def lease_name(source: Source, scope: Scope) -> str:
    """The lease that serialises everything that reads one scope of a source into the store."""
    return f"pull:{source.name}:{scope.hash}"


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
        self.unanswered = 0
        self.away: SourceError | None = None
        only = limits.only
        self.streams = [stream for stream in source.connection.streams if only is None or stream in only]

    def is_down(self, error: SourceError, *, answered: bool) -> bool:
        """Whether so many streams in a row got no answer that asking for the others would only take long."""
        self.unanswered = self.unanswered + 1 if isinstance(error, Unavailable) and not answered else 0
        return self.unanswered >= DOWN_AFTER

    def run(self) -> Pulled:
        """Pulls everything that can be pulled. Raises `LeaseHeld` and `StoreError`; a source's own failure is in the result."""
        try:
            with (
                bound_contextvars(source=self.source.name),
                span("pull", source=self.source.name, run=self.run_id),
                reading(self.source, self.gauge, self.stop) as reader,
            ):
                for scope in self.source.scopes:
                    self._pull_scope(reader, scope)
        except Cancelled:
            log.info("pull.stopped", source=self.source.name)
        except LeaseLost as lost:
            # Whoever has it now reads on from the last page that was stored.
            self.findings.append(PullFinding(source=self.source.name, stream="*", text=str(lost)))
        except SourceError as error:
            self.away = error
            self.source.meters.failure(error)
            self._fail_rest(error)
        return Pulled(source=self.source.name, events=self.events, findings=self.findings, away=self.away)

    def _pull_scope(self, reader: Connector, scope: Scope) -> None:
        name = lease_name(self.source, scope)
        with leases.held(
            self.database, name, holder=self.run_id, ttl=self.limits.lease, wait=self.limits.wait, stop=self.stop
        ) as lease:
            for stream in self.streams:
                if self.stop.is_set():
                    raise Cancelled
                one = _StreamPull(self, reader, stream, scope, lease)
                try:
                    one.run()
                finally:
                    self.events.append(one.event)

    def _fail_rest(self, error: SourceError) -> None:
        """An error that concerns the whole source fails every stream that was not pulled."""
        done = {(event.stream, event.scope) for event in self.events}
        for scope in self.source.scopes:
            for stream in self.streams:
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


class _StreamPull:
    """One stream of one scope within a pull. `event` tells how far it has come."""

    def __init__(self, pull: SourcePull, reader: Connector, stream: str, scope: Scope, lease: Lease) -> None:
        self.pull = pull
        self.database = pull.database
        self.reader = reader
        self.scope = scope
        self.lease = lease
        self.key = pull.source.key(stream, scope)
        self.repeated_in = pull.source.connection.repeated_in.get(stream, frozenset())
        self.began: datetime | None = None
        self.event = StreamEvent(source=pull.source.name, stream=stream, scope=scope.label, state="waiting")
        self._requests_before = pull.gauge.requests
        self._started = time.monotonic()

    def run(self) -> None:
        """Raises `SourceError` where it concerns the other streams as well, `Cancelled`, `LeaseLost` and `StoreError`."""
        try:
            state, full = self._open()
            self._tell(state="pulling", full=full)
            complete = self._read(state.cursor)
            if full and not complete and state.cursor is not None:
                # It went on from a page behind the listing's last one: an earlier run ended between that page and the proof.
                complete = self._read(self._begin().cursor)
            deleted = self._finish(complete=complete)
            self._tell(state="done", deleted=deleted)
            if self.event.requests > 0:
                self.pull.unanswered = 0
        except SourceError as error:
            with self.database.write() as tx:
                streams.fail(tx, self.key, str(error), self.database.now(tx))
            self._tell(state="failed", error=str(error))
            self._find(error.message, error.fix)
            if isinstance(error, AuthError) or self.pull.is_down(error, answered=self.event.pages > 0):
                raise
            self.pull.source.meters.failure(error)

    def _open(self) -> tuple[StreamState, bool]:
        """The stream's state, and whether this pull lists it whole; an interrupted full listing goes on where it was."""
        with self.database.write() as tx:
            self.began = now = leases.verify(tx, self.lease)
            state = streams.open_stream(tx, self.key)
            if _is_interrupted(state, now) and state.cursor is not None:
                return state, True
            due = _is_listing_due(state, now, self.pull.limits.full_every)
            if due or state.cursor is None or self.key.stream in self.pull.source.connection.sweeps:
                return streams.sweep_again(tx, state, now), True
            return state, False

    def _begin(self) -> StreamState:
        with self.database.write() as tx:
            now = leases.verify(tx, self.lease)
            return streams.begin_sweep(tx, self.key, now)

    def _read(self, cursor: str | None) -> bool:
        """Stores every page from `cursor` on. Whether that proved a full listing."""
        complete = False
        doing = f"pulling {self.key.stream}"
        with closing(each(self.key.source, doing, _pulled(self.reader, self.key.stream, self.scope, cursor))) as pages:
            for group in gathered((page_rows(page, source=self.key.source) for page in pages), self.pull.stop):
                self._store(group)
                complete = complete or any(page.complete for page in group)
                if self.pull.stop.is_set() and not complete:
                    raise Cancelled
        return complete

    def _store(self, group: Sequence[PageRows]) -> None:
        with self.database.write() as tx:
            now = leases.verify(tx, self.lease)
            saved = entities.save_pages(tx, self.key, group, now=now, run_id=self.pull.run_id, began=self.began)
            if saved.renamed:
                streams.list_whole(tx, self.key, self.repeated_in)
        records = sum(page.entities for page in group)
        self.pull.source.meters.records(self.key.source, records)
        self._tell(
            records=self.event.records + records,
            pages=self.event.pages + len(group),
            changed=self.event.changed + saved.new + saved.changed,
            rejected=self.event.rejected + saved.rejected,
            total=next((page.total for page in reversed(group) if page.total is not None), self.event.total),
        )

    def _confirm_deletions(self) -> int:
        limits = self.pull.limits
        found = confirm_deletions(
            self.database,
            self.reader,
            self.key,
            self.scope.options,
            self.lease,
            along=self.pull.source.connection.along.get(self.key.stream, frozenset()),
            repeated_in=self.repeated_in,
            share=limits.max_deletes,
            force=limits.force,
            stop=self.pull.stop,
        )
        if found.refused is not None:
            fix = "look whether a permission was lost; if they are really gone, pull again with --force"
            self._find(f"{self.key.stream} of {self.scope.label}: {found.refused}", fix, safety=True)
        if found.hidden:
            self._find(f"{self.key.stream} of {self.scope.label}: {_not_listed(found.hidden)}", None, notice=True)
        return found.buried

    def _finish(self, *, complete: bool) -> int:
        """Ends the pull, once it is settled what a full listing no longer shows. How many objects that buried."""
        with self.database.write() as tx:
            now = leases.verify(tx, self.lease)
            if not complete or entities.is_all_seen(tx, self.key):
                self._end(tx, now, complete=complete)
                return 0
        buried = self._confirm_deletions()
        with self.database.write() as tx:
            self._end(tx, leases.verify(tx, self.lease), complete=complete)
        return buried

    def _end(self, tx: Connection, now: datetime, *, complete: bool) -> None:
        streams.finish(tx, self.key, complete=complete, now=now)
        if complete:
            since = streams.listed_since(streams.drop_obsolete(tx, self.key, alike=self.scope.listed))
            if since is not None:
                quarantine.forget_unseen(tx, self.key.source, self.key.stream, since)

    def _find(self, text: str, fix: str | None, *, safety: bool = False, notice: bool = False) -> None:
        finding = PullFinding(source=self.key.source, stream=self.key.stream, text=text, fix=fix, safety=safety, notice=notice)
        self.pull.findings.append(finding)

    def _tell(self, **news: Any) -> None:
        gauge = self.pull.gauge
        self.event = msgspec.structs.replace(
            self.event,
            requests=gauge.requests - self._requests_before,
            remaining=gauge.remaining,
            limit=gauge.limit,
            resets_at=gauge.resets_at,
            seconds=time.monotonic() - self._started,
            **news,
        )
        self.pull.report(self.event)


def _is_interrupted(state: StreamState, now: datetime) -> bool:
    """Whether a full listing began that was not proven to its end; of one at a time that lies ahead nothing is believed."""
    if state.sweep_started_at is None or is_ahead(state.sweep_started_at, now):
        return False
    return state.complete_at is None or state.complete_at < state.sweep_started_at or is_ahead(state.complete_at, now)


def _is_listing_due(state: StreamState, now: datetime, every: timedelta) -> bool:
    """Whether the last full listing is too old, or was made or followed by a pull while the clock was ahead."""
    if state.sweep_started_at is None or now - state.sweep_started_at >= every:
        return True
    return any(time is not None and is_ahead(time, now) for time in (state.sweep_started_at, state.pulled_at))


def _pulled(reader: Connector, stream: str, scope: Scope, cursor: str | None) -> Iterator[Batch]:
    """Even the call is made when the first page is asked for, so that it is guarded as well."""
    yield from reader.pull(stream, scope.options, cursor)


def _not_listed(count: int) -> str:
    if count == 1:
        return "1 object was not listed though it is there; what rests on it is unknown until it is"
    return f"{count:,} objects were not listed though they are there; what rests on them is unknown until they are"


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

    # Each goes on in the caller's context: what is logged and traced there belongs to its run.
    threads = [threading.Thread(target=copy_context().run, args=(work, source), name=f"pull-{source.name}") for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return {source.name: results[source.name] for source in sources}
