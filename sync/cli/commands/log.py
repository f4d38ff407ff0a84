"""`milepost log`"""

from __future__ import annotations

import msgspec
from rich.text import Text

from sync.cli.options import Globals
from sync.cli.session import Session, duration
from sync.cli.style import shown_value, table
from sync.outcome import ExitCode
from sync.store import audit


def run(globals_: Globals, *, subject: str | None, since: str, limit: int) -> ExitCode:
    """Shows the audit, the newest entries last."""
    session = Session(globals_)
    back = duration("--since", since)
    with session.store() as database, database.read() as tx:
        entries = audit.read(tx, projects=session.globals.projects, since=database.now(tx) - back, key=subject, limit=limit)
    if session.wants_json:
        session.answer({"entries": [msgspec.to_builtins(entry) for entry in entries]})
        return ExitCode.DONE
    made = table("when (UTC)", "what", "target", "slot", "before", "after", "why")
    for entry in entries:
        made.add_row(
            f"{entry.at:%Y-%m-%d %H:%M:%S}",
            Text(entry.kind, "magenta" if entry.forced else ""),
            entry.key,
            entry.slot.kind if entry.slot.kind == "property" else f"{entry.slot.kind} {entry.slot.name}",
            shown_value(entry.before),
            shown_value(entry.after),
            entry.reason,
        )
    if made.row_count:
        session.out.print(made)
    else:
        session.out.print(Text(f"Nothing was written in the last {since}.", style="dim"))
    return ExitCode.DONE
