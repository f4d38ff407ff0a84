"""One project from its stored facts to its standings: load, observe, link, judge, save."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

import msgspec

from connectors.errors import SourceError
from mappings.model import Entity, Observation, Project, Ref
from sync.derive import Standing, derive
from sync.freshness import Freshness
from sync.graph import Graph
from sync.link import Linked, build_graph, link
from sync.listings import Listings, ScopedProject, listings_of, named_in, rest_on, stream_facts, unlisted
from sync.lookup import Answers, look_up, nowhere, repositories_in
from sync.observe import observe, still_named
from sync.project import ProjectView
from sync.recipients import deliver
from sync.source import Source
from sync.store import entities, former_keys, leases, observations, quarantine, verdicts
from sync.store.connect import Connection, Database
from sync.store.leases import Lease
from sync.unmatched import Unmatched, unmatched_scopes, unmatched_settings
from sync.view import View

HISTORY = timedelta(days=400)
"""How far back observations count: longer than any window or streak that a rule can ask for in practice."""


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """A project as it stands: what is known, how it is linked, what every rule says, and how old the facts are.

    `unanswered`: what sources failed on when commits were looked up for it just now.
    """

    project: ScopedProject
    now: datetime
    graph: Graph
    freshness: Freshness
    standings: Sequence[Standing]
    findings: Sequence[str]
    unanswered: Sequence[SourceError] = ()


def assess(
    database: Database, project: ScopedProject, *, stop: threading.Event, under: Lease | None = None, asking: Sequence[Source] = ()
) -> Assessment:
    """Judges the stored facts of one project. Unknown commits are looked up first in the sources that may be asked.

    With the project's lease, observations, standings and episodes are stored `under` it; without, none of them is. Raises
    `LeaseLost` when the lease is somebody else's by then.
    """
    known = _gather(database, project)
    scoped = {source.name for source, _ in project.scopes}
    asked = [source for source in asking if source.name in scoped]
    answers = Answers()
    if asked and known.linked.loose_ends:
        answers = look_up(database, asked, repositories_in(known.entities), known.linked.loose_ends, stop=stop)
    if answers.answered:
        known = _gather(database, project)
    now = known.freshness.now
    graph = build_graph(known.entities, known.linked, missing=known.missing, unlisted=known.unlisted)
    derived = derive(View(graph, project.view, known.freshness), project.rules, known.before)
    if under is not None:
        with database.write() as tx:
            leases.verify(tx, under)
            observations.append(tx, project.key, [one for one in graph.of(Observation) if one.observed_at >= now - HISTORY], now)
            absent = {one.subject for one in known.before} - graph.entities.keys()
            gone = _of_the_gone(known.before, entities.buried(tx, absent), now)
            verdicts.save(tx, project.key, [*_told(derived.standings, graph, project, now), *gone], derived.episodes)
            rest_on(tx, project, known.listings)
    return Assessment(
        project=project,
        now=now,
        graph=graph,
        freshness=known.freshness,
        standings=derived.standings,
        findings=known.linked.findings,
        unanswered=answers.failures,
    )


def _told(standings: Sequence[Standing], graph: Graph, project: ScopedProject, now: datetime) -> Iterable[Standing]:
    """With those who receive each: who only reads what is stored has no links to find them by."""
    rules = {rule.id: rule for rule in project.rules}
    delivered = deliver(graph, project.view, rules, standings, now=now)
    return (msgspec.structs.replace(one.standing, told=one.targets) for one in delivered)


def _of_the_gone(before: Sequence[Standing], buried: Collection[Ref], now: datetime) -> Sequence[Standing]:
    """What was said of subjects that are proven gone by now: kept, since such a proof can be undone."""
    return [
        msgspec.structs.replace(one, gone_since=one.gone_since or now, recheck_at=None) for one in before if one.subject in buried
    ]


def unmatched_in(assessment: Assessment) -> Sequence[Unmatched]:
    """What the project file names and nothing that was read bears."""
    project, entities = assessment.project, list(assessment.graph.entities.values())
    return [
        *unmatched_scopes(named_in(project), entities, assessment.freshness),
        *unmatched_settings(project.view, entities, assessment.freshness),
    ]


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    """All that is stored of a project, as of one moment: facts from before a listing ended would otherwise count as all that it
    has."""

    entities: Sequence[Entity]
    linked: Linked
    listings: Listings
    freshness: Freshness
    missing: frozenset[Ref]
    unlisted: frozenset[Ref]
    before: Sequence[Standing]


def _gather(database: Database, project: ScopedProject) -> _Known:
    with database.read() as tx:
        now = database.now(tx)
        listings = listings_of(tx, project)
        rejected = quarantine.unsettled(tx, {source.name for source, _ in project.scopes})
        loaded = [*_load(tx, listings), project_entity(project.view)]
        history = _that_counts(observations.history(tx, project.memory, now - HISTORY), project)
        shown = {entity.ref for entity in loaded}
        judged = [one for one in history if one.outcome != "unknown" or one.ref not in shown]
        found = {one.ref: one for one in [*judged, *observe(loaded, project.view, history, now=now)]}
        linked = link([*loaded, *found.values()], project.view)
        gone = nowhere(tx, repositories_in(loaded), linked.loose_ends)
        left = [sha for sha in linked.unresolved if sha not in gone]
        missing = {*entities.missing(tx, listings.keys), *(ref for refs in rejected.values() for ref in refs)}
        missing.update(_perhaps_over(history, shown))
        return _Known(
            entities=[*loaded, *found.values()],
            linked=msgspec.structs.replace(linked, unresolved=left),
            listings=listings,
            freshness=Freshness(stream_facts(project, listings, rejected), within=project.fresh_within, now=now),
            missing=frozenset(missing),
            unlisted=unlisted(tx, listings, [one.ref for one in loaded]),
            before=verdicts.load(tx, project.memory),
        )


def _that_counts(history: Iterable[Observation], project: ScopedProject) -> Sequence[Observation]:
    """What was found by a name stays as it was judged, but only for as long as the project goes by that name."""
    streams = ((source.name, kinds) for source, _ in project.scopes for kinds in source.connection.streams.values())
    telling = {name for name, kinds in streams if "observation" in kinds}
    return [one for one in history if one.ref.source in telling or still_named(one, project.view)]


def _perhaps_over(history: Iterable[Observation], shown: AbstractSet[Ref]) -> Iterable[Ref]:
    """The alarms that history alone remembers, as when their monitor was deleted: nobody would tell that they were cleared."""
    return (one.ref for one in history if one.lasting and one.outcome == "failed" and one.ref not in shown)


def _load(tx: Connection, listings: Listings) -> Sequence[Entity]:
    """The live entities of the project's scopes, with their former keys, and the commits that were looked up for them."""
    loaded = former_keys.filled_in(tx, entities.load(tx, listings.keys))
    have = {entity.ref for entity in loaded}
    return [*loaded, *(one for one in entities.looked_up_commits(tx, repositories_in(loaded)) if one.ref not in have)]


def project_entity(view: ProjectView) -> Project:
    """The project itself, which no source tells of."""
    return Project(
        ref=Ref("milepost", "project", view.key),
        key=view.key,
        name=view.name,
        owners=view.owners,
        risk_class=view.risk_class,
        timezone=view.timezone,
    )
