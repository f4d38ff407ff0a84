"""What `-o json` answers: plain documents with keys that stay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from mappings.change import Change, Note, Plan
from sync.apply import Applied
from sync.assess import unmatched_in
from sync.cli.age import never_pulled
from sync.cli.render_plan import summary
from sync.documents import Document, stored_evidence
from sync.names import place
from sync.progress import StreamEvent
from sync.pull import Pulled
from sync.results import ProjectRun, RunResult, Withdrawn


def run_document(result: RunResult) -> Document:
    """A whole run: `pull`, `apply`, `sync`."""
    return {
        "run": result.id,
        "command": result.command,
        "started_at": result.started_at,
        "finished_at": result.finished_at,
        "exit_code": int(result.exit_code),
        "streams": stream_documents(result.pulled.values()),
        "findings": [msgspec.to_builtins(finding) for one in result.pulled.values() for finding in one.findings],
        "projects": [_project(run) for run in result.projects],
        "notices": result.notices,
    }


def stream_documents(pulled: Iterable[Pulled]) -> list[Document]:
    """Every stream of every source and scope."""
    return [_stream(event) for one in pulled for event in one.events]


def _stream(event: StreamEvent) -> Document:
    document: Document = msgspec.to_builtins(event)
    return {**document, "seconds": round(event.seconds, 3), "resets_at": event.resets_at}


def _project(run: ProjectRun) -> Document:
    return {
        "project": run.assessment.project.key,
        "planned": len(run.plan.changes) if run.plan is not None else 0,
        "refused": run.refused,
        "failed": run.failed,
        "results": _results(run.applied),
        "notes": [note_document(note) for note in run.plan.notes] if run.plan is not None else [],
        "unmatched": [{"where": one.where, "text": one.text} for one in unmatched_in(run.assessment)],
    }


def withdrawn_document(withdrawn: Withdrawn) -> Document:
    """What was taken back of one project, or would be, and what stays."""
    plan = withdrawn.plan
    return {
        "project": plan.project,
        "failed": withdrawn.failed,
        "changes": [change_document(change) for change in plan.changes],
        "results": _results(withdrawn.applied),
        "notes": [note_document(note) for note in plan.notes],
    }


def _results(applied: Applied | None) -> list[Document]:
    return [
        {**change_document(result.change), "state": result.state, "why": result.why, "found": result.found}
        for result in (applied.results if applied is not None else ())
    ]


def plan_documents(runs: Sequence[ProjectRun]) -> list[Document]:
    """The plans of `plan` and `demo`."""
    return [_plan(run.plan, run) for run in runs if run.plan is not None]


def _plan(plan: Plan, run: ProjectRun) -> Document:
    return {
        "project": plan.project,
        "made_at": plan.made_at,
        "facts_as_of": plan.facts_as_of,
        "summary": summary(plan),
        "changes": [change_document(change) for change in plan.changes],
        "notes": [note_document(note) for note in plan.notes],
        "published": plan.published,
        "refused": run.refused,
        "never_pulled": never_pulled(run.assessment),
        "config_hash": plan.config_hash,
        "verdict_hash": plan.verdict_hash,
    }


def change_document(change: Change) -> Document:
    """One change of one slot."""
    return {
        "id": change.id,
        "key": change.key,
        "title": change.title,
        "url": change.url,
        "target": str(change.slot.target),
        "slot": place(change.slot),
        "action": change.action,
        "before": change.before,
        "after": change.after,
        "rules": change.rules,
        "reason": change.reason,
        "evidence": stored_evidence(change.evidence),
        "forced": change.forced,
    }


def note_document(note: Note) -> Document:
    """Something that a plan says without changing anything."""
    return {
        "kind": note.kind,
        "key": note.key,
        "url": note.url,
        "target": str(note.slot.target) if note.slot is not None else None,
        "slot": place(note.slot) if note.slot is not None else None,
        "actual": note.actual,
        "desired": note.desired,
        "text": note.text,
    }
