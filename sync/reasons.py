"""Why a slot of ours is emptied or left alone, in one sentence for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from mappings.change import Slot, Value
from mappings.model import Entity
from mappings.rules import StatusRule
from sync.derive import Standing
from sync.display import shows, statuses_of
from sync.graph import Graph
from sync.names import name_of
from sync.project import ProjectView
from sync.recipients import why_untold


def plain(value: Value) -> str:
    """What a slot holds, in a word or two."""
    if value is None:
        return "nothing"
    if value is True:
        return "present"
    return ", ".join(value) if isinstance(value, list) else "a document" if isinstance(value, dict) else str(value)


def by_hand(slot: Slot, actual: Value) -> str:
    """What a person did to a slot."""
    if slot.kind == "label":
        return "a person removed the label" if actual is None else "a person added the label"
    return f"a person set it to {plain(actual)}"


def conflict(slot: Slot, actual: Value, wanted: Value) -> str:
    """Why a slot that Milepost never wrote is left alone, and the command that ends that."""
    text = "is there, which Milepost never added" if slot.kind == "label" else f"holds {plain(actual)}, which Milepost never wrote"
    if wanted is None:
        ends = "removes" if slot.kind == "label" else "empties"
        return f"{text} and the facts do not support; look, then milepost apply --adopt {ends} it"
    return f"{text}; look, then milepost apply --adopt takes it over"


def adopted(named: str, why: str) -> str:
    """Why a person's value is taken away by `--adopt`."""
    text = f"taken over by --adopt, which removes a person's value: the facts do not support {named}"
    return f"{text}; {why}" if why else text


def titles_in(slot: Slot, value: Value, project: ProjectView, rules: Mapping[str, StatusRule]) -> Sequence[str]:
    """The statuses that a slot shows, by what people call them."""
    match value:
        case dict():
            return [str(one["title"]) for one in statuses_of(value) if "title" in one]
        case list():
            return value
        case str():
            return [value]
    rule = rules.get(project.label_rules.get(slot.target.source, {}).get(slot.name, ""))
    return [rule.title if rule is not None else slot.name]


class Leaving:
    """Says why nothing asks any longer for what a slot shows, of one project."""

    def __init__(
        self, graph: Graph, project: ProjectView, rules: Mapping[str, StatusRule], standings: Sequence[Standing], *, now: datetime
    ) -> None:
        self.graph = graph
        self.project = project
        self.rules = rules
        self.now = now
        self.lasting = frozenset(one.rule for one in standings if one.known)

    def why(self, slot: Slot, actual: Value, target: Entity) -> str:
        """One sentence: the target has left, people look at it no longer, others receive the status now, or it is over."""
        if target.ref not in self.graph.entities:
            return f"{name_of(target)} is no longer in the project's scopes"
        untold = why_untold(self.graph, self.project, target.ref, self.now)
        if untold is not None:
            return untold
        titles = titles_in(slot, actual, self.project, self.rules)
        named = ", ".join(titles)
        if not named:
            return "nothing asks for what it says any longer"
        if any(rule in self.lasting for rule in self._rules(slot, actual)):
            return f"{name_of(target)} no longer receives {named}"
        return f"{named} {'applies' if len(titles) == 1 else 'apply'} no longer"

    def _rules(self, slot: Slot, actual: Value) -> Iterator[str]:
        by_label = self.project.label_rules.get(slot.target.source, {}).get(slot.name)
        if slot.kind == "label":
            yield from [by_label] if by_label is not None else []
        else:
            yield from (rule.id for rule in self.rules.values() if shows(actual, rule))
