"""`milepost db upgrade` and `milepost db status`"""

from __future__ import annotations

import msgspec
from rich.text import Text

from sync.cli.options import Globals
from sync.cli.session import Session
from sync.cli.style import table
from sync.outcome import ExitCode
from sync.store import migrate, statistics


def run(globals_: Globals, command: str) -> ExitCode:
    """Upgrades the schema, or tells what the store holds."""
    session = Session(globals_)
    return _upgrade(session) if command == "upgrade" else _status(session)


def _upgrade(session: Session) -> ExitCode:
    with session.store(upgraded=False) as database:
        before, after = migrate.status(database), migrate.upgrade(database)
        place = str(database)
    if session.wants_json:
        session.answer({"before": before.current, "after": after.current})
    elif before.current == after.current:
        session.out.print(Text(f"{place} is already at schema {after.current}."))
    else:
        session.out.print(Text(f"{place} was brought from schema {before.current or 'none'} to {after.current}."))
    return ExitCode.DONE


def _status(session: Session) -> ExitCode:
    with session.store(upgraded=False) as database:
        schema = migrate.status(database)
        place = str(database)
        counts = {}
        if schema.state == "current":
            with database.read() as tx:
                counts = dict(statistics.counts(tx))
    if session.wants_json:
        session.answer({"store": place, "schema": msgspec.to_builtins(schema), "rows": counts})
        return ExitCode.DONE
    session.out.print(Text(f"{place}: schema {schema.current or 'none'}, {schema.state} (this program needs {schema.head})"))
    made = table("table", ">rows")
    for name, count in counts.items():
        made.add_row(name, f"{count:,}")
    if made.row_count:
        session.out.print(made)
    return ExitCode.DONE
