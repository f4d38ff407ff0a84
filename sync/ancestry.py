"""By which merges the commits of a default branch came in, as their parents tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from mappings.model import Commit, Ref


def merges_of(commits: Iterable[Commit]) -> Mapping[Ref, str]:
    """For each commit that a merge brought onto its repository's default branch: the sha of that merge.

    A branch may have been merged into another one before: the merge into the default branch counts. What was pushed to the default
    branch itself, squashed or rebased onto it came in by no merge.
    """
    repositories: dict[tuple[str, str], dict[str, Commit]] = {}
    for commit in commits:
        if commit.on_default_branch:
            repositories.setdefault((commit.ref.source, commit.ref.id.rpartition("/")[0]), {})[commit.sha] = commit
    found: dict[Ref, str] = {}
    for branch in repositories.values():
        seen: set[str] = set()
        for merge in _mainline(branch):
            seen.add(merge.sha)
            found.update((commit.ref, merge.sha) for commit in _new(branch, merge.parents[1:], seen))
    return found


def _mainline(branch: Mapping[str, Commit]) -> Iterator[Commit]:
    """The branch as it grew: from each head back along the first parents, oldest first."""
    parents = {parent for commit in branch.values() for parent in commit.parents}
    for head in sorted(branch.keys() - parents):
        line: dict[str, Commit] = {}
        commit = branch.get(head)
        while commit is not None and commit.sha not in line:
            line[commit.sha] = commit
            commit = branch.get(commit.parents[0]) if commit.parents else None
        yield from reversed(line.values())


def _new(branch: Mapping[str, Commit], heads: Iterable[str], seen: set[str]) -> Iterator[Commit]:
    """What is reached from `heads` and was not seen before; it is from now on."""
    waiting = list(heads)
    while waiting:
        commit = branch.get(waiting.pop())
        if commit is not None and commit.sha not in seen:
            seen.add(commit.sha)
            yield commit
            waiting += commit.parents
