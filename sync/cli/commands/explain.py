"""`milepost explain`"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec
from rich.text import Text

from config.problems import nearest
from mappings.change import Note
from mappings.model import Entity
from sync.assess import Assessment, assess
from sync.chain import MAX_BRANCHES
from sync.cli.documents import note_document
from sync.cli.errors import UsageProblem
from sync.cli.options import Globals
from sync.cli.render_explain import age_line, explanation_document, explanation_lines
from sync.cli.render_slots import finding_lines, slot_document, slot_lines
from sync.cli.session import Session
from sync.documents import Document
from sync.explain import Explainer, Explanation, all_names, find_subjects
from sync.outcome import ExitCode
from sync.ownership import Ownership
from sync.planning import plan_project
from sync.showing import SlotState, findings_about, slot_states
from sync.store import entities
from sync.targets import TARGETS
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
        for project in session.looked_at(workspace):
            assessed = assess(workspace.database, project, stop=threading.Event())
            names.update(all_names(assessed))
            subjects = find_subjects(assessed, subject)
            count += len(subjects)
            some = subjects if session.wants_json else subjects[: MANY - len(found)]
            found.extend(_answers(workspace, assessed, some, None if globals_.verbose else MAX_BRANCHES))
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


def _answers(workspace: Workspace, assessed: Assessment, subjects: Sequence[Entity], branches: int | None) -> Iterator[_Answer]:
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
        taken = Ownership(assessed.project, workspace.projects).taken(tx, targets)
        actual = entities.slots_of(tx, {ref for ref in assessed.graph.entities if ref.kind in TARGETS})
    explainer = Explainer(assessed, actual)
    for one in subjects:
        yield _Answer(
            explanation=explainer.explain(one, branches=branches),
            slots=slot_states(assessed, one.ref, actual, plan, taken) if one.ref in targets else (),
            findings=findings_about(plan, one),
            now=assessed.now,
        )


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
        f"nothing known is called {text!r}",
        f"{meant}pull first, or name it as CHURN-42, example/churn#12, endpoint/churn-prod, dataset/customers or by its address",
    )
