"""Where the deliveries of one source come in: who sent it, and whether anybody cares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from connectors.base import Delivery, Options, Receiver
from connectors.errors import BadRecord, SourceError
from sync.source import Source, guarded, receiving

_LONGEST_NAME = 200
_ASKING_FIRST = frozenset({"azureml"})
"""Azure Event Grid asks by the rules of CloudEvents, where its subscription sends in that schema."""


class Entrance(msgspec.Struct, frozen=True, kw_only=True):
    """`asks_first` says that the source asks by OPTIONS whether it may send any deliveries."""

    source: str
    receiver: Receiver
    scopes: Sequence[Options]
    asks_first: bool = False


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that is proven, and whether it `matters` to any scope of its source: None where only the store can tell, as it
    knows what scopes hold under names that the project file does not have."""

    delivery: Delivery
    matters: bool | None


def entrances(sources: Iterable[Source]) -> Mapping[str, Entrance]:
    """Those of every source that can send deliveries. Raises `ConfigError` when a secret cannot be read."""
    return {
        source.name: Entrance(
            source=source.name,
            receiver=receiving(source),
            scopes=[scope.options for scope in source.scopes],
            asks_first=source.connection.name in _ASKING_FIRST,
        )
        for source in sources
        if source.connection.receiver is not None
    }


def admit(entrance: Entrance, headers: Mapping[str, str], body: bytes) -> Admitted:
    """Proves a delivery first, and looks at it then. Raises `BadSignature`, or `BadRecord` for what is no delivery of the source.

    A mistake of the connector's own is raised as `Unavailable`.
    """
    with guarded(entrance.source, "proving a delivery"):
        delivery = entrance.receiver.verify(headers, body)
    if delivery.reply is not None:
        return Admitted(delivery=delivery, matters=False)
    for text in (delivery.id, delivery.event):
        if not (0 < len(text) <= _LONGEST_NAME and text.isprintable()):
            raise BadRecord(entrance.source, "the delivery has no usable id or event")
    return Admitted(delivery=delivery, matters=_matters(entrance, delivery))


def _matters(entrance: Entrance, delivery: Delivery) -> bool | None:
    """What cannot be made out is kept: reading it is tried again later, and a person is told."""
    try:
        with guarded(entrance.source, "reading a delivery"):
            mentions = entrance.receiver.parse(delivery)
            if any(entrance.receiver.concerns(mention, scope) for mention in mentions for scope in entrance.scopes):
                return True
            return None if mentions else False
    except SourceError:
        return True
