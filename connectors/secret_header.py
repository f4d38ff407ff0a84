"""The proof of sources that sign nothing: clouds that can only be told to send a secret along in a header."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.base import ReceiverContext
from connectors.signatures import prove_shared_secret

HEADER = "X-Milepost-Secret"

_BEARER = "bearer "


def prove_secret_header(context: ReceiverContext, headers: Mapping[str, str]) -> None:
    """The secret stands in `X-Milepost-Secret`, or without that in `Authorization: Bearer`. Raises `BadSignature`."""
    authorization = headers.get("authorization", "")
    if HEADER.lower() not in headers and authorization.lower().startswith(_BEARER):
        prove_shared_secret(context, "Authorization", authorization[len(_BEARER) :].strip())
    else:
        prove_shared_secret(context, HEADER, headers.get(HEADER.lower()))
