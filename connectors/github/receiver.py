"""GitHub's webhook deliveries: of a repository, an organisation or an App, as JSON or as a form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote_to_bytes

import msgspec

from connectors.base import Delivery, Mention, Options, ReceiverContext
from connectors.errors import BadRecord
from connectors.github.options import GithubScope
from connectors.signatures import kept_of, prove_hub_signature, read_body
from mappings.decoding import decoder_for
from mappings.github_deliveries import TOUCHING
from mappings.model import Ref

SIGNATURE = "X-Hub-Signature-256"
"""The older `X-Hub-Signature` is made by SHA-1, and never looked at."""

_FORM = "application/x-www-form-urlencoded"
_FIELD = re.compile(rb"(?:^|&)payload=([^&]*)")
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_EVENT = re.compile(r"[a-z0-9_]{1,50}")
_ACTION = re.compile(r"[a-z_]{1,50}")
_NAMED_BY_ANYBODY = frozenset({"repository_dispatch"})
"""Events whose actions are free text: they would be too many to count."""


class _Act(msgspec.Struct):
    action: str | None = None


_ACT = decoder_for(_Act)


class GithubReceiver:
    """A delivery's id is that of its event: where several hooks lead here, GitHub gives them one."""

    def __init__(self, context: ReceiverContext) -> None:
        self._context = context

    def verify(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        prove_hub_signature(self._context, SIGNATURE, headers.get(SIGNATURE.lower()), body, methods={"sha256"})
        ident = self._header(headers, "X-GitHub-Delivery", _ID)
        event = self._header(headers, "X-GitHub-Event", _EVENT)
        payload = self._payload(headers.get("content-type", ""), body)
        action = read_body(self._context.name, payload, _ACT).action or ""
        counted = event not in _NAMED_BY_ANYBODY and _ACTION.fullmatch(action)
        return Delivery(
            id=ident,
            event=f"{event}.{action}" if counted else event,
            body=kept_of(self._context.name, payload, TOUCHING.get(event)),
        )

    def parse(self, delivery: Delivery) -> Sequence[Mention]:
        decoder = TOUCHING.get(delivery.event.partition(".")[0])
        if decoder is None:
            return ()
        payload = read_body(self._context.name, delivery.body, decoder)
        touched = dict.fromkeys(payload.touched(self._context.name))
        return [
            Mention(ref=one.ref, container=one.container, within=_of_its_repository(one.ref), updated_at=one.updated_at)
            for one in touched
        ]

    def concerns(self, mention: Mention, scope: Options) -> bool:
        """By the repository's name, as the scope gives it."""
        assert isinstance(scope, GithubScope)
        return mention.container is None or scope.means(mention.container)

    def _header(self, headers: Mapping[str, str], name: str, shape: re.Pattern[str]) -> str:
        value = headers.get(name.lower(), "")
        if not shape.fullmatch(value):
            raise BadRecord(
                self._context.name, f"the delivery has no usable {name}", fix="look at what stands in front of Milepost"
            )
        return value

    def _payload(self, content_type: str, body: bytes) -> bytes:
        """The JSON itself, which a form holds in a field."""
        if content_type.partition(";")[0].strip().lower() != _FORM:
            return body
        field = _FIELD.search(body)
        if field is None:
            raise BadRecord(self._context.name, "the delivery is a form without payload")
        return unquote_to_bytes(field[1].replace(b"+", b" "))


def _of_its_repository(ref: Ref) -> str:
    """What the ids of all begin with that its repository holds. The repository's own id is that without the slash."""
    return f"{ref.id.partition('/')[0]}/"
