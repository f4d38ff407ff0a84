"""What each slot should hold: statuses become labels, a field's value and the issue property with the evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from mappings.change import Owned, Slot, Value
from mappings.model import Ref
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
    def is_held(self) -> bool:
        """Nobody knows whether it is true, and an earlier truth is still shown."""
        return self.standing.truth is None and self.state == "on"

    @property
    def was_never_known(self) -> bool:
        return self.standing.truth is None and self.standing.known is None

    @property
    def is_doubtful(self) -> bool:
        """Nobody knows whether it is true, and no earlier truth is held."""
        return self.standing.truth is None and self.state != "on"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a slot should hold, which statuses ask for it, and why in one sentence. `withheld`: why a true status is not shown."""

    value: Value
    shown: tuple[Shown, ...] = ()
    withheld: str | None = None

    @property
    def reason(self) -> str:
        return "; ".join(one.standing.says for one in self.shown if one.standing.says)


def gather(
    by_target: Mapping[Ref, Sequence[Standing]], project: ProjectView, rules: Mapping[str, StatusRule], *, now: datetime
) -> Mapping[Ref, Sequence[Shown]]:
    """For each target one entry a rule, highest rank first.

    Where several subjects share a target, the most alarming counts: any that is on, but of a favourable status any that is not; of
    those that are alike, one that is known.
    """
    result: dict[Ref, Sequence[Shown]] = {}
    for target, standings in by_target.items():
        best: dict[str, Shown] = {}
        for standing in standings:
            rule = rules[standing.rule]
            one = Shown(rule=rule, standing=standing, state=shown(standing, rule, now=now, unknown_after=project.unknown_after))
            held = best.get(rule.id)
            if held is None or _weight(one) > _weight(held):
                best[rule.id] = one
        result[target] = sorted(best.values(), key=lambda one: (-one.rule.rank, one.rule.id))
    return result


def _weight(one: Shown) -> tuple[int, bool]:
    return _alarming(one.rule, one.state), not one.was_never_known


def _alarming(rule: StatusRule, state: str) -> int:
    rising = ("off", "unknown", "on")
    return rising.index(state) if rule.kind != "favourable" else -rising.index(state)


def wanted(
    target: Ref, entries: Sequence[Shown], project: ProjectView, graph: Graph, published: Mapping[Slot, Value]
) -> Mapping[Slot, Wanted]:
    """Every slot of ours on `target` with what it should hold (None: nothing). `published` is what still shows there of ours."""
    owned = project.owned.get(target.source)
    if owned is None:
        return {}
    return {
        **dict(_labels(target, entries, project, published)),
        **dict(_field(target, entries, owned, graph, published)),
        **dict(_property(target, entries, owned, project.key, published)),
    }


def _newly(entries: Sequence[Shown], published: Value) -> Sequence[Shown]:
    """The entries as one slot may show them. A favourable status that is only held from before stays where it shows, and never
    appears anew. An alarm that shows stays though nobody has known it before, as where another project was the first to show it."""
    return [_on_slot(one, shows(published, one.rule)) for one in entries]


def _on_slot(one: Shown, is_there: bool) -> Shown:
    if one.rule.kind == "alarm" and one.was_never_known and is_there:
        return msgspec.structs.replace(one, state="on")
    if one.rule.kind == "favourable" and one.standing.truth is not True and one.state == "on" and not is_there:
        return msgspec.structs.replace(one, state="off")
    return one


def ending(entries: Sequence[Shown], value: Value) -> Iterator[Shown]:
    """Of the entries those that a slot no longer shows once its `value` is taken away."""
    return (one for one in entries if shows(value, one.rule))


def shows(value: Value, rule: StatusRule) -> bool:
    """Whether a slot that holds `value` shows the status."""
    match value:
        case dict():
            return any(one.get("id") == rule.id and one.get("state") == "on" for one in statuses_of(value))
        case list():
            return rule.title in value
        case str():
            return value == rule.title
    return value is True


def _labels(
    target: Ref, entries: Sequence[Shown], project: ProjectView, published: Mapping[Slot, Value]
) -> Iterator[tuple[Slot, Wanted]]:
    by_rule = {one.rule.id: one for one in entries}
    for label, rule in project.label_rules.get(target.source, {}).items():
        slot = Slot(target, "label", label)
        shown = _newly([by_rule[rule]] if rule in by_rule else [], published.get(slot))
        yield slot, Wanted(value=True if any(one.state == "on" for one in shown) else None, shown=tuple(shown))


def _field(
    target: Ref, entries: Sequence[Shown], owned: Owned, graph: Graph, published: Mapping[Slot, Value]
) -> Iterator[tuple[Slot, Wanted]]:
    if owned.field is None:
        return
    slot = Slot(target, "field", owned.field)
    shown = _newly(entries, published.get(slot))
    if holds_several(graph, target.source, owned.field):
        yield slot, _several(shown)
    else:
        yield slot, _single(shown, published.get(slot))


def _several(entries: Sequence[Shown]) -> Wanted:
    """Every true status, and that something is not known any longer."""
    visible = [one for one in entries if one.state != "off"]
    titles: list[str] = sorted({one.rule.title if one.state == "on" else UNKNOWN for one in visible})
    return Wanted(value=titles or None, shown=tuple(visible or entries))


def _single(entries: Sequence[Shown], published: Value) -> Wanted:
    """The highest-ranked true status. While a higher-ranked one is unknown, no lower favourable one newly appears."""
    doubtful: list[Shown] = []
    held_back: Shown | None = None
    for one in entries:
        if one.is_doubtful:
            doubtful.append(one)
        elif one.state == "on":
            above = [other for other in doubtful if other.rule.rank > one.rule.rank]
            if one.rule.kind != "favourable" or not above or published == one.rule.title:
                return Wanted(value=one.rule.title, shown=(one,))
            held_back = held_back or one
    given_up = [one for one in doubtful if one.state == "unknown"]
    if given_up or (held_back and published):
        return Wanted(value=UNKNOWN, shown=tuple(given_up or doubtful))
    if held_back is not None:
        return Wanted(value=None, shown=tuple(doubtful), withheld=_withheld(held_back, doubtful))
    return Wanted(value=None, shown=tuple(entries))


def _withheld(held_back: Shown, doubtful: Sequence[Shown]) -> str:
    above = ", ".join(one.rule.title for one in doubtful if one.rule.rank > held_back.rule.rank)
    return f"{held_back.rule.title} is true, but not shown before it is known whether this is: {above}"


def holds_several(graph: Graph, source: str, field: str) -> bool:
    """Whether the field, by name or id, is one of several values; as long as it is not known, it counts as single."""
    known = graph.fields.get((source, field))
    return known is not None and known.schema_type == "array"


def _property(
    target: Ref, entries: Sequence[Shown], owned: Owned, project: str, published: Mapping[Slot, Value]
) -> Iterator[tuple[Slot, Wanted]]:
    if owned.property is None:
        return
    slot = Slot(target, "property", owned.property)
    before = published.get(slot)
    visible = tuple(one for one in _newly(entries, before) if one.state != "off")
    value = _document(visible, project, before) if visible else None
    yield slot, Wanted(value=value, shown=visible or tuple(entries))


def _document(entries: Sequence[Shown], project: str, published: Value) -> dict[str, Any]:
    """The property's JSON: stable while nothing that it says changes, and within the size that the issue property allows.

    A status that is only held says what it said when it was last known: that a source is away is no news to write on every ticket.
    Where there is too much to say, the longest lists of evidence go first, and then the lowest-ranked statuses.
    """
    said = {one.get("id"): dict(one) for one in statuses_of(published)} if isinstance(published, dict) else {}
    statuses = [said[one.rule.id] if one.is_held and one.rule.id in said else _status(one) for one in entries]
    sizes = [_size(one) for one in statuses]
    while sum(sizes) > _PROPERTY_LIMIT:
        longest = max(range(len(statuses)), key=lambda index: len(statuses[index]["evidence"]))
        evidence = statuses[longest]["evidence"]
        if evidence:
            statuses[longest]["evidence"] = evidence[: len(evidence) // 2]
            sizes[longest] = _size(statuses[longest])
        else:
            statuses.pop()
            sizes.pop()
    return {"version": 1, "project": project, "statuses": statuses}


def _size(status: Mapping[str, Any]) -> int:
    return len(msgspec.json.encode(status))


def statuses_of(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The statuses of a property's JSON, as far as it is one of ours: what stands there may be anybody's."""
    statuses = document.get("statuses")
    return [one for one in statuses if isinstance(one, dict)] if isinstance(statuses, list) else []


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
        "evidence": [_shortened(evidence_document(evidence)) for evidence in standing.evidence],
        "missing": [one[:200] for one in standing.missing[:12]],
    }


def _shortened(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value[:300] if isinstance(value, str) else value for key, value in document.items()}


def evidence_document(evidence: Any) -> dict[str, Any]:
    """Evidence as plain JSON for a property, the audit and `-o json`."""
    document: dict[str, Any] = msgspec.to_builtins(evidence)
    return {**document, "ref": str(evidence.ref)}
