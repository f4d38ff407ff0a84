"""Takes MLflow's webhook deliveries.

MLflow tries three times more, within its process and with the same id, moment and signature. Nothing is sent again after that.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence

from connectors.base import Delivery, Mention, Options, ReceiverContext
from connectors.errors import BadSignature
from connectors.globs import matches
from connectors.mlflow.options import MlflowScope
from connectors.signatures import from_base64, kept_of, prove_hmac, read_body, require_secret
from mappings.mlflow_deliveries import EVENT, decoder_of, named

_SIGNATURE, _DELIVERY, _TIMESTAMP = "X-MLflow-Signature", "X-MLflow-Delivery-Id", "X-MLflow-Timestamp"
_VERSION = "v1"
_USABLE = re.compile(r"[\x21-\x7e]{1,200}")
_SECONDS = re.compile(r"[0-9]{1,12}")

TOLERANCE = 300
"""Seconds that a delivery may be away from our clock, in either direction."""


class MlflowReceiver:
    """`now` gives the seconds since 1970."""

    def __init__(self, context: ReceiverContext, now: Callable[[], float] = time.time) -> None:
        self._context = context
        self._now = now

    def verify(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """The signature covers the id and the moment too, so a recorded delivery can neither be renamed nor sent later."""
        require_secret(self._context)
        ident = self._header(headers, _DELIVERY, _USABLE)
        sent = self._header(headers, _TIMESTAMP, _SECONDS)
        version, _, digest = self._header(headers, _SIGNATURE, _USABLE).partition(",")
        signed = b".".join((ident.encode(), sent.encode(), body))
        prove_hmac(self._context, _SIGNATURE, from_base64(digest) if version == _VERSION else None, signed)
        if abs(self._now() - int(sent)) > TOLERANCE:
            what = f"{_TIMESTAMP} is more than {TOLERANCE // 60} minutes away from this machine's clock"
            raise BadSignature(self._context.name, what, fix="set both clocks right; the next pull finds what was missed")
        event = read_body(self._context.name, body, EVENT).event
        return Delivery(id=ident, event=event, body=kept_of(self._context.name, body, decoder_of(event)))

    def parse(self, delivery: Delivery) -> Sequence[Mention]:
        decoder = decoder_of(delivery.event)
        if decoder is None:
            return []
        record = read_body(self._context.name, delivery.body, decoder)
        return [Mention(ref=named(self._context.name, record), container=record.data.name)]

    def concerns(self, mention: Mention, scope: Options) -> bool:
        assert isinstance(scope, MlflowScope)
        return mention.container is None or matches(mention.container, scope.models)

    def _header(self, headers: Mapping[str, str], name: str, form: re.Pattern[str]) -> str:
        given = headers.get(name.lower(), "")
        if not form.fullmatch(given):
            fix = "give the webhook in MLflow the secret of this source: MLflow signs nothing without one"
            raise BadSignature(self._context.name, f"the delivery has no {name} as MLflow sends it", fix=fix)
        return given
