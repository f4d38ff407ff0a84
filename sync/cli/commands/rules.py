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
from sync.build import project_file_schema, read_project_file
from sync.cli.age import is_unread
from sync.cli.consoles import write_out
from sync.cli.layout import columns, wrapped
from sync.cli.options import Globals
from sync.cli.session import Session
from sync.cli.style import KINDS, link, listed, plural
from sync.outcome import ExitCode
from sync.replay import Difference, Effect, replay
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
        file = read_project_file(session.path, session.types)
        session.show_problems(file.findings)
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
    unread: list[str] = []
    with session.workspace() as workspace:
        for project in session.looked_at(workspace):
            assessed = assess(workspace.database, project, stop=threading.Event())
            with workspace.database.read() as tx:
                stored = [one for one in verdicts.load(tx, project.memory) if one.gone_since is None]
            if is_unread(assessed):
                unread.append(project.key)
            found[project.key] = replay(assessed, stored)
    if session.wants_json:
        differences = {key: [msgspec.to_builtins(one) for one in each] for key, each in found.items()}
        session.answer({"differences": differences, "never_pulled": unread})
        return ExitCode.DONE
    if any(found.values()):
        session.show_all(_difference_lines(found, session.width))
    elif len(unread) < len(found):
        session.show("No verdict would change.")
    if unread:
        session.show(f"Nothing was pulled yet for {listed(unread)}, so there is nothing to try the rules on: run milepost pull")
    return ExitCode.DONE


_EFFECTS: Mapping[Effect, tuple[str, str]] = {
    "gains": ("would gain it", "green"),
    "loses": ("would lose it", "red"),
    "unknown": ("would not be known", "yellow"),
}


def _difference_lines(found: Mapping[str, Sequence[Difference]], width: int) -> Iterator[Text]:
    """By effect; what nobody would see is only counted."""
    every = [(key, one) for key, differences in found.items() for one in differences]
    seen = [(key, one) for effect in _EFFECTS for key, one in every if one.effect == effect]
    rows = []
    for key, one in seen:
        effect, color = _EFFECTS[one.effect]
        change = f"{_truth(one.before, one.applied_before)} → {_truth(one.after, one.applies_after)}"
        rows.append((key, link(one.subject, one.url, "bold"), one.rule, Text(effect, style=color), change, _why(one)))
    if rows:
        yield from columns(rows, width, heads=("project", "what", "status", "effect", "change", "why"))
        yield Text()
    counts = [(sum(1 for _, one in every if one.effect == effect), words) for effect, (words, _) in _EFFECTS.items()]
    said = [f"{count:,} {words}" for count, words in counts if count]
    if len(seen) < len(every):
        said.append(f"{len(every) - len(seen):,} would only become or cease to be false")
    yield from wrapped(f"{plural(len(every), 'verdict')} would change: {listed(said)}. Nothing was written.", width)


def _why(one: Difference) -> str:
    if not one.applies_after:
        return "no rule says so any more, or it no longer applies to this"
    return one.says if one.edited else f"{one.says} (this rule is the same: time has passed, or a rule that it uses was edited)"


def _truth(truth: bool | None, applies: bool) -> str:
    if not applies:
        return "not applicable"
    return "unknown" if truth is None else "true" if truth else "false"
