"""Azure Machine Learning's events, which Event Grid posts with a secret in a header. Azure signs them not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from connectors.azureml.options import AzureMLOptions, AzureMLScope
from connectors.base import Delivery, Mention, Options, ReceiverContext
from connectors.errors import BadRecord
from connectors.globs import matches
from connectors.secret_header import prove_secret_header
from connectors.signatures import read_body
from mappings.azureml_deliveries import (
    EXPERIMENT,
    MONITOR,
    Received,
    delivery_id,
    event_name,
    events_decoder,
    kept,
    named,
    received_decoder,
    validation_code,
)


class AzureMLReceiver:
    """One workspace. Events of another are none of ours, though the same secret proves them."""

    def __init__(self, context: ReceiverContext) -> None:
        options: AzureMLOptions = context.options
        self._context = context
        self._site = options.site(context.name)

    def verify(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        prove_secret_header(self._context, headers)
        read = read_body(self._context.name, body, received_decoder)
        received = [read] if isinstance(read, Received) else read
        try:
            code = validation_code(received)
            events = kept(received)
        except ValueError as error:
            raise self._senseless(error) from error
        reply = None if code is None else msgspec.json.encode({"validationResponse": code})
        return Delivery(id=delivery_id(events), event=event_name(events), body=msgspec.json.encode(events), reply=reply)

    def parse(self, delivery: Delivery) -> Sequence[Mention]:
        try:
            events = read_body(self._context.name, delivery.body, events_decoder)
            found = dict.fromkeys(one for event in events for one in named(self._site, event))
        except ValueError as error:
            raise self._senseless(error) from error
        return [Mention(ref=one.ref, container=one.container) for one in found]

    def concerns(self, mention: Mention, scope: Options) -> bool:
        """Models and jobs by the names that the events tell; which endpoint or monitor is meant, they do not."""
        assert isinstance(scope, AzureMLScope)
        kind, name = mention.ref.kind, mention.container
        if kind == "model_version":
            return matches(name or "", scope.models)
        if kind == EXPERIMENT:
            return bool(scope.experiments) if name is None else matches(name, scope.experiments)
        if kind == MONITOR:
            return bool(scope.monitors or scope.endpoints or scope.models)
        return bool(scope.endpoints)

    def _senseless(self, error: ValueError) -> BadRecord:
        return BadRecord(self._context.name, f"the delivery holds {error}")
