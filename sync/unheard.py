"""Alerts that reach nobody: no ticket that people look at shows them, neither for this project nor for an earlier one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mappings.change import Note, Slot, Value
from mappings.model import Ref
from mappings.rules import StatusRule
from sync.display import shows
from sync.graph import Graph
from sync.names import name_of
from sync.project import ProjectView, Taken
from sync.recipients import Delivery


def unheard(
    project: ProjectView,
    rules: Mapping[str, StatusRule],
    deliveries: Sequence[Delivery],
    graph: Graph,
    taken: Sequence[Taken],
    actual: Mapping[Slot, Value],
) -> Iterator[Note]:
    """A finding for each. `actual` is what slots hold now, those that are `taken` by earlier projects too."""
    others = _Others(taken, actual)
    for delivery in deliveries:
        standing, rule = delivery.standing, rules[delivery.standing.rule]
        on = rule.kind == "alarm" and standing.truth is not False and standing.known
        if on and not _is_told(delivery, rule, project, others):
            subject = graph.entities.get(standing.subject)
            how = _whose(project, delivery.targets, graph) if delivery.targets else _how_to_hear(project)
            yield Note(
                kind="finding",
                project=project.key,
                text=f"this alert reaches nobody: {standing.says}; {how}",
                key=name_of(subject) if subject is not None else str(standing.subject),
                url=subject.url if subject is not None else None,
            )


class _Others:
    """What earlier projects show."""

    def __init__(self, taken: Sequence[Taken], actual: Mapping[Slot, Value]) -> None:
        self.taken = taken
        self.actual = actual

    def own(self, slot: Slot) -> bool:
        return any(one.holds(slot) for one in self.taken)

    def tell(self, slot: Slot, rule: StatusRule) -> bool:
        """Whether one shows the status in a slot of its own, or leaves it as a person wants it."""
        owners = [one for one in self.taken if one.holds(slot)]
        return bool(owners) and (shows(self.actual.get(slot), rule) or any(slot in one.left_alone for one in owners))


def _is_told(delivery: Delivery, rule: StatusRule, project: ProjectView, others: _Others) -> bool:
    """Whether people see a status: on a target where this project shows it, or where an earlier one does, be it on its subject."""
    seen = (others.tell(slot, rule) for slot in _visible(delivery.standing.subject, rule, project))
    return any(_shows_on(target, rule, project, others) for target in delivery.targets) or any(seen)


def _shows_on(target: Ref, rule: StatusRule, project: ProjectView, others: _Others) -> bool:
    visible = list(_visible(target, rule, project))
    return not visible or any(not others.own(slot) or others.tell(slot, rule) for slot in visible)


def _visible(target: Ref, rule: StatusRule, project: ProjectView) -> Iterator[Slot]:
    """Where people would see a status on `target`."""
    labels = project.label_rules.get(target.source, {})
    yield from (Slot(target, "label", label) for label, shown in labels.items() if shown == rule.id)
    owned = project.owned.get(target.source)
    if owned is not None and owned.field is not None:
        yield Slot(target, "field", owned.field)
    elif owned is not None and owned.property is not None:
        yield Slot(target, "property", owned.property)


def _how_to_hear(project: ProjectView) -> str:
    if not project.watch:
        return f"name a watch ticket under projects.{project.key}.watch"
    named = ", ".join(f"{source}: {key}" for source, key in sorted(project.watch.items()))
    return f"the watch ticket under projects.{project.key}.watch ({named}) is not among the tickets that its scopes read"


def _whose(project: ProjectView, targets: Sequence[Ref], graph: Graph) -> str:
    named = ", ".join(name_of(graph.entities[ref]) for ref in targets if ref in graph.entities)
    return f"{named} shows what a project before it in the file says; name another watch ticket under projects.{project.key}.watch"
