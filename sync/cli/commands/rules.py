"""`milepost rules lint`, `rules schema` and `rules replay`"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from rich.text import Text

from config.problems import ConfigError
from config.statuses import effective_statuses
from mappings.rules import StatusRule
from sync.assess import assess
from sync.build import project_file_schema
from sync.cli.consoles import write_out
from sync.cli.layout import columns
from sync.cli.options import Globals
from sync.cli.session import Session
from sync.cli.style import KINDS, link, plural
from sync.outcome import ExitCode
from sync.replay import Difference, replay
from sync.store import verdicts


def run(globals_: Globals, command: str) -> ExitCode:
    """Checks the rules, prints their schema, or tries them on the stored facts."""
    session = Session(globals_)
    match command:
        case "lint":
            return _lint(session)
        case "schema":
            write_out(json.dumps(project_file_schema(session.types), indent=2, ensure_ascii=False).encode() + b"\n")
            return ExitCode.DONE
    return _replay(session)


def _lint(session: Session) -> ExitCode:
    """Errors are the answer here, so JSON holds them as well."""
    try:
        file = session.file
    except ConfigError as error:
        if not session.wants_json:
            raise
        session.answer({"findings": [msgspec.to_builtins(one) for one in error.problems], "statuses": []})
        return ExitCode.USAGE
    rules = effective_statuses(file)
    if session.wants_json:
        session.answer({"findings": [msgspec.to_builtins(one) for one in file.findings], "statuses": [one.id for one in rules]})
    else:
        session.show_all(_rule_lines(rules, session.width))
        said = f", with {plural(len(file.findings), 'warning')}" if file.findings else ""
        session.show("", f"{session.path} is sound: {plural(len(file.projects), 'project')}, {len(rules)} statuses{said}.")
    return ExitCode.DONE


def _rule_lines(rules: Sequence[StatusRule], width: int) -> list[Text]:
    rows = [
        (Text(rule.id, style="bold"), Text(rule.kind, style=KINDS[rule.kind]), str(rule.rank), rule.subject, rule.says)
        for rule in sorted(rules, key=lambda one: -one.rank)
    ]
    return columns(rows, width, heads=("status", "kind", ">rank", "for", "says"))


def _replay(session: Session) -> ExitCode:
    found: dict[str, Sequence[Difference]] = {}
    with session.workspace() as workspace:
        for project in session.chosen(workspace):
            assessed = assess(workspace.database, project, stop=threading.Event(), save=False)
            with workspace.database.read() as tx:
                stored = verdicts.load(tx, project.key)
            found[project.key] = replay(assessed, stored)
    if session.wants_json:
        session.answer({"differences": {key: [msgspec.to_builtins(one) for one in each] for key, each in found.items()}})
    elif any(found.values()):
        session.show_all(_difference_lines(found, session.width))
    else:
        session.show("No verdict would change.")
    return ExitCode.DONE


def _difference_lines(found: Mapping[str, Sequence[Difference]], width: int) -> Iterator[Text]:
    rows = []
    for key, differences in found.items():
        for one in differences:
            change = f"{_truth(one.before, one.applied_before)} → {_truth(one.after, one.applies_after)}"
            rows.append((key, link(one.subject, one.url, "bold"), one.rule, change, one.says if one.applies_after else ""))
    yield from columns(rows, width, heads=("project", "what", "status", "change", "why"))
    yield Text()
    yield Text(f"{plural(len(rows), 'verdict')} would change; nothing was written.")


def _truth(truth: bool | None, applies: bool) -> str:
    if not applies:
        return "not applicable"
    return "unknown" if truth is None else "true" if truth else "false"
