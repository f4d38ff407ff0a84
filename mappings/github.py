"""GitHub's records as entities. How they are read: `mappings.github_records`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from mappings.change import Owned, Reading, Slot
from mappings.closing_keywords import closed_issues
from mappings.github_records import (
    AnyLabel,
    CommitRecord,
    GitCommit,
    GitUser,
    Head,
    IssueRecord,
    LabelRecord,
    LabelStub,
    MilestoneRecord,
    PullRecord,
    Repository,
    User,
)
from mappings.model import ChangeRequest, Commit, Label, Milestone, Person, Ref, StatusCategory, WorkItem
from mappings.moments import utc


class Translation:
    """Makes one source's entities. Labels that `owned` covers are compared as GitHub does, without regard to case; they are left
    out of the entities and given as readings of the label's slot."""

    def __init__(self, source: str, owned: Owned) -> None:
        self._source = source
        self._owned = {name.casefold(): name for name in owned.labels}

    def work_item(self, record: IssueRecord, repository: Repository) -> tuple[WorkItem, Sequence[Reading]]:
        """`record` must be an issue, not a pull request. GitHub has two states; why it is closed is `fields["state_reason"]`."""
        ref = Ref(self._source, "work_item", f"{repository.id}/{record.number}")
        labels, readings = self._labels(record.labels, ref)
        closed = record.state == "closed"
        entity = WorkItem(
            ref=ref,
            url=record.html_url,
            created_at=_utc(record.created_at),
            updated_at=_utc(record.updated_at),
            key=f"{repository.full_name}#{record.number}",
            title=_text(record.title),
            body=_text(record.body),
            item_type=record.type.name if record.type else None,
            container=repository.full_name,
            status=record.state,
            status_category=_CATEGORIES.get(record.state or "", "unknown"),
            labels=labels,
            fields={"state_reason": record.state_reason} if record.state_reason else {},
            assignee=_assignee(record),
            parent=self._parent(record, repository),
            milestones=(self.milestone_ref(repository, record.milestone.number),) if record.milestone else (),
            closed_at=_utc(record.closed_at) if closed else None,
            editable=not repository.archived,
        )
        return entity, readings

    def change_request(self, record: PullRecord) -> tuple[ChangeRequest, Sequence[Reading]]:
        """A pull request belongs to its base repository. Before the merge, GitHub's `merge_commit_sha` is a trial: left out."""
        repository = record.base.repo
        ref = Ref(self._source, "change_request", f"{repository.id}/{record.number}")
        labels, readings = self._labels(record.labels, ref)
        head = record.head or Head()
        merged = record.merged_at is not None
        body = _text(record.body)
        entity = ChangeRequest(
            ref=ref,
            url=record.html_url,
            created_at=_utc(record.created_at),
            updated_at=_utc(record.updated_at),
            number=record.number,
            repository=repository.full_name,
            title=_text(record.title),
            body=body,
            state="merged" if merged else "closed" if record.state == "closed" else "open",
            draft=bool(record.draft),
            base=_text(record.base.ref),
            default_branch=repository.default_branch,
            branch=_text(head.ref),
            # The base repository is there, so a head repository that is not was a fork.
            from_fork=head.repo is None or head.repo.id != repository.id,
            head_sha=head.sha,
            merge_sha=record.merge_commit_sha if merged else None,
            merged_at=_utc(record.merged_at),
            closed_at=_utc(record.closed_at),
            labels=labels,
            closes=closed_issues(body, repository.full_name, _host(record.html_url)) if body else (),
            author=_person(record.user),
            editable=not repository.archived,
        )
        return entity, readings

    def commit(
        self,
        record: CommitRecord,
        repository: Repository,
        *,
        on_default_branch: bool,
        on_branch: bool = True,
        change_requests: tuple[Ref, ...] = (),
    ) -> Commit:
        git = record.commit or GitCommit()
        authored_at = _when(git.author.date if git.author else None)
        committed_at = _when(git.committer.date if git.committer else None)
        return Commit(
            ref=Ref(self._source, "commit", f"{repository.id}/{record.sha}"),
            url=record.html_url,
            created_at=authored_at,
            updated_at=committed_at,
            sha=record.sha,
            repository=repository.full_name,
            message=_text(git.message),
            author=_person(record.author) or _git_person(git.author),
            authored_at=authored_at,
            committed_at=committed_at,
            on_default_branch=on_default_branch,
            on_branch=on_branch,
            parents=tuple(parent.sha for parent in record.parents or () if parent.sha),
            change_requests=change_requests,
        )

    def milestone(self, record: MilestoneRecord, repository: Repository) -> Milestone:
        due = _utc(record.due_on)
        return Milestone(
            ref=self.milestone_ref(repository, record.number),
            url=record.html_url,
            created_at=_utc(record.created_at),
            updated_at=_utc(record.updated_at),
            name=_text(record.title),
            container=repository.full_name,
            due=due.date() if due else None,
            state="closed" if record.state == "closed" else "open",
        )

    def label(self, record: LabelRecord, repository: Repository) -> Label | None:
        """None for a label of ours."""
        if record.name.casefold() in self._owned:
            return None
        return Label(
            ref=Ref(self._source, "label", f"{repository.id}/{record.id}"),
            url=record.url,
            name=_text(record.name),
            repository=repository.full_name,
            color=_text(record.color),
            description=record.description,
        )

    def milestone_ref(self, repository: Repository, number: int) -> Ref:
        return Ref(self._source, "milestone", f"{repository.id}/{number}")

    def _labels(self, rows: Sequence[AnyLabel] | None, target: Ref) -> tuple[tuple[str, ...], Sequence[Reading]]:
        if not rows:
            return (), ()
        names: list[str] = []
        readings: list[Reading] = []
        for row in rows:
            name = row.name if isinstance(row, LabelStub) else row
            if not name:
                continue
            ours = self._owned.get(name.casefold())
            if ours is None:
                names.append(_text(name))
            else:
                readings.append(Reading(slot=Slot(target, "label", ours), value=True))
        # GitHub gives them in no promised order; an entity must not change by it.
        names.sort()
        return tuple(names), readings

    def _parent(self, record: IssueRecord, repository: Repository) -> Ref | None:
        """Known only inside the repository: of another one the address does not tell the id."""
        here, url = record.repository_url, record.parent_issue_url
        if not (here and url and url.startswith(f"{here}/issues/")):
            return None
        number = url.rpartition("/")[2]
        return Ref(self._source, "work_item", f"{repository.id}/{number}") if number.isdecimal() else None


def _assignee(record: IssueRecord) -> Person | None:
    if assignee := _person(record.assignee):
        return assignee
    return next((person for user in record.assignees or () if (person := _person(user))), None)


def _person(user: User | None) -> Person | None:
    return Person(id=user.login) if user is not None and user.login else None


def _git_person(user: GitUser | None) -> Person | None:
    """A commit whose author has no account here is still somebody's."""
    if user is None or not (user.email or user.name):
        return None
    return Person(id=_text(user.email or user.name), name=_text(user.name) or None)


def _text(value: str | None) -> str:
    """NUL is valid JSON, but no database's text."""
    if not value:
        return ""
    return value.replace("\0", "") if "\0" in value else value


def _host(url: str | None) -> str:
    if not url:
        return "github.com"
    return url.partition("://")[2].partition("/")[0]


def _when(text: str | None) -> datetime | None:
    try:
        return _utc(datetime.fromisoformat(text)) if text else None
    except ValueError:
        return None


def _utc(moment: datetime | None) -> datetime | None:
    try:
        return utc(moment)
    except OverflowError:
        return None


_CATEGORIES: Mapping[str, StatusCategory] = {"open": "todo", "closed": "done"}
