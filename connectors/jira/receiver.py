"""Takes Jira's webhook deliveries: of the cloud, and of Data Center.

Both sign them when the webhook has a secret. An older Data Center cannot, but signs in where its webhook has a user and a password:
then the secret is `user:password`, and `Authorization: Basic` proves what is not signed. Of the cloud only a signature is a proof.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from connectors.base import Delivery, Mention, Options, ReceiverContext
from connectors.jira.options import PROPERTY, JiraOptions, JiraScope
from connectors.signatures import from_base64, kept_of, prove_hub_signature, prove_shared_secret, read_body
from mappings.jira_deliveries import EVENT, decoder_of, named

_SIGNATURE = "X-Hub-Signature"
_IDENTIFIER = "x-atlassian-webhook-identifier"
_USABLE = re.compile(r"[\x21-\x7e]{1,200}")


class JiraReceiver:
    def __init__(self, context: ReceiverContext) -> None:
        options: JiraOptions = context.options
        self._context = context
        self._may_sign_in = options.known_deployment != "cloud"

    def verify(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """A delivery without an identifier is known by its body, which holds the moment of the event: a retry is the same again."""
        self._prove(headers, body)
        event = read_body(self._context.name, body, EVENT).webhookEvent
        given = headers.get(_IDENTIFIER, "")
        ident = given if _USABLE.fullmatch(given) else f"sha256:{hashlib.sha256(body).hexdigest()}"
        return Delivery(id=ident, event=event, body=kept_of(self._context.name, body, decoder_of(event)))

    def parse(self, delivery: Delivery) -> Sequence[Mention]:
        decoder = decoder_of(delivery.event)
        if decoder is None:
            return []
        record = read_body(self._context.name, delivery.body, decoder)
        found = named(self._context.name, delivery.event, record, PROPERTY)
        return [Mention(ref=one.ref, container=one.container, updated_at=one.updated_at) for one in found]

    def concerns(self, mention: Mention, scope: Options) -> bool:
        """What a search finds is not known before it is asked."""
        assert isinstance(scope, JiraScope)
        return mention.container is None or not scope.projects or mention.container.upper() in scope.projects

    def _prove(self, headers: Mapping[str, str], body: bytes) -> None:
        signature = headers.get(_SIGNATURE.lower())
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if signature is None and self._may_sign_in and scheme.lower() == "basic":
            shown = from_base64(credentials)
            prove_shared_secret(self._context, "Authorization: Basic", shown.decode("latin-1") if shown else None)
        else:
            prove_hub_signature(self._context, _SIGNATURE, signature, body)
