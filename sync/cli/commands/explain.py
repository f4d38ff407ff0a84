"""`milepost explain`"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime

from config.problems import nearest
from sync.assess import assess
from sync.cli.errors import UsageProblem
from sync.cli.options import Globals
from sync.cli.render_explain import explanation_document, explanation_lines
from sync.cli.session import Session
from sync.explain import Explanation, all_names, explain, find_subjects
from sync.outcome import ExitCode

MANY = 10


def run(globals_: Globals, *, subject: str) -> ExitCode:
    """Shows the chain of links and the evidence of every verdict about the subject, in each project that knows it."""
    session = Session(globals_)
    found: list[tuple[Explanation, datetime]] = []
    names: set[str] = set()
    with session.workspace() as workspace:
        for project in session.chosen(workspace):
            assessed = assess(workspace.database, project, looking_up=False, stop=threading.Event(), save=False)
            names.update(all_names(assessed))
            found.extend((explain(assessed, one), assessed.now) for one in find_subjects(assessed, subject))
    if not found:
        raise unknown_subject(subject, names)
    if session.wants_json:
        session.answer({"explanations": [explanation_document(one) for one, _ in found]})
        return ExitCode.DONE
    for number, (one, now) in enumerate(found[:MANY]):
        session.show(*([""] if number else []))
        session.show_all(explanation_lines(one, now, session.width))
    if len(found) > MANY:
        session.show("", f"{subject} names {len(found) - MANY:,} more; name one of them exactly to see it.")
    return ExitCode.DONE


def unknown_subject(text: str, names: Iterable[str]) -> UsageProblem:
    """Nothing that was pulled has this name."""
    close = nearest(text, names)
    meant = f"did you mean {close}? Else " if close is not None else ""
    return UsageProblem(
        f"nothing known is called {text!r}", f"{meant}pull first, or name it as ML-42, example/churn#12 or by its address"
    )
