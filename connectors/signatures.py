"""Proofs that a webhook delivery is from its source, and how its body is read. Pure: used by every receiver.

A proof is held against every secret that is set, in constant time, so nothing tells which of them failed or how nearly. Errors name
the source, the header and the variable to set; none quotes what was sent.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

import msgspec

from connectors.base import ReceiverContext
from connectors.errors import BadRecord, BadSignature

T = TypeVar("T")

HMAC_METHODS = frozenset({"sha256", "sha384", "sha512"})
"""What signs well enough, as signatures name it."""

_LONGEST_PROOF = 4096
_AT = re.compile(r"(?P<what>.*) - at `\$\.?(?P<path>[^`]*)`")
_MISSING = re.compile(r"Object missing required field `([^`]{1,100})`")
_OTHER_TYPE = re.compile(r"Expected `[^`]{1,50}`, got `[^`]{1,50}`")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def prove_hub_signature(
    context: ReceiverContext, header: str, given: str | None, body: bytes, methods: Collection[str] = HMAC_METHODS
) -> None:
    """`given` is `<method>=<hex digest>` over the body, as GitHub and Jira send it. Raises `BadSignature`."""
    method, _, digest = _present(context, header, given).partition("=")
    method = method.strip().lower()
    if method not in methods or method not in HMAC_METHODS:
        raise _unproven(context, f"{header} is not signed by {' or '.join(sorted(methods))}")
    prove_hmac(context, header, from_hex(digest), body, method)


def prove_hmac(context: ReceiverContext, header: str, digest: bytes | None, message: bytes, method: str = "sha256") -> None:
    """`digest` is what `header` held, decoded; None where it was no digest. Raises `BadSignature`."""
    matched = False
    for secret in _secrets(context):
        expected = hmac.new(_as_bytes(secret), message, method).digest()
        matched |= hmac.compare_digest(expected, digest or b"")
    if not matched:
        raise _unproven(context, f"{header} does not match the delivery")


def prove_shared_secret(context: ReceiverContext, header: str, given: str | None) -> None:
    """`given` is the secret itself, sent along. Raises `BadSignature`."""
    sent = _hashed(_as_sent(_present(context, header, given)))
    matched = False
    for secret in _secrets(context):
        matched |= hmac.compare_digest(_hashed(_as_bytes(secret)), sent)
    if not matched:
        raise _unproven(context, f"{header} does not hold the secret")


def require_secret(context: ReceiverContext) -> None:
    """Raises `BadSignature` when there is no secret to prove anything with: then nothing else that a delivery lacks matters."""
    _secrets(context)


def from_hex(text: str) -> bytes | None:
    """The digest that is written in hex, or None."""
    try:
        return binascii.unhexlify(text.strip())
    except ValueError:
        return None


def from_base64(text: str) -> bytes | None:
    """The digest that is written in base64, or None."""
    try:
        return base64.b64decode(text.strip(), validate=True)
    except ValueError:
        return None


def read_body(source: str, body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """What a delivery says, as `decoder` types it. Raises `BadRecord`, and nothing else, for all that is no such JSON.

    NUL in what is read would be no database's text; in what is passed over it does no harm.
    """
    try:
        str(body, "utf-8")  # What is passed over is not looked at so closely, but the body is kept and shown.
        record = decoder.decode(body)
        holds_nul = b"\\u0000" in body and _NUL.search(msgspec.json.encode(record)) is not None
    except msgspec.ValidationError as error:
        raise BadRecord(source, f"the delivery has {_misshapen(str(error))}") from error
    except UnicodeError as error:
        raise BadRecord(source, "the delivery is not UTF-8") from error
    except RecursionError as error:
        raise BadRecord(source, "the delivery is nested too deeply") from error
    except (msgspec.DecodeError, ValueError, OverflowError) as error:
        raise BadRecord(source, "the delivery is not JSON") from error
    if holds_nul:
        raise BadRecord(source, "the delivery holds the character NUL")
    return record


def kept_of(source: str, body: bytes, decoder: msgspec.json.Decoder[Any] | None) -> bytes:
    """As much of a delivery as is looked at, nothing where `decoder` is None: the rest tells of people, and may hold anything. One
    that makes no sense is kept as it came, for a person to look at.
    """
    if decoder is None:
        return b""
    try:
        return msgspec.json.encode(read_body(source, body, decoder))
    except BadRecord:
        return body


def _misshapen(error: str) -> str:
    """What msgspec says is missing, or of another type. Its other words may quote what was sent."""
    said = _AT.fullmatch(error)
    what, path = (said["what"], said["path"]) if said is not None else (error, "")
    if missing := _MISSING.fullmatch(what):
        return f"no `{f'{path[:100]}.{missing[1]}'.removeprefix('.')}`"
    shape = "an unexpected shape" + (f" at `{path[:100]}`" if path else "")
    return f"{shape}: {what[0].lower()}{what[1:]}" if _OTHER_TYPE.fullmatch(what) else shape


def _present(context: ReceiverContext, header: str, given: str | None) -> str:
    require_secret(context)
    if not given:
        raise _unproven(context, f"the delivery has no {header}")
    if len(given) > _LONGEST_PROOF:
        raise _unproven(context, f"{header} is too long")
    return given


def _secrets(context: ReceiverContext) -> Sequence[str]:
    """An empty secret proves nothing: anybody has it."""
    secrets = [secret for secret in context.secrets.webhook_secrets() if secret]
    if not secrets:
        raise BadSignature(
            context.name,
            f"{context.variable('webhook_secret')} is not set or empty, so no delivery can be proven",
            fix=f"set {context.variable('webhook_secret')}, and the same secret in the source's webhook",
        )
    return secrets


def _unproven(context: ReceiverContext, message: str) -> BadSignature:
    return BadSignature(
        context.name, message, fix=f"the secret of the source's webhook and {context.variable('webhook_secret')} must be the same"
    )


def _as_bytes(secret: str) -> bytes:
    """What is no UTF-8 in the environment has become surrogates."""
    try:
        return secret.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return secret.encode("utf-8", "surrogatepass")


def _as_sent(text: str) -> bytes:
    """Servers decode headers as Latin-1, byte by byte."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _hashed(secret: bytes) -> bytes:
    """Of one length, so that the comparison does not tell the secret's."""
    return hashlib.sha256(secret).digest()
