"""What we last pushed to each slot, which slots a person holds, and where values were compared before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias, cast

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Table, and_, bindparam, delete, exists, select, update

from mappings.change import Slot, Value
from mappings.model import Ref
from sync.store import erased
from sync.store.by_ref import by_kind
from sync.store.documents import SLOT_COLUMNS, encode, read_names, read_slot, read_value, slot_columns
from sync.store.schema import override
from sync.store.schema import published as published_table
from sync.store.schema import settled as settled_table
from sync.store.upsert import upsert

Place: TypeAlias = tuple[str, str, str, str]
"""Source, container, slot kind and slot name."""


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What Milepost last wrote, or adopted, in a slot, for which statuses, and by which run."""

    slot: Slot
    project: str
    value: Value
    rules: tuple[str, ...]
    episode: str | None
    written_at: datetime
    run_id: str


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A slot that is left alone: a person's value is kept (`override`), both sides kept rewriting it (`contested`), or it held
    another's value from the start (`conflict`)."""

    slot: Slot
    project: str
    kind: Literal["override", "contested", "conflict"]
    value: Value
    rule: str | None
    episode: str | None
    since: datetime


def published(tx: Connection, project: str, *, source: str | None = None) -> Mapping[Slot, Published]:
    """What is published for a project, on one source or on all."""
    rows = tx.execute(select(published_table).where(_of(published_table, project, source))).mappings()
    return {(one := _published(row)).slot: one for row in rows}


def published_by_others(tx: Connection, project: str, refs: Iterable[Ref]) -> Mapping[Slot, Published]:
    """What every other project published on `refs`."""
    return {one.slot: one for one in map(_published, _on(tx, _PUBLISHED_ON, refs)) if one.project != project}


def save_published(
    tx: Connection,
    slot: Slot,
    *,
    project: str,
    value: Value,
    rules: Sequence[str],
    episode: str | None,
    run_id: str,
    now: datetime,
) -> None:
    """The slot holds `value`, and it is ours. An empty value is remembered as well: we took ours away."""
    values = {
        "project": project,
        "value": encode(erased.of_value(tx, value)),
        "rules": encode(tuple(rules)),
        "episode": episode,
        "written_at": now,
        "run_id": run_id,
    }
    upsert(tx, published_table, [{**slot_columns(slot), **values}], update=tuple(values))


def forget_published(tx: Connection, slots: Iterable[Slot]) -> None:
    """These are no longer ours."""
    _forget(tx, published_table, slots)


def projects(tx: Connection) -> list[str]:
    """The keys of all projects that have something published, also of those that are no longer in the file."""
    return list(tx.execute(select(published_table.c.project).distinct().order_by(published_table.c.project)).scalars())


def held(tx: Connection, project: str, *, source: str | None = None) -> Mapping[Slot, Hold]:
    """The slots that are left alone for a project, on one source or on all."""
    rows = tx.execute(select(override).where(_of(override, project, source))).mappings()
    return {(one := _hold(row)).slot: one for row in rows}


def held_by_others(tx: Connection, project: str, refs: Iterable[Ref]) -> Mapping[Slot, Hold]:
    """The slots on `refs` that are left alone for any other project."""
    return {one.slot: one for one in map(_hold, _on(tx, _HELD_ON, refs)) if one.project != project}


def hold(
    tx: Connection,
    slot: Slot,
    *,
    project: str,
    kind: Literal["override", "contested", "conflict"],
    value: Value,
    rule: str | None,
    episode: str | None,
    now: datetime,
) -> None:
    """From now on the slot is left alone; one that was held already keeps its `since`."""
    values = {"project": project, "why": kind, "value": encode(erased.of_value(tx, value)), "rule": rule, "episode": episode}
    upsert(tx, override, [{**slot_columns(slot), **values, "since": now}], update=tuple(values))


def forget_held(tx: Connection, slots: Iterable[Slot]) -> None:
    """These are ours to write again."""
    _forget(tx, override, slots)


def settled(tx: Connection, project: str) -> Mapping[Place, datetime]:
    """Where slots of a kind were compared before, and since when: another's value there is a person's doing."""
    table = settled_table
    query = select(table.c.source, table.c.container, table.c.slot_kind, table.c.slot_name, table.c.settled_at)
    rows = tx.execute(query.where(table.c.project == project))
    return {(source, container, kind, name): since for source, container, kind, name, since in rows}


def settle(tx: Connection, project: str, places: Iterable[Place], now: datetime) -> None:
    """These places were compared now, unless they were before."""
    rows = [
        {"project": project, "source": source, "container": container, "slot_kind": kind, "slot_name": name, "settled_at": now}
        for source, container, kind, name in sorted(set(places))
    ]
    upsert(tx, settled_table, rows, update=())


def forget_project(tx: Connection, project: str) -> None:
    """Ends all memory of what a project published, held or compared."""
    for table in (published_table, override, settled_table):
        tx.execute(delete(table).where(table.c.project == project))


def respell(tx: Connection, slot: Slot, now: Slot) -> None:
    """What is known of a slot is known of it by another name, unless something is known by that one already."""
    for table in (published_table, override):
        if tx.execute(select(exists().where(_is(table, now)))).scalar_one():
            tx.execute(delete(table).where(_is(table, slot)))
        else:
            tx.execute(update(table).where(_is(table, slot)).values(**slot_columns(now)))


def _published(row: RowMapping) -> Published:
    fields: dict[str, Any] = {name: row[name] for name in ("project", "episode", "written_at", "run_id")}
    return Published(slot=_slot(row), value=read_value(row["value"]), rules=read_names(row["rules"]), **fields)


def _hold(row: RowMapping) -> Hold:
    fields: dict[str, Any] = {name: row[name] for name in ("project", "rule", "episode", "since")}
    kind = cast("Literal['override', 'contested']", row["why"])
    return Hold(slot=_slot(row), kind=kind, value=read_value(row["value"]), **fields)


def _slot(row: RowMapping) -> Slot:
    return read_slot(*(row[name] for name in SLOT_COLUMNS))


def _of(table: Table, project: str, source: str | None) -> ColumnElement[bool]:
    mine = table.c.project == project
    return mine if source is None else and_(mine, table.c.source == source)


def _on(tx: Connection, query: Select[Any], refs: Iterable[Ref]) -> Iterator[RowMapping]:
    for source, kind, some in by_kind(refs):
        yield from tx.execute(query, {"source": source, "kind": kind, "ids": some}).mappings()


def _forget(tx: Connection, table: Table, slots: Iterable[Slot]) -> None:
    for slot in slots:
        tx.execute(delete(table).where(_is(table, slot)))


def _is(table: Table, slot: Slot) -> ColumnElement[bool]:
    return and_(*(table.c[name] == value for name, value in slot_columns(slot).items()))


# Asked for every plan, so they are put together once.
_PUBLISHED_ON, _HELD_ON = (
    select(table).where(
        table.c.source == bindparam("source"),
        table.c.target_kind == bindparam("kind"),
        table.c.target_id.in_(bindparam("ids", expanding=True)),
    )
    for table in (published_table, override)
)
