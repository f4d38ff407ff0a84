"""The safety check of a run: how much a plan may change before a person is asked, and what a person has allowed."""

from __future__ import annotations

import msgspec

from mappings.change import Limits, Plan, refuse
from sync.planning import ROLLING
from sync.store import audit
from sync.store.connect import Database


class Permission(msgspec.Struct, frozen=True, kw_only=True):
    """What a person allowed this run beyond the safe defaults.

    `initial`: more additions at once than `max_additions`; `force`: more updates and removals than `max_changes`; `adopt`: take
    over values that Milepost has no memory of.
    """

    initial: bool = False
    force: bool = False
    adopt: bool = False


def refusal(
    database: Database, project: str, plan: Plan, limits: Limits, permission: Permission, *, earlier_additions: int
) -> str | None:
    """Why the plan of the project, by the key that the store remembers, is too large to make, or None. `earlier_additions` were
    made in this run for other projects."""
    with database.read() as tx:
        recent = audit.recent_rewrites(tx, project, database.now(tx) - ROLLING)
    if permission.initial:
        limits = msgspec.structs.replace(limits, max_additions=earlier_additions + len(plan.changes))
    if permission.force:
        limits = msgspec.structs.replace(limits, always_allowed=recent + len(plan.changes))
    return refuse(plan, limits, recent_changes=recent, earlier_additions=earlier_additions)
