"""`milepost check`: what each source says of itself before anything is pulled from it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime

import msgspec

from config.problems import ConfigError
from connectors.base import Finding
from connectors.errors import Cancelled, SourceError
from mappings.model import WorkItem
from sync.bearers import sole_bearers
from sync.freshness import Freshness
from sync.listings import ScopedProject, listings_of, stream_facts
from sync.source import Gauge, Source, guarded, lacks_webhook_secret, reading
from sync.store import entities, former_keys, quarantine, streams
from sync.store.connect import Database
from sync.unmatched import unmatched_settings

MOMENTARY = frozenset({"rate limit", "rate budget", "clock"})
"""Topics of which only the last answer counts: each scope of a source asks again."""


class ScopedFinding(Finding, frozen=True, kw_only=True):
    """A finding about one scope of several: `scope` names the projects that have it. None: it holds for the whole source. `place`
    names all the places that have it."""

    scope: str | None = None


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """The findings of one source, over all of its scopes. `scopes` names the projects of each."""

    source: str
    type: str
    scopes: Sequence[str]
    findings: Sequence[ScopedFinding]

    @property
    def works(self) -> bool:
        return all(finding.level != "error" for finding in self.findings)


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """How far the check of one source is: for which projects' scope it is asked, and how many requests it took, failed ones too."""

    source: str
    scope: str | None = None
    requests: int = 0


def check_sources(
    sources: Sequence[Source], *, stop: threading.Event, report: Callable[[Asking], None] = lambda _: None
) -> Iterator[Checked]:
    """Asks every source at the same time, and gives each as soon as it has answered. `report` is called from their threads."""
    with ThreadPoolExecutor(max_workers=max(1, len(sources)), thread_name_prefix="check") as pool:
        asked = [pool.submit(_check, source, stop, report) for source in sources]
        yield from (one.result() for one in as_completed(asked))


def stored_findings(database: Database, projects: Sequence[ScopedProject]) -> Mapping[str, Sequence[ScopedFinding]]:
    """By source, what is known once everything has been listed: watch tickets that are not among what was read there, and names of
    the project file that nothing bears."""
    found: dict[str, list[ScopedFinding]] = {}
    for project in projects:
        for source, finding in (*_unread_watch_tickets(database, project), *_unmatched_settings(database, project)):
            found.setdefault(source, []).append(finding)
    return found


def webhook_findings(sources: Iterable[Source], environ: Mapping[str, str]) -> Mapping[str, Sequence[ScopedFinding]]:
    """By source, that it could send webhooks and none could be proven. No fault: only `milepost serve` takes any."""
    found: dict[str, Sequence[ScopedFinding]] = {}
    for source in sources:
        try:
            lack = lacks_webhook_secret(source, environ)
        except ConfigError:
            continue  # asking the source tells of it
        if lack is not None:
            found[source.name] = [ScopedFinding(level="info", topic="webhooks", text=f"{lack}, so none are taken")]
    return found


def _unread_watch_tickets(database: Database, project: ScopedProject) -> Iterator[tuple[str, ScopedFinding]]:
    with database.read() as tx:
        kept = listings_of(tx, project).present
        for source in (source for source, _ in project.scopes if source.name in project.view.watch):
            listings = [kept[source.name, stream] for stream, kinds in source.connection.streams.items() if "work_item" in kinds]
            whole = [state.key for state in streams.states(tx, listings) if state.complete_at is not None]
            key = project.view.watch[source.name]
            loaded = former_keys.filled_in(tx, entities.load(tx, listings))
            known = sole_bearers(one for one in loaded if isinstance(one, WorkItem))
            if set(whole) == set(listings) and (source.name, key.upper()) not in known:
                text = f"watch ticket {key} is outside the scope, or hidden from the account: it was not among the tickets read"
                fix = f"name another under projects.{project.key}.watch, widen the scope, or let the account see it"
                yield source.name, ScopedFinding(level="warning", topic="watch", text=text, fix=fix, scope=project.key)


def _unmatched_settings(database: Database, project: ScopedProject) -> Iterator[tuple[str, ScopedFinding]]:
    """What the scopes name, the sources are asked themselves. Told of the first source that could have it."""
    with database.read() as tx:
        listings = listings_of(tx, project)
        facts = stream_facts(project, listings, quarantine.unsettled(tx, {source.name for source, _ in project.scopes}))
        loaded = entities.load(tx, listings.keys)
        freshness = Freshness(facts, within=project.fresh_within, now=database.now(tx))
    for one in unmatched_settings(project.view, loaded, freshness):
        source = next(fact.source for fact in facts if one.kind in fact.provides)
        fix = f"correct projects.{project.key}.{one.where}"
        yield source, ScopedFinding(level="warning", topic="names", text=f"{one.where}: {one.text}", fix=fix, scope=project.key)


class _Counted(Gauge):
    """Tells of each request while a scope is asked about."""

    def __init__(self, source: str, report: Callable[[Asking], None]) -> None:
        super().__init__()
        self._report = report
        self._asking = Asking(source=source)

    def begin(self, scope: str) -> None:
        self._asking = msgspec.structs.replace(self._asking, scope=scope)
        self._report(self._asking)

    def request(self, *, remaining: int | None = None, limit: int | None = None, resets_at: datetime | None = None) -> None:
        super().request(remaining=remaining, limit=limit, resets_at=resets_at)
        self._asking = msgspec.structs.replace(self._asking, requests=self.requests)
        self._report(self._asking)


def _check(source: Source, stop: threading.Event, report: Callable[[Asking], None]) -> Checked:
    scopes = [scope.label for scope in source.scopes]
    findings = list(_said_once(_told(source, stop, _Counted(source.name, report)), scopes))
    return Checked(source=source.name, type=source.connection.name, scopes=scopes, findings=findings)


def _told(source: Source, stop: threading.Event, meter: _Counted) -> Iterator[tuple[str | None, Finding]]:
    """Each finding with the scope that was asked about, None for what concerns the whole source."""
    if not source.scopes:
        yield None, Finding(level="warning", topic="scope", text="no project scopes this source", fix="scope it, or remove it")
    try:
        source.secrets()
        for scope in source.scopes:
            meter.begin(scope.label)
            # What other projects show on the source is no concern of this scope.
            with reading(msgspec.structs.replace(source, owned=scope.owned), meter, stop) as reader:
                with guarded(source.name, "checking it"):
                    found = list(reader.check(scope.options))
                yield from ((scope.label, finding) for finding in found)
    except ConfigError as error:
        for problem in error.problems:
            if problem.level == "error":
                yield None, Finding(level="error", topic="secrets", text=f"{problem.path} {problem.message}", fix=problem.fix)
    except SourceError as error:
        yield None, Finding(level="error", topic="access", text=error.message, fix=error.fix)
    except Cancelled:
        yield None, Finding(level="warning", topic="access", text="stopped before everything was asked")


def _said_once(told: Iterable[tuple[str | None, Finding]], scopes: Sequence[str]) -> Iterator[ScopedFinding]:
    """Each finding once, with its places, and its scope where others of the source did not say the same."""
    said_by: dict[Finding, dict[str | None, None]] = {}
    said_of: dict[Finding, dict[str, None]] = {}
    for scope, placed in told:
        finding = msgspec.structs.replace(placed, place=None)
        said_by.setdefault(finding, {})[scope] = None
        said_of.setdefault(finding, {}).update({placed.place: None} if placed.place is not None else {})
    latest = {finding.topic: finding for finding in said_by}
    for finding, speakers in said_by.items():
        everywhere = finding.topic in MOMENTARY or speakers.keys() >= set(scopes)
        if finding.topic not in MOMENTARY or latest[finding.topic] is finding:
            named = [scope for scope in speakers if scope is not None and not everywhere]
            fields = msgspec.structs.asdict(finding) | {"place": ", ".join(said_of[finding]) or None}
            yield ScopedFinding(**fields, scope=", ".join(named) or None)
