"""Labels and milestones: a repository's own, and those on an issue."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from sandbox.github.documents.issues import label_document, milestone_document
from sandbox.github.model import Issue, Label, Milestone
from sandbox.github.operations.area import Area, Operation, answer, choice, fields
from sandbox.github.refusals import invalid, not_found, refusal, too_long
from sandbox.github.site import Repository
from sandbox.messages import Reply, Request

MAX_NAME, MAX_DESCRIPTION, MAX_ON_ISSUE = 50, 100, 100
PAGED = "per_page page"


class Labels(Area):
    """Label names may hold slashes, which clients send raw or as %2F."""

    def of_a_repository(self) -> Sequence[Operation]:
        return [
            ("GET", "/labels", self.list_labels, PAGED),
            ("POST", "/labels", self.create, ""),
            ("GET", "/labels/{name...}", self.get_label, ""),
            ("PATCH", "/labels/{name...}", self.edit, ""),
            ("DELETE", "/labels/{name...}", self.delete, ""),
            ("GET", "/milestones", self.list_milestones, f"state sort direction {PAGED}"),
            ("GET", "/milestones/{milestone}", self.get_milestone, ""),
        ]

    def list_labels(self, request: Request) -> Reply:
        repository = self.repository(request)
        labels = sorted(repository.tracker.labels.values(), key=lambda label: label.name.lower())
        part, headers = self.numbered_page(request, f"/repositories/{repository.id}/labels", len(labels))
        documents = [msgspec.json.encode(label_document(self.hub.url, repository, label)) for label in labels[part]]
        return self.listed(documents, headers)

    def get_label(self, request: Request) -> Reply:
        repository = self.repository(request)
        return answer(label_document(self.hub.url, repository, self._label(request, repository)))

    def create(self, request: Request) -> Reply:
        repository = self.writable(request, "write")
        body = fields(request)
        name = valid_name(body.get("name"))
        if name.lower() in repository.tracker.labels:
            raise invalid("Label", "name", "already_exists")
        label = self.hub.site.label(repository, name, _color(body.get("color")), _description(body.get("description")))
        document = label_document(self.hub.url, repository, label)
        return answer(document, 201, {"Location": document["url"]})

    def edit(self, request: Request) -> Reply:
        repository = self.writable(request, "write")
        label, body = self._label(request, repository), fields(request)
        new_name = valid_name(body["new_name"]) if body.get("new_name") is not None else label.name
        if repository.tracker.labels.get(new_name.lower(), label) is not label:
            raise invalid("Label", "name", "already_exists")
        color = _color(body["color"]) if body.get("color") is not None else label.color
        label.description = _description(body["description"]) if "description" in body else label.description
        label.color = color
        repository.tracker.rename_label(label, new_name)
        return answer(label_document(self.hub.url, repository, label))

    def delete(self, request: Request) -> Reply:
        repository = self.writable(request, "write")
        repository.tracker.delete_label(self._label(request, repository))
        return Reply(204)

    def list_milestones(self, request: Request) -> Reply:
        repository = self.repository(request)
        state = choice(request, "state", "open", ("open", "closed", "all"))
        sort = choice(request, "sort", "due_on", ("due_on", "completeness"))
        descending = choice(request, "direction", "asc", ("asc", "desc")) == "desc"
        rows = [it for it in repository.tracker.milestones.values() if state in {"all", it.state}]
        rows.sort(key=_completeness if sort == "completeness" else _due, reverse=descending)
        part, headers = self.numbered_page(request, f"/repositories/{repository.id}/milestones", len(rows))
        documents = [msgspec.json.encode(milestone_document(self.hub.url, repository, it)) for it in rows[part]]
        return self.listed(documents, headers)

    def get_milestone(self, request: Request) -> Reply:
        repository, text = self.repository(request), request.params["milestone"]
        found = repository.tracker.milestones.get(int(text)) if text.isascii() and text.isdigit() else None
        if found is None:
            raise not_found()
        return answer(milestone_document(self.hub.url, repository, found))

    def _label(self, request: Request, repository: Repository) -> Label:
        label = repository.tracker.labels.get(request.params["name"].lower())
        if label is None:
            raise not_found()
        return label


def label_names(body: Any) -> list[str]:
    """The names in a list of texts or of objects with a name, or in one text. Raises 422 for anything else."""
    entries = body if isinstance(body, list) else [body]
    names = [entry.get("name") if isinstance(entry, dict) else entry for entry in entries]
    return [valid_name(name) for name in names]


def valid_name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise invalid("Label", "name", "missing_field")
    if name != name.strip():
        raise invalid("Label", "name", "invalid", value=name)
    if len(name) > MAX_NAME:
        raise too_long("Label", "name", MAX_NAME)
    return name


def check_count(issue: Issue) -> None:
    """Raises 422 when an issue holds as many labels as it may."""
    if len(issue.labels) >= MAX_ON_ISSUE:
        raise refusal(422, f"Validation Failed: an issue can have at most {MAX_ON_ISSUE} labels")


def _color(value: object) -> str:
    if value is None:
        return "ededed"
    if not isinstance(value, str) or not re.fullmatch("[0-9a-fA-F]{6}", value):
        raise invalid("Label", "color", "invalid")
    return value


def _description(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise invalid("Label", "description", "invalid")
    if len(value) > MAX_DESCRIPTION:
        raise too_long("Label", "description", MAX_DESCRIPTION)
    return value


def _due(milestone: Milestone) -> tuple[bool, float, int]:
    return milestone.due_on is None, milestone.due_on.timestamp() if milestone.due_on else 0.0, milestone.number


def _completeness(milestone: Milestone) -> tuple[float, int]:
    return milestone.closed_issues / max(1, milestone.open_issues + milestone.closed_issues), milestone.number
