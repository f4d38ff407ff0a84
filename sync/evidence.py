"""Evidence: one thing that a judgement looked at, a fact of an entity or a result of a monitor, as people are told of it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from mappings.model import ChangeRequest, Deployment, Entity, ModelVersion, Observation, Ref, Run
from sync.names import name_of
from sync.view import Fact, FactValue


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was looked at: `words` follow `name` in a sentence, `holds` says whether it speaks for the rule's items.

    `observed_at` is when the fact came about, where that is told apart from our own doings: an issue's last change is not, since
    our writes are changes too.
    """

    ref: Ref
    name: str
    fact: str
    value: str | float | bool | None = None
    threshold: str | None = None
    observed_at: datetime | None = None
    url: str | None = None
    holds: bool | None = None
    words: str = ""


def evidence_of_fact(entity: Entity | Ref, name: str, fact: Fact, *, holds: bool | None) -> Evidence:
    """A fact of an entity; of a ref alone where nothing more is known of it."""
    if isinstance(entity, Ref):
        return Evidence(ref=entity, name=entity.id, fact=name, threshold=fact.threshold, holds=holds, words=fact.words)
    return Evidence(
        ref=entity.ref,
        name=name_of(entity),
        fact=name,
        value=_plain(fact.value),
        threshold=fact.threshold,
        observed_at=_came_about(entity),
        url=entity.url,
        holds=holds,
        words=fact.words,
    )


def evidence_of_result(seen: Observation, subject: Entity | None) -> Evidence:
    """A result of a monitor on `subject`, None where nothing more than its ref is known; whether it holds is not said yet."""
    return Evidence(
        ref=seen.subject,
        name=name_of(subject) if subject is not None else seen.subject.id,
        fact=seen.monitor,
        value=seen.value,
        threshold=seen.threshold,
        observed_at=seen.observed_at,
        url=seen.url,
        words=_words_of(seen),
    )


def _words_of(observation: Observation) -> str:
    """One result of a monitor, however much of it the source tells."""
    value, monitor = observation.value, observation.monitor
    if observation.outcome == "unknown":
        return f"has no readable value of {monitor}"
    shown = f"{value:.6g}" if isinstance(value, float) else str(value)
    if value is not None and observation.threshold:
        return f"has {monitor} = {shown} (limit {observation.threshold})"
    return f"{observation.outcome} the check {monitor}" + (f" ({shown})" if value not in (None, observation.outcome) else "")


def _plain(value: FactValue) -> str | float | bool | None:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return value.isoformat() if isinstance(value, datetime) else value


def _came_about(entity: Entity) -> datetime | None:
    match entity:
        case Run():
            return entity.ended_at or entity.started_at
        case ChangeRequest():
            return entity.merged_at or entity.closed_at
        case ModelVersion() | Deployment():
            return entity.created_at
    return None
