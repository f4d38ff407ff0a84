"""The chain that hangs on one object: what it is linked to, towards effects and towards intentions, as a tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

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
from sync.graph import Graph
from sync.names import name_of

MAX_DEPTH = 6
MAX_BRANCHES = 8

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


def chain(graph: Graph, subject: Ref, *, branches: int | None = MAX_BRANCHES) -> Node:
    """The subject with everything that hangs on it, as far as people look: `branches` on each object at most, and of each monitor
    the newest result; with None all of them."""
    return _Chain(graph, subject, branches).node(subject)


class _Chain:
    """What hangs on a subject, each object once, on the shortest way to it.

    From the subject the chain goes towards effects and towards intentions, then one way only, so that what merely shares a dataset
    or commit with it is not shown as its own.
    """

    def __init__(self, graph: Graph, subject: Ref, most: int | None) -> None:
        self.graph = graph
        self.most = most
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
            title=title_of(entity),
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
        self.below[ref] = branches if self.most is None else _newest_observations(self.graph, branches)[: self.most]
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


def title_of(entity: Entity) -> str:
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
