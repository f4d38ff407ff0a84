"""All that concerns stored entities, to import from one place: saving, loading, scopes, deletions and mirrored slots."""

from __future__ import annotations

from sync.store.loading import find, get, load, looked_up_commits, page
from sync.store.members import (
    buried,
    changed_between,
    containers,
    count_members,
    in_other_streams,
    is_all_seen,
    leave_scope,
    listed_containers,
    listed_in_other_scopes,
    mark_missing,
    members_among,
    missing,
    restore,
    seen_before_sweep,
    streams_within,
    tombstone,
)
from sync.store.mirror import load_slots, slots_of, update_slots
from sync.store.saving import Saved, save_batch, save_direct, save_members, save_pages

__all__ = [
    "Saved",
    "buried",
    "changed_between",
    "containers",
    "count_members",
    "find",
    "get",
    "in_other_streams",
    "is_all_seen",
    "leave_scope",
    "listed_containers",
    "listed_in_other_scopes",
    "load",
    "load_slots",
    "looked_up_commits",
    "mark_missing",
    "members_among",
    "missing",
    "page",
    "restore",
    "save_batch",
    "save_direct",
    "save_members",
    "save_pages",
    "seen_before_sweep",
    "slots_of",
    "streams_within",
    "tombstone",
    "update_slots",
]
