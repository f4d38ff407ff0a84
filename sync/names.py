"""What people call an entity or a slot of ours, and by what else an entity is found."""

from __future__ import annotations

from collections.abc import Iterator

from mappings.change import Slot
from mappings.model import (
    ChangeRequest,
    Commit,
    Dataset,
    Deployment,
    Entity,
    Experiment,
    Milestone,
    ModelVersion,
    Observation,
    Project,
    Run,
    WorkItem,
)


def name_of(entity: Entity) -> str:
    """A short name that a person recognises: a key, a number, a version."""
    match entity:
        case WorkItem():
            return entity.key
        case ChangeRequest():
            return f"{entity.repository}#{entity.number}"
        case Commit():
            return f"{entity.repository}@{entity.sha[:9]}"
        case Run():
            return f"run {entity.name or entity.run_id[:8]}"
        case ModelVersion():
            return f"{entity.name} v{entity.version}"
        case Dataset():
            return f"dataset {entity.name}" + (f" ({entity.digest[:8]})" if entity.digest else "")
        case Deployment():
            return f"endpoint {entity.endpoint}"
        case Observation():
            return entity.monitor
        case Project() | Milestone() | Experiment():
            return entity.name
    return str(entity.ref)


def names_of(entity: Entity) -> Iterator[str]:
    """Everything that a person may call an entity."""
    yield from (name_of(entity), str(entity.ref), entity.ref.id)
    if entity.url is not None:
        yield entity.url
    match entity:
        case Project():
            yield entity.key
        case WorkItem():
            yield from entity.former_keys
        case Commit():
            yield entity.sha
        case Run():
            yield entity.name or entity.run_id
        case ModelVersion():
            yield from (entity.name, f"{entity.name}/{entity.version}", f"{entity.name} {entity.version}")
        case Dataset():
            yield from (entity.name, name_of(entity).removeprefix("dataset "))
        case Deployment():
            yield from (entity.endpoint, f"deployment {entity.endpoint}")
    yield from forms_of(entity)


def forms_of(entity: Entity) -> Iterator[str]:
    """What follows the source and a colon in `links:` of the project file, of what has no key and no number."""
    match entity:
        case Run():
            yield f"run/{entity.run_id}"
        case ModelVersion():
            yield f"model/{entity.name}/{entity.version}"
        case Dataset():
            yield from (f"dataset/{entity.name}", f"dataset/{entity.ref.id}")
        case Deployment():
            called = dict.fromkeys((entity.endpoint, entity.ref.id))
            yield from (f"{word}/{name}" for word in ("endpoint", "deployment") for name in called)
        case Observation():
            yield f"monitor/{entity.monitor}"


def models_named_by(deployment: Deployment) -> Iterator[str]:
    """What the source calls the models behind a deployment, alone and after its endpoint."""
    for share in deployment.models:
        yield from (share.name, f"{deployment.endpoint}/{share.name}")


def place(slot: Slot) -> str:
    """What kind of slot, and its name."""
    return f"{slot.kind} {slot.name}"
