"""Jira's bulk edit: one content for up to 1,000 issues, carried out later. It needs the global permission Bulk change."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from connectors.errors import Cancelled, RateLimited, Unavailable
from connectors.http import decode
from connectors.jira.api import JiraApi
from connectors.jira.editing import FieldEdit, bulk_inputs
from mappings.decoding import decoder_for

MOST_ISSUES = 1000
FEWEST_ISSUES = 10
"""Fewer issues are edited one by one, which is as fast and says more of what went wrong."""

PATIENCE = timedelta(minutes=10)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_UNDER_WAY = frozenset({"ENQUEUED", "RUNNING", "CANCEL_REQUESTED"})


class _Submitted(msgspec.Struct):
    taskId: str  # noqa: N815 - Jira's spelling


class _Progress(msgspec.Struct):
    status: str


class BulkEdits:
    def __init__(self, api: JiraApi, stop: threading.Event) -> None:
        self._api = api
        self._stop = stop
        self._permitted: bool | None = None

    def suits(self, edit: FieldEdit, issues: int) -> bool:
        """Whether this edit of so many issues is better made in bulk."""
        return issues >= FEWEST_ISSUES and self._api.deployment.edits_in_bulk and bool(bulk_inputs(edit)) and self._is_permitted()

    def make(self, edit: FieldEdit, idents: Sequence[str]) -> None:
        """Returns when Jira has ended the work, or refused it: which issues show the new content must be read.

        Raises `Unavailable` when Jira is still at it after ten minutes.
        """
        for start in range(0, len(idents), MOST_ISSUES):
            for content in bulk_inputs(edit):
                task = self._submit(edit.field, content, idents[start : start + MOST_ISSUES])
                if task is not None:
                    self._await(task)

    def _is_permitted(self) -> bool:
        if self._permitted is None:
            self._permitted = self._api.may("BULK_CHANGE")
        return self._permitted

    def _submit(self, field: str, content: dict[str, Any], idents: Sequence[str]) -> str | None:
        body = {
            "selectedActions": [field],
            "selectedIssueIdsOrKeys": idents,
            "editedFieldsInput": content,
            "sendBulkNotification": False,
        }
        try:
            answer = self._api.request("POST", "/bulk/issues/fields", json=body, accept=(200, 201, 400, 403))
        except RateLimited:
            raise
        except Unavailable:
            # Perhaps it was taken on, perhaps not: the caller reads what the issues show.
            return None
        if answer.status_code >= 400:
            return None
        return decode(self._api.source, answer, _SUBMITTED).taskId

    def _await(self, task: str) -> None:
        pause, waited = _FIRST_PAUSE, 0.0
        while self._status(task) in _UNDER_WAY:
            if waited >= PATIENCE.total_seconds():
                raise Unavailable(self._api.source, f"Jira is still at the bulk edit {task}", fix="run again later")
            if self._stop.wait(pause):
                raise Cancelled
            waited += pause
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _status(self, task: str) -> str:
        return decode(self._api.source, self._api.request("GET", f"/bulk/queue/{task}"), _PROGRESS).status


_SUBMITTED = decoder_for(_Submitted)
_PROGRESS = decoder_for(_Progress)
