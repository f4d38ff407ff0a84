"""Plans on disk: written by `plan --out`, applied later only if nothing that they rest on has changed.

A plan file is untrusted input. It is never the source of a value: a saved change is made only if a plan made afresh holds the very
same change, so a forged file can leave changes out and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from mappings.change import Change, Note, Plan

MAX_AGE = timedelta(hours=24)


class PlanRefused(Exception):
    """A saved plan cannot be applied; the message says why and what to do."""


class SavedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The plans of one moment, by project."""

    format: int = 1
    made_at: datetime
    config_hash: str
    plans: tuple[Plan, ...]


def write_plan(path: Path, plans: Sequence[Plan], *, made_at: datetime, config_hash: str) -> None:
    """Writes the plans as JSON. Raises `OSError`."""
    saved = SavedPlan(made_at=made_at, config_hash=config_hash, plans=tuple(plans))
    path.write_bytes(msgspec.json.format(msgspec.json.encode(saved), indent=2) + b"\n")


def read_plan(path: Path, *, now: datetime, config_hash: str) -> SavedPlan:
    """Reads a saved plan and refuses one that is too old, of another configuration or no plan at all. Raises `PlanRefused`."""
    try:
        saved = msgspec.json.decode(path.read_bytes(), type=SavedPlan)
    except OSError as error:
        raise PlanRefused(f"{path}: cannot be read: {error.strerror}; name a file that milepost plan --out wrote") from None
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise PlanRefused(f"{path}: is no saved plan ({error}); make one with milepost plan --out {path}") from None
    if saved.format != 1:
        raise PlanRefused(f"{path}: has format {saved.format}, this version reads format 1; plan again")
    if now - saved.made_at > MAX_AGE or saved.made_at > now + timedelta(minutes=5):
        raise PlanRefused(f"{path}: was made at {saved.made_at:%Y-%m-%d %H:%M} UTC, more than 24 hours from now; plan again")
    if saved.config_hash != config_hash:
        raise PlanRefused(f"{path}: the configuration has changed since it was planned; plan again")
    return saved


def only_saved(fresh: Plan, saved: SavedPlan) -> Plan:
    """The fresh plan reduced to the saved changes; a saved change that no longer stands so is a conflict of that change alone.

    Raises `PlanRefused` when a verdict has changed since.
    """
    before = next((plan for plan in saved.plans if plan.project == fresh.project), None)
    if before is None:
        return msgspec.structs.replace(fresh, changes=(), memories=())
    if before.verdict_hash != fresh.verdict_hash:
        raise PlanRefused(f"project {fresh.project}: statuses have changed since the plan was made; plan again")
    now_by_slot = {change.slot: change for change in fresh.changes}
    kept: list[Change] = []
    notes: list[Note] = []
    for change in before.changes:
        now = now_by_slot.get(change.slot)
        if now is not None and now.before == change.before and now.after == change.after:
            kept.append(now)
        else:
            notes.append(
                Note(
                    kind="conflict",
                    project=fresh.project,
                    text="the slot is not as it was when the plan was made; plan again",
                    slot=change.slot,
                    key=change.key,
                    url=change.url,
                    desired=change.after,
                )
            )
    return msgspec.structs.replace(fresh, changes=tuple(kept), notes=(*fresh.notes, *notes))
