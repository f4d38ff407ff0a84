"""The linked project in memory: entities, links both ways, and what a subject reaches along the links that a rule names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TypeVar

import msgspec

from mappings.model import Entity, Link, ModelVersion, Ref, Relation, Run, WorkItem

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
    "deploys": frozenset({"model_version", "deployment"}),
    "observes": frozenset({"observation"}),
    "blocks": frozenset({"work_item"}),
}
"""The kinds whose streams can add a link of each relation: completeness is judged by them."""


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
        unresolved: Iterable[str] = (),
    ) -> None:
        self.entities: Mapping[Ref, Entity] = {entity.ref: entity for entity in entities}
        self.links: Sequence[Link] = tuple(sorted(set(links)))
        self.merges: Mapping[Ref, Sequence[Ref]] = merges or {}
        self.missing = frozenset(missing)
        self.unresolved = tuple(unresolved)
        self._out: dict[Ref, list[Link]] = {}
        self._in: dict[Ref, list[Link]] = {}
        for link in self.links:
            self._out.setdefault(link.source, []).append(link)
            self._in.setdefault(link.target, []).append(link)

    def get(self, ref: Ref | None, kind: type[E]) -> E | None:
        """The entity, if it is known and of this kind."""
        entity = self.entities.get(ref) if ref is not None else None
        return entity if isinstance(entity, kind) else None

    def of(self, kind: type[E]) -> Sequence[E]:
        """Every entity of a kind, in the order of their refs."""
        return sorted((entity for entity in self.entities.values() if isinstance(entity, kind)), key=lambda entity: entity.ref)

    def links_from(self, ref: Ref) -> Sequence[Link]:
        return self._out.get(ref, ())

    def links_to(self, ref: Ref) -> Sequence[Link]:
        return self._in.get(ref, ())

    def reach(self, subject: Ref, via: Iterable[Relation]) -> Mapping[Ref, Step]:
        """What is reached from `subject` along the relations `via`, each with its last step.

        From the subject the walk goes only towards effects, or only towards intentions. Runs on the way show the datasets that they
        were trained on, everything shows its observations, and the subject shows what blocks it.
        """
        relations = frozenset(via)
        reached: dict[Ref, Step] = {}
        for direction in (1, -1):
            self._walk(subject, relations, direction, reached)
        if "blocks" in relations:
            for link in self.links_to(subject):
                if link.relation == "blocks" and link.confidence != "textual":
                    reached.setdefault(link.source, Step(subject, link))
        reached.pop(subject, None)
        return reached

    def _walk(self, subject: Ref, relations: frozenset[Relation], direction: int, reached: dict[Ref, Step]) -> None:
        queue = [(subject, False)]
        seen = {subject}
        for here, aside in queue:
            for link, there in self._edges(here, relations):
                if there in seen:
                    continue
                onward = self.direction(here, there) == direction
                # A run's dataset and anything's observations are looked at, but they lead to no other run.
                beside = there.kind in ("dataset", "observation")
                if there.kind == "observation" or (not aside and (onward or beside)):
                    seen.add(there)
                    reached.setdefault(there, Step(here, link))
                    queue.append((there, not onward or there.kind == "observation"))

    def _edges(self, here: Ref, relations: frozenset[Relation]) -> Iterable[tuple[Link, Ref]]:
        for links, towards in ((self.links_from(here), "target"), (self.links_to(here), "source")):
            for link in links:
                if link.relation in relations and link.relation != "blocks" and link.confidence != "textual":
                    yield link, getattr(link, towards)

    @staticmethod
    def direction(here: Ref, there: Ref) -> int:
        """1 when `there` is nearer to the effects than `here`, -1 when it is nearer to the intentions, 0 when neither."""
        step = _LEVELS.get(there.kind, 0) - _LEVELS.get(here.kind, 0)
        return (step > 0) - (step < 0)

    def path(self, subject: Ref, member: Ref, reached: Mapping[Ref, Step]) -> Sequence[Link]:
        """The links from `subject` to `member`, in walking order."""
        links: list[Link] = []
        while member != subject and member in reached:
            step = reached[member]
            links.append(step.link)
            member = step.before
        return links[::-1]

    @cached_property
    def work_items_by_key(self) -> Mapping[tuple[str, str], WorkItem]:
        """By source and upper-cased key."""
        return {(item.ref.source, item.key.upper()): item for item in self.of(WorkItem)}

    @cached_property
    def runs_of_versions(self) -> Mapping[Ref, Run]:
        """The run that made each model version, where both are known."""
        runs: dict[Ref, Run] = {}
        for version in self.of(ModelVersion):
            run = self.get(version.run, Run)
            if run is not None:
                runs[version.ref] = run
        return runs
