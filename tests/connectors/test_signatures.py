"""Proofs of webhook deliveries, and how their bodies are read."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Options, ReceiverContext, WebhookSecrets
from connectors.errors import BadRecord, BadSignature
from connectors.signatures import from_base64, from_hex, prove_hmac, prove_hub_signature, prove_shared_secret, read_body

BODY = b'{"action": "opened"}'
NEW, OLD = "the-new-secret-of-two", "the-old-secret-of-two"
HEADER = "X-Hub-Signature-256"


def context(present: str | None = NEW, previous: str | None = OLD) -> ReceiverContext:
    secrets = WebhookSecrets.model_validate({"webhook_secret": present, "webhook_secret_previous": previous})
    return ReceiverContext(name="git-hub", options=Options(), secrets=secrets)


def signed(secret: str, body: bytes = BODY, method: str = "sha256") -> str:
    return f"{method}={hmac.new(secret.encode(), body, method).hexdigest()}"


@pytest.mark.parametrize("secret", [NEW, OLD])
@pytest.mark.parametrize("method", ["sha256", "sha512"])
def test_either_of_two_secrets_proves_a_body(secret: str, method: str) -> None:
    prove_hub_signature(context(), HEADER, signed(secret, method=method), BODY)
    prove_hub_signature(context(), HEADER, signed(secret, method=method).upper(), BODY)
    prove_hmac(context(), HEADER, from_base64(base64.b64encode(hmac.digest(secret.encode(), BODY, method)).decode()), BODY, method)
    prove_shared_secret(context(), "X-Secret", secret)


_RIGHT = signed(NEW)


@pytest.mark.parametrize(
    "given_proof",
    [
        None,
        "",
        "sha256=",
        "sha256",
        "=",
        signed("another"),
        signed(NEW, BODY + b" "),
        _RIGHT[:-1],
        _RIGHT[:-2],
        _RIGHT + "00",
        _RIGHT.replace("sha256", "sha1"),
        f"sha1={hmac.new(NEW.encode(), BODY, hashlib.sha1).hexdigest()}",
        f"md5={hmac.new(NEW.encode(), BODY, hashlib.md5).hexdigest()}",
        _RIGHT.replace("sha256", "sha512"),
        "sha256=äöü\udcff" + "0" * 60,
        "sha256=" + "٣" * 64,
        "sha256=" + "0" * 100_000,
        "\0",
    ],
)
def test_every_other_signature_is_refused(given_proof: str | None) -> None:
    with pytest.raises(BadSignature) as refused:
        prove_hub_signature(context(), HEADER, given_proof, BODY)
    told(refused.value, HEADER)


@pytest.mark.parametrize("sent", [None, "", "another", NEW[:-1], NEW + " ", NEW.upper(), "ключ", "\udcff\ud800"])
def test_every_other_shared_secret_is_refused(sent: str | None) -> None:
    with pytest.raises(BadSignature) as refused:
        prove_shared_secret(context(), "X-Secret", sent)
    told(refused.value, "X-Secret")


def told(error: BadSignature, header: str) -> None:
    """The source, the header and the variable; no secret, and nothing of what was sent."""
    text = str(error)
    assert text.startswith("git-hub: ")
    assert header in text
    assert "MILEPOST_GIT_HUB__WEBHOOK_SECRET" in text
    assert NEW not in text and OLD not in text
    assert text.isascii() and len(text) < 300


@pytest.mark.parametrize("present", [None, ""])
def test_without_a_secret_nothing_is_proven(present: str | None) -> None:
    """Anybody can sign with an empty secret."""
    empty = context(present, None)
    attempts: list[Callable[[], None]] = [
        lambda: prove_hub_signature(empty, HEADER, signed(""), BODY),
        lambda: prove_hmac(empty, HEADER, hmac.digest(b"", BODY, "sha256"), BODY),
        lambda: prove_shared_secret(empty, "X-Secret", "x"),
    ]
    for attempt in attempts:
        with pytest.raises(BadSignature, match="set MILEPOST_GIT_HUB__WEBHOOK_SECRET"):
            attempt()


def test_a_receiver_may_allow_fewer_methods() -> None:
    with pytest.raises(BadSignature, match="not signed by sha256"):
        prove_hub_signature(context(), HEADER, signed(NEW, method="sha512"), BODY, {"sha256"})


def test_a_secret_that_is_not_ascii_is_compared_as_the_bytes_that_were_sent() -> None:
    """Servers decode headers as Latin-1."""
    prove_shared_secret(context("schlüssel-ключ"), "X-Secret", "schlüssel-ключ".encode().decode("latin-1"))
    prove_hub_signature(context("schlüssel-ключ"), HEADER, signed("schlüssel-ключ"), BODY)
    bytes_of_the_environment = b"\xff\xfe-secret".decode("utf-8", "surrogateescape")
    prove_shared_secret(context(bytes_of_the_environment), "X-Secret", b"\xff\xfe-secret".decode("latin-1"))


@given(st.text(max_size=200), st.binary(max_size=200))
def test_no_proof_causes_another_error(proof: str, body: bytes) -> None:
    attempts: list[Callable[[], None]] = [
        lambda: prove_hub_signature(context(), HEADER, proof, body),
        lambda: prove_hub_signature(context(), HEADER, f"sha256={proof}", body),
        lambda: prove_hmac(context(), HEADER, from_hex(proof), body),
        lambda: prove_hmac(context(), HEADER, from_base64(proof), body),
        lambda: prove_shared_secret(context(), "X-Secret", proof),
    ]
    for attempt in attempts:
        with pytest.raises(BadSignature):
            attempt()


class Record(msgspec.Struct):
    name: str | None = None
    number: int | None = None
    parts: list[Record] | None = None


RECORD = msgspec.json.Decoder(Record)


def test_a_body_is_read_as_its_type() -> None:
    assert read_body("git-hub", b'{"name": "n", "number": 3, "more": {"x": ["\\u0000"]}}', RECORD) == Record("n", 3)
    assert read_body("git-hub", rb'{"name": "\\u0000"}', RECORD) == Record("\\u0000")  # No NUL: a backslash, and five characters.


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"no JSON",
        b"{} {}",
        b"\xef\xbb\xbf{}",
        b'{"x": NaN}',
        b'{"name": 3}',
        b'{"name": "\x00"}',
        b'{"name": "a\\u0000b"}',
        b'{"name": "\\ud800"}',
        b'{"name": "\xff"}',
        b'{"passed over": "\xff"}',
        b'{"number": 1' + b"0" * 5000 + b"}",
        b'{"number": 1e999999}',
        b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"parts": [' * 50_000 + b"]}" * 50_000,
    ],
)
def test_every_other_body_is_a_bad_record(body: bytes) -> None:
    with pytest.raises(BadRecord) as refused:
        read_body("git-hub", body, RECORD)
    assert str(refused.value).startswith("git-hub: the delivery ")
    assert len(str(refused.value)) < 300


class Numbered(msgspec.Struct):
    id: Annotated[int, msgspec.Meta(ge=1)]


class Kind(msgspec.Struct, tag="known"):
    pass


class Shape(msgspec.Struct):
    repository: Numbered
    several: list[Numbered] = []
    by_name: dict[str, Numbered] = {}
    kind: Kind | None = None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{}", "no `repository`"),
        (b'{"repository": {}}', "no `repository.id`"),
        (b'{"repository": {"id": 1}, "several": [{"id": 1}, {}]}', "no `several[1].id`"),
        (b'{"repository": "seven"}', "an unexpected shape at `repository`: expected `object`, got `str`"),
        (b'{"repository": {"id": 0}}', "an unexpected shape at `repository.id`"),
        (b'{"repository": {"id": 1}, "by_name": {"private": {}}}', "no `by_name[...].id`"),
        (b'{"repository": {"id": 1}, "kind": {"type": "private"}}', "an unexpected shape at `kind.type`"),
        (b"[]", "an unexpected shape: expected `object`, got `array`"),
    ],
)
def test_what_is_missing_is_named_and_nothing_that_was_sent(body: bytes, said: str) -> None:
    with pytest.raises(BadRecord) as refused:
        read_body("git-hub", body, msgspec.json.Decoder(Shape))
    assert str(refused.value) == f"git-hub: the delivery has {said}"


_json: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.sampled_from(["name", "number", "parts", "x"]) | st.text(), children),
    max_leaves=10,
)


def _encoded(document: object) -> bytes:
    return json.dumps(document, allow_nan=True).encode()


@given(st.binary() | _json.map(_encoded))
def test_no_body_causes_another_error(body: bytes) -> None:
    try:
        assert isinstance(read_body("git-hub", body, RECORD), Record)
    except BadRecord as error:
        assert error.source == "git-hub"
