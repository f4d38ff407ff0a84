"""The linked project in memory: entities, links both ways, and what a subject reaches along the links that a rule names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TypeAlias, TypeVar, cast

import msgspec

from mappings.model import Entity, Field, Link, ModelVersion, Observation, Ref, Relation, Run, WorkItem
from sync.bearers import sole_bearers

E = TypeVar("E", bound=Entity)

_LEVELS: Mapping[str, int] = {
    "project": 0,
    "milestone": 1,
    "work_item": 2,
    "change_request": 3,
    "commit": 4,
    "dataset": 5,
    "run": 6,
    "model_version": 7,
    "deployment": 8,
    "observation": 9,
}
"""How far a kind is from the intention and near to the effect. A walk goes one way only, so that two tickets that share a
dataset or a commit do not inherit each other's models."""

RELATION_KINDS: Mapping[Relation, frozenset[str]] = {
    "mentions": frozenset({"work_item", "change_request", "commit"}),
    "implements": frozenset({"work_item", "change_request", "commit"}),
    "built_from": frozenset({"change_request", "commit", "run", "model_version"}),
    "follows": frozenset({"change_request", "commit", "run"}),
    "trained_on": frozenset({"run", "dataset"}),
    "registered_from": frozenset({"run", "model_version"}),
    "deploys": frozenset({"change_request", "commit", "run", "model_version", "deployment"}),
    "observes": frozenset({"observation", "run", "model_version"}),
    "blocks": frozenset({"work_item"}),
}
"""The kinds whose streams can add a link of each relation: completeness is judged by them. Observations come from monitors of
their own and from the metrics and tags of runs and model versions."""


Edge: TypeAlias = tuple[Link, Ref]
"""A link and where it leads to."""


class Step(msgspec.Struct, frozen=True):
    """How a member was reached: over `link`, from `before`."""

    before: Ref
    link: Link


class Graph:
    """An immutable snapshot of one project. Only links that may be published on are walked; textual ones are kept to be shown."""

    def __init__(
        self,
        entities: Iterable[Entity],
        links: Iterable[Link],
        *,
        merges: Mapping[Ref, Sequence[Ref]] | None = None,
        missing: Iterable[Ref] = (),
        unlisted: Iterable[Ref] = (),
        unresolved: Iterable[str] = (),
        unseen_blockers: Mapping[Ref, Sequence[Ref]] | None = None,
    ) -> None:
        self.entities: Mapping[Ref, Entity] = {entity.ref: entity for entity in entities}
        self.links: Sequence[Link] = tuple(sorted(set(links)))
        self.merges: Mapping[Ref, Sequence[Ref]] = merges or {}
        self.missing = frozenset(missing)
        self.unlisted = frozenset(unlisted)
        self.unresolved = frozenset(unresolved)
        self.unseen_blockers: Mapping[Ref, Sequence[Ref]] = unseen_blockers or {}
        self._of: dict[type[Entity], Sequence[Entity]] = {}
        self._out: dict[Ref, list[Link]] = {}
        self._in: dict[Ref, list[Link]] = {}
        self._ahead: Mapping[int, dict[Ref, list[Edge]]] = {1: {}, -1: {}}
        self._beside: dict[Ref, list[Edge]] = {}
        for link in self.links:
            self._out.setdefault(link.source, []).append(link)
            self._in.setdefault(link.target, []).append(link)
            if link.confidence != "textual" and link.relation not in ("blocks", "observes"):
                self._pave(link, link.source, link.target)
                self._pave(link, link.target, link.source)

    def _pave(self, link: Link, here: Ref, there: Ref) -> None:
        """Makes one link walkable one way: ahead, or beside for the data of what is towards effects."""
        direction = self.direction(here, there)
        if direction:
            self._ahead[direction].setdefault(here, []).append((link, there))
        if direction < 0 and there.kind == "dataset":
            self._beside.setdefault(here, []).append((link, there))

    def get(self, ref: Ref | None, kind: type[E]) -> E | None:
        """The entity, if it is known and of this kind."""
        entity = self.entities.get(ref) if ref is not None else None
        return entity if isinstance(entity, kind) else None

    def of(self, kind: type[E]) -> Sequence[E]:
        """Every entity of a kind, in the order of their refs; sorted once."""
        if kind not in self._of:
            found = (entity for entity in self.entities.values() if isinstance(entity, kind))
            self._of[kind] = sorted(found, key=lambda entity: entity.ref)
        return cast("Sequence[E]", self._of[kind])

    def links_from(self, ref: Ref) -> Sequence[Link]:
        return self._out.get(ref, ())

    def links_to(self, ref: Ref) -> Sequence[Link]:
        return self._in.get(ref, ())

    def reach(self, subject: Ref, via: Iterable[Relation]) -> Mapping[Ref, Step]:
        """What is reached from `subject` along the relations `via`, each with its last step.

        From the subject the walk goes only towards effects, or only towards intentions. Runs on the way show the datasets that they
        were trained on, and the subject shows what blocks it. What is observed of all these, `observations_of` tells.
        """
        relations = frozenset(via)
        reached: dict[Ref, Step] = {}
        self._walk(subject, relations, self._ahead[1], self._beside, reached)
        self._walk(subject, relations, self._ahead[-1], {}, reached)
        if "blocks" in relations:
            for link in self.links_to(subject):
                if link.relation == "blocks" and link.confidence != "textual":
                    reached.setdefault(link.source, Step(subject, link))
        reached.pop(subject, None)
        return reached

    def effects_of(self, refs: Iterable[Ref], via: Iterable[Relation]) -> frozenset[Ref]:
        """These, and what is reached from them towards effects, with the datasets on the way."""
        starts, relations = frozenset(refs), frozenset(via)
        reached: dict[Ref, Step] = {}
        for ref in sorted(starts):
            self._walk(ref, relations, self._ahead[1], self._beside, reached)
        return starts | reached.keys()

    def _walk(
        self,
        subject: Ref,
        relations: frozenset[Relation],
        ahead: Mapping[Ref, Sequence[Edge]],
        beside: Mapping[Ref, Sequence[Edge]],
        reached: dict[Ref, Step],
    ) -> None:
        queue = [subject]
        for here in queue:
            for link, there in ahead.get(here, ()):
                if link.relation in relations and there not in reached:
                    reached[there] = Step(here, link)
                    queue.append(there)
            # A run's data is looked at, but it leads to no other run.
            for link, there in beside.get(here, ()):
                if link.relation in relations:
                    reached.setdefault(there, Step(here, link))

    @staticmethod
    def direction(here: Ref, there: Ref) -> int:
        """1 when `there` is nearer to the effects than `here`, -1 when it is nearer to the intentions, 0 when neither."""
        step = _LEVELS.get(there.kind, 0) - _LEVELS.get(here.kind, 0)
        return (step > 0) - (step < 0)

    def observations_of(self, ref: Ref) -> Sequence[Observation]:
        """What was observed of one subject, by any monitor."""
        return self.observations.get(ref, ())

    @cached_property
    def observations(self) -> Mapping[Ref, Sequence[Observation]]:
        """Every observation by its subject."""
        found: dict[Ref, list[Observation]] = {}
        for one in self.of(Observation):
            found.setdefault(one.subject, []).append(one)
        return found

    @cached_property
    def fields(self) -> Mapping[tuple[str, str], Field]:
        """Field definitions by source and name or id."""
        return {(one.ref.source, name): one for one in self.of(Field) for name in (one.ref.id, one.name)}

    @cached_property
    def work_items_by_key(self) -> Mapping[tuple[str, str], WorkItem]:
        """By source and upper-cased key, also a former one: what alone bears it, or bore it before."""
        return sole_bearers(self.of(WorkItem))

    @cached_property
    def runs_of_versions(self) -> Mapping[Ref, Run]:
        """The run that made each model version, where both are known: the one that it names, or that a sure link shows."""
        runs: dict[Ref, Run] = {}
        for version in self.of(ModelVersion):
            shown = (
                link for link in self.links_from(version.ref) if link.relation == "registered_from" and link.confidence != "textual"
            )
            for run in (self.get(ref, Run) for ref in (version.run, *(link.target for link in shown))):
                if run is not None:
                    runs.setdefault(version.ref, run)
        return runs
