"""Doing a job: its function is called, and nothing that goes wrong in it goes any further."""

from __future__ import annotations

import threading
from datetime import timedelta

import structlog

from config.project import Retention
from sync import jobs
from sync.store.errors import StoreError
from sync.work.seam import Job
from sync.workspace import Workspace

log = structlog.get_logger(__name__)

PAUSE = timedelta(seconds=5)
"""How long a job that failed for no reason of its own keeps its place, so that it is not begun again at once."""


class Doing:
    """What the engine calls for each job. `news` is set after each, since it may have made something else due."""

    def __init__(self, workspace: Workspace, keep: Retention, executor: str, stop: threading.Event, news: threading.Event) -> None:
        self._workspace = workspace
        self._keep = keep
        self._executor = executor
        self._stop = stop
        self._news = news
        self._running = 0
        self._changed = threading.Condition()

    def __call__(self, job: Job) -> None:
        with self._changed:
            self._running += 1
        try:
            if not self._stop.is_set():
                self._guarded(job)
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()
            self._news.set()

    def is_idle_within(self, patience: timedelta) -> bool:
        """Whether no job runs any more, at the latest after so long."""
        with self._changed:
            return self._changed.wait_for(lambda: self._running == 0, patience.total_seconds())

    def _guarded(self, job: Job) -> None:
        with structlog.contextvars.bound_contextvars(executor=self._executor, job=str(job)):
            log.debug("job.began")
            try:
                self._do(job)
            except StoreError as error:
                log.warning("job.failed", error=str(error))
                self._stop.wait(PAUSE.total_seconds())
            except Exception as error:
                # The error's own text is left out: nobody knows what it quotes.
                log.error("job.failed", error=f"an unexpected {type(error).__name__}; this is a mistake of Milepost")
                log.debug("job.mistake", exc_info=True)
                self._stop.wait(PAUSE.total_seconds())
            else:
                log.debug("job.ended")

    def _do(self, job: Job) -> None:
        workspace, stop, executor = self._workspace, self._stop, self._executor
        match job.kind:
            case "take-in":
                jobs.take_in(workspace, job.subject, stop=stop)
            case "relist":
                jobs.relist(workspace, job.subject, stop=stop, executor=executor)
            case "follow":
                jobs.follow(workspace, job.subject, stop=stop, executor=executor)
            case "reconcile" if job.moment is not None:
                jobs.reconcile(workspace, job.subject, job.moment, stop=stop, executor=executor)
            case "retain" if job.moment is not None:
                jobs.retain(workspace, self._keep, job.moment, stop=stop, executor=executor)
