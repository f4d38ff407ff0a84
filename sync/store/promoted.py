"""What of an entity stands in columns of its own: the name that people use for it, and what contains it."""

from __future__ import annotations

import msgspec

from mappings.model import (
    ChangeRequest,
    Commit,
    Dataset,
    Deployment,
    Entity,
    Experiment,
    Field,
    Label,
    Milestone,
    ModelVersion,
    Observation,
    Project,
    Run,
    WorkItem,
)


class Promoted(msgspec.Struct, frozen=True):
    """`key` as people write it (`ML-42`, `owner/name#7`, a sha, `model/version`); `container` is "" where nothing contains it."""

    key: str
    container: str


def promoted(entity: Entity) -> Promoted:
    """The promoted columns of any entity; one of an unknown type goes by its id."""
    match entity:
        case WorkItem() | Project():
            return Promoted(entity.key, entity.container if isinstance(entity, WorkItem) else "")
        case ChangeRequest():
            return Promoted(f"{entity.repository}#{entity.number}", entity.repository)
        case Commit():
            return Promoted(entity.sha, entity.repository)
        case Run():
            return Promoted(entity.run_id, entity.experiment)
        case ModelVersion():
            return Promoted(f"{entity.name}/{entity.version}", entity.name)
        case Deployment():
            return Promoted(entity.endpoint, entity.platform)
        case Observation():
            return Promoted(entity.monitor, str(entity.subject))
        case Milestone():
            return Promoted(entity.name, entity.container)
        case Label():
            return Promoted(entity.name, entity.repository)
        case Experiment() | Dataset() | Field():
            return Promoted(entity.name, "")
        case _:
            return Promoted(entity.ref.id, "")
