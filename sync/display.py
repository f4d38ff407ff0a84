"""What each slot should hold: statuses become labels, a field's value and the issue property with the evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from mappings.change import Owned, Slot, Value
from mappings.model import Field, Ref
from mappings.rules import StatusRule
from sync.derive import Standing, shown
from sync.graph import Graph
from sync.project import ProjectView

UNKNOWN = "Unknown"
_PROPERTY_LIMIT = 30_000


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One status as one target shows it."""

    rule: StatusRule
    standing: Standing
    state: Literal["on", "off", "unknown"]

    @property
    def is_doubtful(self) -> bool:
        """Nobody knows whether it is true, and no earlier truth is held."""
        return self.standing.truth is None and self.state != "on"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a slot should hold, which statuses ask for it, and why in one sentence."""

    value: Value
    shown: tuple[Shown, ...] = ()

    @property
    def reason(self) -> str:
        return "; ".join(one.standing.says for one in self.shown if one.standing.says)


def gather(
    by_target: Mapping[Ref, Sequence[Standing]], project: ProjectView, rules: Mapping[str, StatusRule], *, now: datetime
) -> Mapping[Ref, Sequence[Shown]]:
    """For each target one entry a rule, highest rank first; where several subjects share a target, the most alarming counts."""
    order = {"on": 0, "unknown": 1, "off": 2}
    result: dict[Ref, Sequence[Shown]] = {}
    for target, standings in by_target.items():
        best: dict[str, Shown] = {}
        for standing in standings:
            rule = rules[standing.rule]
            state = shown(standing, rule, now=now, unknown_after=project.unknown_after)
            held = best.get(rule.id)
            if held is None or order[state] < order[held.state]:
                best[rule.id] = Shown(rule=rule, standing=standing, state=state)
        result[target] = sorted(best.values(), key=lambda one: (-one.rule.rank, one.rule.id))
    return result


def wanted(
    target: Ref, entries: Sequence[Shown], project: ProjectView, graph: Graph, published: Mapping[Slot, Value]
) -> Mapping[Slot, Wanted]:
    """Every slot of ours on `target` with what it should hold (None: nothing)."""
    owned = project.owned.get(target.source)
    if owned is None:
        return {}
    return {
        **dict(_labels(target, entries, project)),
        **dict(_field(target, entries, owned, graph, published)),
        **dict(_property(target, entries, owned, project.key)),
    }


def _labels(target: Ref, entries: Sequence[Shown], project: ProjectView) -> Iterator[tuple[Slot, Wanted]]:
    by_rule = {one.rule.id: one for one in entries}
    for label, rule in project.label_rules.get(target.source, {}).items():
        one = by_rule.get(rule)
        is_on = one is not None and one.state == "on"
        yield Slot(target, "label", label), Wanted(value=True if is_on else None, shown=(one,) if one is not None else ())


def _field(
    target: Ref, entries: Sequence[Shown], owned: Owned, graph: Graph, published: Mapping[Slot, Value]
) -> Iterator[tuple[Slot, Wanted]]:
    if owned.field is None:
        return
    slot = Slot(target, "field", owned.field)
    on = [one for one in entries if one.state == "on"]
    if holds_several(graph, target.source, owned.field):
        titles: list[str] = sorted(one.rule.title for one in on)
        yield slot, Wanted(value=titles or None, shown=tuple(on or entries))
    else:
        yield slot, _single(entries, published.get(slot))


def _single(entries: Sequence[Shown], published: Value) -> Wanted:
    """The highest-ranked true status. While a higher-ranked one is unknown, no lower favourable one newly appears."""
    doubtful = [one for one in entries if one.is_doubtful]
    for one in entries:
        if one.state == "unknown":
            return Wanted(value=UNKNOWN, shown=(one,))
        if one.state == "on":
            above = [other for other in doubtful if other.rule.rank > one.rule.rank]
            if one.rule.kind == "favourable" and above and published != one.rule.title:
                return Wanted(value=UNKNOWN if published else None, shown=tuple(above))
            return Wanted(value=one.rule.title, shown=(one,))
    return Wanted(value=None, shown=tuple(entries))


def holds_several(graph: Graph, source: str, field: str) -> bool:
    """Whether the field, by name or id, is one of several values; as long as it is not known, it counts as single."""
    for one in graph.of(Field):
        if one.ref.source == source and (one.name == field or one.ref.id == field):
            return one.schema_type == "array"
    return False


def _property(target: Ref, entries: Sequence[Shown], owned: Owned, project: str) -> Iterator[tuple[Slot, Wanted]]:
    if owned.property is None:
        return
    visible = tuple(one for one in entries if one.state != "off")
    value = _document(visible, project) if visible else None
    yield Slot(target, "property", owned.property), Wanted(value=value, shown=visible or tuple(entries))


def _document(entries: Sequence[Shown], project: str) -> dict[str, Any]:
    """The property's JSON: stable while nothing that it says changes, and within the size that the issue property allows."""
    statuses = [_status(one) for one in entries]
    document = {"version": 1, "project": project, "statuses": statuses}
    while len(msgspec.json.encode(document)) > _PROPERTY_LIMIT:
        longest = max(statuses, key=lambda status: len(status["evidence"]))
        if not longest["evidence"]:
            break
        longest["evidence"] = longest["evidence"][: len(longest["evidence"]) // 2]
    return document


def _status(one: Shown) -> dict[str, Any]:
    standing = one.standing
    return {
        "id": one.rule.id,
        "title": one.rule.title,
        "kind": one.rule.kind,
        "state": one.state,
        "since": (standing.opened_at or standing.since).isoformat(),
        "says": standing.says[:500],
        "rule": standing.rule_version,
        "evidence": [evidence_document(evidence) for evidence in standing.evidence],
        "missing": list(standing.missing),
    }


def evidence_document(evidence: Any) -> dict[str, Any]:
    """Evidence as plain JSON for a property, the audit and `-o json`."""
    document: dict[str, Any] = msgspec.to_builtins(evidence)
    return {**document, "ref": str(evidence.ref)}
