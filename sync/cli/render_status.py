"""The statuses of a project, how fresh its facts are, and which slots are left alone."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec
from rich.text import Text

from mappings.model import Entity, Ref
from mappings.rules import StatusRule
from sync.assess import Assessment, ScopedProject, assess
from sync.cli.documents import Document
from sync.cli.layout import Cell, columns, widths, wrapped
from sync.cli.style import KINDS, NOTES, STATES, ago, link, place, plural, shown_value
from sync.derive import Standing, shown
from sync.names import name_of
from sync.recipients import Delivery, deliver
from sync.store import publishing
from sync.store.connect import Database
from sync.store.publishing import Hold


class ProjectStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A project as it stands, who is told what, and the slots that Milepost leaves alone for now."""

    assessment: Assessment
    deliveries: Sequence[Delivery]
    holds: Sequence[Hold]


def look_at(database: Database, project: ScopedProject) -> ProjectStatus:
    """Judges the stored facts; writes nothing."""
    assessment = assess(database, project, looking_up=False, stop=threading.Event(), save=False)
    with database.read() as tx:
        held = publishing.held(tx, project.key)
    rules = _rules(assessment)
    deliveries = deliver(assessment.graph, project.view, rules, assessment.standings, now=assessment.now)
    return ProjectStatus(assessment=assessment, deliveries=deliveries, holds=[held[slot] for slot in sorted(held)])


def status_lines(projects: Sequence[ProjectStatus], width: int, *, everything: bool) -> Iterator[Text]:
    """Every project: its statuses, what is left alone, whom an alert does not reach, how fresh the facts are."""
    rows = {one.assessment.project.key: list(_rows(one, everything=everything)) for one in projects}
    like = widths([row for each in rows.values() for row in each])
    for number, one in enumerate(projects):
        if number:
            yield Text()
        project = one.assessment.project
        yield Text.assemble((project.view.name, "bold"), f"  {project.key}", ("  " + _age(one.assessment), "dim"))
        if rows[project.key]:
            yield from columns(rows[project.key], width, indent=2, like=like)
        else:
            yield Text("  no status stands", style="dim")
        for hold in one.holds:
            yield from wrapped(_hold(hold, one.assessment), width, indent=2, hanging=4)
        for text in unheard(one):
            yield from wrapped(Text(f"! {text}", style="yellow"), width, indent=2, hanging=4)
        yield from _stale(one.assessment, width)


def _rows(project: ProjectStatus, *, everything: bool) -> Iterator[Sequence[Cell]]:
    assessment, rules = project.assessment, _rules(project.assessment)
    for standing, subject, targets in _worth_showing(project, everything=everything):
        rule, state = rules[standing.rule], state_of(assessment, standing)
        color = KINDS[rule.kind] if state == "on" else "yellow" if state == "unknown" else "dim"
        name = link(name_of(subject), subject.url, "bold") if subject is not None else Text(str(standing.subject))
        since = ago(standing.opened_at or standing.since, assessment.now)
        told = f", told on {', '.join(targets.values())}" if targets and standing.subject not in targets else ""
        yield Text(f"{STATES[state]} {rule.title}", style=color), name, Text.assemble(standing.says, (f"  {since}{told}", "dim"))


def _rules(assessment: Assessment) -> Mapping[str, StatusRule]:
    return {rule.id: rule for rule in assessment.project.rules}


def _worth_showing(project: ProjectStatus, *, everything: bool) -> Sequence[tuple[Standing, Entity | None, Mapping[Ref, str]]]:
    """The standings, the highest rank first, each with its subject and the names of those that it is told on."""
    assessment, rules = project.assessment, _rules(project.assessment)
    entities = assessment.graph.entities
    chosen = [one for one in project.deliveries if everything or state_of(assessment, one.standing) != "off"]
    ordered = sorted(chosen, key=lambda one: (-rules[one.standing.rule].rank, one.standing.subject))
    return [
        (one.standing, entities.get(one.standing.subject), {ref: name_of(entities[ref]) for ref in one.targets}) for one in ordered
    ]


def state_of(assessment: Assessment, standing: Standing) -> str:
    """As people see it; what was never known counts as unknown here, though nothing of it is published."""
    rule = _rules(assessment)[standing.rule]
    state = shown(standing, rule, now=assessment.now, unknown_after=assessment.project.view.unknown_after)
    return "unknown" if standing.truth is None and state == "off" else state


def _age(assessment: Assessment) -> str:
    """One age where all sources were read at about the same time, else one for each source."""
    ages = {source: ago(moment, assessment.now) for source, moment in _pulled(assessment).items()}
    if not ages:
        return "no source"
    if len(set(ages.values())) == 1:
        age = next(iter(ages.values()))
        return "nothing was pulled yet" if age == "never" else f"facts from {age}"
    return "facts: " + ", ".join(f"{source} {age}" for source, age in ages.items())


def _pulled(assessment: Assessment) -> Mapping[str, datetime | None]:
    """When each source was last read whole: the oldest of its streams counts."""
    oldest: dict[str, datetime | None] = {}
    for stream in assessment.freshness.streams:
        known = oldest.get(stream.source, stream.pulled_at)
        oldest[stream.source] = min(known, stream.pulled_at) if known is not None and stream.pulled_at is not None else None
    return oldest


def _stale(assessment: Assessment, width: int) -> Iterator[Text]:
    """What failed, what was never read, and what was not understood, each said once a source."""
    failed: dict[tuple[str, str], list[str]] = {}
    never: dict[str, list[str]] = {}
    for stream in assessment.freshness.streams:
        name = stream.stream.replace("_", " ")
        if stream.failed:
            failed.setdefault((stream.source, stream.failed), []).append(name)
        elif stream.pulled_at is None:
            never.setdefault(stream.source, []).append(name)
        if stream.rejected:
            text = f"! {stream.source} {name}: {plural(stream.rejected, 'record')} could not be translated and set aside"
            yield from wrapped(Text(text, style="yellow"), width, indent=2, hanging=4)
    for (source, why), streams in failed.items():
        text = f"✗ {source} could not be read ({', '.join(streams)}): {why.removeprefix(f'{source}: ')}"
        yield from wrapped(Text(text, style="red"), width, indent=2, hanging=4)
    for source, streams in never.items():
        text = f"! {source} was never read ({', '.join(streams)}); run milepost pull"
        yield from wrapped(Text(text, style="yellow"), width, indent=2, hanging=4)


def _hold(hold: Hold, assessment: Assessment) -> Text:
    target = assessment.graph.entities.get(hold.slot.target)
    name = link(name_of(target), target.url, "bold") if target is not None else Text(str(hold.slot.target))
    age = ago(hold.since, assessment.now)
    return Text.assemble(
        (f"! {hold.kind}", NOTES[hold.kind]),
        "  ",
        name,
        f"  {place(hold.slot)}: ",
        _why_held(hold, name.plain),
        (f"  {age}", "dim"),
    )


def _why_held(hold: Hold, name: str) -> str:
    value = shown_value(hold.value)
    match hold.kind:
        case "override":
            return f"a person set it to {value}; kept until milepost release {name}"
        case "contested":
            return f"rewritten by both sides, left at {value} until milepost release {name}"
        case "conflict":
            return f"holds {value}, which Milepost never wrote; milepost apply --adopt takes it over"


def unheard(project: ProjectStatus) -> Sequence[str]:
    """The alarms that reach nobody."""
    rules, view = _rules(project.assessment), project.assessment.project.view
    return [
        f"this alert reaches nobody: {one.standing.says}; name a watch ticket under projects.{view.key}.watch"
        for one in project.deliveries
        if not one.targets and rules[one.standing.rule].kind == "alarm" and one.standing.known and one.standing.truth is not False
    ]


def status_documents(projects: Iterable[ProjectStatus], *, everything: bool) -> list[Document]:
    """The projects' statuses as plain documents."""
    return [_document(one, everything=everything) for one in projects]


def _document(project: ProjectStatus, *, everything: bool) -> Document:
    assessment = project.assessment
    return {
        "project": assessment.project.key,
        "name": assessment.project.view.name,
        "facts_as_of": assessment.freshness.facts_as_of(),
        "statuses": [
            {
                "rule": standing.rule,
                "subject": str(standing.subject),
                "name": name_of(subject) if subject is not None else None,
                "url": subject.url if subject is not None else None,
                "truth": standing.truth,
                "state": state_of(assessment, standing),
                "says": standing.says,
                "since": standing.opened_at or standing.since,
                "missing": standing.missing,
                "told_on": list(targets.values()),
            }
            for standing, subject, targets in _worth_showing(project, everything=everything)
        ],
        "held": [_held_document(hold, assessment) for hold in project.holds],
        "unheard": unheard(project),
        "streams": [
            {
                "source": one.source,
                "stream": one.stream,
                "complete": one.complete,
                "pulled_at": one.pulled_at,
                "failed": one.failed,
                "set_aside": one.rejected,
            }
            for one in assessment.freshness.streams
        ],
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
