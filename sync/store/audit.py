"""The audit: append-only. When, what, before, after, which statuses asked, on what evidence, by which run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, RowMapping, and_, func, insert, or_, select

from mappings.change import Action, Change, Memory, Slot, Value
from mappings.model import Ref
from sync.store import erased
from sync.store.documents import SLOT_COLUMNS, encode, read_evidence, read_names, read_slot, read_value, slot_columns
from sync.store.loading import get
from sync.store.promoted import promoted
from sync.store.rows import folded
from sync.store.schema import audit
from sync.store.text import printable

Kind = Literal["write", "failed", "conflict", "skipped", "adopted", "override", "contested", "agreed", "release"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit. `action` and `counts` are of a write: `counts` says whether people see it (a property's is not seen).

    `key` names the target to people; where it is empty, `append` fills it in from the store.
    """

    id: int = 0
    at: datetime
    project: str
    run_id: str
    kind: Kind
    slot: Slot
    key: str = ""
    action: Action | None = None
    before: Value = None
    after: Value = None
    rules: tuple[str, ...] = ()
    reason: str = ""
    evidence: tuple[dict[str, Any], ...] = ()
    forced: bool = False
    counts: bool = False


def of_change(change: Change, *, kind: Kind, run_id: str, at: datetime, why: str | None = None) -> Entry:
    """What became of a change: `why` says what kept it from being written."""
    return Entry(
        at=at,
        project=change.project,
        run_id=run_id,
        kind=kind,
        slot=change.slot,
        key=change.key,
        action=change.action,
        before=change.before,
        after=change.after,
        rules=change.rules,
        reason=why or change.reason,
        evidence=change.evidence,
        forced=change.forced,
        counts=change.counts,
    )


_MEMORIES = {
    "adopted": "it held what we would have written",
    "override": "a person set it; kept until released",
    "contested": "both sides kept rewriting it; left alone until released",
    "conflict": "it held another's value when Milepost first came by",
    "agreed": "what kept it from being written is over",
}


def of_memory(memory: Memory, *, project: str, run_id: str, at: datetime) -> Entry:
    """Something was remembered, and nothing written."""
    return Entry(
        at=at,
        project=project,
        run_id=run_id,
        kind=memory.kind,
        slot=memory.slot,
        before=memory.value,
        after=memory.value,
        rules=(memory.rule,) if memory.rule else (),
        reason=_MEMORIES[memory.kind],
    )


def of_release(slot: Slot, value: Value, *, project: str, run_id: str, at: datetime) -> Entry:
    """A person let go of a slot: what it holds is ours to change again."""
    return Entry(
        at=at, project=project, run_id=run_id, kind="release", slot=slot, before=value, after=value, reason="released by hand"
    )


def append(tx: Connection, entry: Entry) -> None:
    """Adds one line, for good."""
    key = entry.key or _key_of(tx, entry.slot.target)
    values = {
        "at": entry.at,
        "project": entry.project,
        "run_id": entry.run_id,
        "kind": entry.kind,
        "action": entry.action,
        **slot_columns(entry.slot),
        "key": printable(key, 512),
        "key_folded": folded(key),
        "before": encode(erased.of_value(tx, entry.before)),
        "after": encode(erased.of_value(tx, entry.after)),
        "rules": encode(entry.rules),
        "reason": printable(erased.of_text(tx, entry.reason), 4_000),
        "evidence": encode(entry.evidence),
        "forced": entry.forced,
        "counts": entry.counts,
    }
    tx.execute(_APPEND, values)


def read(
    tx: Connection,
    *,
    projects: Sequence[str] = (),
    since: datetime | None = None,
    slot: Slot | None = None,
    key: str | None = None,
    limit: int = 1_000,
) -> list[Entry]:
    """The last `limit` entries, the newest last. `key` is a target's name in any case, or its ref; no `projects` means all."""
    query = select(audit).order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit)
    if projects:
        query = query.where(audit.c.project.in_(list(projects)))
    if since is not None:
        query = query.where(audit.c.at >= since)
    if slot is not None:
        query = query.where(*(audit.c[name] == value for name, value in slot_columns(slot).items()))
    if key is not None:
        query = query.where(_names(key))
    return [_entry(row) for row in reversed(tx.execute(query).mappings().all())]


def page(
    tx: Connection,
    *,
    project: str | None = None,
    before: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    key: str | None = None,
    run: str | None = None,
    kind: Kind | None = None,
    limit: int = 100,
) -> list[Entry]:
    """At most `limit` entries, the newest first, those that were appended before the entry `before`. `key` is as in `read`."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if project is not None:
        query = query.where(audit.c.project == project)
    if before is not None:
        query = query.where(audit.c.id < before)
    if since is not None:
        query = query.where(audit.c.at >= since)
    if until is not None:
        query = query.where(audit.c.at < until)
    if key is not None:
        query = query.where(_names(key))
    if run is not None:
        query = query.where(audit.c.run_id == run)
    if kind is not None:
        query = query.where(audit.c.kind == kind)
    return [_entry(row) for row in tx.execute(query).mappings()]


def recent_rewrites(tx: Connection, project: str, since: datetime) -> int:
    """The updates and removals written since then, as far as people see them: what the safety check counts."""
    query = select(func.count()).where(
        audit.c.project == project,
        audit.c.at >= since,
        audit.c.kind == "write",
        audit.c.action.in_(("update", "remove")),
        audit.c.counts,
    )
    return tx.execute(query).scalar_one()


def forced_rewrites(tx: Connection, project: str, since: datetime) -> dict[Slot, int]:
    """How often what a person had changed was rewritten since then, by slot."""
    columns = [audit.c[name] for name in SLOT_COLUMNS]
    query = (
        select(*columns, func.count())
        .where(audit.c.project == project, audit.c.at >= since, audit.c.kind == "write", audit.c.forced)
        .group_by(*columns)
    )
    return {read_slot(*row[:-1]): row[-1] for row in tx.execute(query)}


class Skipped(msgspec.Struct, frozen=True):
    """The last change of a slot that could not be made because its target cannot be written, and how often it was tried."""

    last: Entry
    times: int


def skipped(tx: Connection, project: str, since: datetime) -> dict[Slot, Skipped]:
    """By slot, what could not be made since then."""
    query = select(audit).where(audit.c.project == project, audit.c.at >= since, audit.c.kind == "skipped").order_by(audit.c.id)
    found: dict[Slot, Skipped] = {}
    for entry in map(_entry, tx.execute(query).mappings()):
        found[entry.slot] = Skipped(entry, found[entry.slot].times + 1 if entry.slot in found else 1)
    return found


def oldest(tx: Connection) -> datetime | None:
    """When the oldest entry was made."""
    return tx.execute(select(audit.c.at).order_by(audit.c.at).limit(1)).scalar_one_or_none()


def _names(text: str) -> Any:
    meant = audit.c.key_folded == folded(text)
    try:
        ref = Ref.parse(printable(text, 2_048))
    except ValueError:
        return meant
    target = and_(audit.c.source == ref.source, audit.c.target_kind == ref.kind, audit.c.target_id == ref.id)
    return or_(meant, target)


def _key_of(tx: Connection, target: Ref) -> str:
    found = get(tx, [target])
    return promoted(found[0]).key if found else str(target)


def _entry(row: RowMapping) -> Entry:
    plain = ("id", "at", "project", "run_id", "kind", "key", "action", "reason", "forced", "counts")
    fields: dict[str, Any] = {name: row[name] for name in plain}
    return Entry(
        slot=read_slot(*(row[name] for name in SLOT_COLUMNS)),
        before=read_value(row["before"]),
        after=read_value(row["after"]),
        rules=read_names(row["rules"]),
        evidence=read_evidence(row["evidence"]),
        **fields,
    )


# Once for every write, so it is put together once.
_APPEND = insert(audit)
