"""What every face says in JSON of the same things: plain documents with keys that stay. Refs are `source:kind:id`."""

from __future__ import annotations

from typing import Any, TypeAlias

from mappings.model import Entity
from sync.derive import Standing
from sync.evidence import Evidence
from sync.freshness import StreamFacts
from sync.names import name_of, place
from sync.store.audit import Entry

Document: TypeAlias = dict[str, Any]


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
        "value": evidence.value,
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
        "evidence": entry.evidence,
        "forced": entry.forced,
    }
