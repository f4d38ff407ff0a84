"""From facts to standings: what each rule says of each subject now, since when, and the episodes of its truth."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from mappings.model import ChangeRequest, Dataset, Deployment, Entity, Milestone, ModelVersion, Project, Ref, WorkItem
from mappings.rules import StatusRule
from mappings.ruleset import in_order
from sync.evidence import Evidence
from sync.judge import judge
from sync.moments import day_in
from sync.names import name_of
from sync.truth import Judged, Truth
from sync.view import View

_SUBJECTS: Mapping[str, type[Entity]] = {
    "work_item": WorkItem,
    "change_request": ChangeRequest,
    "model_version": ModelVersion,
    "deployment": Deployment,
    "dataset": Dataset,
    "milestone": Milestone,
    "project": Project,
}


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule says of one subject. All times are UTC.

    `known` is the last definite truth, `since` when the present truth began, `unknown_since` when it ceased to be known. `episode`
    is the id of the open episode of truth, if there is one; it lives on through unknown times. `gone_since` says when its subject
    was found to be proven gone: its episode closed then, and opens again when the subject comes back and it is still true. `told`
    are the tickets and change requests that receive it, as far as it was stored with them.
    """

    rule: str
    subject: Ref
    truth: Truth
    known: Truth
    since: datetime
    unknown_since: datetime | None = None
    episode: str | None = None
    opened_at: datetime | None = None
    recheck_at: datetime | None = None
    rule_version: str = ""
    says: str = ""
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[str, ...] = ()
    gone_since: datetime | None = None
    told: tuple[Ref, ...] = ()


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One continuous truth of one rule for one subject."""

    id: str
    rule: str
    subject: Ref
    opened_at: datetime
    closed_at: datetime | None = None


class Derived(msgspec.Struct, frozen=True, kw_only=True):
    """Every standing, and the episodes that opened or closed since the standings before."""

    standings: Sequence[Standing]
    episodes: Sequence[Episode]


def derive(view: View, rules: Sequence[StatusRule], before: Iterable[Standing]) -> Derived:
    """Judges every rule on every subject of its kind, and folds the result into the standings `before`.

    A subject that a rule no longer applies to, or that is gone, has no standing; its episode closes.
    """
    past = {(standing.rule, standing.subject): _begun_by(view.now, standing) for standing in before}
    verdicts: dict[tuple[str, Ref], Judged] = {}
    standings: list[Standing] = []
    for rule in in_order(rules):
        version = rule_version(rule)
        for subject in view.graph.of(_SUBJECTS[rule.subject]):
            judged = judge(rule, subject, view, lambda other, ref: verdicts.get((other, ref)))
            if judged is not None:
                verdicts[(rule.id, subject.ref)] = judged
                standings.append(_stand(rule, version, subject, judged, past.get((rule.id, subject.ref)), view))
    return Derived(standings=standings, episodes=_episodes(past, standings, view.now))


def rule_version(rule: StatusRule) -> str:
    """A short hash of the rule's meaning."""
    return hashlib.blake2b(rule.model_dump_json().encode(), digest_size=6).hexdigest()


def _begun_by(now: datetime, standing: Standing) -> Standing:
    """A standing of which nothing began after `now`: where the clock was set back since, `now` is when that is surely so."""
    return msgspec.structs.replace(
        standing,
        since=min(standing.since, now),
        unknown_since=min(standing.unknown_since, now) if standing.unknown_since is not None else None,
        opened_at=min(standing.opened_at, now) if standing.opened_at is not None else None,
    )


def _stand(rule: StatusRule, version: str, subject: Entity, judged: Judged, past: Standing | None, view: View) -> Standing:
    now = view.now
    unchanged = past is not None and past.truth is judged.truth
    known = judged.truth if judged.truth is not None else past.known if past is not None else None
    since = past.since if past is not None and unchanged else now
    unknown_since = None if judged.truth is not None else past.unknown_since if past and past.unknown_since else now
    episode, opened_at = past.episode if past else None, past.opened_at if past else None
    if judged.truth is False:
        episode = opened_at = None
    elif judged.truth is True and episode is None:
        episode, opened_at = _episode_id(view.project.key, rule.id, subject.ref, now), now
    given_up = unknown_since + view.project.unknown_after if unknown_since is not None else None
    rechecks = [time for time in (judged.recheck_at, given_up) if time is not None and time > now]
    return Standing(
        rule=rule.id,
        subject=subject.ref,
        truth=judged.truth,
        known=known,
        since=since,
        unknown_since=unknown_since,
        episode=episode,
        opened_at=opened_at,
        recheck_at=min(rechecks, default=None),
        rule_version=version,
        says=_sentence(rule, subject, judged, opened_at or since, view.project.timezone),
        evidence=judged.evidence,
        missing=judged.missing,
    )


def _episode_id(project: str, rule: str, subject: Ref, opened_at: datetime) -> str:
    return hashlib.blake2b(f"{project} {rule} {subject} {opened_at.isoformat()}".encode(), digest_size=8).hexdigest()


def _episodes(past: Mapping[tuple[str, Ref], Standing], standings: Sequence[Standing], now: datetime) -> Sequence[Episode]:
    present = {standing.episode for standing in standings if standing.episode}
    known = {standing.episode for standing in past.values() if standing.episode and standing.gone_since is None}
    opened = [
        Episode(id=one.episode, rule=one.rule, subject=one.subject, opened_at=one.opened_at or now)
        for one in standings
        if one.episode and one.episode not in known
    ]
    closed = [
        Episode(id=one.episode, rule=one.rule, subject=one.subject, opened_at=one.opened_at or now, closed_at=now)
        for one in past.values()
        if one.episode and one.episode not in present and one.gone_since is None
    ]
    return [*closed, *opened]


def _sentence(rule: StatusRule, subject: Entity, judged: Judged, since: datetime, timezone: str) -> str:
    """The rule's sentence with its evidence, or for what is not true, why not."""
    if judged.truth is None:
        return f"{rule.title}: not known; missing: {', '.join(judged.missing[:4]) or 'facts'}"
    telling = [one for one in judged.evidence if one.holds is not None and one.words]
    reason = _reason(telling) or "nothing is known that speaks for it"
    if judged.truth is False:
        return f"{rule.title}: no; {reason}"
    name = telling[0].name if telling else name_of(subject)
    measured = next((one for one in telling if one.threshold and _is_number(one.value)), telling[0] if telling else None)
    words = {
        "subject": name_of(subject),
        "reason": reason,
        "finding": _finding(measured) if measured else reason,
        "name": name,
        "fact": measured.fact if measured else "—",
        "value": _shown(measured.value if measured else None),
        "threshold": (measured.threshold if measured else None) or "—",
        "since": str(day_in(since, timezone)),
        **{word: _named(telling, kind) or name for word, kind in _KINDS.items()},
    }
    return _PLACEHOLDER.sub(lambda match: words.get(match[1], match[0]), rule.says)


_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
_KINDS: Mapping[str, str] = {"deployment": "deployment", "model": "model_version", "dataset": "dataset"}


def _named(evidence: Sequence[Evidence], kind: str) -> str | None:
    return next((one.name for one in evidence if one.ref.kind == kind), None)


def _finding(evidence: Evidence) -> str:
    """A measurement with its limit; of a monitor that tells no figures, that it failed."""
    if evidence.threshold and _is_number(evidence.value):
        return f"{evidence.fact} is {_shown(evidence.value)}, limit {evidence.threshold}"
    return f"it {evidence.words}"


def _is_number(value: str | float | bool | None) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: str | float | bool | None) -> str:
    return "—" if value is None else f"{value:.6g}" if _is_number(value) else str(value)


def _reason(evidence: Sequence[Evidence]) -> str:
    """Up to two subjects of the evidence, each with what is said of it, once."""
    by_name: dict[str, dict[str, None]] = {}
    for one in evidence:
        by_name.setdefault(one.name, {})[one.words] = None
    return "; ".join(f"{name} {' and '.join(words)}" for name, words in list(by_name.items())[:2])


def shown(standing: Standing, rule: StatusRule, *, now: datetime, unknown_after: timedelta) -> Literal["on", "off", "unknown"]:
    """What people should see: unknown holds the last known value for `unknown_after`; then favourable becomes unknown, an alarm
    stays on. What was never known is off."""
    if standing.truth is not None:
        return "on" if standing.truth else "off"
    if not standing.known:
        return "off"
    held = standing.unknown_since is None or now < standing.unknown_since + unknown_after
    return "on" if held or rule.kind == "alarm" else "unknown"
