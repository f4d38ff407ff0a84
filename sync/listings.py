"""Where what is known of a project's scopes is kept, and how complete and fresh it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import TypeAlias

import msgspec

from mappings.model import Ref
from mappings.rules import StatusRule
from sync.freshness import StreamFacts
from sync.project import ProjectView
from sync.source import Scope, Source
from sync.store import entities, resting, streams
from sync.store.connect import Connection
from sync.store.resting import Rested
from sync.store.streams import StreamKey, StreamState
from sync.unmatched import Named

Place: TypeAlias = tuple[str, str]
"""A source and one of its streams."""


class ScopedProject(msgspec.Struct, frozen=True, kw_only=True):
    """One project with its rules and the scopes that it has in each source. `formerly` is the key under which the store still
    remembers it, where that is another one."""

    view: ProjectView
    rules: tuple[StatusRule, ...]
    scopes: tuple[tuple[Source, Scope], ...]
    fresh_within: timedelta
    formerly: str | None = None

    @property
    def key(self) -> str:
        return self.view.key

    @property
    def memory(self) -> str:
        """The key by which the store knows it."""
        return self.formerly or self.key


def named_in(project: ScopedProject) -> Sequence[Named]:
    """What the project's scopes name, as far as their connectors tell of what kind it is."""
    return [
        Named(source=source.name, field=field, kind=kind, globs=tuple(getattr(scope.options, field)))
        for source, scope in project.scopes
        for field, kind in source.connection.named.items()
    ]


class Listings(msgspec.Struct, frozen=True, kw_only=True):
    """The listings that a project rests on, by source and stream.

    `present`: under the scope as the project file has it now. When the file only makes another status or prefix ours, that is where
    it was kept before, until everything was listed anew: the same was listed there. `former`: what was listed before the scope
    itself was changed, as long as it has not been listed whole, and read, since. Nobody knows yet which of that is still in the
    scope. `elsewhere` is what was listed of sources that the project does not scope now. `states` are those of all these, and of
    what is pulled for the project now.
    """

    present: Mapping[Place, StreamKey]
    former: Mapping[Place, StreamKey]
    elsewhere: Sequence[StreamKey]
    states: Mapping[StreamKey, StreamState]

    @property
    def keys(self) -> Sequence[StreamKey]:
        return [*self.present.values(), *self.former.values()]

    def is_whole(self, place: Place) -> bool:
        """Whether the scope, as it is now, was listed to its end, and read since the project rested on another one."""
        state = self.states.get(self.present[place])
        return place not in self.former and state is not None and state.complete_at is not None


def listings_of(tx: Connection, project: ScopedProject) -> Listings:
    """The listings of one project as they are stored now."""
    wanted = {(source.name, key.stream): (key, scope) for source, scope in project.scopes for key in source.keys(scope)}
    rested = resting.load(tx, project.memory)
    keys = [*(key for key, _ in wanted.values()), *(one.key for one in rested)]
    states = {state.key: state for state in streams.states(tx, keys)}
    present: dict[Place, StreamKey] = {}
    former: dict[Place, StreamKey] = {}
    for place, (key, scope) in wanted.items():
        state = states.get(key)
        alike = streams.last_complete(tx, key, scope.listed) if state is None or state.complete_at is None else None
        if alike is not None:
            states[alike.key] = alike
        present[place] = key if alike is None else alike.key
    for one in rested:
        place = (one.key.source, one.key.stream)
        if place in present and present[place] != one.key and not _is_read_since(states.get(present[place]), one):
            former[place] = one.key
    sources = {source.name for source, _ in project.scopes}
    elsewhere = [one.key for one in rested if one.key.source not in sources]
    return Listings(present=present, former=former, elsewhere=elsewhere, states=states)


def unlisted(tx: Connection, listings: Listings, refs: Collection[Ref]) -> frozenset[Ref]:
    """Those of `refs` that were listed before a scope was changed and have not been listed since."""
    before = entities.members_among(tx, listings.former.values(), refs) if listings.former else set()
    return frozenset(before - entities.members_among(tx, listings.present.values(), before))


def rest_on(tx: Connection, project: ScopedProject, listings: Listings) -> None:
    """Remembers what the project rests on from now on: what is listed whole, and otherwise what it rested on before."""
    whole = [key for place, key in listings.present.items() if listings.is_whole(place)]
    kept = [*whole, *listings.former.values(), *listings.elsewhere]
    resting.save(tx, project.key, [listings.states[key] for key in kept if key in listings.states])


def stream_facts(project: ScopedProject, listings: Listings, rejected: Mapping[Place, AbstractSet[Ref]]) -> Sequence[StreamFacts]:
    """How complete and fresh each stream is of which the project's scopes name anything, or named before they were changed.

    A stream of which they name nothing is listed whole and shows nothing: that tells nothing of what is there. `rejected` is what
    was not understood.
    """
    facts = []
    for source, scope in project.scopes:
        for stream, kinds in source.connection.streams.items():
            if not source.connection.is_wanted(stream, scope.options) and (source.name, stream) not in listings.former:
                continue
            state = listings.states.get(listings.present[source.name, stream])
            pulled_at = state.pulled_at if state is not None else None
            latest = listings.states.get(source.key(stream, scope)) or state
            facts.append(
                StreamFacts(
                    source=source.name,
                    stream=stream,
                    provides=kinds,
                    complete=listings.is_whole((source.name, stream)),
                    pulled_at=pulled_at,
                    failed=latest.error if latest is not None else None,
                    rejected=len(rejected.get((source.name, stream), ())),
                    rescoped=pulled_at is None and (source.name, stream) in listings.former,
                )
            )
    return facts


def _is_read_since(state: StreamState | None, rested: Rested) -> bool:
    """Whether a listing is whole, and was read after what the project rested on: else that one tells of what is newer."""
    if state is None or state.complete_at is None or state.pulled_at is None:
        return False
    return rested.pulled_at is None or rested.pulled_at <= state.pulled_at
