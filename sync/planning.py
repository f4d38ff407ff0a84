"""From a project's standings to its plan: what the store remembers of the remote side is gathered here, the deciding is pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from mappings.change import Plan, Slot, Value
from mappings.model import Entity, Ref
from sync.assess import Assessment
from sync.compare import Held, Pushed
from sync.plan import Place, Remembered, container_of, make_plan
from sync.store import audit, entities, publishing
from sync.store.connect import Connection, Database

ROLLING = timedelta(hours=24)


def plan_project(
    database: Database, assessment: Assessment, *, config_hash: str, earlier: Sequence[str], adopt: bool = False
) -> Plan:
    """The plan of one assessed project. `earlier` are the keys of the projects before it in the file, whose targets are theirs."""
    with database.read() as tx:
        remembered = _remember(tx, assessment, earlier)
    return make_plan(
        assessment.graph,
        assessment.project.view,
        assessment.project.rules,
        assessment.standings,
        remembered,
        now=assessment.now,
        config_hash=config_hash,
        facts_as_of=assessment.freshness.facts_as_of(),
        adopt=adopt,
    )


def _remember(tx: Connection, assessment: Assessment, earlier: Sequence[str]) -> Remembered:
    key = assessment.project.key
    published = publishing.published(tx, key)
    held = publishing.held(tx, key)
    known = assessment.graph.entities
    strays = _strays(tx, {slot.target for slot in published} - known.keys())
    slots: dict[Slot, Value] = dict(entities.slots_of(tx, [*(ref for ref in known if ref.kind in _TARGETS), *strays]))
    return Remembered(
        actual=slots,
        pushed={slot: Pushed(value=row.value, rules=row.rules, episode=row.episode) for slot, row in published.items()},
        held={slot: Held(kind=row.kind, value=row.value, rule=row.rule, episode=row.episode) for slot, row in held.items()},
        settled=frozenset(publishing.settled(tx, key)),
        forced=audit.forced_rewrites(tx, key, assessment.now - ROLLING),
        strays=strays,
        foreign=frozenset(publishing.targets_of(tx, earlier) & known.keys()),
    )


def settle(database: Database, assessment: Assessment) -> None:
    """Remembers where slots have been compared: from now on, another value there is a person's doing."""
    owned = assessment.project.view.owned
    containers = {
        (entity.ref.source, container_of(entity)) for entity in assessment.graph.entities.values() if entity.ref.kind in _TARGETS
    }
    places: set[Place] = set()
    for source, container in containers:
        ours = owned.get(source)
        if ours is not None:
            places |= {(source, container, "label", label) for label in ours.labels}
            places |= {(source, container, "field", ours.field)} if ours.field else set()
            places |= {(source, container, "property", ours.property)} if ours.property else set()
    with database.write() as tx:
        publishing.settle(tx, assessment.project.key, places, database.now(tx))


_TARGETS = frozenset({"work_item", "change_request"})


def _strays(tx: Connection, refs: set[Ref]) -> Mapping[Ref, Entity]:
    return {entity.ref: entity for entity in entities.get(tx, sorted(refs))}
