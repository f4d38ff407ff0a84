"""Who receives a status: the tickets and change requests that people look at, or the project's watch ticket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from mappings.model import ChangeRequest, Ref, WorkItem
from mappings.rules import StatusRule
from sync.derive import Standing
from sync.graph import Graph
from sync.names import name_of
from sync.project import ProjectView


class Delivery(msgspec.Struct, frozen=True):
    """One standing on its way to its targets; with none it reaches nobody."""

    standing: Standing
    targets: tuple[Ref, ...]


def deliver(
    graph: Graph, project: ProjectView, rules: Mapping[str, StatusRule], standings: Sequence[Standing], *, now: datetime
) -> Sequence[Delivery]:
    """The targets of every standing, in the standings' order."""
    watch = watch_tickets(graph, project)
    return [Delivery(standing, _targets(graph, project, rules[standing.rule], standing, watch, now)) for standing in standings]


def watch_tickets(graph: Graph, project: ProjectView) -> Sequence[Ref]:
    """The project's watch tickets that are known."""
    found = (graph.work_items_by_key.get((source, key.upper())) for source, key in sorted(project.watch.items()))
    return [item.ref for item in found if item is not None]


def _targets(
    graph: Graph, project: ProjectView, rule: StatusRule, standing: Standing, watch: Sequence[Ref], now: datetime
) -> tuple[Ref, ...]:
    item = graph.get(standing.subject, WorkItem)
    if item is not None:
        if is_current(item, project, now):
            return (item.ref, *_open_changes(graph, item.ref))
        return tuple(watch) if rule.kind == "alarm" else ()
    change = graph.get(standing.subject, ChangeRequest)
    if change is not None:
        if change.is_open:
            return (change.ref,)
        return tuple(watch) if rule.kind == "alarm" else ()
    return tuple(watch)


def is_current(item: WorkItem, project: ProjectView, now: datetime) -> bool:
    """Open, or closed so lately that people still look at it."""
    return item.is_open or (item.closed_at is not None and now - item.closed_at < project.closed_within)


def why_untold(graph: Graph, project: ProjectView, subject: Ref, now: datetime) -> str | None:
    """Why people look at the subject itself no longer, so that no status of its own is shown on it. None: they do, or never did."""
    item, change = graph.get(subject, WorkItem), graph.get(subject, ChangeRequest)
    if item is not None and not is_current(item, project, now):
        when = f"more than {project.closed_within.days} days ago" if item.closed_at is not None else "nobody knows when"
        return f"{name_of(item)} was closed {when}"
    if change is not None and not change.is_open:
        return f"{name_of(change)} is {change.state}"
    return None


def _open_changes(graph: Graph, item: Ref) -> Sequence[Ref]:
    implementing = {link.source for link in graph.links_to(item) if link.relation == "implements" and link.confidence != "textual"}
    return sorted(ref for ref in implementing if (change := graph.get(ref, ChangeRequest)) is not None and change.is_open)
