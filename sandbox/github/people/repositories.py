"""Accounts, tokens and repositories: made, renamed, archived, deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from sandbox.github.access import Budget, Kind, Token
from sandbox.github.apps import App
from sandbox.github.model import Issue, Role, User
from sandbox.github.people.world import World
from sandbox.github.site import GHOST, Repository

HOURLY_LIMIT = 5000


class RepositoryDoings(World):
    def add_user(self, login: str, *, kind: Literal["User", "Bot", "Organization"] = "User", name: str | None = None) -> int:
        """An account's id. An existing one becomes of that kind and name."""
        with self.lock:
            user = self.site.user(login, self.now())
            user.kind, user.name, user.document = kind, name or user.name, None
            return user.id

    def add_organization(self, login: str) -> int:
        return self.add_user(login, kind="Organization")

    def delete_user(self, login: str) -> None:
        """What they wrote stays and shows the ghost account, except commits, which belong to nobody then."""
        with self.lock:
            ghost = self.site.user(GHOST, self.now())
            gone = self.site.users.pop(login.lower())
            gone.gone = True
            for repository in self.site.repositories.values():
                for issue in repository.tracker.issues.values():
                    _disown(issue, gone, ghost)
                repository.forget_documents()

    def add_token(
        self,
        value: str,
        *,
        login: str = "milepost-bot",
        role: Role | None = None,
        kind: Kind = "classic",
        scopes: Sequence[str] = ("repo",),
        permissions: Mapping[str, str] | None = None,
        repositories: Sequence[str] | None = None,
        expires_at: datetime | None = None,
        hourly_limit: int = HOURLY_LIMIT,
    ) -> None:
        """Lets `value` in for an account. `role` is what the account may do in every repository without a grant of its own."""
        with self.lock:
            user = self.site.user(login, self.now())
            ids = None if repositories is None else frozenset(self.site.find(name).id for name in repositories)
            self.access.tokens[value] = Token(value, user, Budget(hourly_limit), kind, tuple(scopes), permissions, ids, expires_at)
            if role:
                self.access.everywhere[user.id] = role

    def revoke_token(self, value: str) -> None:
        with self.lock:
            del self.access.tokens[value]

    def add_app(self, slug: str, account: str, public_key: str, *, permissions: Mapping[str, str] | None = None) -> tuple[int, int]:
        """The id of a GitHub App and of its installation on an account. `public_key` (PEM) is what its signatures must fit.

        Without `permissions` it may write issues and pull requests and read the rest.
        """
        with self.lock:
            now = self.now()
            usual = {"metadata": "read", "contents": "read", "issues": "write", "pull_requests": "write"}
            app = App(
                id=self.site.take_id(),
                installation=self.site.take_id(),
                bot=self.site.user(f"{slug}[bot]", now, "Bot"),
                account=self.site.user(account, now),
                public_key=public_key,
                permissions=usual if permissions is None else dict(permissions),
                created_at=now,
            )
            self.access.apps[app.id] = app
            self.access.everywhere[app.bot.id] = "write"
            return app.id, app.installation

    def suspend_app(self, app: int) -> None:
        """Its installation makes no tokens any more, and those that it has are refused."""
        with self.lock:
            found = self.access.apps[app]
            found.suspended_at = self.now()
            self.access.tokens = {value: token for value, token in self.access.tokens.items() if token.user is not found.bot}

    def grant(self, login: str, repo: str, role: Role | None) -> None:
        """What an account may do in one repository; None takes everything away."""
        with self.lock:
            user = self.site.user(login, self.now())
            self.access.granted[user.id, self.site.find(repo).id] = role

    def add_repository(
        self,
        full_name: str,
        *,
        default_branch: str = "main",
        private: bool = False,
        description: str | None = None,
        first_commit: str | None = "Initial commit",
        at: datetime | None = None,
    ) -> int:
        """A new repository's id. It starts with one commit of this message, or empty with None. A new owner is an organization."""
        with self.lock:
            now = self.now(at)
            owner, _, name = full_name.partition("/")
            new_owner = owner.lower() not in self.site.users
            repository = Repository(
                id=self.site.take_id(),
                owner=self.site.user(owner, now, "Organization") if new_owner else self.site.users[owner.lower()],
                name=_valid(name),
                created_at=now,
                updated_at=now,
                pushed_at=now,
                default_branch=default_branch,
                private=private,
                description=description,
            )
            self.site.insert(repository)
            if first_commit is not None:
                login = repository.owner.login
                address = f"{login.lower()}@users.noreply.example.com"
                commit = repository.code.add(
                    first_commit, [], name=login, email=address, login=login, authored_at=now, committed_at=now, files=["README.md"]
                )
                repository.code.branches[default_branch] = commit.sha
            self.happenings.watch(repository)
            return repository.id

    def add_fork(self, repo: str, full_name: str, *, at: datetime | None = None) -> int:
        """A fork's id: a repository of its own with the same commits and branches. A new owner is a user."""
        with self.lock:
            origin, now = self.site.find(repo), self.now(at)
            self.site.user(full_name.partition("/")[0], now)
            ident = self.add_repository(
                full_name, default_branch=origin.default_branch, private=origin.private, first_commit=None, at=at
            )
            fork = self.site.repositories[ident]
            fork.forked_from = origin.id
            for branch, sha in origin.code.branches.items():
                fork.code.take_from(origin.code, sha)
                fork.code.branches[branch] = sha
            return ident

    def rename(self, repo: str, new: str, *, at: datetime | None = None) -> None:
        """A new name (`name`, or `owner/name` to move it to another owner); the old one redirects."""
        with self.lock:
            repository, now = self.site.find(repo), self.now(at)
            owner, slash, name = new.rpartition("/")
            owner_before, name_before = repository.owner, repository.name
            self.site.move(repository, self.site.user(owner, now) if slash else repository.owner, _valid(name))
            repository.changed(now)
            self.happenings.moved(repository, owner_before, name_before)

    def transfer(self, repo: str, new_owner: str, *, at: datetime | None = None) -> None:
        """To another owner; the old name redirects."""
        self.rename(repo, f"{new_owner}/{self.site.find(repo).name}", at=at)

    def archive(self, repo: str) -> None:
        with self.lock:
            repository = self.site.find(repo)
            repository.archived = True
            repository.changed(self.now())
            self.happenings.tell("repository", "archived", repository)

    def unarchive(self, repo: str) -> None:
        with self.lock:
            repository = self.site.find(repo)
            repository.archived = False
            repository.changed(self.now())
            self.happenings.tell("repository", "unarchived", repository)

    def make_private(self, repo: str) -> None:
        with self.lock:
            repository = self.site.find(repo)
            repository.private = True
            repository.changed(self.now())
            self.happenings.tell("repository", "privatized", repository)

    def disable_issues(self, repo: str) -> None:
        with self.lock:
            repository = self.site.find(repo)
            repository.has_issues = False
            repository.changed(self.now())

    def change_default_branch(self, repo: str, branch: str) -> None:
        with self.lock:
            repository = self.site.find(repo)
            if branch not in repository.code.branches:
                raise LookupError(f"no branch {branch} in {repo}")
            before, repository.default_branch = repository.default_branch, branch
            repository.changed(self.now())
            self.happenings.tell("repository", "edited", repository, changes={"default_branch": {"from": before}})

    def delete_repository(self, repo: str) -> None:
        """Gone for good, with everything in it. Pull requests that came from it stay, without their head repository."""
        with self.lock:
            repository = self.site.find(repo)
            self.happenings.tell("repository", "deleted", repository)
            self.site.remove(repository)


def _valid(name: str) -> str:
    if not name or "/" in name:
        raise ValueError(f"{name!r} is no repository name: expected owner/name")
    return name


def _disown(issue: Issue, gone: User, ghost: User) -> None:
    issue.author = ghost if issue.author is gone else issue.author
    issue.closed_by = ghost if issue.closed_by is gone else issue.closed_by
    issue.assignees = [user for user in issue.assignees if user is not gone]
    for comment in issue.comments:
        comment.author = ghost if comment.author is gone else comment.author
    if issue.pull:
        issue.pull.head_owner = ghost if issue.pull.head_owner is gone else issue.pull.head_owner
        issue.pull.merged_by = ghost if issue.pull.merged_by is gone else issue.pull.merged_by
