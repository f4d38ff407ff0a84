"""Plans on disk: written by `plan --out`, applied later only if nothing that they rest on has changed.

A plan file is untrusted input. It is never the source of a value: a saved change is made only if a plan made afresh holds the very
same change, so a forged file can leave changes out and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec

from mappings.change import Change, Plan, Slot, Value
from mappings.decoding import decode_as
from mappings.model import Ref

MAX_AGE = timedelta(hours=24)
CLOCK_TOLERANCE = timedelta(minutes=5)
LARGEST = 64 * 1024 * 1024
_NAME_ANOTHER = "name a file that milepost plan --out wrote"


class PlanUnreadable(Exception):
    """The file that was named cannot be read, or is no saved plan; the message says which and what to do."""


class PlanRefused(Exception):
    """A saved plan cannot be applied; the message says why and what to do."""


class SavedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The plans of one moment, by project."""

    format: int = 1
    made_at: Annotated[datetime, msgspec.Meta(tz=True)]
    config_hash: str
    plans: tuple[Plan, ...]


def may_hold_plan(path: Path) -> bool:
    """Whether a plan may be written there without losing anything else: nothing is there yet, nothing is in it, it holds an earlier
    plan, or it is no file at all, such as a pipe."""
    if not path.is_file() or path.stat().st_size == 0:
        return True
    try:
        _decoded(path)
    except PlanUnreadable:
        return False
    return True


def write_plan(path: Path, plans: Sequence[Plan], *, made_at: datetime, config_hash: str) -> None:
    """Writes the plans as JSON. Raises `OSError`."""
    saved = SavedPlan(made_at=made_at, config_hash=config_hash, plans=tuple(plans))
    path.write_bytes(msgspec.json.format(msgspec.json.encode(saved), indent=2) + b"\n")


def read_plan(path: Path, *, now: datetime, config_hash: str) -> SavedPlan:
    """Reads a saved plan and refuses one that is too old or of another configuration.

    Raises `PlanUnreadable` and `PlanRefused`.
    """
    saved = _decoded(path)
    if saved.format != 1:
        raise PlanRefused(f"{path}: has format {saved.format}, this version reads format 1; plan again")
    if now - saved.made_at > MAX_AGE or saved.made_at > now + CLOCK_TOLERANCE:
        raise PlanRefused(f"{path}: was made at {saved.made_at:%Y-%m-%d %H:%M} UTC, more than 24 hours from now; plan again")
    if saved.config_hash != config_hash:
        raise PlanRefused(f"{path}: the configuration has changed since it was planned; plan again")
    return saved


def _decoded(path: Path) -> SavedPlan:
    try:
        with path.open("rb") as file:
            document = file.read(LARGEST + 1)
    except OSError as error:
        raise PlanUnreadable(f"{path}: cannot be read: {error.strerror}; {_NAME_ANOTHER}") from None
    if len(document) > LARGEST:
        raise PlanUnreadable(f"{path}: is no saved plan (it is larger than any); {_NAME_ANOTHER}")
    try:
        return decode_as(document, SavedPlan)
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
        raise PlanUnreadable(f"{path}: is no saved plan ({error}); {_NAME_ANOTHER}") from None


def require_same_verdicts(fresh: Plan, saved: SavedPlan) -> None:
    """Raises `PlanRefused` when a verdict has changed since the project's plan was saved."""
    before = _of(saved, fresh.project)
    if before is not None and before.verdict_hash != fresh.verdict_hash:
        raise PlanRefused(f"project {fresh.project}: statuses have changed since the plan was made; plan again")


def saved_targets(saved: SavedPlan, project: str) -> Sequence[Ref]:
    """The targets of a project's saved changes."""
    before = _of(saved, project)
    return sorted({change.slot.target for change in before.changes}) if before is not None else []


def only_saved(fresh: Plan, saved: SavedPlan, held: Mapping[Slot, Value]) -> tuple[Plan, Sequence[Change]]:
    """The fresh plan reduced to the saved changes, and those saved changes that no longer stand so: each is a conflict of its own.

    `held` mirrors what the slots hold: a saved change that was made since is neither. Raises `PlanRefused` when a verdict changed.
    """
    require_same_verdicts(fresh, saved)
    before = _of(saved, fresh.project)
    if before is None:
        return msgspec.structs.replace(fresh, changes=(), memories=()), []
    now_by_slot = {change.slot: change for change in fresh.changes}
    kept: list[Change] = []
    stale: list[Change] = []
    for slot, change in {change.slot: change for change in before.changes}.items():
        now = now_by_slot.get(slot)
        if now is not None and now.before == change.before and now.after == change.after:
            kept.append(now)
        elif now is not None:
            stale.append(now)
        elif held.get(slot) != change.after:
            stale.append(_named_by_the_file(change, fresh.project))
    return msgspec.structs.replace(fresh, changes=tuple(kept)), stale


def _of(saved: SavedPlan, project: str) -> Plan | None:
    return next((plan for plan in saved.plans if plan.project == project), None)


def _named_by_the_file(change: Change, project: str) -> Change:
    """A change that only the file knows, to be told of and never made. Its texts may be anybody's."""
    target = change.slot.target
    ref = Ref(_printable(target.source), _printable(target.kind), _printable(target.id))
    slot = Slot(ref, change.slot.kind, _printable(change.slot.name))
    return Change(
        id="", project=project, slot=slot, action=change.action, before=None, after=None, key=str(ref), container="", counts=False
    )


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text[:100])
