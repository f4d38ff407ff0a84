"""What is wrong with the facts, each source told once: what failed, what was never read, what is too old or was not understood."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from rich.text import Text

from sync.assess import Assessment
from sync.cli.layout import Cell, columns
from sync.cli.style import ago, listed, plural
from sync.freshness import StreamFacts, sources_of
from sync.moments import in_words


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """One source with the streams of all projects that have the same fault, and what to know of it in a second line."""

    source: str
    sign: str
    color: str
    says: str
    more: str = ""


def source_lines(assessments: Sequence[Assessment], width: int) -> Iterator[Text]:
    """One paragraph a source and fault; nothing where all is well."""
    rows: list[Sequence[Cell]] = []
    for one in _troubles(assessments):
        rows.append((Text(f"{one.sign} {one.source}", style=one.color), Text(one.says)))
        if one.more:
            rows.append(("", Text(one.more, style="dim")))
    if rows:
        yield Text()
        yield Text("Sources", style="bold")
        yield from columns(rows, width, indent=2)


def counted_statuses(count: int) -> str:
    """`1 status is`, `2 statuses are`"""
    return f"{plural(count, 'status', 'statuses')} {'is' if count == 1 else 'are'}"


def _troubles(assessments: Sequence[Assessment]) -> Iterator[Trouble]:
    waiting = _waiting(assessments)
    by_source: dict[str, list[tuple[StreamFacts, Assessment]]] = {}
    for assessment in assessments:
        for stream in assessment.freshness.streams:
            by_source.setdefault(stream.source, []).append((stream, assessment))
    for source, streams in by_source.items():
        concerned = f"; {counted_statuses(waiting[source])} not known without it" if source in waiting else ""
        failed = [stream for stream, _ in streams if stream.failed]
        unread = [stream for stream, _ in streams if not stream.failed and stream.pulled_at is None]
        never = [stream for stream in unread if not stream.rescoped]
        rescoped = [stream for stream in unread if stream.rescoped]
        old = [stream for stream, assessment in streams if not stream.failed and _is_old(stream, assessment)]
        if failed:
            last = min((one.pulled_at for one in failed if one.pulled_at is not None), default=None)
            age = f"last read {ago(last, assessments[0].now)}" if all(one.pulled_at for one in failed) else "not all was ever read"
            says = f"could not be read{_which(failed, streams)}; {age}{concerned}"
            yield Trouble(source=source, sign="✗", color="red", says=says, more=_why(source, failed))
        if never:
            says = f"was never read{_which(never, streams)}; run milepost pull"
            yield Trouble(source=source, sign="!", color="yellow", says=says)
        if rescoped:
            says = f"its new scope was not read yet{_which(rescoped, streams)}; milepost sync reads it"
            yield Trouble(source=source, sign="!", color="yellow", says=says)
        if old:
            within = in_words(assessments[0].freshness.within)
            says = f"was not read for {within}{_which(old, streams)}{concerned}; run milepost pull"
            yield Trouble(source=source, sign="!", color="yellow", says=says)
        rejected = sum(stream.rejected for stream in {(one.stream, one.rejected): one for one, _ in streams}.values())
        if rejected:
            says = f"{plural(rejected, 'record')} could not be translated and set aside"
            yield Trouble(source=source, sign="!", color="yellow", says=says)


def _waiting(assessments: Sequence[Assessment]) -> Mapping[str, int]:
    """How many statuses are not known for want of each source."""
    counts: dict[str, int] = {}
    for assessment in assessments:
        for standing in assessment.standings:
            for source in sources_of(standing.missing) if standing.truth is None else ():
                counts[source] = counts.get(source, 0) + 1
    return counts


def _is_old(stream: StreamFacts, assessment: Assessment) -> bool:
    return stream.pulled_at is not None and stream.pulled_at + assessment.freshness.within <= assessment.now


def _which(some: Sequence[StreamFacts], streams: Sequence[tuple[StreamFacts, Assessment]]) -> str:
    """The names of the streams, unless all of the source are meant."""
    names = list(dict.fromkeys(one.stream.replace("_", " ") for one in some))
    return "" if len(names) == len({stream.stream for stream, _ in streams}) else f" ({listed(names)})"


def _why(source: str, failed: Sequence[StreamFacts]) -> str:
    """The first reason, and how many others there are: they mostly say the same of another address."""
    reasons = list(dict.fromkeys((one.failed or "").removeprefix(f"{source}: ") for one in failed))
    return reasons[0] + (f" (and {plural(len(reasons) - 1, 'other reason')}: milepost check tells more)" if reasons[1:] else "")
