"""What of an entity concerns people, taken out: everything that links and statuses rest on stays."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from mappings.model import ChangeRequest, Commit, Entity, Experiment, Run, WorkItem
from sync.mentions import only_references

ADDRESS = re.compile(r"[\w.+%-]{1,64}@(?:[\w-]{1,63}\.)+[\w-]{1,63}")
LEFT_OUT = "…"
USER_TAGS = frozenset({"mlflow.user"})


def depersonalised(entity: Entity) -> Entity:
    """The entity without its people, without the prose that others wrote, and without e-mail addresses."""
    replace = msgspec.structs.replace
    match entity:
        case WorkItem():
            return replace(entity, title=_plain(entity.title), body="", assignee=None, fields=_in_values(entity.fields))
        case ChangeRequest():
            return replace(entity, title=_plain(entity.title), body=only_references(entity.body), author=None)
        case Commit():
            return replace(entity, message=only_references(entity.message), author=None)
        case Run():
            name = None if entity.name is None else _plain(entity.name)
            tags = {key: _plain(value) for key, value in entity.tags.items() if key not in USER_TAGS}
            return replace(entity, name=name, tags=tags, params={key: _plain(value) for key, value in entity.params.items()})
        case Experiment():
            return replace(entity, tags={key: _plain(value) for key, value in entity.tags.items() if key not in USER_TAGS})
        case _:
            return entity


def _plain(text: str) -> str:
    return ADDRESS.sub(LEFT_OUT, text)


def _in_values(value: Any) -> Any:
    match value:
        case str():
            return _plain(value)
        case list() | tuple():
            return [_in_values(item) for item in value]
        case dict():
            return {key: _in_values(item) for key, item in value.items()}
        case _:
            return value
