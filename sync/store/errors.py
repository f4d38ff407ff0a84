"""What can go wrong with a database, in words that a person can act on; never with a password in them."""

from __future__ import annotations

import sqlite3

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolExhausted


class StoreError(Exception):
    """The store cannot do what was asked. `message` says what is wrong, `fix` what a person can do about it."""

    def __init__(self, message: str, fix: str) -> None:
        self.message = message
        self.fix = fix
        super().__init__(f"{message}; {fix}")


def unreadable(what: str, error: Exception) -> StoreError:
    """A stored document is not what this program writes."""
    message = f"what is stored of {what} cannot be read: {error}"
    return StoreError(
        message, "another version of Milepost may have written it: use that one, or move the store away and run milepost sync"
    )


def explain(error: SQLAlchemyError, url: URL) -> StoreError | None:
    """The user's side of a database error, or None where it can only be a mistake of ours."""
    if isinstance(error, PoolExhausted):
        return StoreError(f"too many threads use {place(url)} at once", "wait until other commands are done, then try again")
    if not isinstance(error, DBAPIError):
        return None
    if isinstance(error.orig, sqlite3.Error):
        return _explain_sqlite(error.orig, place(url))
    state = getattr(error.orig, "sqlstate", None)  # psycopg's errors; its import is spared where SQLite is used
    if state is None and isinstance(error, OperationalError):
        return _explain_connecting(str(error.orig), place(url))
    return _explain_state(state or "", place(url))


def place(url: URL) -> str:
    """Where the database is, for people: no user, no password, no options."""
    if url.get_backend_name() == "sqlite":
        return f"the database {url.database}"
    server = url.host or url.query.get("host") or "localhost"
    port = f":{url.port}" if url.port else ""
    return f"the PostgreSQL database {url.database} on {server}{port}"


_SQLITE = {
    sqlite3.SQLITE_BUSY: (
        "{place} is locked by another process",
        "wait until the other command is done, then try again; use PostgreSQL if several hosts share it",
    ),
    sqlite3.SQLITE_LOCKED: ("{place} is locked by another process", "wait until the other command is done, then try again"),
    sqlite3.SQLITE_FULL: ("the disk that holds {place} is full", "free some space, then run the same command again: it resumes"),
    sqlite3.SQLITE_IOERR: (
        "the disk that holds {place} does not answer properly",
        "check its free space and health; SQLite needs a local disk, not a network share",
    ),
    sqlite3.SQLITE_READONLY: ("{place} is read-only", "make the file and its directory writable for this user"),
    sqlite3.SQLITE_PERM: ("{place} may not be opened", "make the file and its directory readable and writable for this user"),
    sqlite3.SQLITE_CANTOPEN: ("{place} cannot be opened", "check that its directory exists and is writable for this user"),
    sqlite3.SQLITE_NOTADB: ("{place} is no SQLite database", "name another file in store.url"),
    sqlite3.SQLITE_CORRUPT: (
        "{place} is damaged",
        "restore it from a backup, or move it away and run milepost sync to read everything again",
    ),
}


def _explain_sqlite(cause: sqlite3.Error, where: str) -> StoreError | None:
    code = getattr(cause, "sqlite_errorcode", None)
    if code is None:
        return None
    known = _SQLITE.get(code & 0xFF)  # the low byte is the primary result code
    return None if known is None else StoreError(known[0].format(place=where), known[1])


_REACH = "check the address in store.url or MILEPOST_STORE__URL, and that the server runs and can be reached from here"
_STATES = {
    "08": ("the connection to {place} broke", "try again; " + _REACH),
    "28": ("{place} refuses the user or password", "check the user in store.url and the password in MILEPOST_STORE__URL"),
    "3D000": ("{place} does not exist", "create it, or name another one in store.url"),
    "25006": ("{place} is read-only", "name the primary server in store.url, not a replica"),
    "42501": ("{place} does not permit what Milepost needs", "grant its user the right to create and use tables in its schema"),
    "53100": ("the disk of {place} is full", "free some space, then run the same command again: it resumes"),
    "53": ("{place} is out of resources", "allow it more connections or memory, or run fewer commands at once"),
    "55P03": ("{place} is locked by another process", "wait until the other command is done, then try again"),
    "40": ("{place} was used by another command in between", "try again"),
    "57014": ("{place} gave up a statement that took too long", "raise its statement_timeout for this user"),
    "57P": ("{place} is shutting down or starting", "try again when it is up"),
}
_CONNECT_TEXTS = (
    ("password authentication failed", "28"),
    ("no password supplied", "28"),
    ("no pg_hba.conf entry", "28"),
    ("too many ", "53"),
    ("remaining connection slots", "53"),
    ("the database system is ", "57P"),
    ("not currently accepting connections", "57P"),
    ("terminating connection", "57P"),
    ("permission denied", "42501"),
    ('role "', "28"),
    ('database "', "3D000"),
)
"""What the server says when it refuses a connection, with the SQLSTATE that it would say, the more exact text first."""


def _explain_state(state: str, where: str) -> StoreError | None:
    """By SQLSTATE, the more exact entry first."""
    for prefix in (state, state[:3], state[:2]):
        if prefix in _STATES:
            message, fix = _STATES[prefix]
            return StoreError(message.format(place=where), fix)
    return None


def _explain_connecting(text: str, where: str) -> StoreError | None:
    """libpq tells failures to connect apart only in its text: what the server said follows `FATAL:`."""
    _, _, server_said = text.partition("FATAL:")
    for part, state in _CONNECT_TEXTS:
        if part in server_said:
            return _explain_state(state, where)
    return StoreError(f"{where} cannot be reached", _REACH)
