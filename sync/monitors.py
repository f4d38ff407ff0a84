"""Hysteresis: what a monitor says of one subject, as a fold over its stored observations, so that a label does not flap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from mappings.model import Observation, ObservationKind, Outcome, Ref


class Monitor(msgspec.Struct, frozen=True, kw_only=True):
    """One monitor's standing on one subject.

    `outcome` is `failed` from `open_after` consecutive failing observations on, until `close_after` consecutive passing ones. A
    lasting observation decides alone: no second one follows as long as the state is the same.
    `newest` is the latest observation, `shown` the one that explains the outcome (the latest failing one while it is failed).
    """

    subject: Ref
    name: str
    kind: ObservationKind
    outcome: Outcome
    newest: Observation
    shown: Observation


def fold(observations: Sequence[Observation], *, open_after: int, close_after: int) -> Monitor:
    """The standing after `observations` (at least one; one monitor, one subject), whatever their order and repetition."""
    series = sorted({(one.observed_at, one.ref): one for one in observations}.values(), key=lambda one: (one.observed_at, one.ref))
    failed = False
    streak = 0
    shown = series[-1]
    for one in series:
        if one.outcome == "unknown":
            continue
        against = one.outcome == ("passed" if failed else "failed")
        streak = streak + 1 if against else 0
        if streak >= _enough(one, close_after if failed else open_after):
            failed, streak = not failed, 0
        if one.outcome == "failed":
            shown = one
    newest = series[-1]
    if failed:
        outcome: Outcome = "failed"
    else:
        outcome = "unknown" if newest.outcome == "unknown" else "passed"
        shown = newest
    return Monitor(subject=newest.subject, name=newest.monitor, kind=newest.kind, outcome=outcome, newest=newest, shown=shown)


def _enough(one: Observation, samples: int) -> int:
    return 1 if one.lasting else samples


def monitors(observations: Iterable[Observation], kind: ObservationKind, *, open_after: int, close_after: int) -> Sequence[Monitor]:
    """The standing of every monitor of a kind, in a stable order. Monitors of two sources are two, whatever their names."""
    groups: dict[tuple[Ref, str, str], list[Observation]] = {}
    for one in observations:
        if one.kind == kind:
            groups.setdefault((one.subject, one.monitor, one.ref.source), []).append(one)
    return [fold(group, open_after=open_after, close_after=close_after) for _, group in sorted(groups.items())]
