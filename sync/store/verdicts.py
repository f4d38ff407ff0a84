"""What every rule says of every subject, and the episodes of its truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, delete, false, func, literal, not_, or_, select, tuple_, update

from mappings.decoding import decoder_for
from mappings.model import Ref
from sync.derive import Episode, Standing
from sync.store.bulk import chunks
from sync.store.documents import encode
from sync.store.errors import unreadable
from sync.store.schema import episode, verdict
from sync.store.upsert import upsert
from sync.truth import Truth

_decoder = decoder_for(Standing)


def load(tx: Connection, project: str) -> list[Standing]:
    """The standings of a project as they were saved last, by rule and subject; also of subjects that are proven gone."""
    query = select(verdict.c.doc).where(verdict.c.project == project).order_by(verdict.c.rule, verdict.c.subject)
    try:
        return [_decoder.decode(doc) for doc in tx.execute(query).scalars()]
    except msgspec.MsgspecError as error:
        raise unreadable(f"the verdicts of project {project}", error) from error


class Stored(NamedTuple):
    """A standing, and the project that it is of."""

    project: str
    standing: Standing


def page(
    tx: Connection,
    projects: Sequence[str],
    *,
    after: tuple[str, str, str] | None = None,
    rule: str | None = None,
    subject: str | None = None,
    truths: Sequence[Truth] = (True, False, None),
    limit: int = 100,
) -> list[Stored]:
    """At most `limit` standings of these projects, by project, rule and subject, those behind `after`. None of what is gone."""
    keys = (verdict.c.project, verdict.c.rule, verdict.c.subject)
    wanted = [verdict.c.truth.is_(one) for one in truths]
    query = select(verdict.c.project, verdict.c.doc).where(verdict.c.project.in_(projects), or_(false(), *wanted), not_(_gone(tx)))
    if after is not None:
        query = query.where(tuple_(*keys) > tuple_(*map(literal, after)))
    if rule is not None:
        query = query.where(verdict.c.rule == rule)
    if subject is not None:
        query = query.where(verdict.c.subject == subject)
    return [Stored(project, _decoder.decode(doc)) for project, doc in tx.execute(query.order_by(*keys).limit(limit))]


def counts(tx: Connection, projects: Sequence[str] | None = None) -> dict[tuple[str, str, Truth], int]:
    """Of how many subjects each rule is true, false or not known, by project (of these, or all) and rule; none of what is gone."""
    keys = (verdict.c.project, verdict.c.rule, verdict.c.truth)
    query = select(*keys, func.count()).where(not_(_gone(tx))).group_by(*keys).order_by(*keys)
    if projects is not None:
        query = query.where(verdict.c.project.in_(projects))
    return {(project, rule, truth): count for project, rule, truth, count in tx.execute(query)}


_GONE = b'"gone_since":"'
"""In a document this is the beginning of a time, and nothing else: a text would have its quotes escaped."""


def _gone(tx: Connection) -> ColumnElement[bool]:
    """Whether a verdict is of a subject that is proven gone."""
    if tx.dialect.name == "sqlite":
        return func.instr(verdict.c.doc, _GONE) > 0
    return func.position(literal(_GONE).op("IN")(verdict.c.doc)) > 0


def save(tx: Connection, project: str, standings: Iterable[Standing], episodes: Iterable[Episode]) -> None:
    """Replaces the project's standings: what differs is written, what is gone is dropped. Episodes are added or closed."""
    stored = {
        (rule, subject): doc
        for rule, subject, doc in tx.execute(
            select(verdict.c.rule, verdict.c.subject, verdict.c.doc).where(verdict.c.project == project)
        )
    }
    rows = {(one.rule, str(one.subject)): _verdict(project, one) for one in standings}
    changed = [row for key, row in sorted(rows.items()) if stored.get(key) != row["doc"]]
    for chunk in chunks(changed):
        upsert(tx, verdict, chunk, update=("truth", "since", "recheck_at", "doc"))
    for rule, subject in sorted(stored.keys() - rows.keys()):
        tx.execute(delete(verdict).where(verdict.c.project == project, verdict.c.rule == rule, verdict.c.subject == subject))
    for chunk in chunks([_episode(project, one) for one in episodes]):
        upsert(tx, episode, chunk, update=("closed_at",))


def end(tx: Connection, project: str, now: datetime) -> None:
    """The project is over: it has no standings any more, and its episodes close."""
    tx.execute(delete(verdict).where(verdict.c.project == project))
    tx.execute(update(episode).where(episode.c.project == project, episode.c.closed_at.is_(None)).values(closed_at=now))


def open_episodes(tx: Connection, project: str) -> list[Episode]:
    """The episodes that have not closed, the oldest first."""
    return _episodes(tx, and_(episode.c.project == project, episode.c.closed_at.is_(None)))


def episodes_since(tx: Connection, project: str, since: datetime) -> list[Episode]:
    """The episodes that are open, or closed since then, the oldest first."""
    return _episodes(tx, and_(episode.c.project == project, episode.c.closed_at.is_(None) | (episode.c.closed_at >= since)))


def due_by_time(tx: Connection, projects: Iterable[str], now: datetime) -> list[str]:
    """Those of `projects` of which time alone may have changed a verdict."""
    late = verdict.c.project.in_(list(projects)) & (verdict.c.recheck_at <= now)
    return sorted(tx.execute(select(verdict.c.project).distinct().where(late)).scalars())


def _episodes(tx: Connection, which: Any) -> list[Episode]:
    columns = (episode.c.id, episode.c.rule, episode.c.subject, episode.c.opened_at, episode.c.closed_at)
    rows: Sequence[Any] = tx.execute(select(*columns).where(which).order_by(episode.c.opened_at, episode.c.id)).all()
    return [
        Episode(id=ident, rule=rule, subject=Ref.parse(subject), opened_at=opened_at, closed_at=closed_at)
        for ident, rule, subject, opened_at, closed_at in rows
    ]


def _verdict(project: str, one: Standing) -> dict[str, Any]:
    return {
        "project": project,
        "rule": one.rule,
        "subject": str(one.subject),
        "truth": one.truth,
        "since": one.since,
        "recheck_at": one.recheck_at,
        "doc": encode(one),
    }


def _episode(project: str, one: Episode) -> dict[str, Any]:
    return {
        "id": one.id,
        "project": project,
        "rule": one.rule,
        "subject": str(one.subject),
        "opened_at": one.opened_at,
        "closed_at": one.closed_at,
    }
