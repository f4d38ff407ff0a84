"""What GitHub's webhook deliveries name that is to be read again: each event's payload, as far as that takes.

Shapes: GitHub's description of its webhooks. `TOUCHING` has the events that can change a fact of the model. All others change none:
checks, statuses, workflows, deployments and the merge queue, which end in a push or a pull request; reviews' settings, discussions,
releases, packages, pages, wikis and project boards; stars, watches and forks; people, teams and what they may do; security alerts;
that a hook was made (`ping`) or taken away (`meta`), and everything that GitHub adds one day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec

from mappings.decoding import decoder_for
from mappings.model import Ref
from mappings.written_moments import moment_of

REPOSITORY = "repository"
"""Anything of a repository may have changed. The id is the repository's."""

DEFAULT_BRANCH = "default_branch"
"""A repository's default branch has moved. The id is the repository's."""

MOST_COMMITS = 20
"""Of one push to another branch than the default one, the newest. What more a run names is looked up then."""

MOST_REPOSITORIES = 100
"""Named by one delivery, each by its name; beyond, every scope of the source is meant."""

_HEADS = "refs/heads/"

_Id: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
_Sha: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40}\Z")]
_Name: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,100}\Z")]
_FullName: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}\Z")]


class Touched(msgspec.Struct, frozen=True):
    """`container` is the repository's full name, where it is known; `updated_at` when it was changed, where the delivery tells."""

    ref: Ref
    container: str | None
    updated_at: datetime | None = None


class _Part(msgspec.Struct, gc=False, omit_defaults=True):
    pass


class _Repository(_Part):
    id: _Id
    full_name: _FullName
    default_branch: str | None = None

    def holds(self, source: str, kind: str, ident: int | str, updated_at: str | None = None) -> Touched:
        return Touched(Ref(source, kind, f"{self.id}/{ident}"), self.full_name, moment_of(updated_at))

    def itself(self, source: str, kind: str = REPOSITORY) -> Touched:
        return Touched(Ref(source, kind, str(self.id)), self.full_name)


class _Numbered(_Part):
    number: _Id
    updated_at: str | None = None


class _Identified(_Part):
    id: _Id


class Payload(_Part):
    """Base of every event's payload."""

    def touched(self, source: str) -> Iterator[Touched]:
        """What is to be read again. May name one thing several times."""
        raise NotImplementedError


class _IssueChanges(_Part):
    """Where a transferred issue went, or came from."""

    new_issue: _Numbered | None = None
    new_repository: _Repository | None = None
    old_issue: _Numbered | None = None
    old_repository: _Repository | None = None


class IssueEvent(Payload):
    issue: _Numbered
    repository: _Repository
    changes: _IssueChanges | None = None

    def touched(self, source: str) -> Iterator[Touched]:
        yield self.repository.holds(source, "work_item", self.issue.number, self.issue.updated_at)
        changes = self.changes or _IssueChanges()
        for issue, repository in (
            (changes.new_issue, changes.new_repository),
            (changes.old_issue, changes.old_repository),
        ):
            if issue is not None and repository is not None:
                yield repository.holds(source, "work_item", issue.number)


class SubIssueEvent(Payload):
    """An issue got another parent, or none. `repository` is the one of the parent or of the issue, depending on who is told."""

    repository: _Repository
    sub_issue: _Numbered | None = None
    sub_issue_repo: _Repository | None = None

    def touched(self, source: str) -> Iterator[Touched]:
        if self.sub_issue is not None:
            repository = self.sub_issue_repo or self.repository
            yield repository.holds(source, "work_item", self.sub_issue.number, self.sub_issue.updated_at)


class _Empty(_Part):
    pass


class _Commented(_Numbered):
    pull_request: _Empty | None = None


class CommentEvent(Payload):
    """A comment on an issue or, where `pull_request` is there, on a pull request: it counts as an update of either."""

    issue: _Commented
    repository: _Repository

    def touched(self, source: str) -> Iterator[Touched]:
        if self.issue.pull_request is None:
            yield self.repository.holds(source, "work_item", self.issue.number, self.issue.updated_at)
        else:
            yield self.repository.holds(source, "change_request", self.issue.number)  # whose own time this need not be


class PullRequestEvent(Payload):
    """The repository is the one that the pull request goes to."""

    pull_request: _Numbered
    repository: _Repository

    def touched(self, source: str) -> Iterator[Touched]:
        yield self.repository.holds(source, "change_request", self.pull_request.number, self.pull_request.updated_at)


class _PushedCommit(_Part):
    """`distinct` is false for what another branch had already."""

    id: _Sha
    distinct: bool | None = None


class PushEvent(Payload):
    """A forced push needs no other treatment: where a branch was is not what is read again, but where it is."""

    ref: str
    repository: _Repository
    deleted: bool = False
    commits: Sequence[_PushedCommit] = ()

    def touched(self, source: str) -> Iterator[Touched]:
        branch = _branch(self.ref)
        if branch is None:
            return
        if branch == self.repository.default_branch or self.repository.default_branch is None:
            yield self.repository.itself(source, DEFAULT_BRANCH)
        elif not self.deleted:
            new = [commit.id for commit in self.commits if commit.distinct is not False]
            for sha in new[-MOST_COMMITS:]:
                yield self.repository.holds(source, "commit", sha)


class BranchEvent(Payload):
    """A branch or tag was created or deleted. What was pushed with it is told by a push; tags are no facts."""

    ref: str
    ref_type: str
    repository: _Repository

    def touched(self, source: str) -> Iterator[Touched]:
        if self.ref_type == "branch" and self.ref == self.repository.default_branch:
            yield self.repository.itself(source, DEFAULT_BRANCH)


class _LabelBefore(_Part, rename={"before": "from"}):
    before: str | None = None


class MilestoneEvent(Payload):
    milestone: _Numbered
    repository: _Repository

    def touched(self, source: str) -> Iterator[Touched]:
        yield self.repository.holds(source, "milestone", self.milestone.number, self.milestone.updated_at)


class _LabelChanges(_Part):
    """Of another colour or description nothing is kept: those are no facts."""

    name: _LabelBefore | None = None


class LabelEvent(Payload):
    """A label's definition. Nothing has a new one yet; that one was put on something is told by that."""

    label: _Identified
    repository: _Repository
    action: str | None = None
    changes: _LabelChanges | None = None

    def touched(self, source: str) -> Iterator[Touched]:
        looks_different = self.changes is not None and self.changes.name is None
        if self.action != "created" and not looks_different:
            yield self.repository.holds(source, "label", self.label.id)


class _Before(_Part, rename={"before": "from"}):
    before: _Name | None = None


class _NameBefore(_Part):
    name: _Before | None = None


class _Login(_Part):
    login: _Name | None = None


class _Owners(_Part):
    user: _Login | None = None
    organization: _Login | None = None


class _OwnerBefore(_Part, rename={"before": "from"}):
    before: _Owners | None = None


class _RepositoryChanges(_Part):
    repository: _NameBefore | None = None
    owner: _OwnerBefore | None = None

    def name(self) -> str | None:
        return self.repository.name.before if self.repository and self.repository.name else None

    def login(self) -> str | None:
        owners = (self.owner.before if self.owner else None) or _Owners()
        account = owners.organization or owners.user
        return account.login if account else None


class RepositoryEvent(Payload):
    """Created, renamed, transferred, archived, hidden, deleted, or its default branch was changed."""

    repository: _Repository
    changes: _RepositoryChanges | None = None

    def touched(self, source: str) -> Iterator[Touched]:
        yield self.repository.itself(source)
        changes = self.changes or _RepositoryChanges()
        owner, _, name = self.repository.full_name.partition("/")
        before = f"{changes.login() or owner}/{changes.name() or name}"
        if before != self.repository.full_name:
            # A scope may hold it by the name that it had.
            yield Touched(Ref(source, REPOSITORY, str(self.repository.id)), before)


class InstallationEvent(Payload):
    """Which repositories an App's installation may read."""

    repositories: Sequence[_Repository] = ()
    repositories_added: Sequence[_Repository] = ()
    repositories_removed: Sequence[_Repository] = ()

    def touched(self, source: str) -> Iterator[Touched]:
        named = [*self.repositories, *self.repositories_added, *self.repositories_removed]
        if len(named) > MOST_REPOSITORIES:
            yield Touched(Ref(source, REPOSITORY, str(named[0].id)), None)
        else:
            for repository in named:
                yield repository.itself(source)


def _branch(ref: str) -> str | None:
    return ref.removeprefix(_HEADS) if ref.startswith(_HEADS) else None


TOUCHING: Mapping[str, msgspec.json.Decoder[Payload]] = {
    event: decoder_for(payload)
    for event, payload in {
        "issues": IssueEvent,
        "sub_issues": SubIssueEvent,
        "issue_comment": CommentEvent,
        "pull_request": PullRequestEvent,
        "pull_request_review": PullRequestEvent,
        "pull_request_review_comment": PullRequestEvent,
        "pull_request_review_thread": PullRequestEvent,
        "push": PushEvent,
        "create": BranchEvent,
        "delete": BranchEvent,
        "milestone": MilestoneEvent,
        "label": LabelEvent,
        "repository": RepositoryEvent,
        "repository_import": RepositoryEvent,
        "public": RepositoryEvent,
        "installation": InstallationEvent,
        "installation_repositories": InstallationEvent,
    }.items()
}
