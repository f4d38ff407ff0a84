"""`milepost inbox list`, `inbox show`, `inbox retry` and `inbox drop`"""

from __future__ import annotations

from collections.abc import Sequence

from config.problems import quoted, suggestion
from sync.cli.errors import UsageProblem
from sync.cli.options import Globals
from sync.cli.render_inbox import document, listing, page
from sync.cli.session import Session
from sync.cli.style import plural
from sync.outcome import ExitCode
from sync.store import inbox
from sync.store.connect import Connection
from sync.store.inbox import STATES, State

_PUT_ASIDE: Sequence[State] = ("dead",)
_LATER = "It is dropped after seven days."


def run(
    globals_: Globals, command: str, *, ids: Sequence[int] = (), all_: bool = False, source: str | None = None, limit: int = 100
) -> ExitCode:
    """Shows deliveries, or says what becomes of those that are dead."""
    session = Session(globals_)
    match command:
        case "show":
            return _show(session, ids[0])
        case "retry" | "drop":
            return _settle(session, command, ids, all_)
    return _list(session, source, limit, all_)


def _list(session: Session, source: str | None, limit: int, all_: bool) -> ExitCode:
    sources = session.file.sources
    with session.store() as database, database.read() as tx:
        now = database.now(tx)
        rows = inbox.listing(tx, states=STATES if all_ else _PUT_ASIDE, source=source, limit=limit)
        depth = inbox.depth(tx)
    known = list(dict.fromkeys([*sources, *(one.source for one in depth)]))
    if source is not None and source not in known:
        raise UsageProblem(f"--source: there is no source {quoted(source)}", suggestion(source, known))
    unclaimed = sorted({one.source for one in depth if one.state == "waiting"} - sources.keys())
    if session.wants_json:
        counts = [{"source": one.source, "state": one.state, "count": one.count, "oldest": one.oldest} for one in depth]
        session.answer({"deliveries": [document(one) for one in rows], "depth": counts, "unclaimed": unclaimed})
    else:
        session.show_all(listing(rows, depth, now, session.width, only_dead=not all_))
        for name in unclaimed:
            session.show("", f"What waits for {name} is never taken in: the project file has no such source. {_LATER}")
    return ExitCode.DONE


def _show(session: Session, ident: int) -> ExitCode:
    with session.store() as database, database.read() as tx:
        now, found = database.now(tx), inbox.find(tx, ident)
    if found is None:
        raise _unknown([ident])
    row, body = found
    if session.wants_json:
        session.answer(document(row, body))
    else:
        session.show_all(page(row, body, now, session.width))
    return ExitCode.DONE


def _settle(session: Session, command: str, ids: Sequence[int], all_: bool) -> ExitCode:
    if all_ == bool(ids):
        fix = f"name what milepost inbox list shows, or say milepost inbox {command} --all for all that are dead"
        raise UsageProblem(f"inbox {command} needs either ids or --all", fix)
    with session.store() as database, database.write() as tx:
        _require_known(tx, ids)
        chosen = None if all_ else ids
        changed = inbox.retry(tx, chosen) if command == "retry" else inbox.drop(tx, chosen, database.now(tx))
    settled = 0 if all_ else len(set(ids)) - changed
    if session.wants_json:
        session.answer({"retried" if command == "retry" else "dropped": changed, "settled_before": settled})
        return ExitCode.DONE
    said = "will be taken in next" if command == "retry" else "dropped"
    session.show(f"{plural(changed, 'delivery', 'deliveries')} {said}." if changed else "Nothing was to be done.")
    if settled:
        session.show(f"{plural(settled, 'delivery', 'deliveries')} had been settled before.")
    return ExitCode.DONE


def _require_known(tx: Connection, ids: Sequence[int]) -> None:
    unknown = [ident for ident in ids if inbox.find(tx, ident) is None]
    if unknown:
        raise _unknown(unknown)


def _unknown(ids: Sequence[int]) -> UsageProblem:
    several = ", ".join(map(str, ids))
    return UsageProblem(f"there is no delivery {several} in the inbox", "milepost inbox list --all shows what there is")
