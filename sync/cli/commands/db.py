"""`milepost db upgrade`, `db status` and `db prune`"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from config.project import Retention
from mappings.conditions import format_duration
from sync.cli.errors import at_work
from sync.cli.layout import columns
from sync.cli.options import Globals
from sync.cli.session import Session, duration
from sync.cli.stopping import stoppable
from sync.cli.style import ago, plural
from sync.cli.tidying import tidy_now
from sync.outcome import ExitCode
from sync.retention import last_applied
from sync.store import audit, leases, migrate, statistics
from sync.store.connect import Database


def run(globals_: Globals, command: str, *, wait: str = "60s") -> ExitCode:
    """Upgrades the schema, tells what the store holds, or drops what is old."""
    session = Session(globals_)
    match command:
        case "upgrade":
            return _upgrade(session)
        case "prune":
            return _prune(session, wait)
    return _status(session)


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
        held = _held(database) if schema.state == "current" else {}
        now = held.pop("now", None)
    keep = _kept(session.file.retention)
    if session.wants_json:
        retention = {**keep, "last_applied": held.pop("last_applied", None)}
        unread: dict[str, Any] = {"size_bytes": None, "oldest_audit_entry": None, "rows": {}, "leases": []}
        session.answer({"store": place, "schema": msgspec.to_builtins(schema), **unread, **held, "retention": retention})
        return ExitCode.DONE
    needed = "" if schema.state == "current" else f" (this version's is {schema.head})"
    session.show(place, f"schema {schema.current or 'none'}{needed}: {_STATES[schema.state]}")
    if held:
        oldest = held["oldest_audit_entry"]
        written = f"the oldest record of a write is from {ago(oldest, now)}" if oldest is not None else "nothing was written yet"
        session.show(f"{_size(held['size_bytes'])}; {written}")
        applied = f"last applied {ago(held['last_applied'], now)}"
        session.show(f"kept: records of writes for {keep['audit']}, personal data for {keep['personal_data']}; {applied}", "")
        rows = [(name.replace("_", " "), f"{count:,}", "") for name, count in held["rows"].items()]
        session.show_all(columns(rows, session.width, heads=("holds", ">rows", "")))
        lines = [f"{at_work(one.name, one.holder)}, until {one.until:%Y-%m-%d %H:%M:%S} UTC" for one in held["leases"]]
        session.show(*([""] if lines else []), *lines)
    return ExitCode.DONE


def _held(database: Database) -> dict[str, Any]:
    with database.read() as tx:
        now = database.now(tx)
        at_the_moment = leases.holdings(tx, now)
        return {
            "now": now,
            "size_bytes": statistics.size(tx),
            "oldest_audit_entry": audit.oldest(tx),
            "last_applied": last_applied(tx),
            "rows": {**statistics.counts(tx), "lease": len(at_the_moment)},
            "leases": at_the_moment,
        }


def _kept(retention: Retention) -> Mapping[str, str]:
    return {"audit": format_duration(retention.audit), "personal_data": format_duration(retention.personal_data)}


def _size(size: int) -> str:
    return f"{size / 1_048_576:,.1f} MiB"


def _prune(session: Session, wait: str) -> ExitCode:
    with stoppable() as stop, session.store() as database:
        done = tidy_now("db prune", database, session.file, duration("--wait", wait), stop)
    if session.wants_json:
        session.answer({"pruned": done.counts, "complete": done.complete})
    elif not any(done.counts.values()):
        session.show("Nothing is older than the project file wants.")
    else:
        rows = [(_PRUNED[name], f"{count:,}", "") for name, count in done.counts.items() if count]
        session.show_all(columns(rows, session.width, heads=("pruned", ">rows", "")))
        session.show("", f"{plural(sum(done.counts.values()), 'row')} pruned. No source was touched.")
    return ExitCode.DONE if done.complete else ExitCode.PARTIAL


_PRUNED = {
    "audit": "records of writes",
    "run": "runs",
    "episode": "closed episodes",
    "outbox": "settled intents",
    "observation": "observations",
    "entity": "deleted objects",
    "inbox": "settled deliveries",
    "dead": "dead deliveries",
    "unclaimed": "deliveries of sources that are not in the project file",
    "quarantine": "payloads set aside",
    "personal_data": "documents freed of personal data",
}

_STATES = {
    "current": "what this version of Milepost needs",
    "empty": "a new database; milepost db upgrade prepares it, as does any other command",
    "behind": "older than this version of Milepost needs; milepost db upgrade brings it up to date",
    "newer": "newer than this version of Milepost knows; use a newer Milepost",
}
