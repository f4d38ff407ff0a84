"""SageMaker's events, which an API destination of EventBridge sends with a secret in a header. AWS signs them not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from connectors.base import Delivery, Mention, Options, ReceiverContext
from connectors.errors import BadRecord
from connectors.globs import matches
from connectors.sagemaker.identity import is_outside
from connectors.sagemaker.options import SageMakerOptions, SageMakerScope
from connectors.secret_header import prove_secret_header
from connectors.signatures import read_body
from mappings.sagemaker import Site
from mappings.sagemaker_deliveries import MONITORING_SCHEDULE, SOURCE, event_decoder, event_name, named


class SageMakerReceiver:
    """One account in one region. Which account, only a role to assume tells; without one, events of any are taken."""

    def __init__(self, context: ReceiverContext) -> None:
        options: SageMakerOptions = context.options
        self._context = context
        self._site = Site(context.name, options.region)
        self._account = options.role_arn.split(":")[4] if options.role_arn is not None else None

    def verify(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        prove_secret_header(self._context, headers)
        event = read_body(self._context.name, body, event_decoder)
        if event.source != SOURCE:
            fix = f'let the rule of EventBridge match "source": ["{SOURCE}"] only, and send the event as it is'
            raise BadRecord(self._context.name, "the delivery is no event of SageMaker's", fix=fix)
        return Delivery(id=event.id, event=event_name(event), body=msgspec.json.encode(event))

    def parse(self, delivery: Delivery) -> Sequence[Mention]:
        event = read_body(self._context.name, delivery.body, event_decoder)
        try:
            found = named(self._site, self._account, event)
        except ValueError as error:
            raise BadRecord(self._context.name, f"the event names {error}") from error
        return [Mention(ref=one.ref, container=one.endpoint) for one in found]

    def concerns(self, mention: Mention, scope: Options) -> bool:
        """By the names that ids bear; a monitor by the endpoint that it watches."""
        assert isinstance(scope, SageMakerScope)
        if mention.ref.kind != MONITORING_SCHEDULE:
            return not is_outside(mention.ref, scope)
        return bool(scope.endpoints) if mention.container is None else matches(mention.container, scope.endpoints)
