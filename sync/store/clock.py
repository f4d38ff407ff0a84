"""The database's own time: what leases are measured by, so that hosts with wrong clocks agree."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, text

from sync.store.columns import from_micros

_POSTGRESQL = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")


def now(tx: Connection) -> datetime:
    """This moment (UTC), not the transaction's beginning."""
    if tx.dialect.name == "sqlite":
        return datetime.now(UTC)  # it has no clock but its host's, which is ours
    return from_micros(tx.execute(_POSTGRESQL).scalar_one())
