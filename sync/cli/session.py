"""What nearly every command needs: the project file, the store, the workspace, a stop event and the consoles."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from types import FrameType

import msgspec
from rich.console import Console

from config.problems import Problem, suggestion
from config.project import ProjectFile
from config.settings import Settings, load_settings
from mappings.rules import parse_duration
from sync.assess import ScopedProject
from sync.build import ConnectionTypes, build_workspace, open_store, read_project_file
from sync.cli.errors import UsageProblem
from sync.cli.options import Globals, Output
from sync.logging import configure_logging
from sync.pull import PullLimits
from sync.store.connect import Database
from sync.workspace import Workspace


class Session:
    """One call of one command. Standard output is for the answer alone; logs, progress and findings go to standard error."""

    def __init__(self, globals_: Globals) -> None:
        self.globals = globals_
        self.settings: Settings = load_settings()
        self.types = ConnectionTypes()
        color = globals_.color and not os.environ.get("NO_COLOR")
        self.out = Console(file=sys.stdout, no_color=not color, highlight=False, soft_wrap=False)
        self.err = Console(file=sys.stderr, no_color=not color, highlight=False)
        configure_logging(self.settings, verbose=globals_.verbose)

    @property
    def wants_json(self) -> bool:
        return self.globals.output is Output.JSON

    def answer(self, document: object) -> None:
        """Writes `document` as JSON, alone, to standard output."""
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(document, enc_hook=str), indent=2).decode() + "\n")

    @property
    def path(self) -> Path:
        return self.globals.config or self.settings.config

    @cached_property
    def file(self) -> ProjectFile:
        """The project file; its warnings are shown once."""
        file = read_project_file(self.path, self.types)
        self.show_problems(file.findings)
        return file

    def show_problems(self, problems: Sequence[Problem]) -> None:
        for problem in problems:
            self.err.print(str(problem), style="yellow" if problem.level == "warning" else "red", markup=False)

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


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set; a second Ctrl-C interrupts at once."""
    stop = threading.Event()

    def on_signal(number: int, _: FrameType | None) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def duration(option: str, text: str) -> timedelta:
    """The duration that an option names; `0s` is none at all."""
    if text in ("0", "0s"):
        return timedelta()
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageProblem(f"{option}: {error}", f"write it as {option} 60s") from None
