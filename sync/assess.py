"""One project from its stored facts to its standings: load, observe, link, judge, save."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

import msgspec

from connectors.errors import SourceError
from mappings.model import Entity, Observation, Project, Ref
from mappings.rules import StatusRule
from sync.derive import Episode, Standing, derive
from sync.facts import View
from sync.freshness import Freshness, StreamFacts
from sync.graph import Graph
from sync.link import Linked, build_graph, link
from sync.lookup import Answers, look_up, nowhere, repositories_in
from sync.observe import observe
from sync.project import ProjectView
from sync.source import Scope, Source
from sync.store import entities, former_keys, leases, observations, quarantine, streams, verdicts
from sync.store.connect import Connection, Database
from sync.store.leases import Lease

HISTORY = timedelta(days=400)
"""How far back observations count: longer than any window or streak that a rule can ask for in practice."""


class ScopedProject(msgspec.Struct, frozen=True, kw_only=True):
    """One project with its rules and the scopes that it has in each source."""

    view: ProjectView
    rules: tuple[StatusRule, ...]
    scopes: tuple[tuple[Source, Scope], ...]
    fresh_within: timedelta

    @property
    def key(self) -> str:
        return self.view.key


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

    With the project's lease, observations, standings and episodes are stored `under` it; without, none of them is. What was said of
    a subject that was not listed yet under a changed scope stays as it was: neither does its episode end. Raises `LeaseLost` when
    the lease is somebody else's by then.
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
        freshness = Freshness(_stream_facts(tx, project, rejected), within=project.fresh_within, now=now)
        before = verdicts.load(tx, project.key)
        missing = entities.missing(tx, _keys(tx, project))
    graph = build_graph(known, linked, missing={*missing, *(ref for refs in rejected.values() for ref in refs)})
    derived = derive(View(graph, project.view, freshness), project.rules, before)
    if under is not None:
        with database.write() as tx:
            leases.verify(tx, under)
            observations.append(tx, project.key, [one for one in graph.of(Observation) if one.observed_at >= now - HISTORY], now)
            unlisted = [one for one in before if one.subject not in graph.entities and may_be_in_scope(freshness, one.subject)]
            kept = {one.episode for one in unlisted}
            episodes = [one for one in derived.episodes if one.id not in kept]
            verdicts.save(tx, project.key, [*derived.standings, *unlisted], episodes)
    return Assessment(
        project=project,
        now=now,
        graph=graph,
        freshness=freshness,
        standings=derived.standings,
        findings=linked.findings,
        unanswered=answers.failures,
    )


def may_be_in_scope(freshness: Freshness, ref: Ref) -> bool:
    """Whether an object that is not known to be in the project's scopes may be there all the same: they were not listed whole, as
    after they were changed in the project file."""
    return any(one.source == ref.source and ref.kind in one.provides and not one.complete for one in freshness.streams)


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
    loaded = former_keys.filled_in(tx, entities.load(tx, _keys(tx, project)))
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


def keys_of(tx: Connection, project: ScopedProject) -> Mapping[tuple[str, str], streams.StreamKey]:
    """By source and stream, where what is known of the project's scopes is kept.

    When the project file makes another status or prefix ours, that is where it was kept before until everything was listed anew:
    the same was listed there.
    """
    current = {(source.name, key.stream): (key, scope) for source, scope in project.scopes for key in source.keys(scope)}
    complete = {state.key for state in streams.states(tx, [key for key, _ in current.values()]) if state.complete_at is not None}
    found: dict[tuple[str, str], streams.StreamKey] = {}
    for place, (key, scope) in current.items():
        former = None if key in complete else streams.last_complete(tx, key, scope.listed)
        found[place] = key if former is None else former.key
    return found


def _keys(tx: Connection, project: ScopedProject) -> Sequence[streams.StreamKey]:
    return list(keys_of(tx, project).values())


def _stream_facts(
    tx: Connection, project: ScopedProject, rejected: Mapping[tuple[str, str], AbstractSet[Ref]]
) -> Sequence[StreamFacts]:
    keys = keys_of(tx, project)
    current = [key for source, scope in project.scopes for key in source.keys(scope)]
    states = {state.key: state for state in streams.states(tx, [*keys.values(), *current])}
    facts = []
    for source, scope in project.scopes:
        for stream, kinds in source.connection.streams.items():
            state, latest = states.get(keys[source.name, stream]), states.get(source.key(stream, scope))
            facts.append(
                StreamFacts(
                    source=source.name,
                    stream=stream,
                    provides=kinds,
                    complete=state is not None and state.complete_at is not None,
                    pulled_at=state.pulled_at if state is not None else None,
                    failed=latest.error if latest is not None else state.error if state is not None else None,
                    rejected=len(rejected.get((source.name, stream), ())),
                )
            )
    return facts


__all__ = ["Assessment", "Episode", "ScopedProject", "assess"]
