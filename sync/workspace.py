"""Everything a run works with, put together once by `sync.build`: the store, the sources and the projects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

import msgspec

from mappings.change import Limits
from sync.listings import ScopedProject
from sync.metering import UNMETERED, Meters
from sync.pull import PullLimits
from sync.pull_log import PullLog
from sync.source import Source, require_secrets
from sync.store.connect import Database


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """A project file made ready. `projects` keep the file's order, which decides who owns a slot."""

    database: Database
    config_hash: str
    sources: Mapping[str, Source]
    projects: Sequence[ScopedProject]
    pull_limits: PullLimits
    safety: Limits
    wait: timedelta = timedelta(seconds=60)
    meters: Meters = UNMETERED
    pull_log: PullLog = msgspec.field(default_factory=PullLog)

    def chosen(self, keys: Iterable[str]) -> Sequence[ScopedProject]:
        """The projects named by `keys`, all of them for none, in the file's order. Raises `KeyError` with the first unknown key."""
        wanted = set(keys)
        for key in sorted(wanted - {project.key for project in self.projects}):
            raise KeyError(key)
        return [project for project in self.projects if not wanted or project.key in wanted]

    def sources_of(self, projects: Sequence[ScopedProject]) -> Sequence[Source]:
        """The sources to pull for `projects`, each with only their scopes; a scope that they share is read once.

        Raises `ConfigError` with every secret that one of them lacks.
        """
        result = []
        for source in self.sources.values():
            hashes = {scope.hash for project in projects for one, scope in project.scopes if one.name == source.name}
            scopes = tuple(scope for scope in source.scopes if scope.hash in hashes)
            if scopes:
                result.append(msgspec.structs.replace(source, scopes=scopes))
        require_secrets(result)
        return result

    def written_for(self, projects: Sequence[ScopedProject]) -> Sequence[Source]:
        """The sources where statuses of `projects` are shown."""
        names = {name for project in projects for name in project.view.owned}
        return [source for source in self.sources.values() if source.name in names]

    def reading(self, source: str) -> Sequence[ScopedProject]:
        """The projects that the source is read for."""
        return [project for project in self.projects if source in {one.name for one, _ in project.scopes}]

    def at_once(self) -> Workspace:
        """One that waits for nobody, since there is other work, and whose requests come before those of a schedule."""
        sources = {name: source.at_once() for name, source in self.sources.items()}
        return msgspec.structs.replace(self, sources=sources, wait=timedelta(0))

    def of_one_source(self, name: str, *, only: frozenset[str] | None = None, wait: timedelta = timedelta(0)) -> Workspace:
        """One that has no other source, and of that only these streams; its pulls wait so long for others of the same scope."""
        limits = msgspec.structs.replace(self.pull_limits, only=only, wait=wait)
        return msgspec.structs.replace(self, sources={name: self.sources[name]}, pull_limits=limits)
