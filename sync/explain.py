"""Why a ticket, change request or model shows what it shows: its chain of links and the evidence of every verdict, as data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from mappings.model import (
    ChangeRequest,
    Commit,
    Dataset,
    Deployment,
    Entity,
    Link,
    Milestone,
    ModelVersion,
    Observation,
    Project,
    Ref,
    Relation,
    Run,
    WorkItem,
)
from mappings.rules import StatusRule
from sync.assess import Assessment
from sync.derive import Standing, shown
from sync.graph import Graph
from sync.judge import Evidence
from sync.names import name_of

MAX_DEPTH = 6
MAX_BRANCHES = 8
SHORTEST_PREFIX = 7
"""Of a sha or run id: fewer characters are too likely to mean several."""

Edge: TypeAlias = tuple[Link, Ref, int]
"""A link, where it leads to, and which way a chain may go on from there: 0 for no further."""


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One object of the chain, with the link on which it hangs: `outward` when the one above is that link's source. `hidden`
    further children were left out."""

    ref: Ref
    kind: str
    name: str
    title: str = ""
    state: str = ""
    url: str | None = None
    relation: Relation | None = None
    outward: bool = False
    because: str = ""
    confidence: str = ""
    children: tuple[Node, ...] = ()
    hidden: int = 0


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule says of the subject, with everything that it rests on."""

    rule: str
    title: str
    kind: str
    truth: bool | None
    state: Literal["on", "off", "unknown"]
    says: str
    since: datetime
    rule_version: str
    recheck_at: datetime | None
    evidence: tuple[Evidence, ...]
    missing: tuple[str, ...]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `milepost explain` tells of one subject in one project."""

    project: str
    subject: Node
    verdicts: tuple[Verdict, ...]
    facts_as_of: datetime | None


def find_subjects(assessment: Assessment, text: str) -> Sequence[Entity]:
    """The entities that a person may mean by a key, a name, an address or a ref; else by the beginning of a sha or run id."""
    wanted = text.strip().casefold()
    if not wanted:
        return []
    entities = sorted(assessment.graph.entities.values(), key=lambda entity: entity.ref)
    exact = [one for one in entities if any(wanted == name.casefold() for name in _names(one))]
    if exact or len(wanted) < SHORTEST_PREFIX:
        return exact
    return [one for one in entities if isinstance(one, Commit | Run) and one.ref.id.rpartition("/")[2].startswith(wanted)]


def all_names(assessment: Assessment) -> Iterator[str]:
    """What the entities of a project are called, for suggestions."""
    return (name_of(one) for one in assessment.graph.entities.values())


def _names(entity: Entity) -> Iterator[str]:
    """Everything that a person may call an entity."""
    yield from (name_of(entity), str(entity.ref), entity.ref.id)
    if entity.url is not None:
        yield entity.url
    match entity:
        case Project():
            yield entity.key
        case Commit():
            yield entity.sha
        case Run():
            yield entity.name or entity.run_id
        case ModelVersion():
            yield from (entity.name, f"{entity.name}/{entity.version}", f"{entity.name} {entity.version}")
        case Dataset():
            yield entity.name
        case Deployment():
            yield entity.endpoint


def explain(assessment: Assessment, subject: Entity) -> Explanation:
    """The chain from the subject and every verdict about it."""
    rules = {rule.id: rule for rule in assessment.project.rules}
    mine = [one for one in assessment.standings if one.subject == subject.ref]
    verdicts = sorted((_verdict(one, rules[one.rule], assessment) for one in mine), key=lambda one: -rules[one.rule].rank)
    return Explanation(
        project=assessment.project.key,
        subject=_Chain(assessment.graph, subject.ref).node(subject.ref),
        verdicts=tuple(verdicts),
        facts_as_of=assessment.freshness.facts_as_of(),
    )


def _verdict(standing: Standing, rule: StatusRule, assessment: Assessment) -> Verdict:
    state = shown(standing, rule, now=assessment.now, unknown_after=assessment.project.view.unknown_after)
    return Verdict(
        rule=rule.id,
        title=rule.title,
        kind=rule.kind,
        truth=standing.truth,
        state=state,
        says=standing.says,
        since=standing.opened_at or standing.since,
        rule_version=standing.rule_version,
        recheck_at=standing.recheck_at,
        evidence=standing.evidence,
        missing=standing.missing,
    )


class _Chain:
    """What hangs on a subject, each object once, on the shortest way to it.

    From the subject the chain goes towards effects and towards intentions, then one way only, so that what merely shares a dataset
    or commit with it is not shown as its own.
    """

    def __init__(self, graph: Graph, subject: Ref) -> None:
        self.graph = graph
        self.below: dict[Ref, list[Edge]] = {}
        self.hidden: dict[Ref, int] = {}
        self.seen = {subject}
        level: list[tuple[Ref, Sequence[int]]] = [(subject, (1, -1))]
        for _ in range(MAX_DEPTH):
            level = [found for ref, ways in level for found in self._grow(ref, ways)]

    def node(self, ref: Ref, link: Link | None = None) -> Node:
        """One object with everything below it."""
        entity = self.graph.entities[ref]
        return Node(
            ref=ref,
            kind=ref.kind,
            name=name_of(entity),
            title=_title(entity),
            state=_state(entity),
            url=entity.url,
            relation=link.relation if link is not None else None,
            outward=link is not None and link.target == ref,
            because=link.because if link is not None else "",
            confidence=link.confidence if link is not None else "",
            children=tuple(self.node(other, one) for one, other, _ in self.below.get(ref, ())),
            hidden=self.hidden.get(ref, 0),
        )

    def _grow(self, ref: Ref, ways: Sequence[int]) -> Iterator[tuple[Ref, Sequence[int]]]:
        branches = list(self._branches(ref, ways))
        self.seen.update(other for _, other, _ in branches)
        news = _newest_observations(self.graph, branches)
        self.below[ref] = news[:MAX_BRANCHES]
        self.hidden[ref] = len(branches) - len(self.below[ref])
        yield from ((other, (way,) if way else ()) for _, other, way in self.below[ref])

    def _branches(self, ref: Ref, ways: Sequence[int]) -> Iterator[Edge]:
        """What hangs on one object and was not shown yet, sure links first; without a way to go on, only what observes it."""
        found: set[Ref] = set()
        links = [(one, one.source) for one in self.graph.links_to(ref)] + [(one, one.target) for one in self.graph.links_from(ref)]
        for one, other in sorted(links, key=lambda pair: (pair[0].confidence == "textual", pair[0].relation, pair[1])):
            if other in self.seen or other in found or other not in self.graph.entities:
                continue
            way = self.graph.direction(ref, other)
            beside = other.kind in ("dataset", "observation") or one.relation in ("blocks", "mentions", "follows")
            if way in ways or other.kind == "observation" or (beside and ways):
                found.add(other)
                yield one, other, 0 if beside else way


def _newest_observations(graph: Graph, branches: Sequence[Edge]) -> list[Edge]:
    """Without the observations that a newer one of the same monitor has replaced."""
    newest: dict[str, Observation] = {}
    for _, ref, _ in branches:
        one = graph.get(ref, Observation)
        if one is not None and (one.monitor not in newest or newest[one.monitor].observed_at < one.observed_at):
            newest[one.monitor] = one
    return [edge for edge in branches if (one := graph.get(edge[1], Observation)) is None or newest[one.monitor] is one]


def _title(entity: Entity) -> str:
    match entity:
        case WorkItem() | ChangeRequest():
            return entity.title
        case Commit():
            return entity.message.partition("\n")[0]
    return ""


def _state(entity: Entity) -> str:
    match entity:
        case WorkItem() | Run():
            return entity.status or ""
        case ChangeRequest() | Milestone() | Deployment():
            return entity.state
        case Observation():
            return entity.outcome
        case ModelVersion():
            return ", ".join(entity.aliases)
    return ""
