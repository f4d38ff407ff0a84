"""Why a ticket, change request or model shows what it shows: its chain of links and the evidence of every verdict, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from mappings.model import Entity, Link, Ref, Relation
from mappings.rules import StatusRule
from sync.assess import Assessment
from sync.derive import Standing, shown
from sync.graph import Graph
from sync.judge import Evidence
from sync.names import name_of

MAX_DEPTH = 6
MAX_BRANCHES = 8
_CHAIN: frozenset[Relation] = frozenset(
    {"implements", "built_from", "registered_from", "deploys", "trained_on", "observes", "follows", "blocks", "mentions"}
)


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
        subject=_node(assessment.graph, subject, None, {subject.ref}, MAX_DEPTH),
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


def _node(graph: Graph, entity: Entity, link: Link | None, seen: set[Ref], depth: int) -> Node:
    branches = _branches(graph, entity.ref, seen) if depth > 0 else {}
    seen |= branches.keys()
    children = [
        _node(graph, other, one, seen, depth - 1)
        for ref, one in list(branches.items())[:MAX_BRANCHES]
        if (other := graph.entities.get(ref)) is not None
    ]
    return Node(
        ref=entity.ref,
        kind=entity.ref.kind,
        name=name_of(entity),
        title=str(getattr(entity, "title", "") or getattr(entity, "message", "").partition("\n")[0]),
        state=str(getattr(entity, "state", None) or getattr(entity, "status", None) or getattr(entity, "outcome", None) or ""),
        url=entity.url,
        relation=link.relation if link is not None else None,
        because=link.because if link is not None else "",
        confidence=link.confidence if link is not None else "",
        children=tuple(children),
        hidden=max(0, len(branches) - MAX_BRANCHES),
    )


def _branches(graph: Graph, ref: Ref, seen: set[Ref]) -> Mapping[Ref, Link]:
    """What hangs on one object and was not shown yet: sure links before mentions."""
    found: dict[Ref, Link] = {}
    links = [(one, one.source) for one in graph.links_to(ref)] + [(one, one.target) for one in graph.links_from(ref)]
    for one, other in sorted(links, key=lambda pair: (pair[0].confidence == "textual", pair[0].relation, pair[1])):
        if one.relation in _CHAIN and other not in seen and other in graph.entities:
            found.setdefault(other, one)
    return found
