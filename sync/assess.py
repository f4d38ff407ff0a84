"""One project from its stored facts to its standings: load, observe, link, judge, save."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec

from connectors.errors import SourceError
from mappings.model import Entity, Observation, Project, Ref
from sync.derive import Standing, derive
from sync.freshness import Freshness
from sync.graph import Graph
from sync.link import Linked, build_graph, link
from sync.listings import ScopedProject, listings_of, rest_on, stream_facts, unlisted
from sync.lookup import Answers, look_up, nowhere, repositories_in
from sync.observe import observe
from sync.project import ProjectView
from sync.source import Source
from sync.store import entities, former_keys, leases, observations, quarantine, verdicts
from sync.store.connect import Connection, Database
from sync.store.leases import Lease
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
    known, linked = _linked(database, project)
    scoped = {source.name for source, _ in project.scopes}
    asked = [source for source in asking if source.name in scoped]
    answers = Answers()
    if asked and linked.loose_ends:
        answers = look_up(database, asked, repositories_in(known), linked.loose_ends, stop=stop)
    if answers.answered:
        known, linked = _linked(database, project)
    with database.read() as tx:
        now = database.now(tx)
        rejected = quarantine.unsettled(tx, {source.name for source, _ in project.scopes})
        listings = listings_of(tx, project)
        freshness = Freshness(stream_facts(project, listings, rejected), within=project.fresh_within, now=now)
        before = verdicts.load(tx, project.key)
        missing = {*entities.missing(tx, listings.keys), *(ref for refs in rejected.values() for ref in refs)}
        graph = build_graph(known, linked, missing=missing, unlisted=unlisted(tx, listings))
    derived = derive(View(graph, project.view, freshness), project.rules, before)
    if under is not None:
        with database.write() as tx:
            leases.verify(tx, under)
            observations.append(tx, project.key, [one for one in graph.of(Observation) if one.observed_at >= now - HISTORY], now)
            gone = _of_the_gone(before, entities.buried(tx, {one.subject for one in before} - graph.entities.keys()), now)
            verdicts.save(tx, project.key, [*derived.standings, *gone], derived.episodes)
            rest_on(tx, project, listings)
    return Assessment(
        project=project,
        now=now,
        graph=graph,
        freshness=freshness,
        standings=derived.standings,
        findings=linked.findings,
        unanswered=answers.failures,
    )


def _of_the_gone(before: Sequence[Standing], buried: Collection[Ref], now: datetime) -> Sequence[Standing]:
    """What was said of subjects that are proven gone by now: kept, since such a proof can be undone."""
    return [
        msgspec.structs.replace(one, gone_since=one.gone_since or now, recheck_at=None) for one in before if one.subject in buried
    ]


def _linked(database: Database, project: ScopedProject) -> tuple[Sequence[Entity], Linked]:
    with database.read() as tx:
        now = database.now(tx)
        known = [*_load(tx, project), _project_entity(project.view)]
        history = observations.history(tx, project.key, now - HISTORY)
        found = {one.ref: one for one in [*history, *observe(known, project.view, history, now=now)]}
        linked = link([*known, *found.values()], project.view)
        gone = nowhere(tx, repositories_in(known), linked.loose_ends)
    left = [sha for sha in linked.unresolved if sha not in gone]
    return [*known, *found.values()], msgspec.structs.replace(linked, unresolved=left)


def _load(tx: Connection, project: ScopedProject) -> Sequence[Entity]:
    """The live entities of the project's scopes, with their former keys, and the commits that were looked up for them."""
    loaded = former_keys.filled_in(tx, entities.load(tx, listings_of(tx, project).keys))
    have = {entity.ref for entity in loaded}
    return [*loaded, *(one for one in entities.looked_up_commits(tx, repositories_in(loaded)) if one.ref not in have)]


def _project_entity(view: ProjectView) -> Project:
    return Project(
        ref=Ref("milepost", "project", view.key),
        key=view.key,
        name=view.name,
        owners=view.owners,
        risk_class=view.risk_class,
        timezone=view.timezone,
    )
