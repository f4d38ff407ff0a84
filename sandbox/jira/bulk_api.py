"""Bulk edits: accepted at once, run later, their failures told only by the queue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from mappings.decoding import convert_to
from sandbox.jira.editing import MAX_TEXT, OFF_SCREEN, apply_edit, edit_screen
from sandbox.jira.model import Edit, Field, Task
from sandbox.jira.state import State
from sandbox.messages import Refusal, Reply, Request
from sandbox.server import Route

MOST_ISSUES = 1000
MOST_AT_ONCE = 5
CLEARED = -1


class OptionInput(msgspec.Struct, rename="camel"):
    option_id: int


class SingleSelect(msgspec.Struct, rename="camel"):
    field_id: str
    option: OptionInput


class MultipleSelect(msgspec.Struct, rename="camel"):
    field_id: str
    options: list[OptionInput]


class LabelName(msgspec.Struct):
    name: str


class Labels(msgspec.Struct, rename="camel"):
    field_id: str
    bulk_edit_multi_select_field_option: str
    labels: list[LabelName]


class TextLine(msgspec.Struct, rename="camel"):
    field_id: str
    text: str


class Inputs(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The kinds of fields that this stand-in edits in bulk."""

    single_select_fields: list[SingleSelect] = []
    multiple_select_fields: list[MultipleSelect] = []
    labels_fields: list[Labels] = []
    single_line_text_fields: list[TextLine] = []


class Payload(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    selected_actions: list[str]
    selected_issue_ids_or_keys: list[str]
    edited_fields_input: Inputs
    send_bulk_notification: bool | None = True


class BulkApi:
    def __init__(self, state: State) -> None:
        self.state = state

    def routes(self) -> Sequence[Route]:
        none: frozenset[str] = frozenset()
        return [
            Route("POST", "/rest/api/3/bulk/issues/fields", self._submit, query=none),
            Route("GET", "/rest/api/3/bulk/queue/{taskId}", self._progress, query=none),
        ]

    def _submit(self, request: Request) -> Reply:
        if not self.state.may("BULK_CHANGE"):
            raise _refused("You do not have the global permission to make bulk changes.")
        try:
            payload = convert_to(request.json(), Payload)
        except msgspec.ValidationError as error:
            raise _refused(f"The request is invalid: {error}") from error
        if not 0 < len(payload.selected_issue_ids_or_keys) <= MOST_ISSUES:
            raise _refused(f"Between 1 and {MOST_ISSUES} issues can be edited at once.")
        if sum(task.finished is None for task in self.state.tasks.values()) >= MOST_AT_ONCE:
            raise _refused(f"At most {MOST_AT_ONCE} bulk operations can run at once. Try again later.")
        task = Task(
            id=str(self.state.next_id()),
            created=self.state.stamp(),
            issues=tuple(payload.selected_issue_ids_or_keys),
            edits=tuple(self._edits(payload)),
        )
        self.state.tasks[task.id] = task
        return Reply(201, {"taskId": task.id})

    def _edits(self, payload: Payload) -> list[Edit]:
        inputs = payload.edited_fields_input
        edits = [
            *(self._single(entry) for entry in inputs.single_select_fields),
            *(self._multiple(entry) for entry in inputs.multiple_select_fields),
            *(self._labels(entry) for entry in inputs.labels_fields),
            *(self._line(entry) for entry in inputs.single_line_text_fields),
        ]
        if sorted(edit.field for edit in edits) != sorted(payload.selected_actions):
            raise _refused("The selected actions and the edited fields do not match.")
        return edits

    def _single(self, entry: SingleSelect) -> Edit:
        field = self._field(entry.field_id, "option", None)
        cleared = entry.option.option_id == CLEARED
        return Edit(field.id, "set", None if cleared else self._option(field, entry.option.option_id))

    def _multiple(self, entry: MultipleSelect) -> Edit:
        field = self._field(entry.field_id, "array", "option")
        return Edit(field.id, "set", tuple(self._option(field, option.option_id) for option in entry.options))

    def _labels(self, entry: Labels) -> Edit:
        field = self._field(entry.field_id, "array", "string")
        texts = tuple(label.name for label in entry.labels)
        if any(not text or len(text) > MAX_TEXT or any(character.isspace() for character in text) for text in texts):
            raise _refused("A label must not be empty, hold spaces or exceed 255 characters.")
        match entry.bulk_edit_multi_select_field_option:
            case "ADD":
                return Edit(field.id, "add", texts)
            case "REMOVE":
                return Edit(field.id, "remove", texts)
            case "REPLACE":
                return Edit(field.id, "set", texts)
            case "REMOVE_ALL":
                return Edit(field.id, "set", ())
        raise _refused("bulkEditMultiSelectFieldOption must be ADD, REMOVE, REPLACE or REMOVE_ALL.")

    def _line(self, entry: TextLine) -> Edit:
        field = self._field(entry.field_id, "string", None)
        if len(entry.text) > MAX_TEXT or field.plugin == "textarea" or field.id == "description":
            raise _refused(f"{field.name} is no single line of up to {MAX_TEXT} characters.")
        return Edit(field.id, "set", entry.text or None)

    def _field(self, ident: str, kind: str, items: str | None) -> Field:
        field = self.state.fields.get(ident)
        if field is None or (field.type, field.items) != (kind, items) or not field.operations:
            raise _refused(f"The field '{ident}' does not exist or cannot be edited this way.")
        return field

    def _option(self, field: Field, ident: int) -> str:
        option = self.state.option(field, str(ident))
        if option is None or option.disabled:
            raise _refused(f"The option '{ident}' is not valid for the field '{field.id}'.")
        return option.id

    def _progress(self, request: Request) -> Reply:
        task = self.state.tasks.get(request.params["taskId"])
        if task is None:
            raise _refused(f"The task '{request.params['taskId']}' does not exist.")
        answer: dict[str, Any] = {
            "taskId": task.id,
            "status": "RUNNING" if task.finished is None else "COMPLETE",
            "progressPercent": 0 if task.finished is None else 100,
            "submittedBy": {"accountId": self.state.account.account_id},
            "created": _millis(task.created),
            "started": _millis(task.created),
            "updated": _millis(task.finished or self.state.now()),
            "totalIssueCount": len(task.issues),
        }
        if task.finished is not None:
            answer |= {
                "processedAccessibleIssues": task.processed,
                "failedAccessibleIssues": task.failed,
                "invalidOrInaccessibleIssueCount": task.inaccessible,
            }
        return Reply(200, answer)


def run_due(state: State) -> None:
    """Runs every bulk edit whose time has come."""
    for task in list(state.tasks.values()):
        if task.finished is None and (state.now() - task.created).total_seconds() >= state.bulk_seconds:
            state.tasks[task.id] = _run(state, task)


def _run(state: State, task: Task) -> Task:
    processed: list[int] = []
    failed: dict[str, list[str]] = {}
    inaccessible = 0
    for name in task.issues:
        issue = state.visible_issue(name)
        if issue is None:
            inaccessible += 1
            continue
        screen = edit_screen(state, issue)
        if missing := [edit.field for edit in task.edits if edit.field not in screen]:
            failed[str(issue.id)] = [OFF_SCREEN.format(field) for field in missing]
            continue
        changed = issue
        for edit in task.edits:
            changed = apply_edit(state, changed, edit)
        if changed != issue:
            state.touched(changed)
        processed.append(issue.id)
    return msgspec.structs.replace(
        task, finished=state.stamp(), processed=tuple(processed), failed=failed, inaccessible=inaccessible
    )


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _refused(message: str) -> Refusal:
    return Refusal(Reply(400, {"errors": [{"message": message}]}))
