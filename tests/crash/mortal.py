"""`milepost` as a process to be killed: forked from one that has imported what a sync needs, which is most of the time of a short
run, and if asked to, killing itself right before or after its n-th committed write transaction.

What differs from one process to the next, as the order of sets, and what happens while it starts, the whole command alone shows."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from sync.cli.main import main
from sync.store.connect import Connection, Database
from tests.cli.process import PATIENCE, Desk, Ended

_OUT, _ERR = 1, 2


@dataclass(frozen=True)
class Death:
    """When a process kills itself: `moment` is "before" or "after" its `number`-th commit."""

    moment: str
    number: int


class Mortal:
    """One call of `milepost`, which begins at once. `ended` waits for its end."""

    def __init__(self, desk: Desk, arguments: Sequence[str], death: Death | None) -> None:
        self._told = [desk.folder / name for name in ("stdout.txt", "stderr.txt")]
        self._process: ForkServerProcess = _server().Process(
            target=_live, args=(desk.folder, desk.environment(), arguments, self._told, death), daemon=True
        )
        for told in self._told:
            told.unlink(missing_ok=True)
        self._process.start()

    def kill(self) -> None:
        self._process.kill()

    def ended(self) -> Ended:
        self._process.join(PATIENCE)
        code = self._process.exitcode
        if code is None:
            self._process.kill()
            raise TimeoutError(f"it did not end within {PATIENCE:.0f} seconds")
        self._process.close()
        return Ended(code, *(told.read_text(encoding="utf-8") if told.exists() else "" for told in self._told))


@cache
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    sources = [f"connectors.{name}.{part}" for name in ("jira", "github") for part in ("reader", "publisher")]
    dialects = ["sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql.psycopg"]
    context.set_forkserver_preload([__name__, "sync.cli.app", "sync.cli.commands.sync", *sources, *dialects])
    return context


def _live(folder: Path, environ: dict[str, str], arguments: Sequence[str], told: Sequence[Path], death: Death | None) -> None:
    for stream, path in zip((_OUT, _ERR), told, strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    if death is not None:
        _die(death)
    main(arguments)


def _die(death: Death) -> None:
    """Counts the transactions of every thread that are to be committed; reads are not counted."""
    lock = threading.Lock()
    commits = 0
    transaction = Database.write

    @contextmanager
    def write(self: Database) -> Iterator[Connection]:
        nonlocal commits
        with transaction(self) as tx:
            yield tx
            with lock:
                commits += 1
                is_last = commits == death.number
            if is_last and death.moment == "before":
                os.kill(os.getpid(), signal.SIGKILL)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)

    Database.write = write  # type: ignore[method-assign]  # there is no other way in
