"""By which merges the commits of a default branch came in, as their parents tell."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from mappings.model import Commit, Ref


def merges_of(commits: Iterable[Commit], of_changes: Collection[str] = ()) -> Mapping[Ref, str]:
    """For each commit that a merge brought onto its repository's default branch: the sha of that merge.

    A branch may have been merged into another one before: then the merge into the default branch counts, unless the one before is
    a change request's own (`of_changes` has their shas), as when a merge was dropped and came back with a branch that had it. What
    was pushed to the default branch itself, squashed or rebased onto it came in by no merge.
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
            found.update((commit.ref, by) for commit, by in _new(branch, merge, seen, of_changes))
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


def _new(branch: Mapping[str, Commit], merge: Commit, seen: set[str], of_changes: Collection[str]) -> Iterator[tuple[Commit, str]]:
    """What `merge` brought and was not seen before, each with the merge that it belongs to; it is seen from now on."""
    waiting = [(parent, merge.sha) for parent in merge.parents[1:]]
    while waiting:
        sha, by = waiting.pop()
        commit = branch.get(sha)
        if commit is not None and commit.sha not in seen:
            seen.add(commit.sha)
            yield commit, by
            inner = commit.sha if commit.sha in of_changes else by
            waiting += [(parent, inner) for parent in commit.parents[1:]]
            # Looked at first: what was there before an inner merge is not what that brought.
            waiting += [(parent, by) for parent in commit.parents[:1]]
