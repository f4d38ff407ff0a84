"""A project whose key was changed in the project file is still the same one: what is remembered of it goes on under the new key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import structlog

from sync.apply import lease_name
from sync.listings import ScopedProject
from sync.source import Scope
from sync.store import leases, renaming, resting
from sync.store.connect import Connection, Database
from sync.store.streams import StreamKey

log = structlog.get_logger(__name__)


def go_on_renamed(tx: Connection, database: Database, projects: Sequence[ScopedProject]) -> Mapping[str, str]:
    """Gives each of `projects`, which are all of the file, what is remembered of its former self. Returns the former keys by key.

    That is the one project which the file no longer has and which rested on the same scopes of the same sources. One that a run is
    still at work for keeps its name until that run has ended.
    """
    rested = resting.by_project(tx)
    for key in {project.key for project in projects} & rested.keys():
        del rested[key]
    renamed: dict[str, str] = {}
    for project in projects if rested else ():
        alike = [former for former, keys in rested.items() if _has_the_scopes_of(project, keys)]
        if len(alike) != 1 or renaming.has_memory(tx, project.key) or leases.is_held(tx, lease_name(alike[0]), database.now(tx)):
            continue
        renaming.rename_project(tx, alike[0], project.key)
        log.info("project.renamed", project=project.key, formerly=alike[0])
        renamed[project.key] = alike[0]
        del rested[alike[0]]
    return renamed


def _has_the_scopes_of(project: ScopedProject, rested: Iterable[StreamKey]) -> bool:
    wanted = {(source.name, key.stream): scope.listed for source, scope in project.scopes for key in source.keys(scope)}
    former = {(key.source, key.stream): Scope.listed_by(key.scope_hash) for key in rested}
    return former.items() <= wanted.items() and {source for source, _ in former} == {source for source, _ in wanted}
