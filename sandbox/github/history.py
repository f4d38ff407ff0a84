"""The commit graph: what is reachable from where, in which order, and what two commits have in common."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sandbox.github.model import Commit

Commits = Mapping[str, Commit]
BASE, HEAD = 1, 2


@dataclass(frozen=True, slots=True)
class Comparison:
    """`ahead`: what head has beyond base, oldest first. `behind`: how many commits base has beyond head."""

    merge_base: str | None
    ahead: tuple[str, ...]
    behind: int

    @property
    def status(self) -> str:
        if self.ahead:
            return "diverged" if self.behind else "ahead"
        return "behind" if self.behind else "identical"


def log(commits: Commits, head: str) -> list[str]:
    """Everything reachable from `head`, as `git log` lists it: newest first, and no commit before its children."""
    return _newest_first(commits, _reachable(commits, head))


def is_ancestor(commits: Commits, ancestor: str, descendant: str) -> bool:
    if ancestor not in commits or descendant not in commits:
        return False
    return not compare(commits, base=descendant, head=ancestor).ahead


def compare(commits: Commits, *, base: str, head: str) -> Comparison:
    """What separates two commits, at the cost of what separates them and not of the whole history.

    Commits are taken deepest first, so each is seen after all of its descendants and carries all their flags.
    """
    flags = {base: BASE}
    flags[head] = flags.get(head, 0) | HEAD
    queue = [(-commits[sha].depth, sha) for sha in flags]
    heapq.heapify(queue)
    undecided = sum(1 for flag in flags.values() if flag != BASE | HEAD)
    merge_base: str | None = None
    sides: dict[int, list[str]] = {BASE: [], HEAD: []}
    while queue and (undecided or merge_base is None):
        _, sha = heapq.heappop(queue)
        flag = flags[sha]
        if flag == BASE | HEAD:
            merge_base = merge_base or sha
        else:
            undecided -= 1
            sides[flag].append(sha)
        for parent in commits[sha].parents:
            known = flags.get(parent, 0)
            flags[parent] = known | flag
            if not known:
                heapq.heappush(queue, (-commits[parent].depth, parent))
                undecided += flag != BASE | HEAD
            elif known != BASE | HEAD and flags[parent] == BASE | HEAD:
                undecided -= 1
    return Comparison(merge_base, tuple(reversed(_newest_first(commits, set(sides[HEAD])))), len(sides[BASE]))


def reachable_from(commits: Commits, heads: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for head in heads:
        found |= _reachable(commits, head)
    return found


def _reachable(commits: Commits, head: str) -> set[str]:
    found = {head}
    waiting = [head]
    while waiting:
        for parent in commits[waiting.pop()].parents:
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found


def _newest_first(commits: Commits, members: set[str]) -> list[str]:
    children = dict.fromkeys(members, 0)
    for sha in members:
        for parent in _parents_within(commits, sha, members):
            children[parent] += 1
    ready = [_age(commits[sha]) for sha, count in children.items() if count == 0]
    heapq.heapify(ready)
    ordered: list[str] = []
    while ready:
        sha = heapq.heappop(ready)[2]
        ordered.append(sha)
        for parent in _parents_within(commits, sha, members):
            children[parent] -= 1
            if children[parent] == 0:
                heapq.heappush(ready, _age(commits[parent]))
    return ordered


def _parents_within(commits: Commits, sha: str, members: set[str]) -> Iterator[str]:
    return (parent for parent in dict.fromkeys(commits[sha].parents) if parent in members)


def _age(commit: Commit) -> tuple[float, int, str]:
    return -commit.committed_at.timestamp(), -commit.depth, commit.sha
