"""What a pull and an apply did, for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest

from rich.text import Text

from sync.apply import Applied, Result
from sync.assess import unmatched_in
from sync.cli.layout import Cell, columns, wrapped
from sync.cli.streams import by_stream
from sync.cli.style import change_words, link, listed, plural
from sync.progress import StreamEvent
from sync.pull import Pulled
from sync.results import ProjectRun

SEVERAL = 5
"""Of what was not sent, so many tickets are named; the rest is counted."""


def pulled_lines(pulled: Mapping[str, Pulled], width: int) -> Iterator[Text]:
    """One line a source and stream, the sum, the rate budgets, then what went wrong."""
    streams = by_stream(event for one in pulled.values() for event in one.events)
    asked = [one for one in streams if _was_asked(one)]
    if asked:
        yield from _table(asked, width)
        yield Text()
    if streams:
        yield from wrapped(_sum(streams), width)
    yield from _budgets(pulled)
    yield from finding_lines(pulled, width)


def _was_asked(event: StreamEvent) -> bool:
    """Whether there is something to tell of a stream: one that no scope names ends without a request and without a change."""
    counts = (event.requests, event.records, event.changed, event.deleted, event.rejected)
    return event.state != "done" or any(counts)


def _table(streams: Sequence[StreamEvent], width: int) -> list[Text]:
    """Columns that would hold nothing but zeros are left out."""
    rare = [(head, [value(one) for one in streams]) for head, value in _RARE if any(value(one) for one in streams)]
    heads = ("source", "stream", ">records", ">changed", *(head for head, _ in rare), ">requests", ">time", "read")
    rows: list[Sequence[Cell]] = []
    for number, one in enumerate(streams):
        counts = (one.records, one.changed, *(values[number] for _, values in rare), one.requests)
        name = Text(one.source, style="bold")
        rows.append((name, one.stream.replace("_", " "), *(f"{count:,}" for count in counts), f"{one.seconds:.1f} s", _read(one)))
    return columns(rows, width, heads=heads)


_RARE: Sequence[tuple[str, Callable[[StreamEvent], int]]] = (
    (">gone", lambda one: one.deleted),
    (">set aside", lambda one: one.rejected),
)


def _read(event: StreamEvent) -> Text:
    match event.state:
        case "failed":
            return Text("failed", style="bold red")
        case "done":
            return Text("all" if event.full else "changes", style="dim")
    return Text("stopped", style="yellow")


def _sum(streams: Sequence[StreamEvent]) -> Text:
    """Streams of one source are read one after another, sources at the same time."""
    by_source: dict[str, float] = {}
    for one in streams:
        by_source[one.source] = by_source.get(one.source, 0.0) + one.seconds
    records, changed, requests = (
        sum(values) for values in zip(*((s.records, s.changed, s.requests) for s in streams), strict=True)
    )
    return Text(
        f"{plural(records, 'record')} from {plural(len(by_source), 'source')} with {plural(requests, 'request')} "
        f"in {max(by_source.values()):.1f} s; {changed:,} new or changed."
    )


def _budgets(pulled: Mapping[str, Pulled]) -> Iterator[Text]:
    for name, one in pulled.items():
        known = [event for event in one.events if event.remaining is not None]
        if known:
            last = known[-1]
            of = f" of {last.limit:,}" if last.limit is not None else ""
            again = f", more at {last.resets_at:%H:%M} UTC" if last.resets_at is not None else ""
            yield Text(f"{name}: {last.remaining:,}{of} requests left{again}", style="dim")


def finding_lines(pulled: Mapping[str, Pulled], width: int) -> Iterator[Text]:
    """What failed or was refused, with the fix; what is not known for sure, or could not be translated."""
    for name, one in pulled.items():
        findings = list(dict.fromkeys(one.findings))  # scopes often fail alike
        for finding, following in zip_longest(findings, findings[1:]):
            where = name if finding.stream == "*" else f"{name}/{finding.stream}"
            if finding.notice:
                yield from wrapped(Text(f"! {where}: {finding.text}", style="yellow"), width, hanging=2)
            else:
                said_below = following is not None and following.fix == finding.fix and not following.notice
                yield from problem_lines(where, finding.text, None if said_below else finding.fix, width)
        rejected = sum(event.rejected for event in one.events)
        if rejected:
            text = f"! {name}: {plural(rejected, 'record')} could not be translated and set aside; the rest was read"
            yield from wrapped(Text(text, style="yellow"), width, hanging=2)


def problem_lines(where: str, text: str, fix: str | None, width: int) -> Iterator[Text]:
    """What is wrong where, and on a line of its own what to do."""
    yield from wrapped(Text.assemble((f"✗ {where}: ", "bold red"), text), width, hanging=2)
    if fix:
        yield from wrapped(f"fix: {fix}", width, indent=2, hanging=7)


def notice_lines(notices: Iterable[str], width: int) -> Iterator[Text]:
    """What people should look at, though nothing failed."""
    for text in notices:
        yield from wrapped(Text(f"! {text}", style="yellow"), width, hanging=2)


def unmatched_lines(runs: Sequence[ProjectRun], width: int) -> Iterator[Text]:
    """What each project's part of the file names and nothing that was read bears."""
    found = ((run.assessment.project.key, one) for run in runs for one in unmatched_in(run.assessment))
    yield from notice_lines((f"{key}: {one.where}: {one.text}" for key, one in found), width)


def applied_lines(runs: Sequence[ProjectRun], width: int) -> Iterator[Text]:
    """What was written and what was not."""
    for run in runs:
        key, name = run.assessment.project.key, run.assessment.project.view.name
        if run.failed:
            yield from problem_lines(key, run.failed, None, width)
        if run.refused:
            yield from problem_lines(f"{key} refused", run.refused, None, width)
        if run.applied is None:
            continue
        counts = {state: run.applied.count(state) for state in _WORDS}
        said = ", ".join(f"{count:,} {_WORDS[state]}" for state, count in counts.items() if count) or "nothing to write"
        yield from wrapped(Text.assemble((name, "bold"), f": {said}"), width)
        yield from result_lines(run.applied, width)


_WORDS = {"done": "written", "failed": "failed", "conflict": "in conflict", "skipped": "skipped", "unsent": "not sent"}


def result_lines(applied: Applied, width: int) -> Iterator[Text]:
    """What was not written, and why. What was not sent for one and the same reason is counted."""
    unsent: dict[str | None, list[Result]] = {}
    for result in applied.results:
        if result.state == "unsent":
            unsent.setdefault(result.why, []).append(result)
        elif result.state != "done":
            yield from wrapped(_result(result), width, indent=2, hanging=6)
    for alike in unsent.values():
        yield from wrapped(_result(alike[0]) if len(alike) == 1 else _together(alike), width, indent=2, hanging=6)


def _together(unsent: Sequence[Result]) -> Text:
    keys = list(dict.fromkeys(result.change.key for result in unsent))
    rest = [f"{len(keys) - SEVERAL:,} more"] if len(keys) > SEVERAL else []
    why = f"  {unsent[0].why}" if unsent[0].why else ""
    on = listed([*keys[:SEVERAL], *rest])
    return Text.assemble((f"✗ {_WORDS['unsent']}", "red"), f"  {plural(len(unsent), 'change')} on ", (on, "bold"), why)


def _result(result: Result) -> Text:
    change = result.change
    words = change_words(change.action, change.slot, change.before, change.after)
    style = "dim" if result.state == "skipped" else "red"
    why = f"  {result.why}" if result.why else ""
    return Text.assemble((f"✗ {_WORDS[result.state]}", style), "  ", link(change.key, change.url, "bold"), f"  {words}{why}")
