"""A project whose key was changed in the project file is still the same one: what is remembered of it goes on under the new key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import structlog

from sync.listings import ScopedProject
from sync.source import Scope
from sync.store import leases, renaming, resting
from sync.store.connect import Connection, Database
from sync.store.leases import Lease
from sync.store.streams import StreamKey

log = structlog.get_logger(__name__)


def renamed(tx: Connection, projects: Sequence[ScopedProject]) -> Mapping[str, str]:
    """By its key, the former key of each of `projects`, which are all of the file, that goes by another one now.

    That is the one project which the file no longer has and which rested on nothing but scopes of this one. A project that has
    something to remember itself is another one.
    """
    rested = resting.by_project(tx)
    for key in {project.key for project in projects} & rested.keys():
        del rested[key]
    found: dict[str, str] = {}
    for project in projects if rested else ():
        alike = [former for former, keys in rested.items() if _has_the_scopes_of(project, keys)]
        if len(alike) == 1 and not renaming.has_memory(tx, project.key):
            found[project.key] = alike[0]
            del rested[alike[0]]
    return found


def as_remembered(tx: Connection, chosen: Iterable[ScopedProject], projects: Sequence[ScopedProject]) -> Sequence[ScopedProject]:
    """The `chosen` projects, those that were renamed with the keys by which the store knows them: to look, and write nothing."""
    former = renamed(tx, projects)
    return [msgspec.structs.replace(one, formerly=former.get(one.key)) for one in chosen]


def go_on_as(database: Database, key: str, projects: Sequence[ScopedProject], lease: Lease) -> None:
    """Gives the project `key` what is remembered of its former self, under the lease of that one: nobody is at work for it then.

    Where another run was quicker, there is nothing left to do. Raises `LeaseLost`.
    """
    with database.write() as tx:
        leases.verify(tx, lease)
        former = renamed(tx, projects).get(key)
        if former is not None:
            renaming.rename_project(tx, former, key)
            log.info("project.renamed", project=key, formerly=former)


def _has_the_scopes_of(project: ScopedProject, rested: Iterable[StreamKey]) -> bool:
    wanted = {(source.name, key.stream): scope.listed for source, scope in project.scopes for key in source.keys(scope)}
    former = {(key.source, key.stream): Scope.listed_by(key.scope_hash) for key in rested}
    return former.items() <= wanted.items()
