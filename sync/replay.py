"""`milepost rules replay`: what an edit of the rules would change on the stored facts, before it is put to work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from sync.assess import Assessment
from sync.derive import Standing
from sync.names import name_of

Effect = Literal["gains", "loses", "unknown", "none"]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict that the edit changes. `None` truths are unknown; a missing side means that the rule did not apply.

    `effect` is what people would see of it: the subject gains or loses the status, it is no longer known, or nothing. `edited` says
    whether the rule itself is another; if not, time has passed or a rule that it uses was edited.
    """

    rule: str
    subject: str
    url: str | None
    before: bool | None
    after: bool | None
    applied_before: bool
    applies_after: bool
    effect: Effect
    edited: bool
    says: str


def replay(assessment: Assessment, stored: Iterable[Standing]) -> Sequence[Difference]:
    """The differences between the `stored` standings and those of the assessment, which was made with the edited rules."""
    before = {(one.rule, one.subject): one for one in stored}
    after = {(one.rule, one.subject): one for one in assessment.standings}
    return [
        _difference(assessment, before.get(key), after.get(key))
        for key in sorted({*before, *after})
        if _truth(before.get(key)) != _truth(after.get(key))
    ]


def _truth(standing: Standing | None) -> str:
    return "does not apply" if standing is None else str(standing.truth)


def _effect(was_true: bool, after: Standing | None) -> Effect:
    is_true = after is not None and after.truth is True
    if was_true == is_true:
        return "unknown" if after is not None and after.truth is None else "none"
    if is_true:
        return "gains"
    return "unknown" if after is not None and after.truth is None else "loses"


def _difference(assessment: Assessment, before: Standing | None, after: Standing | None) -> Difference:
    standing = after or before
    if standing is None:
        raise ValueError("a difference has at least one side")
    subject = assessment.graph.entities.get(standing.subject)
    return Difference(
        rule=standing.rule,
        subject=name_of(subject) if subject is not None else str(standing.subject),
        url=subject.url if subject is not None else None,
        before=before.truth if before is not None else None,
        after=after.truth if after is not None else None,
        applied_before=before is not None,
        applies_after=after is not None,
        effect=_effect(before is not None and before.truth is True, after),
        edited=before is None or after is None or before.rule_version != after.rule_version,
        says=standing.says,
    )
