"""Looks at the store for what is due, each second and whenever there is news, and asks the engine for it. Any number may look."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta

import structlog

from sync.store import attempts, due, inbox, schedules, verdicts
from sync.store.connect import Database
from sync.store.errors import StoreError
from sync.work.schedule import moment_to_do
from sync.work.seam import Job, JobEngine

log = structlog.get_logger(__name__)

EVERY = timedelta(seconds=1)

RETENTION = "17 * * * *"
"""Retention itself knows when it was last done: it looks once an hour."""


class Sweeper:
    """`projects` are those of the project file, `pulls` has the schedule of each of its sources. `news` is set by whoever knows
    that something may be due."""

    def __init__(
        self,
        database: Database,
        engine: JobEngine,
        projects: Sequence[str],
        pulls: Mapping[str, str],
        news: threading.Event,
        stop: threading.Event,
    ) -> None:
        self._database = database
        self._engine = engine
        self._projects = projects
        self._pulls = pulls
        self._news = news
        self._stop = stop
        self._pause = EVERY

    def run(self) -> None:
        """Sweeps until it is told to stop. What fails is logged, and tried again."""
        while not self._stop.is_set():
            self._news.clear()
            self._pause = EVERY
            try:
                self.sweep()
            except StoreError as error:
                log.warning("sweep.failed", error=str(error))
            except Exception as error:  # whatever it was, without sweeps nothing would be done any more
                log.error("sweep.failed", error=f"an unexpected {type(error).__name__}; this is a mistake of Milepost")
                log.debug("sweep.mistake", exc_info=True)
            self._news.wait(self._pause.total_seconds())

    def sweep(self) -> int:
        """Asks for what is due and does not wait or run yet. Returns how many jobs that are. Raises `StoreError`."""
        news, routine = self._due()
        if not (news or routine):
            return 0
        held = {one.job.key for one in self._engine.status()}
        asked = [self._engine.submit(job) for job in news if job.key not in held]
        asked += [self._engine.schedule(job) for job in routine if job.key not in held]
        return sum(asked)

    def _due(self) -> tuple[Sequence[Job], Sequence[Job]]:
        """What news there is, and what the schedules ask for."""
        with self._database.read() as tx:
            now = self._database.now(tx)
            deliveries = inbox.ready(tx, now)
            streams = attempts.ready_streams(tx, now)
            projects = attempts.ready_projects(tx, now)
            late = set(verdicts.due_by_time(tx, self._projects, now))
            late = late and late - {mark.project for mark in due.marked(tx)}
            done = schedules.last_moments(tx)
            if (next_try := attempts.next_try(tx, now)) is not None:
                self._pause = min(EVERY, next_try - now)
        if late:  # without any news, facts grow old and results expire: what was said because of them must not outlive them
            with self._database.write() as tx:
                due.mark(tx, late, now)
        news = [
            *(Job("take-in", source) for source in deliveries if source in self._pulls),
            *(Job("relist", source) for source in dict.fromkeys(source for source, _ in streams)),
            *(Job("follow", project) for project in (*projects, *sorted(late))),
        ]
        routine = []
        for source, cron in self._pulls.items():
            name = f"pull:{source}"
            if (moment := moment_to_do(name, cron, done.get(name), now)) is not None:
                routine.append(Job("reconcile", source, moment))
        if (moment := moment_to_do("retention", RETENTION, done.get("retention"), now)) is not None:
            routine.append(Job("retain", moment=moment))
        return news, routine
