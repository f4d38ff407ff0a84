"""A project's rows under another key."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, and_, delete, exists, not_, select, update

from mappings.model import Ref
from sync.store import verdicts
from sync.store.documents import encode
from sync.store.schema import audit, episode, observation, outbox, override, published, rests_on, settled, verdict

_OWN = (rests_on, episode, published, settled, override, observation, audit)
_MEMORY = (rests_on, verdict, published, override)


def has_memory(tx: Connection, project: str) -> bool:
    """Whether anything is remembered of a project that another's memory could not stand beside."""
    return any(tx.execute(select(exists().where(table.c.project == project))).scalar_one() for table in _MEMORY)


def rename_project(tx: Connection, former: str, key: str) -> None:
    """All that is remembered of `former` is `key`'s from now on, which has no memory of its own; its history stays what it was."""
    for table in (settled, observation):  # of an earlier life of the key
        tx.execute(delete(table).where(table.c.project == key))
    for table in _OWN:
        tx.execute(update(table).where(table.c.project == former).values(project=key))
    left = outbox.c.state.in_(("planned", "sending"))
    tx.execute(delete(outbox).where(outbox.c.project == key, not_(left)))  # its numbers may be taken by what is left to do
    tx.execute(update(outbox).where(outbox.c.project == former, left).values(project=key))
    itself, anew = Ref("milepost", "project", former), Ref("milepost", "project", key)
    for one in verdicts.load(tx, former):
        if one.subject == itself:
            moved = msgspec.structs.replace(one, subject=anew)
            here = and_(verdict.c.project == former, verdict.c.rule == one.rule, verdict.c.subject == str(itself))
            tx.execute(update(verdict).where(here).values(subject=str(anew), doc=encode(moved)))
    tx.execute(update(verdict).where(verdict.c.project == former).values(project=key))
