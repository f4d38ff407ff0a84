"""Opening the database: transactions, their isolation, and the database's own time."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from sync.store import clock
from sync.store.errors import StoreError, explain, place
from sync.store.schema import metadata

__all__ = ["Connection", "Database", "StoreError", "open_database"]

PATIENCE = timedelta(seconds=30)

WATCHED = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 15_000}
"""How libpq finds out within half a minute that PostgreSQL's host is gone without a word; by itself it would take hours. What the
address says itself counts instead."""

CONNECTIONS = 32
"""So many transactions one process has open at a time; further ones wait for `PATIENCE`."""

_KEPT_OPEN = 8

_LOOK = 0.0003
"""Seconds between two looks at whether SQLite's write lock is free."""

_LONG, _MOMENT = 0.005, 0.001
"""Seconds of a transaction that others may have waited for, and for which the lock is left free then."""


class Database:
    """One database, for any number of threads; each transaction has a connection of its own."""

    def __init__(self, opened: Callable[[int], Engine], connections: int, turn: AbstractContextManager[None] | None = None) -> None:
        self._opened = opened
        self._engine = opened(connections)
        self.dialect: Literal["sqlite", "postgresql"] = "sqlite" if self._engine.dialect.name == "sqlite" else "postgresql"
        self._turn = turn or (_Turn() if self.dialect == "sqlite" else nullcontext())
        one_moment = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True} if self.dialect == "postgresql" else {}
        self._reading = self._engine.execution_options(**one_moment)

    def __str__(self) -> str:
        return place(self._engine.url)

    @property
    def url(self) -> URL:
        """Its address, password included, for what needs a connection of its own."""
        return self._engine.url

    def apart(self, connections: int) -> Database:
        """The same database with so many connections of its own, for what must not wait until others have given theirs back."""
        return Database(self._opened, connections, self._turn)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one moment and cannot write."""
        with self._explaining(), self._reading.begin() as tx:
            if self.dialect == "sqlite":
                _begin_reading(tx)
            yield tx

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is durable once the block ends, and undone when it raises. Don't nest it in one thread."""
        # Whose turn it is has a connection already: nobody waits for one who waits for another.
        with self._explaining(), self._engine.connect() as tx, self._turn, tx.begin():
            if self.dialect == "sqlite":
                _begin_writing(tx)
            yield tx

    def now(self, tx: Connection) -> datetime:
        """The database's time at this moment (UTC), not the transaction's beginning: what leases are measured by."""
        return clock.now(tx)

    def compact(self) -> None:
        """Writes the database anew, so that its files hold nothing of what was deleted or replaced. Others wait meanwhile.

        Raises `StoreError` where another process keeps it open, so that something may be left.
        """
        options = {"isolation_level": "AUTOCOMMIT"} if self.dialect == "postgresql" else {}
        with self._explaining(), self._engine.execution_options(**options).connect() as tx, self._turn, tx.begin():
            if self.dialect == "postgresql":
                for table in metadata.sorted_tables:
                    tx.exec_driver_sql(f'VACUUM (FULL, ANALYZE) "{table.name}"')
                return
            tx.exec_driver_sql("PRAGMA query_only = OFF")
            tx.exec_driver_sql("VACUUM")
            if tx.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]:
                message = f"{self} is in use by another process, so traces of what was deleted may be left in its files"
                raise StoreError(message, "run the same command again when the other one is done")

    def close(self) -> None:
        """Closes every connection. The database can't be used afterwards."""
        self._engine.dispose()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            explained = explain(error, self._engine.url)
            if explained is None:
                raise
            raise explained from error


class _Turn(AbstractContextManager[None]):
    """Lets the writers of one process queue for SQLite's only write lock, instead of polling for it.

    After a long transaction the next one waits a moment, in which the lock is free: else the writers of other processes, who have
    to poll for it, would have to be lucky.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: int | None = None
        self._began = 0.0

    def __enter__(self) -> None:
        if self._owner == threading.get_ident():
            raise RuntimeError("a write transaction is open in this thread already")
        self._lock.acquire()
        self._owner = threading.get_ident()
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        try:
            if time.monotonic() - self._began > _LONG:
                time.sleep(_MOMENT)
        finally:
            self._owner = None
            self._lock.release()


def open_database(url: str, *, patience: timedelta = PATIENCE) -> Database:
    """Opens `sqlite:///path` or `postgresql://user:password@host/database`, without looking at its schema (see `migrate`).

    `patience` is how long a transaction waits for another's lock. Raises `StoreError` for an address that cannot be one; a server
    that is down is noticed by the first transaction.
    """
    address = _parse(url)
    opened = _open_sqlite if address.get_backend_name() == "sqlite" else _open_postgresql
    return Database(partial(opened, address, patience), CONNECTIONS)


_EXAMPLES = "use sqlite:///milepost.db, or postgresql+psycopg://user:password@host/database"


def _parse(url: str) -> URL:
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError("store.url is no database address", _EXAMPLES) from None
    match address.drivername:
        case "sqlite" | "sqlite+pysqlite":
            return _check_file(address)
        case "postgresql" | "postgres" | "postgresql+psycopg":
            return address.set(drivername="postgresql+psycopg")
        case other:
            raise StoreError(f"store.url names the database {other}, which Milepost cannot use", _EXAMPLES)


def _check_file(address: URL) -> URL:
    if not address.database or ":memory:" in address.database or address.query:
        raise StoreError("store.url names no file", _EXAMPLES)
    path = Path(address.database)
    if path.is_dir():
        raise StoreError(f"{place(address)} is a directory", "name a file in it in store.url")
    if not path.parent.is_dir():
        raise StoreError(f"the directory {path.parent} does not exist", "create it, or name another place in store.url")
    return address


def _pool(connections: int) -> dict[str, int]:
    kept = min(connections, _KEPT_OPEN)
    return {"pool_size": kept, "max_overflow": connections - kept}


def _open_sqlite(address: URL, patience: timedelta, connections: int) -> Engine:
    engine = create_engine(address, hide_parameters=True, connect_args={"timeout": patience.total_seconds()}, **_pool(connections))

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin when we say so, not at the driver's guess
        cursor = connection.cursor()
        cursor.execute("PRAGMA page_size = 16384")  # documents of some kilobytes fit a page: half the cost of a write
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")  # what was committed before a remote write must survive a power cut
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA cache_size = -16000")
        cursor.close()

    return engine


# By the driver alone, as what begins a transaction does not look at the file: SQLAlchemy would make it cost as much as a search
# does. Nor as a listener of its event "begin": an engine that has one asks for those of every event, and that costs more.


def _begin_reading(tx: Connection) -> None:
    cursor = tx.connection.cursor()
    cursor.execute("PRAGMA query_only = ON")
    cursor.execute("BEGIN")
    cursor.close()


def _begin_writing(tx: Connection) -> None:
    """Takes SQLite's write lock as soon as another process leaves it, or gives up after the connection's busy timeout.

    SQLite's own waiting sleeps up to a tenth of a second at a time, so it misses the moments between another's transactions.
    """
    cursor = tx.connection.cursor()
    cursor.execute("PRAGMA query_only = OFF")
    (patience,) = cursor.execute("PRAGMA busy_timeout").fetchone()  # milliseconds
    cursor.execute("PRAGMA busy_timeout = 0")
    began = time.monotonic()
    try:
        while (waited := time.monotonic() - began) < patience / 1_000:
            try:
                cursor.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.Error as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    break
            time.sleep(_LOOK if waited < 1.0 else 0.01)
        tx.exec_driver_sql("BEGIN IMMEDIATE")  # raises in SQLAlchemy's words what keeps it
    finally:
        cursor.execute(f"PRAGMA busy_timeout = {patience}")
        cursor.close()


def _open_postgresql(address: URL, patience: timedelta, connections: int) -> Engine:
    watched = {name: value for name, value in WATCHED.items() if name not in address.query}
    try:
        engine = create_engine(
            address,
            hide_parameters=True,
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            connect_args={**watched, "connect_timeout": 10, "application_name": "milepost"},
            **_pool(connections),
        )
    except (ArgumentError, TypeError, ValueError):
        raise StoreError("store.url has options that PostgreSQL's driver does not know", _EXAMPLES) from None

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.execute(f"SET lock_timeout = {int(patience.total_seconds() * 1000)}")
        connection.commit()

    return engine
