"""Proof that a worker lives: something that it alone can hold, and that is let go by others than itself when it dies.

Beside a SQLite store that is a lock on a file, which the kernel releases at the end of the process, whatever ends it. On PostgreSQL
it is an advisory lock of a session, which the server releases when the connection is gone. Both are kept by a process that is only
frozen. Neither depends on a clock.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL, NullPool, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from sync.store.connect import Database
from sync.store.errors import StoreError, explain, place

UNANSWERED = 8
"""Seconds without any answer from the server after which the connection counts as lost, on either side."""


class Presence(Protocol):
    """What a living worker holds."""

    def require(self) -> None:
        """Raises `StoreError` when it is lost: within `UNANSWERED` seconds, unless it is kept open and silent."""
        ...

    def close(self) -> None:
        """Lets go of it."""
        ...


def claim(database: Database, name: str) -> Presence | None:
    """The proof that whoever has it is the worker of this name; None while another one has it."""
    if database.dialect == "sqlite":
        return _FileLock.taken(Path(f"{database.url.database}.worker-{name}.lock"))
    return _SessionLock.taken(database.url, name)


class _FileLock:
    """The file stays for the next worker of that name: to remove it while another one opens it would let two have it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def taken(cls, path: Path) -> _FileLock | None:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}", "a worker must be able to write beside its database") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(path, descriptor)

    def require(self) -> None:
        held = os.fstat(self._descriptor)
        try:
            there = self._path.stat()
        except OSError:
            there = None
        if there is None or (there.st_dev, there.st_ino) != (held.st_dev, held.st_ino):
            raise StoreError(f"{self._path} was removed while its worker was running", "start the worker again")

    def close(self) -> None:
        os.close(self._descriptor)


class _SessionLock:
    """A connection of its own that does nothing else, so that no pool gives it to others or closes it.

    A pooler in between that shares server connections between sessions would break it: the connection must be direct.
    """

    def __init__(self, url: URL, name: str) -> None:
        self._url = url
        watched = {"keepalives": 1, "keepalives_idle": 2, "keepalives_interval": 2, "keepalives_count": 3}
        self._engine = create_engine(
            url,
            hide_parameters=True,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={
                **watched,
                "tcp_user_timeout": UNANSWERED * 1000,
                "connect_timeout": 10,
                "application_name": f"milepost worker {name}",
            },
        )
        self._connection = self._engine.connect()

    @classmethod
    def taken(cls, url: URL, name: str) -> _SessionLock | None:
        try:
            lock = cls(url, name)
            try:
                is_mine = lock._take(name)
            except BaseException:
                lock.close()
                raise
        except SQLAlchemyError as error:
            raise _explained(error, url) from error
        if is_mine:
            return lock
        lock.close()
        return None

    def _take(self, name: str) -> bool:
        """The server, too, is to notice soon that nobody is at the other end."""
        for setting, value in (("tcp_keepalives_idle", 4), ("tcp_keepalives_interval", 2), ("tcp_keepalives_count", 2)):
            self._connection.exec_driver_sql(f"SET {setting} = {value}")
        return bool(self._connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _key(name)}).scalar_one())

    def require(self) -> None:
        try:
            self._connection.exec_driver_sql("SELECT 1")
        except SQLAlchemyError as error:
            raise _explained(error, self._url) from error

    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()


def _key(name: str) -> int:
    digest = hashlib.blake2b(f"milepost worker {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _explained(error: SQLAlchemyError, url: URL) -> StoreError:
    return explain(error, url) or StoreError(f"the connection to {place(url)} broke", "start the worker again")
