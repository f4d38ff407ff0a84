"""Facts of work items and milestones."""

from __future__ import annotations

from datetime import date

from mappings.conditions import matches
from mappings.model import WorkItem
from sync.moments import end_of
from sync.view import Fact, View


def about_data(item: WorkItem, view: View) -> Fact:
    labels = [f"label {label}" for label in item.labels if matches(label, view.project.data_labels)]
    components = [f"component {one}" for one in item.components if matches(one, view.project.data_components)]
    found = ", ".join([*labels, *components])
    return Fact(bool(found), f"is about data ({found})" if found else "is not about data")


def overdue(due: date | None, *, is_open: bool, view: View) -> Fact:
    if due is None or not is_open:
        return Fact(False, "is not overdue")
    late = due < view.today()
    ends = None if late else end_of(due, view.project.timezone)
    return Fact(late, f"was due on {due}" if late else f"is not overdue (due on {due})", str(due), ends)
