"""The labels on an issue or pull request."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sandbox.github.documents.issues import label_document
from sandbox.github.model import Issue
from sandbox.github.operations.area import Operation
from sandbox.github.operations.issues import Issues
from sandbox.github.operations.labels import PAGED, check_count, label_names
from sandbox.github.refusals import refusal
from sandbox.github.site import Repository
from sandbox.messages import Reply, Request


class IssueLabels(Issues):
    """A label that the repository does not have yet is made when it is put on an issue."""

    def of_a_repository(self) -> Sequence[Operation]:
        return [
            ("GET", "/issues/{number}/labels", self.list_labels, PAGED),
            ("POST", "/issues/{number}/labels", self.add, ""),
            ("PUT", "/issues/{number}/labels", self.replace, ""),
            ("DELETE", "/issues/{number}/labels", self.clear, ""),
            ("DELETE", "/issues/{number}/labels/{name...}", self.remove, ""),
        ]

    def list_labels(self, request: Request) -> Reply:
        repository = self.repository(request)
        issue = self.issue(request, repository)
        documents = self._documents(repository, issue)
        path = f"/repositories/{repository.id}/issues/{issue.number}/labels"
        part, headers = self.numbered_page(request, path, len(documents))
        return self.listed(documents[part], headers)

    def add(self, request: Request) -> Reply:
        repository = self.writable(request, "triage")
        issue = self.issue(request, repository)
        for name in self._named(request):
            if name.lower() not in issue.labels:
                check_count(issue)
                repository.tracker.put_label(issue, self.hub.site.label(repository, name), self.hub.now())
        return self.listed(self._documents(repository, issue), {})

    def replace(self, request: Request) -> Reply:
        repository = self.writable(request, "triage")
        issue = self.issue(request, repository)
        labels = [self.hub.site.label(repository, name) for name in self._named(request)]
        issue.labels = {label.name.lower(): label for label in labels}
        repository.tracker.touch(issue, self.hub.now())
        return self.listed(self._documents(repository, issue), {})

    def clear(self, request: Request) -> Reply:
        repository = self.writable(request, "triage")
        issue = self.issue(request, repository)
        issue.labels.clear()
        repository.tracker.touch(issue, self.hub.now())
        return Reply(204)

    def remove(self, request: Request) -> Reply:
        repository = self.writable(request, "triage")
        issue = self.issue(request, repository)
        if not repository.tracker.drop_label(issue, request.params["name"], self.hub.now()):
            raise refusal(404, "Label does not exist")
        return self.listed(self._documents(repository, issue), {})

    def _documents(self, repository: Repository, issue: Issue) -> list[bytes]:
        return [msgspec.json.encode(label_document(self.hub.url, repository, label)) for label in issue.labels.values()]

    def _named(self, request: Request) -> list[str]:
        body = request.json() if request.body else []
        return label_names(body.get("labels", []) if isinstance(body, dict) else body)
