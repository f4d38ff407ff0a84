"""Whatever is sent, signed or not, to whichever source: an answer that blames the sender or takes it, never a failure of ours."""

from __future__ import annotations

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.web.signing import SIGNERS
from tests.web.within import Client

ANSWERS = {200, 202, 400, 401}

NAMES = st.sampled_from(
    [
        *("action", "issue", "repository", "id", "number", "full_name", "pull_request", "commits", "ref", "sender", "webhookEvent"),
        *("key", "fields", "project", "entity", "data", "name", "version", "detail", "detail-type", "eventType", "type", "subject"),
        *("validationCode", "resources", "time", "source", "topic", "owner", "login", "sha", "head"),
    ]
)
NUMBERS = st.one_of(st.integers(), st.sampled_from([10**400, -(10**400), 2**63, -(2**63) - 1, 2**64]), st.floats())
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=20), NAMES)
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=6)), max_leaves=20
)
EVENTS = st.sampled_from(["issues", "pull_request", "push", "ping", "repository", "create", "nothing_known"])


def written(document: object) -> bytes:
    """As JSON, with numbers of any size, and NaN, which no standard knows."""
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")


BODIES = st.one_of(
    DOCUMENTS.map(written),
    st.binary(max_size=200),
    st.integers(0, 100_000).map(lambda depth: b"[" * depth),
    st.integers(0, 20_000).map(lambda depth: b'{"issue":' * depth + b"1" + b"}" * depth),
    st.sampled_from([b"\x00", b'"\\u0000"', b'{"action":"\\ud800"}', b"\xef\xbb\xbf{}", b"1e999999", b'{"a":1,"a":2}', b"NaN"]),
)


@settings(max_examples=300)
@given(source=st.sampled_from(sorted(SIGNERS)), body=BODIES, event=EVENTS)
@example(source="azure", body=b'[{"id":"1","type":"x","source":"y","data":' + b"[" * 30_000 + b"]" * 30_000 + b"}]", event="")
@example(source="github", body=b'{"action":"' + b"x" * 300_000 + b'"}', event="issues")
def test_no_signed_body_is_a_failure_of_ours(client: Client, source: str, body: bytes, event: str) -> None:
    headers = SIGNERS[source](body, "hostile-1")
    if source == "github":
        headers["x-github-event"] = event
    answer = client.post(f"/webhooks/{source}", body, headers)

    assert answer.status_code in ANSWERS, answer.text


@settings(max_examples=50)
@given(
    source=st.sampled_from([*sorted(SIGNERS), "silent"]),
    body=BODIES,
    values=st.lists(st.binary(max_size=80).map(lambda value: value.translate(None, b"\r\n\x00")), min_size=4, max_size=4),
)
def test_no_forged_header_is_a_failure_of_ours_or_lets_anybody_in(
    client: Client, source: str, body: bytes, values: list[bytes]
) -> None:
    signer = SIGNERS.get(source, SIGNERS["github"])
    names = list(signer(body, "hostile-2"))
    headers = [(name.encode(), value) for name, value in zip(names, values, strict=False)]
    answer = client.post(f"/webhooks/{source}", body, headers)

    assert answer.status_code == 401, answer.text
