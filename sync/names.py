"""What people call an entity."""

from __future__ import annotations

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
