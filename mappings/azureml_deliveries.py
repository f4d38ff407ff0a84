"""Azure Machine Learning's events as Event Grid delivers them: what of them is kept, and what they name.

They come in Event Grid's own schema or as CloudEvents 1.0, one or several at once. Names in an event's data are spelt with a large
or a small first letter. Tags and properties of runs and models are not kept: everybody who trains writes there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from mappings.azureml_names import Site
from mappings.decoding import decoder_for
from mappings.model import Ref

EXPERIMENT = "experiment"
MONITOR = "monitor"
ENDPOINT = "endpoint"
"""The kinds of a mention that ask for jobs, for what monitors found, and for endpoints. Events name runs that no listing shows,
such as the steps of a pipeline; they do not say which runs are a monitor's, nor always under which name an endpoint is known."""

OTHER, SEVERAL = "other", "several"

_VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
_RUN_COMPLETED = "Microsoft.MachineLearningServices.RunCompleted"
_RUN_STATUS_CHANGED = "Microsoft.MachineLearningServices.RunStatusChanged"
_MODEL_REGISTERED = "Microsoft.MachineLearningServices.ModelRegistered"
_MODEL_DEPLOYED = "Microsoft.MachineLearningServices.ModelDeployed"
_EVENTS: Mapping[str, str] = {
    _VALIDATION: "subscription.validation",
    _RUN_COMPLETED: "run.completed",
    _RUN_STATUS_CHANGED: "run.status_changed",
    _MODEL_REGISTERED: "model.registered",
    _MODEL_DEPLOYED: "model.deployed",
}
_KEPT = frozenset({"experimentid", "experimentname", "runstatus", "modelname", "modelversion", "servicename"})
_ENDED = frozenset({"completed", "failed", "canceled"})
_SUBJECTS = (
    re.compile(r"experiments/(?P<experimentid>[^/]+)/runs/[^/]+"),
    re.compile(r"models/(?P<modelname>[^/:]+):(?P<modelversion>[^/:]+)"),
    re.compile(r"endpoints/(?P<servicename>[^/]+)"),
)
_NAME = re.compile(r"[^/:\x00-\x1f\x7f]{1,255}")
_LONGEST = 255
_LARGEST = 10**18

Id = Annotated[str, msgspec.Meta(pattern=r"\A[!-~]{1,200}\Z")]


class Received(msgspec.Struct, frozen=True):
    """An event in either schema, as it comes."""

    id: Id
    subject: str | None = None
    data: Any = None
    type: str | None = None
    source: str | None = None
    event_type: str | None = msgspec.field(default=None, name="eventType")
    topic: str | None = None


class Event(msgspec.Struct, frozen=True):
    """As much of an event as is kept. `workspace` is the resource id of that which sent it, `data` has names in small letters."""

    id: Id
    type: str
    workspace: str
    subject: str = ""
    data: Mapping[str, str] = {}


class Named(msgspec.Struct, frozen=True):
    """Something that an event names. `container` is the name that a scope's patterns are held against, where the event tells."""

    ref: Ref
    container: str | None = None


received_decoder = decoder_for(Received | list[Received])
events_decoder = decoder_for(list[Event])


def validation_code(received: Sequence[Received]) -> str | None:
    """What Event Grid wants to hear back before it delivers anything; None for a delivery of events. Raises `ValueError` where it
    asks for an answer and gives none."""
    asking = [one for one in received if _VALIDATION in (one.type, one.event_type)]
    if not asking:
        return None
    code = asking[0].data.get("validationCode") if isinstance(asking[0].data, dict) else None
    if len(received) > 1 or not isinstance(code, str) or not code:
        raise ValueError("the validation of a subscription without its code, or with other events")
    return code


def kept(received: Sequence[Received]) -> Sequence[Event]:
    """Raises `ValueError` for what is neither of the two schemas."""
    if not received:
        raise ValueError("no event")
    return [_kept(one) for one in received]


def delivery_id(events: Sequence[Event]) -> str:
    """The event's own id, or one made of the ids of all: the same when they come again, in whatever order."""
    ids = sorted({event.id for event in events})
    if len(ids) == 1:
        return ids[0]
    return f"events-{hashlib.blake2b(' '.join(ids).encode(), digest_size=16).hexdigest()}"


def event_name(events: Sequence[Event]) -> str:
    """One of few, whatever the events say of their types."""
    names = {_EVENTS.get(event.type, OTHER) for event in events}
    return names.pop() if len(names) == 1 else SEVERAL


def named(site: Site, event: Event) -> Sequence[Named]:
    """What of this workspace the event names; nothing for a type that changes no fact. Raises `ValueError` where a name that
    belongs to the type is missing."""
    if event.workspace.rstrip("/").lower() != site.resource_id.lower():
        return []
    said = {**_in_subject(event.subject), **event.data}
    if event.type in (_RUN_COMPLETED, _RUN_STATUS_CHANGED):
        return _run(site, said, ended=event.type == _RUN_COMPLETED or said.get("runstatus", "").lower() in _ENDED)
    if event.type == _MODEL_REGISTERED:
        name, version = _name(said, "modelname"), _name(said, "modelversion")
        return [Named(site.ref("model_version", f"{name}/{version}"), name)]
    if event.type == _MODEL_DEPLOYED:
        return [Named(site.ref(ENDPOINT, _name(said, "servicename")))]
    return []


def _run(site: Site, said: Mapping[str, str], *, ended: bool) -> Sequence[Named]:
    """A monitor says something only once its run has ended."""
    experiment = _name(said, "experimentid")
    jobs = Named(site.ref(EXPERIMENT, experiment), said.get("experimentname") or None)
    return [jobs, Named(site.ref(MONITOR, experiment))] if ended else [jobs]


def _kept(received: Received) -> Event:
    kind, workspace = received.type or received.event_type, received.source or received.topic
    if not kind or not workspace:
        raise ValueError("an event without its type or without what sent it")
    return Event(received.id, kind, workspace, received.subject or "", _words(received.data))


def _words(data: Any) -> dict[str, str]:
    """Versions of models are numbers or texts."""
    pairs = ((name.lower(), value) for name, value in data.items()) if isinstance(data, dict) else ()
    return {name: str(value) for name, value in pairs if name in _KEPT and _is_word(value)}


def _is_word(value: Any) -> bool:
    return len(value) <= _LONGEST if isinstance(value, str) else isinstance(value, int) and abs(value) < _LARGEST


def _in_subject(subject: str) -> dict[str, str]:
    return next((found.groupdict() for pattern in _SUBJECTS if (found := pattern.fullmatch(subject))), {})


def _name(said: Mapping[str, str], what: str) -> str:
    name = said.get(what, "")
    if not _NAME.fullmatch(name):
        raise ValueError(f"no {what}")
    return name
