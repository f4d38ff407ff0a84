"""What the webhook deliveries of MLflow name. Shapes: `mlflow.webhooks.types` of MLflow 3.17.

The registry alone sends them. A new version, and an alias that was moved, name the registered model: which version had the alias
before is not told, nor what the new version's run has become. Nothing is named by a registered model that has no version yet, by
prompts, which lie in the same registry, and by budgets.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from mappings.decoding import decoder_for
from mappings.model import Ref

RELISTED_KIND = "registered_model"
"""What is named and cannot be read directly."""

_OF_MODELS = frozenset({"registered_model", "model_version", "model_version_alias"})
_OF_VERSIONS = frozenset({"model_version_tag"})
_CHANGES_NOTHING = frozenset({"registered_model.created"})

_Word = Annotated[str, Meta(pattern=r"\A[a-z_]{1,50}\Z")]


class EventRecord(msgspec.Struct, gc=False):
    """What every delivery has."""

    entity: _Word
    action: _Word

    @property
    def event(self) -> str:
        return f"{self.entity}.{self.action}"


class _Model(msgspec.Struct, gc=False):
    name: Annotated[str, Meta(min_length=1, max_length=1000)]


class _Version(_Model, gc=False):
    version: Annotated[str, Meta(pattern=r"\A[0-9]{1,19}\Z")]


class ModelEvent(msgspec.Struct, gc=False):
    data: _Model


class VersionEvent(msgspec.Struct, gc=False):
    data: _Version


EVENT = decoder_for(EventRecord)
_MODEL = decoder_for(ModelEvent)
_VERSION = decoder_for(VersionEvent)


def decoder_of(event: str) -> msgspec.json.Decoder[Any] | None:
    """How a delivery of this event is read; None where it changes no fact."""
    entity = event.partition(".")[0]
    if event in _CHANGES_NOTHING or entity not in _OF_MODELS | _OF_VERSIONS:
        return None
    return _VERSION if entity in _OF_VERSIONS else _MODEL


def named(source: str, record: ModelEvent | VersionEvent) -> Ref:
    """What the event names."""
    if isinstance(record, VersionEvent):
        return Ref(source, "model_version", f"{record.data.name}/{record.data.version}")
    return Ref(source, RELISTED_KIND, record.data.name)
