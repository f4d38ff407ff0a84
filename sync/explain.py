"""Why a ticket, change request or model shows what it shows: its chain of links and the evidence of every verdict, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from mappings.model import (
    ChangeRequest,
    Commit,
    Deployment,
    Entity,
    Link,
    Milestone,
    ModelVersion,
    Observation,
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


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One object of the chain, with how it hangs on the one above. `hidden` further children were left out."""

    ref: Ref
    kind: str
    name: str
    title: str = ""
    state: str = ""
    url: str | None = None
    relation: Relation | None = None
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
    """The entities that a person may mean by a key, a name or a ref; exact names first, then sha prefixes."""
    wanted = text.strip().casefold()
    entities = sorted(assessment.graph.entities.values(), key=lambda entity: entity.ref)
    exact = [one for one in entities if wanted in (name_of(one).casefold(), str(one.ref).casefold(), one.ref.id.casefold())]
    if exact or len(wanted) < 7:
        return exact
    return [one for one in entities if one.ref.kind in ("commit", "run") and one.ref.id.rpartition("/")[2].startswith(wanted)]


def explain(assessment: Assessment, subject: Entity) -> Explanation:
    """The chain from the subject and every verdict about it."""
    rules = {rule.id: rule for rule in assessment.project.rules}
    mine = [one for one in assessment.standings if one.subject == subject.ref]
    verdicts = sorted((_verdict(one, rules[one.rule], assessment) for one in mine), key=lambda one: -rules[one.rule].rank)
    return Explanation(
        project=assessment.project.key,
        subject=_node(assessment.graph, subject, None, {subject.ref}, (1, -1), MAX_DEPTH),
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


def _node(graph: Graph, entity: Entity, link: Link | None, seen: set[Ref], ways: Sequence[int], depth: int) -> Node:
    """One object with what hangs on it. From the subject the chain goes towards effects and towards intentions, then one way only,
    so that what merely shares a dataset or commit with it is not shown as its own."""
    branches = _branches(graph, entity.ref, seen, ways) if depth > 0 else {}
    seen |= branches.keys()
    children = [
        _node(graph, graph.entities[ref], one, seen, (way,) if way else (), depth - 1)
        for ref, (one, way) in list(branches.items())[:MAX_BRANCHES]
    ]
    return Node(
        ref=entity.ref,
        kind=entity.ref.kind,
        name=name_of(entity),
        title=_title(entity),
        state=_state(entity),
        url=entity.url,
        relation=link.relation if link is not None else None,
        because=link.because if link is not None else "",
        confidence=link.confidence if link is not None else "",
        children=tuple(children),
        hidden=max(0, len(branches) - MAX_BRANCHES),
    )


def _branches(graph: Graph, ref: Ref, seen: set[Ref], ways: Sequence[int]) -> Mapping[Ref, tuple[Link, int]]:
    """What hangs on one object and was not shown yet, sure links first; 0 marks what is shown without going on from it."""
    found: dict[Ref, tuple[Link, int]] = {}
    links = [(one, one.source) for one in graph.links_to(ref)] + [(one, one.target) for one in graph.links_from(ref)]
    for one, other in sorted(links, key=lambda pair: (pair[0].confidence == "textual", pair[0].relation, pair[1])):
        if other in seen or other in found or other not in graph.entities:
            continue
        way = graph.direction(ref, other)
        beside = other.kind in ("dataset", "observation") or one.relation in ("blocks", "mentions", "follows")
        if beside and (ways or other.kind == "observation"):
            found[other] = (one, 0)
        elif way in ways:
            found[other] = (one, way)
    return found


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
