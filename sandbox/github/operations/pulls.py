"""Pull requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sandbox.github.documents.pulls import full_pull_document, pull_document
from sandbox.github.model import Issue, Pull
from sandbox.github.operations.area import Operation, answer, choice
from sandbox.github.operations.commits import CommitReading
from sandbox.github.paging import asked, link_header, rows_of
from sandbox.github.refusals import not_found
from sandbox.github.site import Repository
from sandbox.messages import Reply, Request

MOST_COMMITS = 250
"""As many commits of a pull request as its commit list shows."""


class Pulls(CommitReading):
    def of_a_repository(self) -> Sequence[Operation]:
        return [
            ("GET", "/pulls", self.list_pulls, "state head base sort direction per_page page after"),
            ("GET", "/pulls/{number}", self.get_pull, ""),
            ("GET", "/pulls/{number}/commits", self.list_commits_of, "per_page page"),
            ("GET", "/commits/{sha}/pulls", self.pulls_of_commit, "per_page page"),
        ]

    def list_pulls(self, request: Request) -> Reply:
        repository = self.repository(request)
        page = asked(request)
        sort = choice(request, "sort", "created", ("created", "updated", "popularity", "long-running"))
        usual = "desc" if sort == "created" else "asc"
        descending = choice(request, "direction", usual, ("asc", "desc")) == "desc"
        rows = repository.tracker.rows(sort, pulls=True)
        if wanted := _filters(request):
            question = ("pulls", sort, *sorted((name, value) for name, value in request.query.items() if name in wanted))
            tests = list(wanted.values())
            rows = repository.tracker.selected(question, rows, lambda issue: all(test(issue) for test in tests))
        chosen, relations = rows_of(rows, page, descending=descending, window=self.hub.page_window)
        headers = link_header(f"{self.hub.url}/repositories/{repository.id}/pulls", request, relations)
        issues = repository.tracker.issues
        return self.listed([self._rendered(repository, issues[number]) for _, number in chosen], headers)

    def get_pull(self, request: Request) -> Reply:
        repository = self.repository(request)
        issue, _ = self._pull(request, repository)
        return answer(full_pull_document(self.hub.url, repository, issue, self.hub.encoded_repository))

    def list_commits_of(self, request: Request) -> Reply:
        repository = self.repository(request)
        issue, pull = self._pull(request, repository)
        shas = pull.commits[:MOST_COMMITS]
        part, headers = self.numbered_page(request, f"/repositories/{repository.id}/pulls/{issue.number}/commits", len(shas))
        return self.listed([self.rendered(repository, sha) for sha in shas[part]], headers)

    def pulls_of_commit(self, request: Request) -> Reply:
        """For a commit on the default branch the merged pull request that brought it, else every open or merged one that has it."""
        repository = self.repository(request)
        sha = self.resolved(repository, request.params["sha"])
        issues = [repository.tracker.issues.get(number) for number in sorted(repository.code.pulls_of.get(sha, ()))]
        related = [issue for issue in issues if issue and issue.pull and (issue.pull.merged_at or not issue.closed_at)]
        if repository.head and repository.code.reaches(repository.head, sha):
            related = [issue for issue in related if issue.pull and issue.pull.merged_at]
        part, headers = self.numbered_page(request, f"/repositories/{repository.id}/commits/{sha}/pulls", len(related))
        return self.listed([self._rendered(repository, issue) for issue in related[part]], headers)

    def _pull(self, request: Request, repository: Repository) -> tuple[Issue, Pull]:
        text = request.params["number"]
        issue = repository.tracker.issues.get(int(text)) if text.isascii() and text.isdigit() and len(text) < 12 else None
        if issue is None or issue.pull is None:
            raise not_found()
        return issue, issue.pull

    def _rendered(self, repository: Repository, issue: Issue) -> bytes:
        if issue.pull and issue.pull.document is None:
            issue.pull.document = pull_document(self.hub.url, repository, issue, self.hub.encoded_repository)
        return issue.pull.document.render() if issue.pull and issue.pull.document else b"null"


def _filters(request: Request) -> dict[str, Callable[[Issue], bool]]:
    tests: dict[str, Callable[[Issue], bool]] = {}
    state = choice(request, "state", "open", ("open", "closed", "all"))
    if state != "all":
        tests["state"] = lambda issue: issue.state == state
    if base := request.query.get("base"):
        tests["base"] = lambda issue: issue.pull is not None and issue.pull.base == base
    # GitHub ignores a head that does not name the owner.
    owner, colon, branch = request.query.get("head", "").partition(":")
    if colon:
        tests["head"] = lambda issue: _comes_from(issue, owner.lower(), branch)
    return tests


def _comes_from(issue: Issue, owner: str, branch: str) -> bool:
    return issue.pull is not None and issue.pull.branch == branch and issue.pull.head_owner.login.lower() == owner
