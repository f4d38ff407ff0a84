"""Deliveries of the inbox for people and for programs. What a source sent is shown without what may be a secret."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.text import Text

from mappings.redaction import redacted, without_credentials
from sync.cli.layout import columns, wrapped
from sync.cli.style import ago, plural
from sync.store.inbox import Depth, Kept

_STYLES = {"dead": "red", "waiting": "yellow", "done": "green", "dropped": "dim"}


def listing(rows: Sequence[Kept], depth: Sequence[Depth], now: datetime, width: int, *, only_dead: bool) -> list[Text]:
    """The deliveries, then how many there are of each source."""
    if rows:
        lines = columns(
            [
                (
                    str(one.id),
                    one.source,
                    one.event,
                    ago(one.received_at, now),
                    Text(one.state, _STYLES[one.state]),
                    _trouble(one, now),
                )
                for one in rows
            ],
            width,
            heads=(">id", "source", "event", "received", "state", "why"),
        )
    else:
        lines = [Text("No delivery is dead." if only_dead else "There is no delivery in the inbox.")]
    dead = [one.id for one in rows if one.state == "dead"]
    if dead:
        lines += [Text(), *wrapped(_next_steps(dead[0]), width)]
    if depth:
        counts = [(one.source, one.state, f"{one.count:,}", ago(one.oldest, now)) for one in depth]
        lines += [Text(), *columns(counts, width, heads=("source", "state", ">deliveries", "oldest"))]
    return lines


def page(row: Kept, body: bytes | None, now: datetime, width: int) -> list[Text]:
    """One delivery with everything that is kept of it."""
    said: list[tuple[str, Text | str]] = [
        ("delivery", row.delivery),
        ("source", row.source),
        ("event", row.event),
        ("received", _when(row.received_at, now)),
        ("state", Text(row.state, _STYLES[row.state])),
        ("failed", plural(row.tries, "time")),
    ]
    if row.retry_at is not None:
        said.append(("again", f"{row.retry_at:%Y-%m-%d %H:%M:%S} UTC"))
    if row.finished_at is not None:
        said.append(("ended", _when(row.finished_at, now)))
    if row.trace is not None:
        said.append(("trace", row.trace))
    if row.error is not None:
        said.append(("why", without_credentials(row.error)))
    lines = columns(said, width)
    if body is None:
        return [*lines, Text(), Text("What it said is no longer kept.", "dim")]
    return [*lines, Text(), *(line for text in _text(body).splitlines() for line in wrapped(text, width))]


def document(row: Kept, body: bytes | None = None) -> dict[str, Any]:
    """The same for programs. `body` is text, whatever it was."""
    fields: dict[str, Any] = {
        "id": row.id,
        "source": row.source,
        "delivery": row.delivery,
        "event": row.event,
        "state": row.state,
        "received_at": row.received_at,
        "tries": row.tries,
        "retry_at": row.retry_at,
        "finished_at": row.finished_at,
        "error": None if row.error is None else without_credentials(row.error),
        "trace": row.trace,
    }
    return fields if body is None else {**fields, "body": _text(body)}


def _next_steps(ident: int) -> str:
    return (
        f"milepost inbox show {ident} shows what it said, milepost inbox retry {ident} takes it in again and "
        f"milepost inbox drop {ident} lets go of it. retry --all and drop --all mean all that are dead."
    )


def _trouble(row: Kept, now: datetime) -> str:
    """Why it is where it is, in a line."""
    later = f"; again at {row.retry_at:%H:%M:%S} UTC" if row.retry_at is not None and row.retry_at > now else ""
    return without_credentials(row.error or "") + (later if row.error else "")


def _when(moment: datetime, now: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC, {ago(moment, now)}"


def _text(body: bytes) -> str:
    return redacted(body).decode("utf-8", "replace")
