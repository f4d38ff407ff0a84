"""What is always on: the inbox of webhook deliveries, what is due, workers, rate budgets and tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()


def upgrade() -> None:
    op.add_column("run", sa.Column("executor", NAME))
    op.create_table(
        "inbox",
        sa.Column("id", WIDE, primary_key=True),
        sa.Column("source", NAME, nullable=False),
        sa.Column("delivery", NAME, nullable=False),
        sa.Column("event", NAME, nullable=False),
        sa.Column("body", sa.LargeBinary()),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("state", NAME, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("retry_at", MOMENT),
        sa.Column("error", NAME),
        sa.Column("finished_at", MOMENT),
        sa.Column("trace", NAME),
        sa.UniqueConstraint("source", "delivery", name="inbox_delivery"),
        sqlite_autoincrement=True,
    )
    op.create_index("inbox_by_state", "inbox", ["state", "source", "id"])
    op.create_table(
        "due",
        sa.Column("project", NAME, nullable=False),
        sa.Column("revision", WIDE, nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("later", MOMENT),
        sa.Column("trace", NAME),
        sa.Column("tried", WIDE),
        sa.Column("tries", sa.Integer()),
        sa.Column("retry_at", MOMENT),
        sa.PrimaryKeyConstraint("project", name="due_pk"),
    )
    op.create_table(
        "relist",
        sa.Column("source", NAME, nullable=False),
        sa.Column("stream", NAME, nullable=False),
        sa.Column("revision", WIDE, nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("later", MOMENT),
        sa.Column("trace", NAME),
        sa.Column("tried", WIDE),
        sa.Column("tries", sa.Integer()),
        sa.Column("retry_at", MOMENT),
        sa.PrimaryKeyConstraint("source", "stream", name="relist_pk"),
    )
    op.create_table(
        "schedule",
        sa.Column("name", NAME, nullable=False),
        sa.Column("moment", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="schedule_pk"),
    )
    op.create_table(
        "executor",
        sa.Column("name", NAME, nullable=False),
        sa.Column("incarnation", NAME, nullable=False),
        sa.Column("host", NAME, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("stopped_at", MOMENT),
        sa.PrimaryKeyConstraint("name", name="executor_pk"),
    )
    op.create_table(
        "rate_bucket",
        sa.Column("source", NAME, nullable=False),
        sa.Column("capacity", WIDE, nullable=False),
        sa.Column("period", WIDE, nullable=False),
        sa.Column("level", WIDE, nullable=False),
        sa.Column("filled_at", MOMENT, nullable=False),
        sa.Column("paused_until", MOMENT),
        sa.PrimaryKeyConstraint("source", name="rate_bucket_pk"),
    )
    op.create_table(
        "token",
        sa.Column("id", NAME, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("revoked_at", MOMENT),
        sa.Column("used_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="token_pk"),
    )
