"""Issues (pull requests among them) and their comments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from sandbox.github.documents.issues import comment_document, issue_document
from sandbox.github.model import Comment, Issue, Milestone
from sandbox.github.operations.area import Area, Operation, answer, choice, fields, moment
from sandbox.github.operations.labels import label_names
from sandbox.github.paging import asked, link_header, rows_of
from sandbox.github.refusals import gone, invalid, moved, not_found, refusal
from sandbox.github.site import Repository
from sandbox.messages import Reply, Request

FILTERS = "milestone state assignee type creator mentioned labels sort direction since per_page page after"


class Issues(Area):
    def of_a_repository(self) -> Sequence[Operation]:
        return [
            ("GET", "/issues", self.list_issues, FILTERS),
            ("POST", "/issues", self.create, ""),
            ("GET", "/issues/{number}", self.get_issue, ""),
            ("PATCH", "/issues/{number}", self.edit, ""),
            ("GET", "/issues/{number}/comments", self.list_comments, "since per_page page"),
            ("POST", "/issues/{number}/comments", self.comment, ""),
        ]

    def issue(self, request: Request, repository: Repository) -> Issue:
        """The issue that the path names. Raises 404, 410 for a deleted one, 301 for a transferred one."""
        text = request.params["number"]
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0
        tracker = repository.tracker
        if number in tracker.moved:
            target, there = tracker.moved[number]
            raise moved(f"{self.hub.url}/repositories/{target}/issues/{there}")
        if number in tracker.deleted:
            raise gone("This issue was deleted")
        if number not in tracker.issues:
            raise not_found()
        if not repository.has_issues and not tracker.issues[number].pull:
            raise gone("Issues are disabled for this repo")
        return tracker.issues[number]

    def rendered(self, repository: Repository, issue: Issue) -> bytes:
        if issue.document is None:
            issue.document = issue_document(self.hub.url, repository, issue)
        return issue.document.render()

    def list_issues(self, request: Request) -> Reply:
        repository = self.repository(request)
        page = asked(request)
        sort = choice(request, "sort", "created", ("created", "updated", "comments"))
        descending = choice(request, "direction", "desc", ("asc", "desc")) == "desc"
        since = moment(request, "since")
        rows = repository.tracker.rows(sort, pulls=False, since=since)
        if wanted := _filters(request, repository):
            question = (sort, since, *sorted((name, value) for name, value in request.query.items() if name in wanted))
            tests = list(wanted.values())
            rows = repository.tracker.selected(question, rows, lambda issue: all(test(issue) for test in tests))
        chosen, relations = rows_of(rows, page, descending=descending, window=self.hub.page_window)
        headers = link_header(f"{self.hub.url}/repositories/{repository.id}/issues", request, relations)
        issues = repository.tracker.issues
        return self.listed([self.rendered(repository, issues[number]) for _, number in chosen], headers)

    def get_issue(self, request: Request) -> Reply:
        repository = self.repository(request)
        return answer(self.rendered(repository, self.issue(request, repository)))

    def create(self, request: Request) -> Reply:
        repository = self.writable(request, "read")
        if not repository.has_issues:
            raise gone("Issues are disabled for this repo")
        body, now = fields(request), self.hub.now()
        issue = Issue(
            id=self.hub.site.take_id(),
            number=repository.tracker.take_number(),
            title=_title(body.get("title")),
            author=self.caller(request),
            created_at=now,
            updated_at=now,
            body=body.get("body"),
        )
        repository.tracker.insert(issue)
        # Whoever may not set labels, assignees and milestone has them dropped silently.
        if self.hub.access.has(self.token(request), repository, "triage"):
            self._arrange(repository, issue, body)
        repository.recount()
        location = f"{self.hub.url}/repos/{repository.full_name}/issues/{issue.number}"
        return answer(self.rendered(repository, issue), 201, {"Location": location})

    def edit(self, request: Request) -> Reply:
        repository = self.writable(request, "read")
        issue, body, now = self.issue(request, repository), fields(request), self.hub.now()
        caller = self.caller(request)
        if issue.author is not caller:
            self.writable(request, "triage")
        title = _title(body["title"]) if body.get("title") is not None else issue.title
        if body.get("state") not in {"open", "closed", None}:
            raise invalid("Issue", "state", "invalid")
        self._arrange(repository, issue, body)
        issue.title, issue.body = title, body.get("body", issue.body)
        if body.get("state") == "closed":
            repository.tracker.close(issue, by=caller, at=now, reason=body.get("state_reason") or "completed")
        elif body.get("state") == "open":
            repository.tracker.reopen(issue, now)
        repository.tracker.touch(issue, now)
        repository.recount()
        return answer(self.rendered(repository, issue))

    def list_comments(self, request: Request) -> Reply:
        repository = self.repository(request)
        issue, since = self.issue(request, repository), moment(request, "since")
        comments = [comment for comment in issue.comments if since is None or comment.updated_at >= since]
        path = f"/repositories/{repository.id}/issues/{issue.number}/comments"
        part, headers = self.numbered_page(request, path, len(comments))
        documents = [msgspec.json.encode(comment_document(self.hub.url, repository, issue, comment)) for comment in comments[part]]
        return self.listed(documents, headers)

    def comment(self, request: Request) -> Reply:
        repository = self.writable(request, "read")
        issue, body, now = self.issue(request, repository), fields(request).get("body"), self.hub.now()
        if issue.locked and not self.hub.access.has(self.token(request), repository, "write"):
            raise refusal(403, "Unable to create comment because issue is locked.")
        if not isinstance(body, str) or not body.strip():
            raise invalid("IssueComment", "body", "missing_field")
        comment = Comment(self.hub.site.take_id(), body, self.caller(request), now, now)
        issue.comments.append(comment)
        repository.tracker.touch(issue, now)
        document = comment_document(self.hub.url, repository, issue, comment)
        return answer(document, 201, {"Location": document["url"]})

    def _arrange(self, repository: Repository, issue: Issue, body: dict[str, Any]) -> None:
        """Labels, assignees and milestone, each a whole set that replaces what was there."""
        now, site = self.hub.now(), self.hub.site
        if "milestone" in body:
            repository.tracker.plan_for(issue, _milestone(repository, body["milestone"]), now)
        if body.get("labels") is not None:
            issue.labels = {name.lower(): site.label(repository, name) for name in label_names(body["labels"])}
        logins = (
            body.get("assignees") if body.get("assignees") is not None else [body["assignee"]] if body.get("assignee") else None
        )
        if isinstance(logins, list):
            issue.assignees = [site.users[login.lower()] for login in map(str, logins) if login.lower() in site.users]
        repository.tracker.touch(issue, now)


def _title(value: object) -> str:
    title = str(value).strip() if isinstance(value, str | int) else ""
    if not title:
        raise invalid("Issue", "title", "missing_field")
    return title


def _milestone(repository: Repository, number: object) -> Milestone | None:
    if number is None:
        return None
    text = str(number)
    milestone = repository.tracker.milestones.get(int(text)) if text.isascii() and text.isdigit() else None
    if milestone is None:
        raise invalid("Issue", "milestone", "invalid", value=text)
    return milestone


def _filters(request: Request, repository: Repository) -> dict[str, Callable[[Issue], bool]]:
    """What the query narrows the list by, by parameter. The state is open unless it says otherwise."""
    tests: dict[str, Callable[[Issue], bool]] = {}
    query = request.query
    state = choice(request, "state", "open", ("open", "closed", "all"))
    if state != "all":
        tests["state"] = lambda issue: issue.state == state
    if labels := {name.strip().lower() for name in query.get("labels", "").split(",") if name.strip()}:
        tests["labels"] = lambda issue: labels <= issue.labels.keys()
    if milestone := query.get("milestone"):
        tests["milestone"] = _by_milestone(milestone, repository)
    if creator := query.get("creator", "").lower():
        tests["creator"] = lambda issue: issue.author.login.lower() == creator
    if assignee := query.get("assignee", "").lower():
        tests["assignee"] = lambda issue: _is_assigned(issue, assignee)
    return tests


def _by_milestone(word: str, repository: Repository) -> Callable[[Issue], bool]:
    if word == "*":
        return lambda issue: issue.milestone is not None
    if word == "none":
        return lambda issue: issue.milestone is None
    milestone = _milestone(repository, word)
    return lambda issue: issue.milestone is milestone


def _is_assigned(issue: Issue, login: str) -> bool:
    if login in {"*", "none"}:
        return bool(issue.assignees) == (login == "*")
    return any(user.login.lower() == login for user in issue.assignees)
