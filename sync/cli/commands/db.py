"""`milepost db upgrade` and `milepost db status`"""

from __future__ import annotations

import msgspec

from sync.cli.layout import columns
from sync.cli.options import Globals
from sync.cli.session import Session
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
        session.answer({"store": place, "before": before.current, "after": after.current})
    elif before.current == after.current:
        session.show(f"{place} is already at schema {after.current}.")
    else:
        session.show(f"{place} was brought from schema {before.current or 'none'} to {after.current}.")
    return ExitCode.DONE


def _status(session: Session) -> ExitCode:
    with session.store(upgraded=False) as database:
        schema = migrate.status(database)
        place = str(database)
        counts: dict[str, int] = {}
        if schema.state == "current":
            with database.read() as tx:
                counts = dict(statistics.counts(tx))
    if session.wants_json:
        session.answer({"store": place, "schema": msgspec.to_builtins(schema), "rows": counts})
        return ExitCode.DONE
    session.show(place, f"schema {schema.current or 'none'}: {_STATES[schema.state]}")
    if counts:
        session.show("")
        rows = [(name.replace("_", " "), f"{count:,}", "") for name, count in counts.items()]
        session.show_all(columns(rows, session.width, heads=("holds", ">rows", "")))
    return ExitCode.DONE


_STATES = {
    "current": "what this version of Milepost needs",
    "empty": "a new database; milepost db upgrade prepares it, as does any other command",
    "behind": "older than this version of Milepost needs; milepost db upgrade brings it up to date",
    "newer": "newer than this version of Milepost knows; use a newer Milepost",
}
