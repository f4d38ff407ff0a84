"""The database's own time: what leases are measured by, so that hosts with wrong clocks agree."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from sync.store.columns import from_micros

_SQLITE = text("SELECT strftime('%s', 'now') * 1000000 + CAST(substr(strftime('%f', 'now'), 4) AS INTEGER) * 1000")
_POSTGRESQL = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")


def now(tx: Connection) -> datetime:
    """This moment (UTC), not the transaction's beginning. To the millisecond on SQLite, to the microsecond on PostgreSQL."""
    return from_micros(tx.execute(_SQLITE if tx.dialect.name == "sqlite" else _POSTGRESQL).scalar_one())
