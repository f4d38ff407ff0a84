"""The plan: the difference between what the statuses ask for and what Jira and GitHub show, as data. Nothing is written here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from mappings.change import Action, Change, Memory, Note, Plan, Slot, Value
from mappings.model import ChangeRequest, Entity, Ref, WorkItem
from mappings.rules import StatusRule
from sync.compare import Decision, Situation, decide
from sync.derive import Standing
from sync.display import Shown, Wanted, evidence_document, gather, statuses_of, wanted
from sync.endings import Endings
from sync.graph import Graph
from sync.names import name_of
from sync.project import ProjectView
from sync.reasons import Leaving, adopted, by_hand, conflict, plain, titles_in
from sync.recipients import Delivery, deliver
from sync.remembered import Remembered
from sync.targets import container_of, is_editable
from sync.unheard import unheard
from sync.unknowns import gives_up, knows_again


def make_plan(
    graph: Graph,
    project: ProjectView,
    rules: Sequence[StatusRule],
    standings: Sequence[Standing],
    remembered: Remembered,
    *,
    now: datetime,
    config_hash: str,
    facts_as_of: datetime | None = None,
    adopt: bool = False,
) -> Plan:
    """The plan of one project on the stored facts. With `adopt`, slots that hold another's value without memory are taken over."""
    by_id = {rule.id: rule for rule in rules}
    deliveries = deliver(graph, project, by_id, standings, now=now)
    delivered = _by_target(deliveries)
    entries = gather(delivered, project, by_id, now=now)
    desired = _desired(graph, project, entries, remembered)
    endings = Endings(graph, by_id, delivered, entries, remembered.episodes, now=now)
    leaving = Leaving(graph, project, by_id, standings, now=now)
    planner = _Planner(graph, project, by_id, standings, remembered, endings, leaving, adopt=adopt)
    for slot in sorted({*desired, *_ours(project, remembered)}):
        planner.consider(slot, desired.get(slot, Wanted(value=None)))
    return Plan(
        project=project.key,
        made_at=now,
        facts_as_of=facts_as_of,
        config_hash=config_hash,
        verdict_hash=verdict_hash(standings),
        changes=tuple(planner.changes),
        notes=(*planner.notes, *unheard(project, by_id, deliveries, graph, remembered.taken, remembered.actual)),
        memories=tuple(planner.memories),
        published=sum(1 for slot, pushed in remembered.pushed.items() if pushed.value is not None and project.counts(slot)),
    )


def verdict_hash(standings: Iterable[Standing]) -> str:
    """What a saved plan rests on: the truths, not their evidence."""
    lines = sorted(f"{one.rule} {one.subject} {one.truth} {one.known} {one.rule_version}" for one in standings)
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=16).hexdigest()


def _by_target(deliveries: Sequence[Delivery]) -> Mapping[Ref, Sequence[Standing]]:
    found: dict[Ref, list[Standing]] = {}
    for delivery in deliveries:
        for target in delivery.targets:
            found.setdefault(target, []).append(delivery.standing)
    return found


def _desired(
    graph: Graph, project: ProjectView, by_target: Mapping[Ref, Sequence[Shown]], remembered: Remembered
) -> Mapping[Slot, Wanted]:
    published = {slot: _still_shown(pushed.value, remembered.actual.get(slot)) for slot, pushed in remembered.pushed.items()}
    desired: dict[Slot, Wanted] = {}
    for target, entries in by_target.items():
        desired.update(wanted(target, entries, project, graph, published))
    return desired


def _still_shown(pushed: Value, actual: Value) -> Value:
    """What of our last value is still there."""
    if isinstance(pushed, list) and isinstance(actual, list):
        return [one for one in pushed if one in actual]
    return pushed if pushed == actual else None


def _ours(project: ProjectView, remembered: Remembered) -> Iterator[Slot]:
    """Every slot that holds something of ours, or that we remember to have written."""
    yield from (slot for slot in remembered.actual if project.owns(slot))
    yield from remembered.pushed
    yield from remembered.held


class _Planner:
    """Considers one slot after another and collects what follows."""

    def __init__(
        self,
        graph: Graph,
        project: ProjectView,
        rules: Mapping[str, StatusRule],
        standings: Sequence[Standing],
        remembered: Remembered,
        endings: Endings,
        leaving: Leaving,
        *,
        adopt: bool,
    ) -> None:
        self.graph = graph
        self.project = project
        self.rules = rules
        self.remembered = remembered
        self.endings = endings
        self.leaving = leaving
        self.adopt = adopt
        self.by_title = {rule.title: rule for rule in rules.values()}
        self.open_episodes = frozenset(one.episode for one in standings if one.episode)
        self.changes: list[Change] = []
        self.notes: list[Note] = []
        self.memories: list[Memory] = []

    def consider(self, slot: Slot, want: Wanted) -> None:
        target = self.graph.entities.get(slot.target) or self.remembered.strays.get(slot.target)
        if target is None:
            return
        if self.remembered.is_taken(slot) or self._is_a_persons(slot):
            return
        if not self.project.owns(slot):
            self._tell_of_former(slot, target)
            return
        situation = self._situation(slot, want, target)
        self._carry_out(situation, target, decide(situation))

    def _is_a_persons(self, slot: Slot) -> bool:
        """Whether a person's value stays on what has left the scopes: nothing is asked for there any longer."""
        held = self.remembered.held.get(slot)
        return held is not None and slot.target in self.remembered.strays and self.remembered.actual.get(slot) == held.value

    def _tell_of_former(self, slot: Slot, target: Entity) -> None:
        pushed = self.remembered.pushed.get(slot)
        if pushed is not None and pushed.value is not None and self.remembered.actual.get(slot) == pushed.value:
            text = (
                "the project file no longer names it, so it is left as it is; milepost unpublish takes it back, "
                "with all else of the project, which the next sync writes again"
            )
            self._note("skipped", slot, target, Wanted(value=None), text)

    def _situation(self, slot: Slot, want: Wanted, target: Entity) -> Situation:
        rule = self.project.label_rules.get(slot.target.source, {}).get(slot.name) if slot.kind == "label" else None
        return Situation(
            slot=slot,
            wanted=want,
            actual=self.remembered.actual.get(slot),
            pushed=self.remembered.pushed.get(slot),
            held=self.remembered.held.get(slot),
            settled=(slot.target.source, container_of(target), slot.kind, slot.name) in self.remembered.settled,
            adopt=self.adopt and is_editable(target),
            forced_lately=self.remembered.forced.get(slot, 0),
            by_title=self.by_title,
            open_episodes=self.open_episodes,
            rule=self.rules.get(rule) if rule is not None else None,
        )

    def _carry_out(self, case: Situation, target: Entity, decision: Decision) -> None:
        slot, want, actual = case.slot, case.wanted, case.actual
        if decision.kind in ("write", "force") and not is_editable(target):
            self._note("skipped", slot, target, want, "archived or locked: it cannot be edited")
            return
        if decision.ended:
            self._remember("agreed", slot, want.value, decision)
        match decision.kind:
            case "write" | "force":
                self._write(case, target, decision)
            case "adopt":
                self._remember("adopted", slot, want.value, decision)
            case "keep":
                if case.held is None or case.held.value != actual:
                    self._remember("override", slot, actual, decision)
                self._note("override", slot, target, want, f"{by_hand(slot, actual)}; kept until released")
            case "contest":
                self._remember("contested", slot, actual, decision)
                self._note("contested", slot, target, want, "rewritten twice within 24 hours and changed again; left alone now")
            case "contested":
                self._note("contested", slot, target, want, "contested; left alone until released")
            case "conflict":
                if case.held is None:
                    self._remember("conflict", slot, actual, decision)
                self._note("conflict", slot, target, want, conflict(slot, actual, want.value))
            case "rest":
                if want.withheld is not None:
                    self._note("skipped", slot, target, want, want.withheld)

    def _write(self, case: Situation, target: Entity, decision: Decision) -> None:
        slot, want, actual = case.slot, case.wanted, case.actual
        action: Action = "add" if actual is None else "remove" if want.value is None else "update"
        given_up = gives_up(actual, want)
        told = want if action != "remove" else self.endings.taken_away(case)
        digest = hashlib.blake2b(msgspec.json.encode([str(slot), actual, want.value], order="deterministic"), digest_size=8)
        self.changes.append(
            Change(
                id=digest.hexdigest(),
                project=self.project.key,
                slot=slot,
                action=action,
                before=actual,
                after=want.value,
                key=name_of(target),
                container=container_of(target),
                title=target.title if isinstance(target, WorkItem | ChangeRequest) else "",
                url=target.url,
                rules=tuple(one.rule.id for one in told.shown),
                reason=self._why_removed(case, told, target, decision) if action == "remove" else self._why_shown(case, decision),
                evidence=tuple(evidence_document(evidence) for one in told.shown for evidence in one.standing.evidence),
                episode=next((one.standing.episode for one in told.shown if one.standing.episode), None),
                forced=decision.kind == "force",
                counts=self.project.counts(slot)
                and (slot.kind != "property" or _status_ids(actual) != _status_ids(want.value))
                and not (given_up or knows_again(actual, want)),
                gives_up=given_up,
            )
        )

    def _why_shown(self, case: Situation, decision: Decision) -> str:
        """Why what the slot showed is over, then why it shows something else."""
        if case.is_anothers:
            taken = f"taken over by --adopt from a person's value: {plain(case.actual)}"
            return "; ".join(filter(None, [case.wanted.reason, taken]))
        over = self.endings.replaced(case) if decision.kind == "write" and case.actual is not None else ()
        return "; ".join(filter(None, [*over, case.wanted.reason]))

    def _why_removed(self, case: Situation, told: Wanted, target: Entity, decision: Decision) -> str:
        named = ", ".join(titles_in(case.slot, case.actual, self.project, self.rules)) or plain(case.actual)
        if case.is_anothers:
            return adopted(named, told.reason)
        if told.reason:
            return told.reason
        if decision.kind == "force":
            return f"a person set {named} by hand, and the facts do not support it"
        if decision.ended:
            return f"what a person set {named} for is over"
        return self.leaving.why(case.slot, case.actual, target)

    def _remember(self, kind: str, slot: Slot, value: Value, decision: Decision) -> None:
        self.memories.append(
            Memory(
                kind=kind,  # type: ignore[arg-type]  # every caller above passes one of Memory's kinds
                slot=slot,
                value=value,
                rule=decision.rule,
                episode=decision.episode,
            )
        )

    def _note(self, kind: str, slot: Slot, target: Entity, want: Wanted, text: str) -> None:
        self.notes.append(
            Note(
                kind=kind,  # type: ignore[arg-type]  # every caller above passes one of Note's kinds
                project=self.project.key,
                text=text,
                slot=slot,
                key=name_of(target),
                url=target.url,
                actual=self.remembered.actual.get(slot),
                desired=want.value,
            )
        )


def _status_ids(value: Value) -> list[tuple[str, str]]:
    statuses = statuses_of(value) if isinstance(value, dict) else []
    return sorted((str(one.get("id")), str(one.get("state"))) for one in statuses)
