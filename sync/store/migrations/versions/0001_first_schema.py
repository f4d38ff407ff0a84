"""The first schema. Frozen: later changes come as migrations of their own."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()
SLOT = ("source", "target_kind", "target_id", "slot_kind", "slot_name")


def ref() -> list[sa.Column[Any]]:
    return [sa.Column(name, NAME, nullable=False) for name in ("source", "kind", "id")]


def slot() -> list[sa.Column[Any]]:
    return [sa.Column(name, NAME, nullable=False) for name in SLOT]


def upgrade() -> None:
    op.create_table(
        "stream",
        sa.Column("id", WIDE, primary_key=True),
        sa.Column("source", NAME, nullable=False),
        sa.Column("stream", NAME, nullable=False),
        sa.Column("scope_hash", NAME, nullable=False),
        sa.Column("mapping_version", sa.Integer, nullable=False),
        sa.Column("cursor", NAME),
        sa.Column("sweep", sa.Integer, nullable=False),
        sa.Column("sweep_started_at", MOMENT),
        sa.Column("complete_at", MOMENT),
        sa.Column("pulled_at", MOMENT),
        sa.Column("error", NAME),
        sa.Column("failed_at", MOMENT),
        sa.Column("records", sa.Integer, nullable=False),
        sa.UniqueConstraint("source", "stream", "scope_hash", "mapping_version", name="stream_key"),
    )
    op.create_table(
        "entity",
        *ref(),
        sa.Column("key", NAME, nullable=False),
        sa.Column("container", NAME, nullable=False),
        sa.Column("updated_at", MOMENT),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("doc", sa.LargeBinary, nullable=False),
        sa.Column("slots", sa.LargeBinary),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("deleted_at", MOMENT),
        sa.Column("missing_since", MOMENT),
        sa.Column("looked_up", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("source", "kind", "id", name="entity_pk"),
        sa.Index("entity_by_key", "key"),
        sa.Index(
            "entity_looked_up", "source", "kind", "id", sqlite_where=sa.text("looked_up = 1"), postgresql_where=sa.text("looked_up")
        ),
    )
    op.create_table(
        "membership",
        sa.Column("stream", WIDE, nullable=False),
        *ref(),
        sa.Column("sweep", sa.Integer, nullable=False),
        sa.Column("run_id", NAME),
        sa.PrimaryKeyConstraint("stream", "source", "kind", "id", name="membership_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "looked_up",
        *ref(),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("found", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("source", "kind", "id", name="looked_up_pk"),
    )
    op.create_table(
        "quarantine",
        sa.Column("source", NAME, nullable=False),
        sa.Column("stream", NAME, nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("id", NAME, nullable=False),
        sa.Column("reason", NAME, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("first_seen", MOMENT, nullable=False),
        sa.Column("last_seen", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("source", "stream", "kind", "id", name="quarantine_pk"),
    )
    op.create_table(
        "observation",
        sa.Column("project", NAME, nullable=False),
        sa.Column("subject", NAME, nullable=False),
        sa.Column("monitor", NAME, nullable=False),
        sa.Column("ref", NAME, nullable=False),
        sa.Column("doc", sa.LargeBinary, nullable=False),
        sa.Column("observed_at", MOMENT, nullable=False),
        sa.Column("outcome", NAME, nullable=False),
        sa.Column("first_seen", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("project", "subject", "monitor", "ref", name="observation_pk"),
        sa.Index("observation_by_time", "project", "observed_at"),
    )
    op.create_table(
        "verdict",
        sa.Column("project", NAME, nullable=False),
        sa.Column("rule", NAME, nullable=False),
        sa.Column("subject", NAME, nullable=False),
        sa.Column("truth", sa.Boolean),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("recheck_at", MOMENT),
        sa.Column("doc", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("project", "rule", "subject", name="verdict_pk"),
        sa.Index("verdict_by_recheck", "project", "recheck_at"),
    )
    op.create_table(
        "episode",
        sa.Column("id", NAME, nullable=False),
        sa.Column("project", NAME, nullable=False),
        sa.Column("rule", NAME, nullable=False),
        sa.Column("subject", NAME, nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="episode_pk"),
        sa.Index("episode_by_project", "project", "closed_at"),
    )
    op.create_table(
        "published",
        *slot(),
        sa.Column("project", NAME, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("rules", sa.LargeBinary, nullable=False),
        sa.Column("episode", NAME),
        sa.Column("written_at", MOMENT, nullable=False),
        sa.Column("run_id", NAME, nullable=False),
        sa.PrimaryKeyConstraint(*SLOT, name="published_pk"),
        sa.Index("published_by_project", "project", "source"),
    )
    op.create_table(
        "settled",
        sa.Column("project", NAME, nullable=False),
        sa.Column("source", NAME, nullable=False),
        sa.Column("container", NAME, nullable=False),
        sa.Column("slot_kind", NAME, nullable=False),
        sa.Column("slot_name", NAME, nullable=False),
        sa.Column("settled_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("project", "source", "container", "slot_kind", "slot_name", name="settled_pk"),
    )
    op.create_table(
        "override",
        *slot(),
        sa.Column("project", NAME, nullable=False),
        sa.Column("why", NAME, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("rule", NAME),
        sa.Column("episode", NAME),
        sa.Column("since", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint(*SLOT, name="override_pk"),
        sa.Index("override_by_project", "project", "source"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", WIDE, primary_key=True),
        sa.Column("run_id", NAME, nullable=False),
        sa.Column("project", NAME, nullable=False),
        sa.Column("source", NAME, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("state", NAME, nullable=False),
        sa.Column("change", sa.LargeBinary, nullable=False),
        sa.Column("fence", WIDE),
        sa.Column("planned_at", MOMENT, nullable=False),
        sa.Column("sending_at", MOMENT),
        sa.Column("finished_at", MOMENT),
        sa.Column("why", NAME),
        sa.UniqueConstraint("run_id", "project", "seq", name="outbox_order"),
        sa.Index("outbox_by_state", "project", "state"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audit",
        sa.Column("id", WIDE, primary_key=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("project", NAME, nullable=False),
        sa.Column("run_id", NAME, nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("action", NAME),
        sa.Column("source", NAME),
        sa.Column("target_kind", NAME),
        sa.Column("target_id", NAME),
        sa.Column("slot_kind", NAME),
        sa.Column("slot_name", NAME),
        sa.Column("key", NAME, nullable=False),
        sa.Column("key_folded", NAME, nullable=False),
        sa.Column("before", sa.LargeBinary, nullable=False),
        sa.Column("after", sa.LargeBinary, nullable=False),
        sa.Column("rules", sa.LargeBinary, nullable=False),
        sa.Column("reason", NAME, nullable=False),
        sa.Column("evidence", sa.LargeBinary, nullable=False),
        sa.Column("forced", sa.Boolean, nullable=False),
        sa.Column("counts", sa.Boolean, nullable=False),
        sa.Index("audit_by_time", "project", "at"),
        sa.Index("audit_by_target", "source", "target_kind", "target_id", "at"),
        sa.Index("audit_by_key", "key_folded", "at"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "run",
        sa.Column("id", NAME, nullable=False),
        sa.Column("command", NAME, nullable=False),
        sa.Column("projects", sa.LargeBinary, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
        sa.Column("outcome", NAME),
        sa.Column("exit_code", sa.Integer),
        sa.Column("summary", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="run_pk"),
    )
    op.create_table(
        "lease",
        sa.Column("name", NAME, nullable=False),
        sa.Column("holder", NAME),
        sa.Column("token", WIDE, nullable=False),
        sa.Column("acquired_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="lease_pk"),
    )
