"""`milepost release`"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from mappings.model import Ref
from sync.apply import LEASE, lease_name
from sync.assess import Assessment, assess
from sync.cli.commands.explain import unknown_subject
from sync.cli.errors import UsageProblem
from sync.cli.options import Globals
from sync.cli.session import Session
from sync.engine import Run
from sync.explain import all_names, find_subjects
from sync.names import name_of, place
from sync.outcome import ExitCode
from sync.reasons import conflict
from sync.showing import wanted_in
from sync.store import leases, publishing
from sync.store.connect import Database
from sync.targets import TARGETS
from sync.withdraw import release


def run(globals_: Globals, *, subject: str) -> ExitCode:
    """Ends the overrides on a ticket or change request; the next sync shows what the facts say."""
    session = Session(globals_)
    released: list[str] = []
    conflicts: list[str] = []
    known: set[Ref] = set()
    names: set[str] = set()
    stop = threading.Event()
    with session.workspace() as workspace:
        one = Run(workspace, session.chosen(workspace), "release", stop=stop)
        for project in one.projects:
            assessed = assess(workspace.database, project, stop=stop)
            names.update(all_names(assessed))
            subjects = {entity.ref for entity in find_subjects(assessed, subject)}
            known |= subjects
            targets = sorted(ref for ref in subjects if ref.kind in TARGETS)
            name = lease_name(project.key)
            with leases.held(workspace.database, name, holder=one.id, ttl=LEASE, wait=workspace.wait, stop=stop):
                slots = release(workspace.database, project.key, targets, run_id=one.id)
            conflicts.extend(_conflicts(workspace.database, assessed, targets))
            released.extend(place(slot) for slot in slots)
        one.finish()
    if not known:
        raise unknown_subject(subject, names)
    if not any(ref.kind in TARGETS for ref in known):
        what = f"{subject} is no ticket and no pull request, so nothing on it can be released"
        raise UsageProblem(what, "name one, such as CHURN-42 or example/churn#12")
    if session.wants_json:
        session.answer({"released": released, "conflicts": conflicts})
    elif released:
        session.show(f"Released on {subject}: {', '.join(released)}. The next sync shows what the facts say.")
    elif not conflicts:
        session.show(f"Nothing on {subject} is held by a person.")
    session.show(*([] if session.wants_json else conflicts))
    return ExitCode.DONE


def _conflicts(database: Database, assessed: Assessment, targets: Sequence[Ref]) -> Iterator[str]:
    """What was there before Milepost came, which a release does not touch, and what does."""
    with database.read() as tx:
        held = publishing.held(tx, assessed.project.key)
    for slot, hold in sorted(held.items()):
        if slot.target in targets and hold.kind == "conflict":
            name = name_of(assessed.graph.entities[slot.target])
            yield f"Not released on {name}: {place(slot)} {conflict(slot, hold.value, wanted_in(slot, assessed))}."
