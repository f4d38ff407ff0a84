"""That a commit was once seen on a branch of its repository: only people of the repository push there, whatever became of the
branch, so an answer that cannot show it any longer takes nothing away."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from mappings.model import Commit, Entity
from sync.store.loading import get


def remembered(tx: Connection, entities: Sequence[Entity]) -> Sequence[Entity]:
    """`entities`, about to be stored, where each commit that is known to have been on a branch goes on saying so."""
    unsure = [one.ref for one in entities if isinstance(one, Commit) and not one.on_branch]
    known = {one.ref for one in get(tx, unsure) if isinstance(one, Commit) and (one.on_branch or one.on_default_branch)}
    return [_on_branch(one) if one.ref in known else one for one in entities]


def as_listed(tx: Connection, entities: Sequence[Entity]) -> Sequence[Entity]:
    """`entities`, read one by one, where each commit that the default branch is known to have goes on saying so: no answer about a
    single commit tells, only the branch's history does."""
    unsure = [one.ref for one in entities if isinstance(one, Commit) and not one.on_default_branch]
    listed = {one.ref for one in get(tx, unsure) if isinstance(one, Commit) and one.on_default_branch}
    return [_on_default_branch(one) if one.ref in listed else one for one in entities]


def _on_default_branch(one: Entity) -> Entity:
    return msgspec.structs.replace(one, on_default_branch=True) if isinstance(one, Commit) else one


def _on_branch(one: Entity) -> Entity:
    return msgspec.structs.replace(one, on_branch=True) if isinstance(one, Commit) else one
