"""Why a ticket, change request or model shows what it shows: its chain of links, the evidence of every verdict about it, what it
receives from others and what it is evidence for, as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from mappings.model import Commit, Dataset, Deployment, Entity, ModelVersion, Observation, Project, Ref, Run
from mappings.rules import StatusRule
from sync.assess import Assessment
from sync.chain import Node, chain, title_of
from sync.derive import Standing, shown
from sync.graph import Graph
from sync.judge import Evidence
from sync.names import name_of
from sync.recipients import deliver

SHORTEST_PREFIX = 7
"""Of a sha or run id: fewer characters are too likely to mean several."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule says of a subject, with everything that it rests on."""

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


class Concern(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict about something else that concerns what is explained. `direct`: it is received, or it is among the evidence; else
    it only lies on the way along which the rule looks."""

    subject: Ref
    name: str
    title: str
    url: str | None
    direct: bool
    verdict: Verdict


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `milepost explain` tells of one subject in one project, but for its slots."""

    project: str
    subject: Node
    verdicts: tuple[Verdict, ...]
    received: tuple[Concern, ...]
    evidence_for: tuple[Concern, ...]
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
    """The chain from the subject, every verdict about it, and the verdicts about others that concern it."""
    rules = {rule.id: rule for rule in assessment.project.rules}
    mine = [one for one in assessment.standings if one.subject == subject.ref]
    return Explanation(
        project=assessment.project.key,
        subject=chain(assessment.graph, subject.ref),
        verdicts=tuple(_verdict(one, rules[one.rule], assessment) for one in sorted(mine, key=lambda one: -rules[one.rule].rank)),
        received=tuple(_received(assessment, subject, rules)),
        evidence_for=tuple(_evidence_for(assessment, subject, rules)),
        facts_as_of=assessment.freshness.facts_as_of(),
    )


def _received(assessment: Assessment, subject: Entity, rules: Mapping[str, StatusRule]) -> Iterator[Concern]:
    """What is told on the subject though it is about something else."""
    delivered = deliver(assessment.graph, assessment.project.view, rules, assessment.standings, now=assessment.now)
    others = [one.standing for one in delivered if subject.ref in one.targets and one.standing.subject != subject.ref]
    for standing in _in_order(others, rules):
        yield _concern(standing, assessment, rules, direct=True)


def _evidence_for(assessment: Assessment, subject: Entity, rules: Mapping[str, StatusRule]) -> Iterator[Concern]:
    """The verdicts that the subject is evidence for, then those on whose chain it only lies."""
    others = [one for one in assessment.standings if one.subject != subject.ref]
    direct = [one for one in others if _is_evidence(subject, one)]
    yield from (_concern(one, assessment, rules, direct=True) for one in _in_order(direct, rules))
    lies_on = _OnTheWay(assessment, subject, rules)
    on_the_way = [one for one in others if not _is_evidence(subject, one) and lies_on.the_way_of(one)]
    yield from (_concern(one, assessment, rules, direct=False) for one in _in_order(on_the_way, rules))


def _is_evidence(subject: Entity, standing: Standing) -> bool:
    """Also where the evidence names the subject by its page alone, as a monitor's result does with the run that made it."""
    return any(one.ref == subject.ref or (one.url is not None and one.url == subject.url) for one in standing.evidence)


class _OnTheWay:
    """Whether the subject is among what a rule reaches from others; rules that look the same way are walked once."""

    def __init__(self, assessment: Assessment, subject: Entity, rules: Mapping[str, StatusRule]) -> None:
        self.graph = assessment.graph
        self.rules = rules
        self.ref = subject.subject if isinstance(subject, Observation) else subject.ref
        self.known: dict[tuple[Ref, frozenset[str]], bool] = {}

    def the_way_of(self, standing: Standing) -> bool:
        rule = self.rules[standing.rule]
        if rule.subject == "project":
            return False
        key = (standing.subject, frozenset(rule.via))
        if key not in self.known:
            self.known[key] = self.ref in self.graph.reach(standing.subject, rule.via)
        return self.known[key]


def _in_order(standings: Sequence[Standing], rules: Mapping[str, StatusRule]) -> Sequence[Standing]:
    """By subject, the highest rank first."""
    return sorted(standings, key=lambda one: (one.subject, -rules[one.rule].rank))


def _concern(standing: Standing, assessment: Assessment, rules: Mapping[str, StatusRule], *, direct: bool) -> Concern:
    about = assessment.graph.entities[standing.subject]
    return Concern(
        subject=about.ref,
        name=name_of(about),
        title=title_of(about),
        url=about.url,
        direct=direct,
        verdict=_verdict(standing, rules[standing.rule], assessment),
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
        missing=named(standing.missing, assessment.graph),
    )


def named(missing: Sequence[str], graph: Graph) -> tuple[str, ...]:
    """What is missing, with the names of objects instead of their refs."""
    return tuple(_named(one, graph) for one in missing)


def _named(text: str, graph: Graph) -> str:
    ref, comma, rest = text.partition(", ")
    try:
        entity = graph.entities.get(Ref.parse(ref))
    except ValueError:
        return text
    return f"{name_of(entity)}{comma}{rest}" if entity is not None else text
