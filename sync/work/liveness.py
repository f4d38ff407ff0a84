"""That a worker lives, and that it ends at once when that can no longer be proven.

Others take over what a worker has begun as soon as its proof is gone, so it must not send anything from then on. It looks at its
proof every `BEAT`. What was not answered for `presence.UNANSWERED` seconds is lost, whether the connection broke or somebody in
between keeps it open and silent: it tells its jobs to stop, and ends the process if they have not `GRACE` seconds later, at the
latest 14 seconds after the loss. Its peers wait for `DEAD_AFTER`.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import msgspec
import structlog

from sync.outcome import ExitCode
from sync.store import executors, presence
from sync.store.connect import Connection, Database
from sync.store.errors import StoreError
from sync.store.executors import Executor
from sync.store.presence import Presence
from sync.store.uptime import uptime

log = structlog.get_logger(__name__)

BEAT = timedelta(seconds=2)
DEAD_AFTER = timedelta(seconds=20)
GRACE = timedelta(seconds=4)

_PATIENCE = 3.0
"""A peer that looks whether this one is dead holds its name for a moment."""

_MOST = 64


class NameTaken(Exception):
    """A worker of this name is at work."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"a worker called {name} is at work on this store already")


class Pulse:
    """When it was last proven that a worker lives."""

    def __init__(self) -> None:
        self.last = uptime()

    @property
    def is_lost(self) -> bool:
        """Whether that is longer ago than a worker may go on."""
        return uptime() - self.last > BEAT.total_seconds() + presence.UNANSWERED


class StopUnlessProven(threading.Event):
    """Set when the workers are to stop, and while nothing has proven for too long that they live: the jobs of a machine that slept
    go on before any thread could tell them what was taken over meanwhile."""

    def __init__(self, stop: threading.Event, pulse: Pulse) -> None:
        super().__init__()
        self._stop = stop
        self._pulse = pulse

    def is_set(self) -> bool:
        return self._stop.is_set() or self._pulse.is_lost

    def wait(self, timeout: float | None = None) -> bool:
        return self._stop.wait(timeout) or self._pulse.is_lost


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """This process as a worker: its name, which is the same each time it starts, and this time's own mark. `lost` is set when its
    proof of life is gone; `resumed` are the leases that an earlier life of it had left."""

    name: str
    incarnation: str
    pulse: Pulse
    lost: threading.Event
    resumed: tuple[str, ...]


@contextmanager
def living(database: Database, name: str | None, stop: threading.Event) -> Iterator[Life]:
    """This process is the worker `name`, or the first free one of this host, for as long as the block lasts.

    What an earlier life of it left is given back at once. `stop` is set when the proof of life is lost. Raises `NameTaken` and
    `StoreError`.
    """
    called, proof = _claimed(database, name)
    try:
        incarnation, ended = secrets.token_hex(8), threading.Event()
        with database.write() as tx:
            now = database.now(tx)
            left = _take_back(tx, called, now)
            executors.begin(tx, called, incarnation, socket.gethostname(), now)
        life = Life(name=called, incarnation=incarnation, pulse=Pulse(), lost=threading.Event(), resumed=tuple(left))
        log.info("worker.started", executor=called, incarnation=incarnation, took_back=len(left))
        # Three threads: a database that does not answer must not keep anybody from noticing that.
        threads = [
            threading.Thread(target=_keep_proving, args=(life, proof, stop, ended), name="worker-proof", daemon=True),
            threading.Thread(target=_keep_watching, args=(life, stop, ended), name="worker-pulse", daemon=True),
            threading.Thread(target=_keep_beating, args=(database, life, stop, ended), name="worker-heartbeat", daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            yield life
        finally:
            ended.set()
            for thread in threads:
                thread.join(BEAT.total_seconds())
            if not life.lost.is_set():
                _leave(database, life)
    finally:
        proof.close()


def bury(database: Database, dead: Executor, resume: Callable[[str], object]) -> bool:
    """Gives back what a silent worker left, if it is proven dead: its name is held meanwhile, so that it cannot come to life.

    `resume` is called with its name in between. False when it lives, however silent it is. Raises `StoreError`.
    """
    proof = presence.claim(database, dead.name)
    if proof is None:
        return False
    try:
        with database.write() as tx:
            now = database.now(tx)
            if not executors.end(tx, dead.name, dead.incarnation, now):
                return False
            left = _take_back(tx, dead.name, now)
        resume(dead.name)
    finally:
        proof.close()
    log.warning("worker.found_dead", executor=dead.name, host=dead.host, leases=list(left))
    return True


def silent(database: Database) -> list[Executor]:
    """The workers that have not been seen for so long that they may be dead. Raises `StoreError`."""
    with database.read() as tx:
        return list(executors.silent(tx, database.now(tx), DEAD_AFTER))


def _claimed(database: Database, name: str | None) -> tuple[str, Presence]:
    if name is not None:
        give_up = time.monotonic() + _PATIENCE
        while (proof := presence.claim(database, name)) is None:
            if time.monotonic() >= give_up:
                raise NameTaken(name)
            time.sleep(0.1)
        return name, proof
    host = _plain(socket.gethostname())
    for number in range(1, _MOST + 1):
        if (proof := presence.claim(database, f"{host}-{number}")) is not None:
            return f"{host}-{number}", proof
    raise NameTaken(f"{host}-{_MOST}")


def _plain(host: str) -> str:
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in host)[:60] or "host"


def _keep_proving(life: Life, proof: Presence, stop: threading.Event, ended: threading.Event) -> None:
    while not ended.wait(BEAT.total_seconds()):
        asked = uptime()
        try:
            proof.require()
        except Exception as error:  # whatever it was, nothing is proven
            why = str(error) if isinstance(error, StoreError) else f"an unexpected {type(error).__name__}"
            _give_up(life, stop, ended, why)
            return
        life.pulse.last = asked


def _keep_watching(life: Life, stop: threading.Event, ended: threading.Event) -> None:
    """Counts looks, not time: a process that was frozen has its proof all the same, and looks at it first."""
    before, unanswered = life.pulse.last, 0
    while unanswered <= presence.UNANSWERED:
        if ended.wait(1.0):
            return
        unanswered = unanswered + 1 if life.pulse.last == before else 0
        before = life.pulse.last
    _give_up(life, stop, ended, f"nothing has answered for {presence.UNANSWERED} seconds")


def _keep_beating(database: Database, life: Life, stop: threading.Event, ended: threading.Event) -> None:
    while not ended.wait(BEAT.total_seconds()):
        try:
            with database.write() as tx:
                known = executors.beat(tx, life.name, life.incarnation, database.now(tx))
        except Exception as error:  # as long as the proof holds, it lives
            why = str(error) if isinstance(error, StoreError) else f"an unexpected {type(error).__name__}"
            log.warning("worker.heartbeat_failed", executor=life.name, error=why)
            continue
        if not known:
            _give_up(life, stop, ended, f"another worker goes by the name {life.name}")
            return


def _give_up(life: Life, stop: threading.Event, ended: threading.Event, why: str) -> None:
    if not life.lost.is_set():
        log.error("worker.lost_its_proof_of_life", executor=life.name, error=why)
    life.lost.set()
    stop.set()
    if not ended.wait(GRACE.total_seconds()):
        os._exit(int(ExitCode.ERROR))  # what a job waits for does not answer, and it must send nothing after that


def _leave(database: Database, life: Life) -> None:
    try:
        with database.write() as tx:
            now = database.now(tx)
            _take_back(tx, life.name, now)
            executors.end(tx, life.name, life.incarnation, now)
        log.info("worker.ended", executor=life.name)
    except StoreError as error:
        log.warning("worker.not_signed_off", executor=life.name, error=str(error))  # its peers find out


def _take_back(tx: Connection, name: str, now: datetime) -> Sequence[str]:
    return executors.let_go(tx, name, now, outcome=ExitCode.PARTIAL.name.lower(), exit_code=int(ExitCode.PARTIAL))
