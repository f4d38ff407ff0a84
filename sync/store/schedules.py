"""Which moment of each schedule is done with, so that what is missed is made up once and nothing is done twice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, select

from sync.store.schema import schedule
from sync.store.upsert import upsert


def last_moments(tx: Connection) -> Mapping[str, datetime]:
    """The last moment of each schedule that is done with, by the schedule's name."""
    return {row.name: row.moment for row in tx.execute(select(schedule))}


def done(tx: Connection, name: str, moment: datetime) -> None:
    """This moment of the schedule, and every earlier one, is done with."""
    upsert(tx, schedule, [{"name": name, "moment": moment}], update=["moment"])
