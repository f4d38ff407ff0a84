"""The tables. Documents and values are msgspec JSON bytes; times are epoch microseconds; identifiers compare by code point.

`migrations/` builds the same schema step by step; a test proves that both agree on both databases.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, MetaData, PrimaryKeyConstraint, Table, UniqueConstraint, text

from sync.store.columns import Moment, name, wide

metadata = MetaData()


def _ref() -> list[Column[Any]]:
    return [Column("source", name(), nullable=False), Column("kind", name(), nullable=False), Column("id", name(), nullable=False)]


def _slot() -> list[Column[Any]]:
    return [
        Column("source", name(), nullable=False),
        Column("target_kind", name(), nullable=False),
        Column("target_id", name(), nullable=False),
        Column("slot_kind", name(), nullable=False),
        Column("slot_name", name(), nullable=False),
    ]


_SLOT = ("source", "target_kind", "target_id", "slot_kind", "slot_name")


def _mark() -> list[Column[Any]]:
    """Of what is due."""
    return [
        Column("revision", wide(), nullable=False),  # grows with every further reason
        Column("since", Moment, nullable=False),  # the first reason that has not been followed yet
        Column("later", Moment),  # the next one after it
        Column("trace", name()),
        Column("tried", wide()),  # the revision at which it was last tried in vain
        Column("tries", Integer),  # how often in a row
        Column("retry_at", Moment),
    ]


stream = Table(
    "stream",
    metadata,
    Column("id", wide(), primary_key=True),
    Column("source", name(), nullable=False),
    Column("stream", name(), nullable=False),
    Column("scope_hash", name(), nullable=False),
    Column("mapping_version", Integer, nullable=False),
    Column("cursor", name()),
    Column("sweep", Integer, nullable=False),
    Column("sweep_started_at", Moment),
    Column("complete_at", Moment),
    Column("pulled_at", Moment),
    Column("error", name()),
    Column("failed_at", Moment),
    Column("records", Integer, nullable=False),
    UniqueConstraint("source", "stream", "scope_hash", "mapping_version", name="stream_key"),
)

entity = Table(
    "entity",
    metadata,
    *_ref(),
    Column("key", name(), nullable=False),  # the human name, casefolded: the document holds its spelling
    Column("container", name(), nullable=False),
    Column("updated_at", Moment),
    Column("hash", LargeBinary, nullable=False),
    Column("doc", LargeBinary, nullable=False),
    Column("slots", LargeBinary),
    Column("changed_at", Moment, nullable=False),
    Column("deleted_at", Moment),
    Column("missing_since", Moment),
    Column("looked_up", Boolean, nullable=False),  # first stored by a direct read, so perhaps in no listing
    Column("depersonalised_at", Moment),  # since then the document lacks what concerns people; the hash is still that of all of it
    PrimaryKeyConstraint("source", "kind", "id", name="entity_pk"),
    Index("entity_by_key", "key"),
    Index("entity_looked_up", "source", "kind", "id", sqlite_where=text("looked_up = 1"), postgresql_where=text("looked_up")),
)

former_key = Table(
    "former_key",
    metadata,
    *_ref(),
    Column("key", name(), nullable=False),  # as `entity.key` had it before
    PrimaryKeyConstraint("source", "kind", "id", "key", name="former_key_pk"),
)

membership = Table(
    "membership",
    metadata,
    Column("stream", wide(), nullable=False),
    *_ref(),
    Column("sweep", Integer, nullable=False),  # last seen in
    Column("run_id", name()),  # the run that last saw the stored document here
    PrimaryKeyConstraint("stream", "source", "kind", "id", name="membership_pk"),
    sqlite_with_rowid=False,
)

rests_on = Table(
    "rests_on",
    metadata,
    Column("project", name(), nullable=False),
    Column("stream", wide(), nullable=False),
    Column("pulled_at", Moment),  # when that listing had been read last when the project rested on it last
    PrimaryKeyConstraint("project", "stream", name="rests_on_pk"),
)

looked_up = Table(
    "looked_up",
    metadata,
    *_ref(),
    Column("asked_at", Moment, nullable=False),
    Column("found", Boolean, nullable=False),
    PrimaryKeyConstraint("source", "kind", "id", name="looked_up_pk"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("source", name(), nullable=False),
    Column("stream", name(), nullable=False),
    Column("kind", name(), nullable=False),
    Column("id", name(), nullable=False),
    Column("reason", name(), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("first_seen", Moment, nullable=False),
    Column("last_seen", Moment, nullable=False),
    PrimaryKeyConstraint("source", "stream", "kind", "id", name="quarantine_pk"),
)

observation = Table(
    "observation",
    metadata,
    Column("project", name(), nullable=False),
    Column("subject", name(), nullable=False),
    Column("monitor", name(), nullable=False),
    Column("ref", name(), nullable=False),
    Column("doc", LargeBinary, nullable=False),
    Column("observed_at", Moment, nullable=False),
    Column("outcome", name(), nullable=False),
    Column("first_seen", Moment, nullable=False),
    PrimaryKeyConstraint("project", "subject", "monitor", "ref", name="observation_pk"),
    Index("observation_by_time", "project", "observed_at"),
)

verdict = Table(
    "verdict",
    metadata,
    Column("project", name(), nullable=False),
    Column("rule", name(), nullable=False),
    Column("subject", name(), nullable=False),
    Column("truth", Boolean),  # NULL: unknown
    Column("since", Moment, nullable=False),
    Column("recheck_at", Moment),
    Column("doc", LargeBinary, nullable=False),
    PrimaryKeyConstraint("project", "rule", "subject", name="verdict_pk"),
    Index("verdict_by_recheck", "project", "recheck_at"),
)

episode = Table(
    "episode",
    metadata,
    Column("id", name(), nullable=False),
    Column("project", name(), nullable=False),
    Column("rule", name(), nullable=False),
    Column("subject", name(), nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("closed_at", Moment),
    PrimaryKeyConstraint("id", name="episode_pk"),
    Index("episode_by_project", "project", "closed_at"),
)

published = Table(
    "published",
    metadata,
    *_slot(),
    Column("project", name(), nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("rules", LargeBinary, nullable=False),
    Column("episode", name()),
    Column("written_at", Moment, nullable=False),
    Column("run_id", name(), nullable=False),
    PrimaryKeyConstraint(*_SLOT, name="published_pk"),
    Index("published_by_project", "project", "source"),
)

settled = Table(
    "settled",
    metadata,
    Column("project", name(), nullable=False),
    Column("source", name(), nullable=False),
    Column("container", name(), nullable=False),
    Column("slot_kind", name(), nullable=False),
    Column("slot_name", name(), nullable=False),
    Column("settled_at", Moment, nullable=False),
    PrimaryKeyConstraint("project", "source", "container", "slot_kind", "slot_name", name="settled_pk"),
)

override = Table(
    "override",
    metadata,
    *_slot(),
    Column("project", name(), nullable=False),
    Column("why", name(), nullable=False),  # override | contested
    Column("value", LargeBinary, nullable=False),
    Column("rule", name()),
    Column("episode", name()),
    Column("since", Moment, nullable=False),
    PrimaryKeyConstraint(*_SLOT, name="override_pk"),
    Index("override_by_project", "project", "source"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", wide(), primary_key=True),
    Column("run_id", name(), nullable=False),
    Column("project", name(), nullable=False),
    Column("source", name(), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("state", name(), nullable=False),  # planned | sending | done | failed | conflict | skipped
    Column("change", LargeBinary, nullable=False),
    Column("fence", wide()),
    Column("planned_at", Moment, nullable=False),
    Column("sending_at", Moment),
    Column("finished_at", Moment),
    Column("why", name()),
    UniqueConstraint("run_id", "project", "seq", name="outbox_order"),
    Index("outbox_by_state", "project", "state"),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    metadata,
    Column("id", wide(), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("project", name(), nullable=False),
    Column("run_id", name(), nullable=False),
    Column("kind", name(), nullable=False),
    Column("action", name()),  # add | update | remove, of a write
    Column("source", name()),
    Column("target_kind", name()),
    Column("target_id", name()),
    Column("slot_kind", name()),
    Column("slot_name", name()),
    Column("key", name(), nullable=False),
    Column("key_folded", name(), nullable=False),
    Column("before", LargeBinary, nullable=False),
    Column("after", LargeBinary, nullable=False),
    Column("rules", LargeBinary, nullable=False),
    Column("reason", name(), nullable=False),
    Column("evidence", LargeBinary, nullable=False),
    Column("forced", Boolean, nullable=False),
    Column("counts", Boolean, nullable=False),
    Index("audit_by_time", "project", "at"),
    Index("audit_by_target", "source", "target_kind", "target_id", "at"),
    Index("audit_by_key", "key_folded", "at"),
    sqlite_autoincrement=True,
)

run = Table(
    "run",
    metadata,
    Column("id", name(), nullable=False),
    Column("command", name(), nullable=False),
    Column("projects", LargeBinary, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Column("outcome", name()),
    Column("exit_code", Integer),
    Column("summary", LargeBinary, nullable=False),
    Column("executor", name()),  # the worker that it is part of
    PrimaryKeyConstraint("id", name="run_pk"),
)

lease = Table(
    "lease",
    metadata,
    Column("name", name(), nullable=False),
    Column("holder", name()),  # NULL once released; the row stays, so that its token only grows
    Column("token", wide(), nullable=False),
    Column("acquired_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    PrimaryKeyConstraint("name", name="lease_pk"),
)

erased = Table(
    "erased",
    metadata,
    Column("digest", LargeBinary, nullable=False),  # of one name, e-mail address, login or account id, with the salt
    Column("salt", LargeBinary, nullable=False),  # the same in every row
    Column("lead", Integer, nullable=False),
    Column("words", Integer, nullable=False),
    Column("pseudonym", name(), nullable=False),
    Column("erased_at", Moment, nullable=False),
    PrimaryKeyConstraint("digest", name="erased_pk"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", wide(), primary_key=True),
    Column("source", name(), nullable=False),
    Column("delivery", name(), nullable=False),  # the source's own id of it, the same when it is sent again
    Column("event", name(), nullable=False),
    Column("body", LargeBinary),  # NULL once it is settled
    Column("received_at", Moment, nullable=False),
    Column("state", name(), nullable=False),  # waiting | done | dropped | dead
    Column("tries", Integer, nullable=False),
    Column("retry_at", Moment),
    Column("error", name()),
    Column("finished_at", Moment),
    Column("trace", name()),  # W3C traceparent
    UniqueConstraint("source", "delivery", name="inbox_delivery"),
    Index("inbox_by_state", "state", "source", "id"),
    sqlite_autoincrement=True,
)

due = Table(
    "due",
    metadata,
    Column("project", name(), nullable=False),
    *_mark(),
    PrimaryKeyConstraint("project", name="due_pk"),
)

relist = Table(
    "relist",
    metadata,
    Column("source", name(), nullable=False),
    Column("stream", name(), nullable=False),
    *_mark(),
    PrimaryKeyConstraint("source", "stream", name="relist_pk"),
)

schedule = Table(
    "schedule",
    metadata,
    Column("name", name(), nullable=False),
    Column("moment", Moment, nullable=False),  # the last one of its schedule that is done with
    PrimaryKeyConstraint("name", name="schedule_pk"),
)

executor = Table(
    "executor",
    metadata,
    Column("name", name(), nullable=False),
    Column("incarnation", name(), nullable=False),  # a new one each time it starts
    Column("host", name(), nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("stopped_at", Moment),
    PrimaryKeyConstraint("name", name="executor_pk"),
)

rate_bucket = Table(
    "rate_bucket",
    metadata,
    Column("source", name(), nullable=False),
    Column("capacity", wide(), nullable=False),
    Column("period", wide(), nullable=False),  # microseconds in which an empty bucket fills
    Column("level", wide(), nullable=False),  # tokens times `period`, so that refilling by the clock loses no fraction
    Column("filled_at", Moment, nullable=False),
    Column("paused_until", Moment),  # the source asked all of us to wait
    PrimaryKeyConstraint("source", name="rate_bucket_pk"),
)

token = Table(
    "token",
    metadata,
    Column("id", name(), nullable=False),
    Column("name", name(), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("scopes", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
    Column("used_at", Moment),
    PrimaryKeyConstraint("id", name="token_pk"),
)
