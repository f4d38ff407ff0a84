"""`milepost db erase-person`"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from rich.text import Text

from config.statuses import effective_statuses
from sync.cli.errors import UsageProblem
from sync.cli.layout import columns, wrapped
from sync.cli.options import Globals
from sync.cli.session import Session, duration
from sync.cli.stopping import stoppable
from sync.cli.style import listed, plural
from sync.erase import NotAName, Traces, erase, find
from sync.outcome import ExitCode


def run(globals_: Globals, *, person: str, yes: bool, wait: str) -> ExitCode:
    """Shows what the store holds of a person; with `yes`, puts a pseudonym in their place."""
    session = Session(globals_)
    patience = duration("--wait", wait)
    with stoppable() as stop, session.store() as database:
        try:
            traces = find(database, person, reserved=_own_words(session))
        except NotAName as error:
            raise UsageProblem(f"{person!r} cannot be erased: {error}", "give a full name, an e-mail address or an id") from None
        pseudonym = erase(database, traces.names, projects=session.file.projects, wait=patience, stop=stop) if yes else None
    if session.wants_json:
        session.answer({"names": traces.names, "rows": traces.rows, "stays": traces.stays, "pseudonym": pseudonym})
        return ExitCode.DONE
    session.show_all(_found(person, traces, session.width))
    rows = plural(sum(traces.rows.values()), "row")
    if pseudonym is not None:
        session.show("", f"Erased: {rows} that named them, and whatever is read later, now say {pseudonym}.")
    else:
        session.show("", f"Nothing was changed. To erase: milepost db erase-person {shlex.quote(person)} --yes")
    session.show_all(wrapped(_ELSEWHERE, session.width))
    return ExitCode.DONE


_ELSEWHERE = (
    "The sources are not touched: Jira, GitHub and the others still hold what they hold of this person. "
    "So do backups of the store, saved plans and logs."
)


def _own_words(session: Session) -> Sequence[str]:
    """What Milepost writes itself: were it changed, its own values would look like somebody else's."""
    rules = effective_statuses(session.file)
    return ["Unknown", *(text for rule in rules for text in (rule.title, rule.label))]


def _found(person: str, traces: Traces, width: int) -> Iterator[Text]:
    others = [name for name in traces.names if name != person]
    yield from wrapped(Text.assemble((person, "bold"), f", also called {listed(others)}" if others else ""), width)
    rows = [(table, f"{count:,}", "") for table, count in traces.rows.items() if count]
    if not rows:
        yield Text("  nothing in the store names them")
    yield from columns(rows, width, heads=("table", ">rows", ""), indent=2) if rows else ()
    if traces.stays:
        stays = listed([f"{name} of {plural(count, 'object')}" for name, count in traces.stays.items()])
        yield from wrapped(f"stays, because links and scopes rest on it: {stays}", width, indent=2, hanging=4)
