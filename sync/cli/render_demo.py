"""The demo for people: a line for each source, each ticket of the plan and each status, so that a screen or two hold it all.

The commands that it leads to, `plan`, `status` and `explain`, tell each of these at length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.text import Text

from mappings.change import Change, grouped
from mappings.model import Ref
from sync.cli.layout import Cell, columns, widths, wrapped
from sync.cli.render_plan import counted
from sync.cli.render_sources import counted_statuses, source_lines
from sync.cli.render_status import ProjectStatus, Row, hold_cells, rows_of
from sync.cli.streams import by_stream
from sync.cli.style import SIGNS, link, listed, plural, shown_value
from sync.cli.verdicts import look_of, words_of
from sync.explain import named
from sync.freshness import sources_of
from sync.names import name_of
from sync.pull import Pulled
from sync.results import ProjectRun


def read_lines(pulled: Mapping[str, Pulled], width: int) -> Iterator[Text]:
    """What each source gave, and the sum."""
    rows: list[Sequence[Cell]] = []
    records = requests = 0
    for source, one in pulled.items():
        streams = by_stream(one.events)
        found = ", ".join(f"{event.stream.replace('_', ' ')} {event.records:,}" for event in streams if event.records)
        asked, seconds = sum(event.requests for event in streams), sum(event.seconds for event in streams)
        rows.append((Text(source, style="bold"), f"{asked:,}", f"{seconds:.1f} s", found))
        records, requests = records + sum(event.records for event in streams), requests + asked
    yield from columns(rows, width, heads=("source", ">requests", ">time", "records"))
    yield Text()
    yield Text(f"{plural(records, 'record')} from {plural(len(rows), 'source')} with {plural(requests, 'request')}.")


def planned_lines(runs: Sequence[ProjectRun], width: int) -> Iterator[Text]:
    """What each ticket and pull request is to show, then the sum."""
    plans = [run.plan for run in runs if run.plan is not None]
    targets = [changes for plan in plans for changes in grouped(plan.changes).values()]
    yield from columns([_target(changes) for changes in targets], width)
    yield Text()
    yield Text(f"{counted([change for changes in targets for change in changes])}.", style="bold")


def _target(changes: Sequence[Change]) -> Sequence[Cell]:
    """Evidence goes with each field; where no field is to change, it stands for itself."""
    first = changes[0]
    sign, color = SIGNS[first.action]
    said = [_shown(change) for change in changes if change.slot.kind != "property"]
    what = ", ".join(said or [shown_value(change.after) for change in changes])
    return (
        Text.assemble((f"{sign} ", color), link(first.key, first.url, "bold")),
        Text.assemble((what, color), "  ", (first.title, "dim")),
    )


def _shown(change: Change) -> str:
    return change.slot.name if change.slot.kind == "label" else shown_value(change.after)


def standing_lines(projects: Sequence[ProjectStatus], width: int) -> Iterator[Text]:
    """Each project's statuses with their reasons, what is left alone, and how many are not known for want of a source."""
    tables = {one.assessment.project.key: _table(one) for one in projects}
    like = widths([row for table in tables.values() for row in table])
    for one in projects:
        project = one.assessment.project
        yield Text(project.view.name, style="bold")
        yield from columns(tables[project.key], width, indent=2, like=like)
        unread = [row.standing for row in rows_of(one) if row.is_unread]
        if unread:
            sources = listed(sorted({source for standing in unread for source in sources_of(standing.missing)}))
            text = f"? {counted_statuses(len(unread))} not known without {sources}"
            yield from wrapped(Text(text, style="yellow"), width, indent=2, hanging=4)
    yield from source_lines([one.assessment for one in projects], width)


def _table(project: ProjectStatus) -> list[Sequence[Cell]]:
    """Good news about a ticket that has other news goes with these."""
    told: dict[Ref, list[Row]] = {}
    for row in rows_of(project):
        if row.is_worth_a_line:
            told.setdefault(row.standing.subject, []).append(row)
    rows: list[Sequence[Cell]] = []
    for first, *others in told.values():
        good = [row.rule.title for row in others if row.rule.kind == "favourable" and row.standing.truth]
        rows.append(_standing(first, project, good))
        rows.extend(_standing(row, project, []) for row in others if row.rule.title not in good)
    holds = [(sign, name, why) for sign, name, _, why in (hold_cells(one, project.assessment) for one in project.holds)]
    return [*rows, *holds]


def _standing(row: Row, project: ProjectStatus, also: Sequence[str]) -> Sequence[Cell]:
    standing, graph = row.standing, project.assessment.graph
    sign, color = look_of(row.rule.kind, truth=standing.truth, state=row.state)
    subject = link(name_of(row.subject), row.subject.url, "bold") if row.subject is not None else Text(str(standing.subject))
    missing = named(standing.missing, graph)
    says = words_of(row.rule.title, truth=standing.truth, says=standing.says, missing=missing)
    elsewhere = [name_of(graph.entities[ref]) for ref in row.seen if ref != standing.subject]
    where = f" (shown on {listed(elsewhere)})" if elsewhere else ""
    beside = f"; also {listed(also)}" if also else ""
    return Text(f"{sign} {row.rule.title}", style=color), subject, Text.assemble(says, (where, "dim"), (beside, "green"))
