"""A project whose key was changed in the project file is still the same one: what is remembered of it goes on under the new key."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

import msgspec
import structlog

from sync.apply import LEASE, lease_name
from sync.listings import ScopedProject
from sync.source import Scope
from sync.store import leases, renaming, resting, runs
from sync.store.connect import Connection, Database
from sync.store.leases import Lease, LeaseLost
from sync.store.streams import StreamKey

log = structlog.get_logger(__name__)

TURNS = timedelta(days=1)
"""A project that goes by a key again which it had so lately is renamed to and fro."""


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


def know_again(
    database: Database, projects: Sequence[ScopedProject], *, holder: str, wait: timedelta, stop: threading.Event
) -> Sequence[str]:
    """What is remembered of those of `projects`, which are all of the file, that were renamed in it goes by their new keys.

    Gives notices for people: of projects that are renamed to and fro. Raises `LeaseHeld` when somebody is still at work under a
    former key after `wait`.
    """
    with database.read() as tx:
        former = renamed(tx, projects)
        since = database.now(tx) - TURNS
        again = {key: name for key, name in former.items() if runs.took_turns(tx, key, name, since)}
    for key, name in former.items():
        with (
            suppress(LeaseLost),
            leases.held(database, lease_name(name), holder=holder, ttl=LEASE, wait=wait, stop=stop) as lease,
        ):
            _go_on_as(database, key, projects, lease)
    return [_renamed_back(key, name) for key, name in again.items()]


def _go_on_as(database: Database, key: str, projects: Sequence[ScopedProject], lease: Lease) -> None:
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


def _renamed_back(key: str, former: str) -> str:
    return (
        f"project {former} goes by {key} again, as it did less than a day ago: two project files with the same scopes on one store "
        "rename it at each sync; give it the same key in both, or each file a store of its own"
    )
