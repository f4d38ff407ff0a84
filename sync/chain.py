"""The chain that hangs on one object: what it is linked to, towards effects and towards intentions, as a tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from sync.known import repository_of
from sync.names import name_of

MAX_DEPTH = 8
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
    """What hangs on a subject, each object once: on what lies nearest before it, as a run on its commit and that on its change
    request, not side by side.

    From the subject the chain goes towards effects and towards intentions, then one way only, so that what merely shares a dataset
    or commit with it is not shown as its own.
    """

    def __init__(self, graph: Graph, subject: Ref, most: int | None) -> None:
        self.graph = graph
        self.most = most
        self.carried = _carried(graph)
        self.below: dict[Ref, Sequence[Edge]] = {}
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
        branches = self._branches(ref, ways)
        self.seen.update(other for _, other, _ in branches)
        self.below[ref] = branches if self.most is None else _newest_observations(self.graph, branches)[: self.most]
        self.hidden[ref] = len(branches) - len(self.below[ref])
        yield from ((other, (way,) if way else ()) for _, other, way in self.below[ref])

    def _branches(self, ref: Ref, ways: Sequence[int]) -> Sequence[Edge]:
        """What hangs on one object and was not shown yet, sure links first; without a way to go on, only what observes it."""
        found: dict[Ref, Edge] = {}
        for one, other in sorted(self._links(ref), key=lambda pair: (_is_weak(pair[0]), pair[0].relation, pair[1])):
            if other in self.seen or other in found or other not in self.graph.entities:
                continue
            way = self.graph.direction(ref, other)
            beside = other.kind in ("dataset", "observation") or one.relation in ("blocks", "mentions", "follows")
            if way in ways or other.kind == "observation" or (beside and ways):
                found[other] = one, other, 0 if beside else way
        return self._nearest(found)

    def _nearest(self, found: Mapping[Ref, Edge]) -> Sequence[Edge]:
        """Without what hangs, as surely, on another branch that lies between. Branches with more below them come first."""
        between = {other: self._between(edge, found) for other, edge in found.items()}
        leading = {ref for refs in between.values() for ref in refs}
        nearest = [edge for other, edge in found.items() if not between[other]]
        return sorted(nearest, key=lambda edge: (_is_weak(edge[0]), edge[1] not in leading))

    def _between(self, edge: Edge, found: Mapping[Ref, Edge]) -> Sequence[Ref]:
        link, ref, way = edge
        return [
            other
            for one, other in self._links(ref)
            if way and other in found and found[other][2] == way and self.graph.direction(other, ref) == way
            if _is_weak(link) or not (_is_weak(one) or _is_weak(found[other][0]))
        ]

    def _links(self, ref: Ref) -> Iterator[tuple[Link, Ref]]:
        yield from ((one, one.source) for one in self.graph.links_to(ref))
        yield from ((one, one.target) for one in self.graph.links_from(ref))
        yield from ((one, one.target if one.source == ref else one.source) for one in self.carried.get(ref, ()))


def _is_weak(link: Link) -> bool:
    return link.confidence == "textual"


def _carried(graph: Graph) -> Mapping[Ref, Sequence[Link]]:
    """By commit and by change request, which commits each change request carries, or was merged as. Not of one that was given up or
    is a stranger's: its head may be any public commit."""
    commits = list(graph.of(Commit))
    by_sha = {(repository_of(one), one.sha.lower()): one.ref for one in commits}
    changes = {one.ref: one for one in graph.of(ChangeRequest) if one.state != "closed" and not one.is_strangers}
    told: dict[tuple[Ref, Ref], str] = {
        (commit.ref, ref): f"belongs to #{changes[ref].number}"
        for commit in commits
        for ref in commit.change_requests
        if ref in changes
    }
    for change in changes.values():
        shas = ((change.head_sha, "head"), (change.merge_sha if change.merged_at else None, "merge"))
        for sha, role in shas:
            commit = by_sha.get((repository_of(change), (sha or "").lower()))
            if commit is not None:
                told[commit, change.ref] = f"is the {role} of #{change.number}"
    return _by_end(
        Link(source=commit, relation="implements", target=change, because=why, confidence="exact")
        for (commit, change), why in told.items()
    )


def _by_end(links: Iterable[Link]) -> Mapping[Ref, Sequence[Link]]:
    found: dict[Ref, list[Link]] = {}
    for one in links:
        for end in (one.source, one.target):
            found.setdefault(end, []).append(one)
    return found


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
