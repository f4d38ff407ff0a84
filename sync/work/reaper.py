"""Takes over what dead workers left: leases in the store, jobs in the engine. Keeps the engine's tables small as well."""

from __future__ import annotations

import threading
from datetime import timedelta

import structlog

from sync.store import executors
from sync.store.connect import Database
from sync.store.errors import StoreError
from sync.work.liveness import Life, bury, silent
from sync.work.seam import JobEngine

log = structlog.get_logger(__name__)

EVERY = timedelta(seconds=3)
_FORGET_EVERY = 200


class Reaper:
    """Looks now and then, until it is told to stop."""

    def __init__(self, database: Database, engine: JobEngine, life: Life, stop: threading.Event) -> None:
        self._database = database
        self._engine = engine
        self._life = life
        self._stop = stop

    def run(self) -> None:
        rounds = 0
        while not self._stop.wait(EVERY.total_seconds()):
            rounds += 1
            try:
                self.look()
                if rounds % _FORGET_EVERY == 0:
                    self._forget()
            except StoreError as error:
                log.warning("reaper.failed", error=str(error))
            except Exception as error:  # whatever it was, what the dead had begun must still be taken over
                log.error("reaper.failed", error=f"an unexpected {type(error).__name__}; this is a mistake of Milepost")
                log.debug("reaper.mistake", exc_info=True)

    def look(self) -> None:
        """Buries who is proven dead. Gives to others what they had begun, and what this worker was given and never heard of."""
        for one in silent(self._database):
            if one.name != self._life.name and not self._stop.is_set():
                bury(self._database, one, self._engine.recover)
        begun = {held.executor for held in self._engine.status() if held.executor is not None}
        if begun:
            with self._database.read() as tx:
                others = {one.name for one in executors.known(tx) if one.stopped_at is None} - {self._life.name}
            for name in sorted(begun - others):
                self._engine.recover(name)

    def _forget(self) -> None:
        while not self._stop.is_set() and self._engine.forget():
            continue
