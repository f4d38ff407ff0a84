"""What every face says in JSON of the same things: plain documents with keys that stay. Refs are `source:kind:id`, and all
times have one form. Only what a slot holds or held is told as it was written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from mappings.model import Entity
from sync.derive import Standing
from sync.evidence import Evidence
from sync.freshness import StreamFacts
from sync.names import name_of, place
from sync.store.audit import Entry

Document: TypeAlias = dict[str, Any]

_WRITTEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?(Z|\+00:00)")


def written(time: datetime) -> str:
    """A time by RFC 3339 in UTC, always with six digits and Z: as texts, times sort as they came."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def rewritten(value: Any) -> Any:
    """What was stored as it was looked at, a time among it in the form that all times have here."""
    if not (isinstance(value, str) and _WRITTEN.fullmatch(value)):
        return value
    try:
        return written(datetime.fromisoformat(value))
    except ValueError:  # the 31st of February, as somebody's tag has it
        return value


def with_times_written(document: Any) -> Any:
    """The document with each time in it as a text."""
    if isinstance(document, datetime):
        return written(document)
    if isinstance(document, dict):
        return {key: with_times_written(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [with_times_written(value) for value in document]
    return document


def stored_evidence(stored: Iterable[Mapping[str, Any]]) -> list[Document]:
    """Evidence as it was stored with a change."""
    return [{key: rewritten(value) for key, value in evidence.items()} for evidence in stored]


def standing_document(standing: Standing, subject: Entity | None) -> Document:
    """What a rule says of a subject, since when, and for what is not known what is missing."""
    return {
        "rule": standing.rule,
        "subject": str(standing.subject),
        "name": name_of(subject) if subject is not None else None,
        "url": subject.url if subject is not None else None,
        "truth": standing.truth,
        "says": standing.says,
        "since": standing.opened_at or standing.since,
        "missing": standing.missing,
    }


def evidence_document(evidence: Evidence) -> Document:
    """One thing that was looked at."""
    return {
        "ref": str(evidence.ref),
        "name": evidence.name,
        "fact": evidence.fact,
        "value": rewritten(evidence.value),
        "threshold": evidence.threshold,
        "observed_at": evidence.observed_at,
        "url": evidence.url,
        "holds": evidence.holds,
        "words": evidence.words,
    }


def stream_document(facts: StreamFacts) -> Document:
    """How complete and how fresh a stream is."""
    return {
        "source": facts.source,
        "stream": facts.stream,
        "complete": facts.complete,
        "pulled_at": facts.pulled_at,
        "failed": facts.failed,
        "set_aside": facts.rejected,
    }


def entry_document(entry: Entry) -> Document:
    """One line of the audit."""
    return {
        "at": entry.at,
        "project": entry.project,
        "run": entry.run_id,
        "kind": entry.kind,
        "key": entry.key,
        "target": str(entry.slot.target),
        "slot": place(entry.slot),
        "action": entry.action,
        "before": entry.before,
        "after": entry.after,
        "rules": entry.rules,
        "reason": entry.reason,
        "evidence": stored_evidence(entry.evidence),
        "forced": entry.forced,
    }
