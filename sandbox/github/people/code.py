"""Commits, branches and pull requests: pushed, opened, merged, rewritten."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from sandbox.github import history
from sandbox.github.model import Commit, Issue, MergeMethod, Pull, User
from sandbox.github.people.world import World
from sandbox.github.site import Repository

CLOSING = re.compile(r"\b(?:close[sd]?|fix(?:es|ed)?|resolve[sd]?):? +#(\d+)\b", re.IGNORECASE)
"""GitHub's keywords before an issue of the same repository."""


class CodeDoings(World):
    def commit(
        self,
        repo: str,
        message: str,
        *,
        branch: str | None = None,
        author: str | None = None,
        files: Sequence[str] = ("train.py",),
        at: datetime | None = None,
        authored_at: datetime | None = None,
    ) -> str:
        """Pushes a commit and returns its sha. A new branch starts at the default branch's head; None is the default branch.

        `at` is the committer's time (GitHub's `since` looks at it), `authored_at` the author's where that differs.
        """
        with self.lock:
            repository, now = self.site.find(repo), self.now(at)
            name = branch or repository.default_branch
            parent = repository.code.branches.get(name) or repository.head
            made = self._write(
                repository, message, [parent] if parent else [], self._author(repository, author, now), now, files, authored_at
            )
            self._push(repository, name, made.sha, now)
            return made.sha

    def merge_branch(self, repo: str, source: str, *, into: str | None = None, at: datetime | None = None) -> str:
        """A merge commit without a pull request, for example of the base into a branch. Returns its sha."""
        with self.lock:
            repository, now = self.site.find(repo), self.now(at)
            target = into or repository.default_branch
            parents = [repository.code.branches[target], repository.code.branches[source]]
            made = self._write(repository, f"Merge branch '{source}' into {target}", parents, repository.owner, now, ())
            self._push(repository, target, made.sha, now)
            return made.sha

    def force_push(self, repo: str, branch: str, shas: Sequence[str], *, at: datetime | None = None) -> str:
        """Rewrites a branch so that it ends in these commits, oldest first, and returns its head.

        The first is kept as it is (or, with its parents, brought back); each further one is rewritten onto the one before, unless
        it stands there already. What the branch held before stays readable by sha.
        """
        with self.lock:
            repository, now = self.site.find(repo), self.now(at)
            head = shas[0]
            for sha in shas[1:]:
                original = repository.code.commits[sha]
                head = sha if original.parents == (head,) else self._replay(repository, original, head, now).sha
            self._push(repository, branch, repository.code.commits[head].sha, now)
            return head

    def delete_branch(self, repo: str, branch: str) -> None:
        with self.lock:
            repository = self.site.find(repo)
            before = repository.code.branches.pop(branch)
            repository.pushed(self.now())
            self.happenings.pushed(repository, branch, before, None)

    def collect_garbage(self, repo: str) -> None:
        """Forgets the commits that neither a branch nor a pull request holds."""
        with self.lock:
            repository = self.site.find(repo)
            repository.code.collect_garbage([issue.pull.head_sha for issue in repository.tracker.pulls() if issue.pull])

    def open_pull(
        self,
        repo: str,
        title: str,
        branch: str,
        *,
        base: str | None = None,
        body: str | None = None,
        draft: bool = False,
        fork: str | None = None,
        author: str | None = None,
        labels: Sequence[str] = (),
        milestone: int | None = None,
        at: datetime | None = None,
    ) -> int:
        """A new pull request's number. The branch must exist, in `fork` (`owner/name`) where that is given."""
        with self.lock:
            repository, now = self.site.find(repo), self.now(at)
            source = self.site.find(fork) if fork else repository
            target = base or repository.default_branch
            for place, name in ((source, branch), (repository, target)):
                if name not in place.code.branches:
                    raise LookupError(f"no branch {name} in {place.full_name}")
            pull = Pull(
                id=self.site.take_id(),
                branch=branch,
                head_sha=source.code.branches[branch],
                base=target,
                base_sha=repository.code.branches[target],
                head_repository=source.id,
                head_owner=source.owner,
                draft=draft,
            )
            issue = Issue(
                id=self.site.take_id(),
                number=repository.tracker.take_number(),
                title=title,
                author=self._author(source, author, now),
                created_at=now,
                updated_at=now,
                body=body,
                labels={name.lower(): self.site.label(repository, name) for name in labels},
                milestone=repository.tracker.milestones[milestone] if milestone else None,
                pull=pull,
            )
            self._follow(repository, issue, pull, source)
            repository.tracker.insert(issue)
            self.site.open_pulls.setdefault((source.id, branch), set()).add((repository.id, issue.number))
            repository.recount()
            return issue.number

    def mark_ready(self, repo: str, number: int, *, at: datetime | None = None) -> None:
        """A draft no more."""
        with self.lock:
            repository, issue, pull = self._pull(repo, number)
            pull.draft = False
            repository.tracker.touch(issue, self.now(at))

    def close_pull(self, repo: str, number: int, *, by: str | None = None, at: datetime | None = None) -> None:
        """Without merging it."""
        with self.lock:
            repository, issue, pull = self._pull(repo, number)
            now = self.now(at)
            self._end(repository, issue, pull, self._author(repository, by, now), now)

    def reopen_pull(self, repo: str, number: int, *, at: datetime | None = None) -> None:
        with self.lock:
            repository, issue, pull = self._pull(repo, number)
            if pull.merged_at:
                raise ValueError(f"{repo}#{number} is merged")
            repository.tracker.reopen(issue, self.now(at))
            self.site.open_pulls.setdefault((pull.head_repository, pull.branch), set()).add((repository.id, number))

    def merge(
        self, repo: str, number: int, method: MergeMethod = "merge", *, by: str | None = None, at: datetime | None = None
    ) -> str:
        """Merges into the base branch and returns the merge sha: the merge commit, the squashed one, or the last rebased one.

        Squashed and rebased away, the branch's own commits stay readable by sha, but are not on the base. Issues that the text or
        the commits close by a keyword are closed when the base is the default branch.
        """
        with self.lock:
            repository, issue, pull = self._pull(repo, number)
            if issue.closed_at:
                raise ValueError(f"{repo}#{number} is closed")
            now = self.now(at)
            merger = self._author(repository, by, now)
            pull.base_sha = repository.code.branches[pull.base]
            pull.merge_sha = self._merged(repository, issue, pull, method, merger, now)
            pull.merged_at, pull.merged_by = now, merger
            repository.code.relate(number, [pull.merge_sha])
            self._end(repository, issue, pull, merger, now)
            self._push(repository, pull.base, pull.merge_sha, now)
            if pull.base == repository.default_branch:
                self._close_what_it_closes(repository, issue, pull, merger, now)
            return pull.merge_sha

    def _merged(self, repository: Repository, issue: Issue, pull: Pull, method: MergeMethod, merger: User, now: datetime) -> str:
        commits = [repository.code.commits[sha] for sha in pull.commits]
        files = list(dict.fromkeys(path for commit in commits for path in commit.files))
        match method:
            case "merge":
                message = f"Merge pull request #{issue.number} from {pull.head_owner.login}/{pull.branch}\n\n{issue.title}"
                return self._write(repository, message, [pull.base_sha, pull.head_sha], merger, now, files).sha
            case "squash":
                told = "\n\n".join(f"* {commit.message}" for commit in commits) if len(commits) > 1 else ""
                message = f"{issue.title} (#{issue.number})" + (f"\n\n{told}" if told else "")
                return self._write(repository, message, [pull.base_sha], issue.author, now, files).sha
            case "rebase":
                head = pull.base_sha
                for commit in commits:
                    head = self._replay(repository, commit, head, now).sha
                    repository.code.relate(issue.number, [head])
                return head

    def _write(
        self,
        repository: Repository,
        message: str,
        parents: Sequence[str],
        author: User,
        now: datetime,
        files: Sequence[str],
        authored_at: datetime | None = None,
    ) -> Commit:
        return repository.code.add(
            message,
            parents,
            name=author.name or author.login,
            email=f"{author.login.lower()}@users.noreply.example.com",
            login=author.login,
            authored_at=self.now(authored_at) if authored_at else now,
            committed_at=now,
            files=files,
        )

    def _replay(self, repository: Repository, commit: Commit, onto: str, now: datetime) -> Commit:
        """The same change by the same author on another parent, as a rebase makes it."""
        return repository.code.add(
            commit.message,
            [onto],
            name=commit.name,
            email=commit.email,
            login=commit.login,
            authored_at=commit.authored_at,
            committed_at=now,
            files=commit.files,
        )

    def _push(self, repository: Repository, branch: str, sha: str, now: datetime) -> None:
        before = repository.code.branches.get(branch)
        repository.code.branches[branch] = sha
        repository.pushed(now)
        self.happenings.pushed(repository, branch, before, sha)
        for target_id, number in sorted(self.site.open_pulls.get((repository.id, branch), ())):
            target = self.site.repositories.get(target_id)
            issue = target.tracker.issues.get(number) if target else None
            if target and issue and issue.pull:
                issue.pull.head_sha = sha
                self._follow(target, issue, issue.pull, repository)
                target.tracker.touch(issue, now)

    def _follow(self, repository: Repository, issue: Issue, pull: Pull, source: Repository) -> None:
        """Brings an open pull request's commits up to its branch."""
        if source is not repository:
            repository.code.take_from(source.code, pull.head_sha)
        pull.base_sha = repository.code.branches.get(pull.base, pull.base_sha)
        pull.commits = history.compare(repository.code.commits, base=pull.base_sha, head=pull.head_sha).ahead
        repository.code.relate(issue.number, pull.commits)

    def _end(self, repository: Repository, issue: Issue, pull: Pull, by: User, now: datetime) -> None:
        self.site.open_pulls.get((pull.head_repository, pull.branch), set()).discard((repository.id, issue.number))
        repository.tracker.close(issue, by=by, at=now, reason=None)
        repository.recount()

    def _close_what_it_closes(self, repository: Repository, issue: Issue, pull: Pull, by: User, now: datetime) -> None:
        texts = [issue.body or "", *(repository.code.commits[sha].message for sha in pull.commits)]
        for number in dict.fromkeys(int(found) for text in texts for found in CLOSING.findall(text)):
            closed = repository.tracker.issues.get(number)
            if closed and not closed.pull:
                repository.tracker.close(closed, by=by, at=now, reason="completed")
