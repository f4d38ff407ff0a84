"""The listings that each project rests on, which outlive a change of its scopes until these were listed whole."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "rests_on",
        sa.Column("project", NAME, nullable=False),
        sa.Column("stream", WIDE, nullable=False),
        sa.Column("pulled_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("project", "stream", name="rests_on_pk"),
    )
