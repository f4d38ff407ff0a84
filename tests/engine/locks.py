"""When transactions on PostgreSQL wait for each other."""

from __future__ import annotations

import time

from sqlalchemy import text

from sync.store.connect import Database


def until_somebody_waits(database: Database) -> None:
    """For a lock that another transaction has."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with database.read() as tx:
            waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
            if tx.execute(waiting).scalar_one():
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits")
