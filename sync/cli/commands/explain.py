"""`milepost explain`"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec
from rich.text import Text

from config.problems import nearest
from mappings.change import Note, Plan, Slot
from mappings.model import Entity
from sync.assess import Assessment, assess
from sync.cli.documents import Document, note_document
from sync.cli.errors import UsageProblem
from sync.cli.options import Globals
from sync.cli.render_explain import age_line, explanation_document, explanation_lines
from sync.cli.render_slots import finding_lines, slot_document, slot_lines
from sync.cli.render_status import why_held
from sync.cli.session import Session
from sync.explain import Explainer, Explanation, all_names, find_subjects
from sync.names import name_of
from sync.outcome import ExitCode
from sync.ownership import TARGETS, Ownership
from sync.planning import plan_project
from sync.showing import SlotState, findings_about, slot_states
from sync.store import entities, publishing
from sync.store.publishing import Hold
from sync.workspace import Workspace

MANY = 10


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One subject in one project: why, what its slots hold now, and what the plan finds about it."""

    explanation: Explanation
    slots: Sequence[SlotState]
    findings: Sequence[Note]
    now: datetime


def run(globals_: Globals, *, subject: str) -> ExitCode:
    """Shows the chain of links, the evidence of every verdict that has to do with the subject, and what its slots hold, in each
    project that knows it."""
    session = Session(globals_)
    found: list[_Answer] = []
    count = 0
    names: set[str] = set()
    with session.workspace() as workspace:
        for project in session.chosen(workspace):
            assessed = assess(workspace.database, project, stop=threading.Event())
            names.update(all_names(assessed))
            subjects = find_subjects(assessed, subject)
            count += len(subjects)
            found.extend(_answers(workspace, assessed, subjects if session.wants_json else subjects[: MANY - len(found)]))
    if not found:
        raise unknown_subject(subject, names)
    if session.wants_json:
        session.answer({"explanations": [_document(one) for one in found]})
        return ExitCode.DONE
    for number, one in enumerate(found):
        session.show(*([""] if number else []))
        session.show_all(_lines(one, session.width))
    if count > len(found):
        session.show("", f"{subject} names {count - len(found):,} more; name one of them exactly to see it.")
    return ExitCode.DONE


def _answers(workspace: Workspace, assessed: Assessment, subjects: Sequence[Entity]) -> Iterator[_Answer]:
    """The plan is made once a project, and only where something is to be said of it."""
    if not subjects:
        return
    plan = plan_project(
        workspace.database,
        assessed,
        config_hash=workspace.config_hash,
        in_order=workspace.projects,
        sources=workspace.sources,
    )
    with workspace.database.read() as tx:
        targets = {one.ref for one in subjects if one.ref.kind in TARGETS}
        targets -= Ownership(assessed.project, workspace.projects).foreign(tx, targets)
        actual = entities.slots_of(tx, targets)
        plan = _with_holds(plan, publishing.held(tx, assessed.project.key), assessed)
    explainer = Explainer(assessed)
    for one in subjects:
        yield _Answer(
            explanation=explainer.explain(one),
            slots=slot_states(assessed, one.ref, actual, plan) if one.ref in targets else (),
            findings=findings_about(plan, one),
            now=assessed.now,
        )


def _with_holds(plan: Plan, holds: Mapping[Slot, Hold], assessed: Assessment) -> Plan:
    """The plan with a note of every slot that is left alone: soon after a write it still counts on our own value there."""
    spoken_of = {one.slot for one in plan.notes} | {one.slot for one in plan.changes}
    notes = [
        Note(
            kind=hold.kind,
            project=plan.project,
            text=why_held(hold, name_of(target)),
            slot=slot,
            key=name_of(target),
            url=target.url,
            actual=hold.value,
            desired=hold.value,
        )
        for slot, hold in sorted(holds.items())
        if slot not in spoken_of and (target := assessed.graph.entities.get(slot.target)) is not None
    ]
    return msgspec.structs.replace(plan, notes=(*plan.notes, *notes))


def _lines(answer: _Answer, width: int) -> Iterator[Text]:
    yield from explanation_lines(answer.explanation, answer.now, width)
    yield from slot_lines(answer.slots, width)
    yield from finding_lines(answer.findings, width)
    yield Text()
    yield age_line(answer.explanation, answer.now)


def _document(answer: _Answer) -> Document:
    return {
        **explanation_document(answer.explanation),
        "slots": [slot_document(one) for one in answer.slots],
        "findings": [note_document(one) for one in answer.findings],
    }


def unknown_subject(text: str, names: Iterable[str]) -> UsageProblem:
    """Nothing that was pulled has this name."""
    close = nearest(text, names)
    meant = f"did you mean {close}? Else " if close is not None else ""
    return UsageProblem(
        f"nothing known is called {text!r}", f"{meant}pull first, or name it as ML-42, example/churn#12 or by its address"
    )
