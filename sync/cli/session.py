"""What nearly every command needs: the project file, the store, the workspace and the consoles."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import msgspec
from rich.text import Text

from config.problems import Problem, suggestion
from config.project import ProjectFile
from config.settings import Settings, load_settings
from mappings.conditions import parse_duration
from sync.build import ConnectionTypes, build_workspace, open_store, read_project_file
from sync.cli.consoles import Paper, write_out
from sync.cli.errors import UsageProblem, problem_lines
from sync.cli.installed import require_extras
from sync.cli.layout import clean, show, wrapped
from sync.cli.options import Globals, Output
from sync.cli.style import plural
from sync.documents import with_times_written
from sync.listings import ScopedProject
from sync.logging import configure_logging
from sync.pull import PullLimits
from sync.renaming import as_remembered
from sync.savedplan import may_hold_plan
from sync.store.connect import Database
from sync.tracing import configure_tracing
from sync.workspace import Workspace

MANY_ALIKE = 3
"""Of so many warnings that ask for the same, each is shown; the rest is counted."""


class Session:
    """One call of one command. Standard output is for the answer alone; logs, progress and findings go to standard error."""

    def __init__(self, globals_: Globals) -> None:
        self.globals = globals_
        self.settings: Settings = load_settings()
        self.types = ConnectionTypes()
        no_color = not globals_.color or bool(os.environ.get("NO_COLOR"))
        self.out = Paper(file=sys.stdout, no_color=no_color, highlight=False)
        self.err = Paper(stderr=True, no_color=no_color, highlight=False)
        configure_logging(self.settings, verbose=globals_.verbose, color=not no_color)
        configure_tracing(os.environ)

    @property
    def wants_json(self) -> bool:
        return self.globals.output is Output.JSON

    @property
    def width(self) -> int:
        """The columns of standard output: the terminal's, or what COLUMNS says."""
        return self.out.width

    def show(self, *lines: Text | str) -> None:
        """Shows lines for people."""
        self.show_all(clean(line) for line in lines)

    def show_all(self, lines: Iterable[Text]) -> None:
        show(self.out, lines)

    def answer(self, document: object) -> None:
        """Writes `document` as JSON in UTF-8, alone, to standard output."""
        plain = with_times_written(msgspec.to_builtins(document, builtin_types=(datetime,), enc_hook=str))
        write_out(msgspec.json.format(msgspec.json.encode(plain), indent=2) + b"\n")

    @property
    def path(self) -> Path:
        return self.globals.config or self.settings.config

    @cached_property
    def file(self) -> ProjectFile:
        """The project file. Its warnings are shown once, of many alike the first ones; `milepost rules lint` shows all."""
        file = read_project_file(self.path, self.types)
        few = first_of_each(file.findings)
        self.show_problems(few)
        if more := len(file.findings) - len(few):
            text = Text(f"{plural(more, 'more warning')} asking for the same: milepost rules lint shows all", style="yellow")
            show(self.err, wrapped(text, self.err.width, hanging=2))
        return file

    def show_problems(self, problems: Sequence[Problem]) -> None:
        for problem in problems:
            show(self.err, problem_lines(problem, self.err.width))

    def require_place_for_plan(self, out: Path) -> None:
        """Raises `UsageProblem` when a plan saved there would replace something else."""
        if out.exists() and self.path.exists() and out.samefile(self.path):
            raise UsageProblem(f"{out} is the project file", "name another file with --out")
        if not may_hold_plan(out):
            raise UsageProblem(f"{out} is there already and is no saved plan", "name another file with --out, or remove it first")

    def require_extras(self) -> None:
        """Raises `UsageProblem` when what a source of the file needs is not installed."""
        require_extras(entry.type for entry in self.file.sources.values())

    @contextmanager
    def store(self, *, upgraded: bool = True) -> Iterator[Database]:
        """The open store."""
        database = open_store(self.file, self.settings, upgraded=upgraded)
        try:
            yield database
        finally:
            database.close()

    @contextmanager
    def workspace(self, *, limits: PullLimits | None = None, wait: str = "60s") -> Iterator[Workspace]:
        """The workspace with its open store."""
        patience = duration("--wait", wait)
        self.require_extras()
        with self.store() as database:
            bounds = msgspec.structs.replace(limits or PullLimits(), wait=patience)
            yield build_workspace(self.file, self.types, os.environ, database, limits=bounds, wait=patience)

    def chosen(self, workspace: Workspace) -> Sequence[ScopedProject]:
        """The projects that `--project` names, or all."""
        try:
            return workspace.chosen(self.globals.projects)
        except KeyError as error:
            key = str(error.args[0])
            known = [project.key for project in workspace.projects]
            raise UsageProblem(f"there is no project {key!r}", suggestion(key, known)) from None

    def looked_at(self, workspace: Workspace) -> Sequence[ScopedProject]:
        """The same, by what the store knows of them now: for commands that only look."""
        with workspace.database.read() as tx:
            return as_remembered(tx, self.chosen(workspace), workspace.projects)


def first_of_each(problems: Sequence[Problem]) -> Sequence[Problem]:
    """The first `MANY_ALIKE` of those that have the same fix."""
    alike: dict[str | None, int] = {}
    found: list[Problem] = []
    for problem in problems:
        alike[problem.fix] = alike.get(problem.fix, 0) + 1
        if alike[problem.fix] <= MANY_ALIKE:
            found.append(problem)
    return found


def duration(option: str, text: str) -> timedelta:
    """The duration that an option names; `0s` is none at all."""
    if text in ("0", "0s"):
        return timedelta()
    try:
        return parse_duration(text)
    except ValueError as error:
        what = str(error).partition(": write ")[0]  # how to write it is the fix's to say
        raise UsageProblem(f"{option}: {what}", _meant_duration(option, text)) from None


_UNITS = {
    "s": ("sec", "secs", "second", "seconds"),
    "m": ("min", "mins", "minute", "minutes"),
    "h": ("hr", "hrs", "hour", "hours"),
    "d": ("day", "days"),
    "w": ("week", "weeks"),
}


def _meant_duration(option: str, text: str) -> str:
    """The fix for what is no duration: never another length of time than the one that was asked for."""
    found = re.fullmatch(r"\s*0*([1-9][0-9]{0,5})\s*([a-z]*)\s*", text.lower())
    number, word = (found[1], found[2]) if found else ("", "")
    if number and not word:
        return f"say the unit: {option} {number}s for seconds, {number}m for minutes, {number}h for hours, {number}d for days"
    unit = next((unit for unit, words in _UNITS.items() if word == unit or word in words), None)
    if text == f"{number}{unit}":
        return "give a shorter one"
    return f"write it as {option} {number}{unit}" if unit else "write a whole number with one unit: s, m, h, d or w"
