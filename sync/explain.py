"""Why a ticket, change request or model shows what it shows: its chain of links, the evidence of every verdict about it, what it
receives from others and what it is evidence for, as data."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Literal, TypeVar

import msgspec

from mappings.change import Slot, Value
from mappings.model import (
    ChangeRequest,
    Commit,
    Dataset,
    Deployment,
    Entity,
    ModelVersion,
    Observation,
    Ref,
    Run,
)
from mappings.tags import TagNames
from sync.assess import Assessment
from sync.chain import MAX_BRANCHES, Node, chain, title_of
from sync.derive import Standing
from sync.evidence import Evidence
from sync.graph import Graph
from sync.known import Known
from sync.link import bearers_of
from sync.names import models_named_by, name_of, names_of
from sync.recipients import Delivery, deliver, why_untold
from sync.showing import shown_on, state_seen
from sync.tagged import named_shas

K = TypeVar("K", bound=Hashable)

SHORTEST_PREFIX = 7
"""Of a sha or run id: fewer characters are too likely to mean several."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule says of a subject, with everything that it rests on. `told_on` names the tickets and change requests that
    receive it, `shown_on` those where people see it now. `untold`: why it is true and nobody is told."""

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
    told_on: tuple[str, ...] = ()
    shown_on: tuple[str, ...] = ()
    untold: str | None = None


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
    """The entities that a person may mean by a key, a name, an address or a ref, or as `links:` of the project file says it; else
    by what an endpoint calls the models behind it; else by the beginning of a sha or run id; else those that name a commit of which
    nothing more is known. Of a monitor, its newest result on each subject."""
    wanted = text.strip().casefold()
    if not wanted:
        return []
    entities = sorted(assessment.graph.entities.values(), key=lambda entity: entity.ref)
    exact = [one for one in entities if any(wanted == name.casefold() for name in names_of(one))]
    if exact:
        return _newest(exact, wanted)
    declared = bearers_of(text.strip(), Known(entities)) if ":" in wanted else ()
    if declared:
        return _newest([assessment.graph.entities[ref] for ref in declared], wanted)
    serving = [one for one in entities if isinstance(one, Deployment) and wanted in map(str.casefold, models_named_by(one))]
    if serving or len(wanted) < SHORTEST_PREFIX:
        return serving
    names = assessment.project.view.tags
    begun = [one for one in entities if isinstance(one, Commit | Run) and one.ref.id.rpartition("/")[2].startswith(wanted)]
    return begun or [one for one in entities if any(sha.startswith(wanted) or wanted.startswith(sha) for sha in _shas(one, names))]


def _newest(found: Sequence[Entity], wanted: str) -> Sequence[Entity]:
    """Without the results of monitors that newer ones have replaced, unless one is named itself."""
    newest: dict[Hashable, Observation] = {}
    for one in found:
        if isinstance(one, Observation) and wanted not in (str(one.ref).casefold(), one.ref.id.casefold()):
            key = (one.subject, one.kind, one.monitor, one.ref.source)
            if key not in newest or newest[key].observed_at <= one.observed_at:
                newest[key] = one
    kept = {one.ref for one in newest.values()}
    return [one for one in found if not kept or not isinstance(one, Observation) or one.ref in kept]


def _shas(entity: Entity, names: TagNames) -> Sequence[str]:
    """The commits that an entity names, lower-case."""
    match entity:
        case ChangeRequest():
            return [sha.lower() for sha in (entity.head_sha, entity.merge_sha) if sha]
        case Run() | ModelVersion() | Deployment():
            return named_shas(entity, names)
    return ()


def all_names(assessment: Assessment) -> Iterator[str]:
    """What the entities of a project are called, for suggestions."""
    for one in assessment.graph.entities.values():
        yield name_of(one)
        yield from (one.endpoint,) if isinstance(one, Deployment) else (one.name,) if isinstance(one, Dataset) else ()


class Explainer:
    """Explains the subjects of one project, with what its slots hold now; what has to be looked through for each is looked through
    once."""

    def __init__(self, assessment: Assessment, slots: Mapping[Slot, Value]) -> None:
        self.assessment = assessment
        self.slots = slots
        self.rules = {rule.id: rule for rule in assessment.project.rules}

    def explain(self, subject: Entity, *, branches: int | None = MAX_BRANCHES) -> Explanation:
        """The chain from the subject with at most so many `branches` on each object, every verdict about it, and the verdicts about
        others that concern it."""
        ref = subject.ref
        evidence = {id(one): one for key in (ref, subject.url) if key is not None for one in self._by_evidence.get(key, ())}
        led_from = self._by_way.get(subject.subject if isinstance(subject, Observation) else ref, ())
        return Explanation(
            project=self.assessment.project.key,
            subject=chain(self.assessment.graph, ref, branches=branches),
            verdicts=tuple(self._verdict(one) for one in self._in_order(self._about.get(ref, ()))),
            received=tuple(self._concerns(ref, self._told.get(ref, ()), direct=True)),
            evidence_for=(
                *self._concerns(ref, list(evidence.values()), direct=True),
                *self._concerns(ref, [one for one in led_from if id(one) not in evidence], direct=False),
            ),
            facts_as_of=self.assessment.freshness.facts_as_of(),
        )

    @cached_property
    def _about(self) -> Mapping[Ref, Sequence[Standing]]:
        return _indexed((one.subject, one) for one in self.assessment.standings)

    @cached_property
    def _told(self) -> Mapping[Ref, Sequence[Standing]]:
        """By those who receive them."""
        return _indexed((target, one.standing) for one in self._delivered for target in one.targets)

    @cached_property
    def _delivered(self) -> Sequence[Delivery]:
        graph, view = self.assessment.graph, self.assessment.project.view
        return deliver(graph, view, self.rules, self.assessment.standings, now=self.assessment.now)

    @cached_property
    def _targets(self) -> Mapping[tuple[str, Ref], Sequence[Ref]]:
        """Who receives a status, by its rule and subject."""
        return {(one.standing.rule, one.standing.subject): one.targets for one in self._delivered}

    @cached_property
    def _by_evidence(self) -> Mapping[Ref | str, Sequence[Standing]]:
        """By the objects of their evidence, and by its pages: a monitor's result is known by the page of the run that made it."""
        return _indexed((key, one) for one in self.assessment.standings for key in set(_pages(one)))

    @cached_property
    def _by_way(self) -> Mapping[Ref, Sequence[Standing]]:
        """By everything that their rules reach; a rule about the whole project looks at all there is, and leads nowhere."""
        ways = ((one, self.rules[one.rule]) for one in self.assessment.standings)
        return _indexed(
            (ref, one)
            for one, rule in ways
            if rule.subject != "project"
            for ref in self.assessment.graph.reach(one.subject, rule.via)
        )

    def _concerns(self, ref: Ref, standings: Sequence[Standing], *, direct: bool) -> Iterator[Concern]:
        """Those that are about others."""
        for standing in self._in_order([one for one in standings if one.subject != ref]):
            about = self.assessment.graph.entities[standing.subject]
            yield Concern(
                subject=about.ref,
                name=name_of(about),
                title=title_of(about),
                url=about.url,
                direct=direct,
                verdict=self._verdict(standing),
            )

    def _in_order(self, standings: Sequence[Standing]) -> Sequence[Standing]:
        """By subject, the highest rank first."""
        return sorted(standings, key=lambda one: (one.subject, -self.rules[one.rule].rank))

    def _verdict(self, standing: Standing) -> Verdict:
        rule, view, now = self.rules[standing.rule], self.assessment.project.view, self.assessment.now
        targets = self._targets[standing.rule, standing.subject]
        untold = why_untold(self.assessment.graph, view, standing.subject, now) if standing.truth and not targets else None
        seen = shown_on(view, rule, targets, self.slots)
        state = state_seen(standing, rule, view, seen, now=now)
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
            missing=named(standing.missing, self.assessment.graph),
            told_on=self._names(targets) if state != "off" else (),
            shown_on=self._names(seen),
            untold=untold,
        )

    def _names(self, refs: Sequence[Ref]) -> tuple[str, ...]:
        return tuple(name_of(self.assessment.graph.entities[ref]) for ref in refs)


def _pages(standing: Standing) -> Iterator[Ref | str]:
    for one in standing.evidence:
        yield one.ref
        if one.url is not None:
            yield one.url


def _indexed(pairs: Iterable[tuple[K, Standing]]) -> Mapping[K, Sequence[Standing]]:
    found: dict[K, list[Standing]] = {}
    for key, one in pairs:
        found.setdefault(key, []).append(one)
    return found


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
