"""`milepost rules lint`, `rules schema` and `rules replay`"""

from __future__ import annotations

import json
import sys
import threading

import msgspec
from rich.text import Text

from config.statuses import effective_statuses
from sync.assess import assess
from sync.build import project_file_schema
from sync.cli.options import Globals
from sync.cli.session import Session
from sync.cli.style import KINDS, table
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
            sys.stdout.write(json.dumps(project_file_schema(session.types), indent=2, ensure_ascii=False) + "\n")
            return ExitCode.DONE
    return _replay(session)


def _lint(session: Session) -> ExitCode:
    rules = effective_statuses(session.file)
    if session.wants_json:
        session.answer(
            {"findings": [msgspec.to_builtins(one) for one in session.file.findings], "statuses": [one.id for one in rules]}
        )
        return ExitCode.DONE
    made = table("status", "kind", ">rank", "for", "label", "says")
    for rule in sorted(rules, key=lambda one: -one.rank):
        made.add_row(rule.id, Text(rule.kind, KINDS[rule.kind]), str(rule.rank), rule.subject, rule.label, rule.says)
    session.out.print(made)
    session.out.print(Text(f"{session.path} is sound: {len(rules)} statuses, {len(session.file.projects)} projects."))
    return ExitCode.DONE


def _replay(session: Session) -> ExitCode:
    found: dict[str, list[Difference]] = {}
    with session.workspace() as workspace:
        for project in session.chosen(workspace):
            assessed = assess(workspace.database, project, looking_up=False, stop=threading.Event(), save=False)
            with workspace.database.read() as tx:
                stored = verdicts.load(tx, project.key)
            found[project.key] = list(replay(assessed, stored))
    if session.wants_json:
        session.answer({"differences": {key: [msgspec.to_builtins(one) for one in each] for key, each in found.items()}})
        return ExitCode.DONE
    made = table("project", "status", "what", "before", "after", "why")
    for key, differences in found.items():
        for one in differences:
            made.add_row(
                key, one.rule, one.subject, _truth(one.before, one.applied_before), _truth(one.after, one.applies_after), one.says
            )
    session.out.print(made if made.row_count else Text("No verdict would change."))
    return ExitCode.DONE


def _truth(truth: bool | None, applies: bool) -> str:
    if not applies:
        return "not applicable"
    return "unknown" if truth is None else "true" if truth else "false"
