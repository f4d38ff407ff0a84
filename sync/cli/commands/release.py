"""`milepost release`"""

from __future__ import annotations

import threading

from sync.apply import LEASE, lease_name
from sync.assess import assess
from sync.cli.commands.explain import unknown_subject
from sync.cli.options import Globals
from sync.cli.session import Session
from sync.cli.style import place
from sync.engine import Run
from sync.explain import all_names, find_subjects
from sync.outcome import ExitCode
from sync.store import leases
from sync.withdraw import release


def run(globals_: Globals, *, subject: str) -> ExitCode:
    """Ends the overrides on a ticket or change request; the next sync shows what the facts say."""
    session = Session(globals_)
    released: list[str] = []
    known = False
    names: set[str] = set()
    stop = threading.Event()
    with session.workspace() as workspace:
        one = Run(workspace, session.chosen(workspace), "release", stop=stop)
        for project in one.projects:
            assessed = assess(workspace.database, project, stop=stop)
            names.update(all_names(assessed))
            targets = [entity.ref for entity in find_subjects(assessed, subject)]
            known = known or bool(targets)
            name = lease_name(project.key)
            with leases.held(workspace.database, name, holder=one.id, ttl=LEASE, wait=workspace.wait, stop=stop):
                slots = release(workspace.database, project.key, targets, run_id=one.id)
            released.extend(place(slot) for slot in slots)
        one.finish()
    if not known:
        raise unknown_subject(subject, names)
    if session.wants_json:
        session.answer({"released": released})
    elif released:
        session.show(f"Released on {subject}: {', '.join(released)}. The next sync shows what the facts say.")
    else:
        session.show(f"Nothing on {subject} is held by a person.")
    return ExitCode.DONE
