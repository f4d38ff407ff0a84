"""`milepost log`"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.text import Text

from mappings.model import Ref
from sync.assess import assess
from sync.cli.commands.explain import unknown_subject
from sync.cli.layout import wrapped
from sync.cli.options import Globals
from sync.cli.session import Session, duration
from sync.cli.style import SIGNS, change_words, distinct_reasons, held_value, shown_value
from sync.documents import entry_document
from sync.explain import all_names, find_subjects
from sync.names import name_of, place
from sync.outcome import ExitCode
from sync.store import audit
from sync.store.audit import Entry


def run(globals_: Globals, *, subject: str | None, since: str, limit: int) -> ExitCode:
    """Shows the audit, the newest entries last."""
    session = Session(globals_)
    back = duration("--since", since)
    names = _names(session, subject) if subject is not None else [None]
    with session.store() as database, database.read() as tx:
        since_when, projects = database.now(tx) - back, session.globals.projects
        found = [audit.read(tx, projects=projects, since=since_when, key=name, limit=limit) for name in names]
    entries = sorted((entry for some in found for entry in some), key=lambda entry: entry.at)[-limit:]
    if session.wants_json:
        session.answer({"entries": [entry_document(entry) for entry in entries]})
    elif entries:
        session.show_all(_lines(entries, session.width))
    else:
        session.show(f"Nothing was written{f' on {subject}' if subject else ''} in the last {since}.")
    return ExitCode.DONE


def _names(session: Session, subject: str) -> Sequence[str | None]:
    """What the log calls a subject: as it was named, else as those are called that bear that name. Raises `UsageProblem` for what
    neither the log nor any project knows."""
    with session.store() as database, database.read() as tx:
        if audit.read(tx, key=subject, limit=1):
            return [subject]
    with session.workspace() as workspace:
        assessed = [assess(workspace.database, project, stop=threading.Event()) for project in session.looked_at(workspace)]
    subjects = {name_of(entity) for one in assessed for entity in find_subjects(one, subject)}
    if not subjects:
        raise unknown_subject(subject, {name for one in assessed for name in all_names(one)})
    return sorted(subjects)


def _lines(entries: Sequence[Entry], width: int) -> Iterator[Text]:
    """One paragraph for each run, and in it what it did to each target."""
    by_run: dict[str, dict[Ref, list[Entry]]] = {}
    for entry in entries:
        by_run.setdefault(entry.run_id, {}).setdefault(entry.slot.target, []).append(entry)
    for number, (run, targets) in enumerate(by_run.items()):
        if number:
            yield Text()
        first = next(iter(targets.values()))[0]
        yield Text.assemble((_moment(first.at), "bold"), (f"  run {run}", "dim"))
        for group in targets.values():
            yield from _paragraph(group, width)


def _paragraph(entries: Sequence[Entry], width: int) -> Iterator[Text]:
    yield from wrapped(Text(entries[0].key, style="bold"), width, indent=2, hanging=6)
    for entry in entries:
        yield from wrapped(_entry(entry), width, indent=4, hanging=8)
    for reason in distinct_reasons([entry.reason for entry in entries if entry.action is not None]):
        yield from wrapped(Text(reason, style="dim"), width, indent=6)


def _entry(entry: Entry) -> Text:
    words = change_words(entry.action, entry.slot, entry.before, entry.after)
    if entry.kind == "write" and entry.action is not None:
        sign, color = SIGNS[entry.action]
        forced = Text("  (a person had changed it)", style="magenta") if entry.forced else ""
        return Text.assemble((f"{sign} {words}", color), forced)
    if entry.action is not None:
        return Text(f"✗ {entry.kind}  {words}", style="red")
    return Text(f"! {entry.kind}  {place(entry.slot)}{_state(entry)}: {entry.reason}", style="magenta")


def _state(entry: Entry) -> str:
    """What the slot held, where that is what the entry is about."""
    if entry.kind not in _ABOUT_A_VALUE:
        return ""
    if entry.slot.kind == "label":
        return f", {held_value(entry.slot, entry.before)}"
    return f", holding {shown_value(entry.before)}"


_ABOUT_A_VALUE = ("adopted", "override", "contested", "conflict")


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
