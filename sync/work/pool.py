"""The workers of one process: alive, with the engine open, a sweeper that looks for work and a reaper that looks for the dead."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import msgspec
import structlog

from config.project import Retention
from sync.outcome import ExitCode
from sync.source import require_secrets
from sync.store.errors import StoreError
from sync.work.dbos_engine import opened
from sync.work.doing import Doing
from sync.work.liveness import GRACE, Life, StopUnlessProven, living
from sync.work.reaper import Reaper
from sync.work.sweeper import Sweeper
from sync.workspace import Workspace

log = structlog.get_logger(__name__)


class Crew(msgspec.Struct, frozen=True, kw_only=True):
    """What the workers of a process are told: the `name` of the process, None for one after its host; how many jobs it does at a
    time; the schedule of each source; and what is to be kept how long."""

    name: str | None
    concurrency: int
    pulls: Mapping[str, str]
    keep: Retention


class Workers:
    """Workers at work."""

    def __init__(self, life: Life, news: threading.Event, stop: threading.Event, threads: list[threading.Thread]) -> None:
        self.name = life.name
        self._life = life
        self._news = news
        self._stop = stop
        self._threads = threads

    def wake(self) -> None:
        """Something may be due: whoever stored a delivery calls this, from any thread."""
        self._news.set()

    def why_not_ready(self) -> str | None:
        """Why no work is done, in a few words; None while all is well."""
        if self._life.lost.is_set():
            return "this worker lost its proof of life"
        if self._stop.is_set():
            return "shutting down"
        return None if all(thread.is_alive() for thread in self._threads) else "a thread has ended"

    def when_lost(self, end: Callable[[], None]) -> None:
        """`end` is called, by a thread, when the workers had to stop because nothing proves any longer that they live."""

        def watch() -> None:
            self._life.lost.wait()
            end()

        threading.Thread(target=watch, name="worker-watch", daemon=True).start()

    def require_life(self) -> None:
        """Raises `StoreError` when the workers had to stop because nothing proves any longer that they live."""
        if self._life.lost.is_set():
            raise StoreError("this worker lost its proof of life, so others may have taken over", "start it again")


@contextmanager
def working(workspace: Workspace, crew: Crew, stop: threading.Event) -> Iterator[Workers]:
    """Workers for as long as the block lasts, or until `stop` is set: by whoever started them, or because their life is not proven.

    Raises `ConfigError` for secrets that are missing, `NameTaken` and `StoreError`. A job that has not ended `GRACE` after the stop
    is cut off with the process: what it has begun is taken over.
    """
    require_secrets(workspace.sources.values())
    with living(workspace.database, crew.name, stop) as life:
        news = threading.Event()
        doing = Doing(workspace, crew.keep, life.name, StopUnlessProven(stop, life.pulse), news)
        with opened(workspace.database, life.name, doing, concurrency=crew.concurrency) as engine:
            projects = [project.key for project in workspace.projects]
            sweeper = Sweeper(workspace.database, engine, projects, crew.pulls, news, stop)
            reaper = Reaper(workspace.database, engine, life, stop)
            threads = [
                threading.Thread(target=sweeper.run, name="sweeper", daemon=True),
                threading.Thread(target=reaper.run, name="reaper", daemon=True),
            ]
            for thread in threads:
                thread.start()
            try:
                yield Workers(life, news, stop, threads)
            finally:
                stop.set()
                news.set()
                if not doing.is_idle_within(GRACE):
                    log.warning("worker.cut_off", executor=life.name)
                    os._exit(int(ExitCode.ERROR if life.lost.is_set() else ExitCode.PARTIAL))
                for thread in threads:
                    thread.join()
