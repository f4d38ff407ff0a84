"""One repository's git side: commits, branches, and which pull requests a commit belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sandbox.github import history
from sandbox.github.model import Commit
from sandbox.github.objects import commit_name, object_name, tree_name

EMPTY_TREE = object_name("tree", b"")


class Code:
    """Commits stay readable by sha when no branch reaches them any more, until `collect_garbage`."""

    def __init__(self) -> None:
        self.commits: dict[str, Commit] = {}
        self.branches: dict[str, str] = {}
        self.pulls_of: dict[str, set[int]] = {}
        self._logs: dict[str, list[str]] = {}
        self._members: dict[str, frozenset[str]] = {}

    def add(
        self,
        message: str,
        parents: Sequence[str],
        *,
        name: str,
        email: str,
        login: str | None,
        authored_at: datetime,
        committed_at: datetime,
        files: Sequence[str],
    ) -> Commit:
        """Stores a commit; one with the same content is the same commit."""
        tree = tree_name(self.commits[parents[0]].tree if parents else EMPTY_TREE, message, files)
        sha = commit_name(tree, parents, name, email, authored_at, committed_at, message)
        if sha not in self.commits:
            self.commits[sha] = Commit(
                sha=sha,
                tree=tree,
                parents=tuple(parents),
                message=message,
                name=name,
                email=email,
                login=login,
                authored_at=authored_at,
                committed_at=committed_at,
                files=tuple(files),
                depth=1 + max((self.commits[parent].depth for parent in parents), default=0),
            )
        return self.commits[sha]

    def take_from(self, other: Code, head: str) -> None:
        """Makes everything reachable from `head` of another repository readable here, as a push from a fork does."""
        waiting = [head]
        while waiting:
            sha = waiting.pop()
            if sha not in self.commits:
                self.commits[sha] = replace(other.commits[sha], document=None)
                waiting += other.commits[sha].parents

    def resolve(self, ref: str) -> str | None:
        """The sha that a branch, `heads/branch`, `refs/heads/branch`, full sha or unambiguous short sha names."""
        for prefix in ("", "heads/", "refs/heads/"):
            if ref.startswith(prefix) and (head := self.branches.get(ref[len(prefix) :])):
                return head
        if ref in self.commits:
            return ref
        if 4 <= len(ref) < 40 and all(digit in "0123456789abcdef" for digit in ref):
            found = [sha for sha in self.commits if sha.startswith(ref)]
            return found[0] if len(found) == 1 else None
        return None

    def log(self, head: str) -> list[str]:
        """What `git log` lists from `head`, newest first; kept, because it is read page by page."""
        known = self._logs.get(head)
        if known is None:
            known = self._extended(head) or history.log(self.commits, head)
            self._logs[head] = known
            while len(self._logs) > 4:
                del self._logs[next(iter(self._logs))]
        return known

    def _extended(self, head: str) -> list[str] | None:
        """A known log with the new commits on top, where that gives the same order as listing everything anew."""
        for known in reversed(self._logs.values()):
            difference = history.compare(self.commits, base=known[0], head=head)
            newest_before = self.commits[known[0]].committed_at
            fits = all(self.commits[sha].committed_at >= newest_before for sha in difference.ahead)
            if fits and difference.merge_base and not difference.behind:
                return [*reversed(difference.ahead), *known]
        return None

    def reaches(self, head: str, sha: str) -> bool:
        if head not in self._members:
            self._members = {head: frozenset(self.log(head))}
        return sha in self._members[head]

    def relate(self, number: int, shas: Sequence[str]) -> None:
        """Notes that these commits belong to a pull request."""
        for sha in shas:
            self.pulls_of.setdefault(sha, set()).add(number)

    def collect_garbage(self, keep: Sequence[str]) -> None:
        """Forgets what neither a branch nor `keep` reaches."""
        heads = [sha for sha in (*self.branches.values(), *keep) if sha in self.commits]
        reachable = history.reachable_from(self.commits, heads)
        for sha in set(self.commits) - reachable:
            del self.commits[sha]
            self.pulls_of.pop(sha, None)
        self._logs.clear()
        self._members.clear()
