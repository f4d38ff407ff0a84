"""`milepost status`"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from rich.text import Text

from mappings.model import Entity
from sync.assess import Assessment, assess
from sync.cli.options import Globals
from sync.cli.session import Session
from sync.cli.style import KINDS, STATES, ago, link, table
from sync.derive import Standing, shown
from sync.names import name_of
from sync.outcome import ExitCode
from sync.recipients import deliver


def run(globals_: Globals, *, everything: bool) -> ExitCode:
    """Shows the statuses that stand, with their reasons, and how fresh each source is."""
    session = Session(globals_)
    with session.workspace() as workspace:
        assessed = [
            assess(workspace.database, project, looking_up=False, stop=threading.Event(), save=False)
            for project in session.chosen(workspace)
        ]
    if session.wants_json:
        session.answer({"projects": [status_document(one, everything=everything) for one in assessed]})
    else:
        for one in assessed:
            print_status(session, one, everything=everything)
    return ExitCode.DONE


def print_status(session: Session, assessment: Assessment, *, everything: bool) -> None:
    """One project: its statuses, then how fresh its sources are, then whom an alert does not reach."""
    made = table("", "what", "status", "why", "since", title=assessment.project.view.name)
    for standing, subject in _worth_showing(assessment, everything=everything):
        rule = next(rule for rule in assessment.project.rules if rule.id == standing.rule)
        state = _state(assessment, standing)
        color = KINDS[rule.kind] if state == "on" else "yellow" if state == "unknown" else "dim"
        name = link(name_of(subject), subject.url) if subject is not None else Text(str(standing.subject))
        since = ago(standing.opened_at or standing.since, assessment.now)
        made.add_row(Text(STATES[state], color), name, Text(rule.title, color), standing.says, Text(since, "dim"))
    if made.row_count:
        session.out.print(made)
    else:
        session.out.print(Text.assemble((assessment.project.view.name, "bold"), "  no status stands"))
    for line in _freshness(assessment):
        session.out.print(line)
    for text in unheard(assessment):
        session.out.print(Text(f"! {text}", style="yellow"))


def _worth_showing(assessment: Assessment, *, everything: bool) -> Sequence[tuple[Standing, Entity | None]]:
    ranks = {rule.id: rule.rank for rule in assessment.project.rules}
    chosen = [one for one in assessment.standings if everything or _state(assessment, one) != "off"]
    ordered = sorted(chosen, key=lambda one: (-ranks[one.rule], one.subject))
    return [(one, assessment.graph.entities.get(one.subject)) for one in ordered]


def _state(assessment: Assessment, standing: Standing) -> str:
    """As people see it; what was never known counts as unknown here, though nothing of it is published."""
    rule = next(rule for rule in assessment.project.rules if rule.id == standing.rule)
    state = shown(standing, rule, now=assessment.now, unknown_after=assessment.project.view.unknown_after)
    return "unknown" if standing.truth is None and state == "off" else state


def _freshness(assessment: Assessment) -> Sequence[Text]:
    lines = []
    for stream in assessment.freshness.streams:
        if stream.failed:
            lines.append(Text(f"! {stream.source}/{stream.stream} failed: {stream.failed}", style="red"))
        elif stream.pulled_at is None:
            lines.append(Text(f"! {stream.source}/{stream.stream} was never pulled; run milepost pull", style="yellow"))
    oldest = assessment.freshness.facts_as_of()
    lines.append(Text(f"Facts from {ago(oldest, assessment.now)}." if oldest else "Not all facts were pulled yet.", style="dim"))
    return lines


def unheard(assessment: Assessment) -> Sequence[str]:
    """The alarms that reach nobody."""
    rules = {rule.id: rule for rule in assessment.project.rules}
    view = assessment.project.view
    deliveries = deliver(assessment.graph, view, rules, assessment.standings, now=assessment.now)
    return [
        f"this alert reaches nobody: {one.standing.says}; name a watch ticket under projects.{view.key}.watch"
        for one in deliveries
        if not one.targets and rules[one.standing.rule].kind == "alarm" and one.standing.known and one.standing.truth is not False
    ]


def status_document(assessment: Assessment, *, everything: bool) -> dict[str, Any]:
    """One project's statuses as a plain document."""
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
                "state": _state(assessment, standing),
                "says": standing.says,
                "since": standing.opened_at or standing.since,
                "missing": standing.missing,
            }
            for standing, subject in _worth_showing(assessment, everything=everything)
        ],
        "unheard": list(unheard(assessment)),
        "streams": [
            {"source": one.source, "stream": one.stream, "complete": one.complete, "pulled_at": one.pulled_at, "failed": one.failed}
            for one in assessment.freshness.streams
        ],
    }
