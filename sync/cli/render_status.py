"""The statuses of a project, where people see them, how fresh its facts are, and which slots are left alone."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from rich.text import Text

from mappings.change import Slot, Value
from mappings.model import Entity, Ref
from mappings.rules import StatusRule
from sync.assess import Assessment, assess
from sync.cli.age import facts_age, is_unread
from sync.cli.layout import Cell, columns, widths, wrapped
from sync.cli.render_sources import counted_statuses, source_lines
from sync.cli.style import NOT_PUBLISHED, NOTES, ago, held_value, link, listed
from sync.cli.verdicts import is_only_unread, look_of, words_of
from sync.derive import Standing
from sync.documents import Document, standing_document, stream_document
from sync.explain import named
from sync.freshness import sources_of
from sync.listings import ScopedProject
from sync.names import name_of, place
from sync.ownership import Ownership
from sync.project import Taken
from sync.reasons import by_hand, conflict
from sync.recipients import Delivery, deliver, why_untold
from sync.showing import can_show, published_to, shown_on, state_seen, wanted_in
from sync.store import entities, publishing
from sync.store.connect import Database
from sync.store.publishing import Hold
from sync.targets import TARGETS
from sync.unheard import unheard


class ProjectStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A project as it stands, who is told what, what our slots there held when last seen, and those that Milepost leaves alone."""

    assessment: Assessment
    deliveries: Sequence[Delivery]
    holds: Sequence[Hold]
    slots: Mapping[Slot, Value]
    taken: Sequence[Taken] = ()


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One status: whose it is, where it is told, and where people see it now."""

    standing: Standing
    rule: StatusRule
    state: str
    subject: Entity | None
    told: Sequence[Ref]
    seen: Sequence[Ref]

    @property
    def is_unread(self) -> bool:
        """Whether it is not known for no other reason than that sources were not read: that is said once for all."""
        return self.standing.truth is None and self.state == "unknown" and is_only_unread(self.standing.missing)

    @property
    def is_worth_a_line(self) -> bool:
        return self.state != "off" and not self.is_unread


def look_at(database: Database, project: ScopedProject, in_order: Sequence[ScopedProject]) -> ProjectStatus:
    """Judges the stored facts; writes nothing. `in_order` are all projects of the file."""
    assessment = assess(database, project, stop=threading.Event())
    deliveries = deliver(assessment.graph, project.view, _rules(assessment), assessment.standings, now=assessment.now)
    with database.read() as tx:
        held = publishing.held(tx, project.memory)
        targets = {ref for one in deliveries for ref in (one.standing.subject, *one.targets) if ref.kind in TARGETS}
        slots = entities.slots_of(tx, targets)
        taken = Ownership(project, in_order).taken(tx, targets)
    # What is held on a ticket that is gone or in no scope, or in a slot that the file no longer names, nobody can let go of.
    seen = [slot for slot in sorted(held) if slot.target in assessment.graph.entities and project.view.owns(slot)]
    holds = [held[slot] for slot in seen]
    return ProjectStatus(assessment=assessment, deliveries=deliveries, holds=holds, slots=slots, taken=taken)


def status_lines(projects: Sequence[ProjectStatus], width: int, *, everything: bool) -> Iterator[Text]:
    """Every project: its statuses, what is left alone, whom an alert does not reach; then what is wrong with the sources."""
    rows = {one.assessment.project.key: rows_of(one) for one in projects}
    chosen = {key: [row for row in some if everything or row.is_worth_a_line] for key, some in rows.items()}
    tables = {
        one.assessment.project.key: [
            *(cells for row in chosen[one.assessment.project.key] for cells in _cells(row, one.assessment)),
            *(hold_cells(hold, one.assessment) for hold in one.holds),
        ]
        for one in projects
    }
    like = widths([row for table in tables.values() for row in table])
    for number, one in enumerate(projects):
        if number:
            yield Text()
        project = one.assessment.project
        yield Text.assemble((project.view.name, "bold"), f"  {project.key}", ("  " + facts_age(one.assessment), "dim"))
        if not published_to(project.view):
            yield from wrapped(Text(f"! {NOT_PUBLISHED}", style="yellow"), width, indent=2, hanging=4)
        unread = [] if everything else [row.standing for row in rows[project.key] if row.is_unread]
        if tables[project.key]:
            yield from columns(tables[project.key], width, indent=2, like=like)
        elif not unread:
            yield Text("  no status is known yet" if is_unread(one.assessment) else "  no status stands", style="dim")
        if unread:
            sources = listed(sorted({source for standing in unread for source in sources_of(standing.missing)}))
            text = f"? {counted_statuses(len(unread))} not known without {sources}"
            yield from wrapped(Text(text, style="yellow"), width, indent=2, hanging=4)
        for text in untold(one):
            yield from wrapped(Text(f"! {text}", style="yellow"), width, indent=2, hanging=4)
    yield from source_lines([one.assessment for one in projects], width)


def _rules(assessment: Assessment) -> Mapping[str, StatusRule]:
    return {rule.id: rule for rule in assessment.project.rules}


def rows_of(project: ProjectStatus) -> Sequence[Row]:
    """Every status, the highest rank first."""
    assessment, rules = project.assessment, _rules(project.assessment)
    rows = []
    for one in project.deliveries:
        rule, standing = rules[one.standing.rule], one.standing
        seen = shown_on(assessment.project.view, rule, one.targets, project.slots)
        state = state_seen(standing, rule, assessment.project.view, seen, now=assessment.now)
        rows.append(
            Row(
                standing=standing,
                rule=rule,
                state=state,
                subject=assessment.graph.entities.get(standing.subject),
                told=one.targets if state != "off" else (),
                seen=seen,
            )
        )
    return sorted(rows, key=lambda row: (-row.rule.rank, row.standing.subject))


def _cells(row: Row, assessment: Assessment) -> Iterator[Sequence[Cell]]:
    """The sign and title, whose it is, since when, why; below it where people see it, where that is not plain."""
    standing, rule = row.standing, row.rule
    sign, color = look_of(rule.kind, truth=standing.truth, state=row.state)
    name = link(name_of(row.subject), row.subject.url, "bold") if row.subject is not None else Text(str(standing.subject))
    since = Text(ago(standing.opened_at or standing.since, assessment.now), style="dim")
    missing = named(standing.missing, assessment.graph)
    says = words_of(rule.title, truth=standing.truth, says=standing.says, missing=missing)
    yield Text(f"{sign} {rule.title}", style=color), name, since, says + _held(row, assessment)
    where = _where(row, assessment)
    if where:
        yield "", "", "", Text(where, style="dim")


def _held(row: Row, assessment: Assessment) -> str:
    """How long what is shown from before stays."""
    standing = row.standing
    if standing.truth is not None or row.state != "on":
        return ""
    if row.rule.kind == "alarm" or standing.unknown_since is None:
        return "; an alarm stays until it is known"
    until = standing.unknown_since + assessment.project.view.unknown_after
    return f"; what is shown stays until {until:%Y-%m-%d %H:%M} UTC"


def _where(row: Row, assessment: Assessment) -> str:
    """Where people see it now, or that they do not, and why. Nothing where it is just on its own ticket."""
    if row.seen:
        return "" if list(row.seen) == [row.standing.subject] else f"shown on {_names(row.seen, assessment)}"
    if not row.told and row.state == "on":
        why = why_untold(assessment.graph, assessment.project.view, row.standing.subject, assessment.now)
        return f"not shown: {why or 'no ticket receives it'}"
    told = [target for target in row.told if can_show(assessment.project.view, target)]
    if not told or row.state != "on":
        return ""
    to = f"; meant for {_names(told, assessment)}" if told != [row.standing.subject] else ""
    return f"not shown now{to}: see milepost explain {_names(told[:1], assessment)}"


def _names(refs: Sequence[Ref], assessment: Assessment) -> str:
    return listed([name_of(assessment.graph.entities[ref]) for ref in refs])


def hold_cells(hold: Hold, assessment: Assessment) -> Sequence[Cell]:
    """What is left alone, on which ticket, since when, and why."""
    target = assessment.graph.entities.get(hold.slot.target)
    name = link(name_of(target), target.url, "bold") if target is not None else Text(str(hold.slot.target))
    age = Text(ago(hold.since, assessment.now), style="dim")
    why = _why_held(hold, name.plain, assessment)
    return Text(f"! {hold.kind}", style=NOTES[hold.kind]), name, age, f"{place(hold.slot)}: {why}"


def _why_held(hold: Hold, name: str, assessment: Assessment) -> str:
    """Why a slot is left alone, and what ends that."""
    value = held_value(hold.slot, hold.value)
    match hold.kind:
        case "override":
            return f"{by_hand(hold.slot, hold.value)}; kept until milepost release {name}"
        case "contested":
            return f"rewritten by both sides, left at {value} until milepost release {name}"
        case "conflict":
            return conflict(hold.slot, hold.value, wanted_in(hold.slot, assessment))


def untold(project: ProjectStatus) -> Sequence[str]:
    """The alarms that reach nobody, and what to do about it."""
    one = project.assessment
    notes = unheard(one.project.view, _rules(one), project.deliveries, one.graph, project.taken, project.slots)
    return [note.text for note in notes]


def status_documents(projects: Iterable[ProjectStatus], *, everything: bool) -> list[Document]:
    """The projects' statuses as plain documents."""
    return [_document(one, everything=everything) for one in projects]


def _document(project: ProjectStatus, *, everything: bool) -> Document:
    assessment = project.assessment
    return {
        "project": assessment.project.key,
        "name": assessment.project.view.name,
        "facts_as_of": assessment.freshness.facts_as_of(),
        "published_to": published_to(assessment.project.view),
        "statuses": [
            {
                **standing_document(row.standing, row.subject),
                "state": row.state,
                "told_on": [name_of(assessment.graph.entities[target]) for target in row.told],
                "shown_on": [name_of(assessment.graph.entities[target]) for target in row.seen],
            }
            for row in rows_of(project)
            if everything or row.state != "off"
        ],
        "held": [_held_document(hold, assessment) for hold in project.holds],
        "unheard": untold(project),
        "streams": [stream_document(one) for one in assessment.freshness.streams],
    }


def _held_document(hold: Hold, assessment: Assessment) -> Document:
    target = assessment.graph.entities.get(hold.slot.target)
    return {
        "kind": hold.kind,
        "key": name_of(target) if target is not None else None,
        "url": target.url if target is not None else None,
        "target": str(hold.slot.target),
        "slot": place(hold.slot),
        "value": hold.value,
        "rule": hold.rule,
        "since": hold.since,
    }
