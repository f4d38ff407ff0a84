"""Targets: the objects on which statuses are shown."""

from __future__ import annotations

from mappings.model import ChangeRequest, Entity, WorkItem

TARGETS = frozenset({"work_item", "change_request"})
"""Their kinds."""


def container_of(target: Entity) -> str:
    """The Jira project key or repository that holds a target."""
    if isinstance(target, WorkItem):
        return target.container
    return target.repository if isinstance(target, ChangeRequest) else ""


def is_editable(target: Entity) -> bool:
    return not isinstance(target, WorkItem | ChangeRequest) or target.editable
