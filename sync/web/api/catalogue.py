"""The projects of the project file, as the store knows them: the only ones that the API tells of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from config.problems import suggestion
from mappings.change import Slot, Value
from mappings.model import Entity, Ref
from sync.assess import project_entity
from sync.derive import Standing
from sync.documents import evidence_document, standing_document
from sync.freshness import sources_of
from sync.listings import Listings, ScopedProject, listings_of
from sync.names import name_of
from sync.renaming import as_remembered
from sync.showing import shown_on, state_seen
from sync.store import clock, entities
from sync.store.connect import Connection
from sync.store.verdicts import Stored
from sync.web.api.documents import Evidence, Status
from sync.web.problems import not_found


class Catalogue:
    """What one request sees, as of one moment."""

    def __init__(self, tx: Connection, projects: Sequence[ScopedProject]) -> None:
        self.tx = tx
        self.now = clock.now(tx)
        self.projects = as_remembered(tx, projects, projects)
        self._keys = {one.memory: one.key for one in self.projects}

    def chosen(self, key: str | None) -> Sequence[ScopedProject]:
        """The project with this key, or all. Raises `Refused`."""
        found = [one for one in self.projects if key is None or one.key == key]
        if key is not None and not found:
            raise not_found(f"there is no project {key!r}", suggestion(key, [one.key for one in self.projects]))
        return found

    def memories(self, key: str | None) -> Sequence[str]:
        """Under which keys the store remembers them."""
        return [one.memory for one in self.chosen(key)]

    def memory_of(self, key: str) -> str:
        """Under which key the store remembers a project, also one that the file no longer has."""
        return next((one.memory for one in self.projects if one.key == key), key)

    def key_of(self, memory: str) -> str:
        """The key by which a project goes now."""
        return self._keys.get(memory, memory)

    @cached_property
    def listings(self) -> Mapping[str, Listings]:
        """By key, where what was read for each project is kept."""
        return {one.key: listings_of(self.tx, one) for one in self.projects}

    def statuses(self, found: Iterable[Stored]) -> list[Status]:
        """Stored verdicts as documents."""
        some = list(found)
        told = {ref for one in some for ref in one.standing.told}
        known: dict[Ref, Entity] = {one.ref: one for one in entities.get(self.tx, {*told, *(one.standing.subject for one in some)})}
        known |= {one.ref: one for one in (project_entity(project.view) for project in self.projects)}
        slots = entities.slots_of(self.tx, told)
        projects = {one.memory: one for one in self.projects}
        return [self._status(one.standing, projects[one.project], known, slots) for one in some]

    def _status(
        self, standing: Standing, project: ScopedProject, known: Mapping[Ref, Entity], slots: Mapping[Slot, Value]
    ) -> Status:
        rule = next((one for one in project.rules if one.id == standing.rule), None)
        seen = shown_on(project.view, rule, standing.told, slots) if rule is not None else ()
        state = state_seen(standing, rule, project.view, seen, now=self.now) if rule is not None else None
        return Status(
            **standing_document(standing, known.get(standing.subject)),
            project=project.key,
            title=rule.title if rule is not None else None,
            kind=rule.kind if rule is not None else None,
            state=state,
            told_on=_names(standing.told, known) if state != "off" else [],
            shown_on=_names(seen, known),
            unknown_since=standing.unknown_since,
            missing_sources=list(sources_of(standing.missing)),
            evidence=[Evidence(**evidence_document(one)) for one in standing.evidence],
            rule_version=standing.rule_version,
            recheck_at=standing.recheck_at,
        )


def _names(refs: Iterable[Ref], known: Mapping[Ref, Entity]) -> list[str]:
    return [name_of(known[ref]) for ref in refs if ref in known]
