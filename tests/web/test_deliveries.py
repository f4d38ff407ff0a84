"""What each delivery is answered with, by a real process on both databases, and what is stored of it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from sync.web.body import LARGEST
from tests.web.serving import Served
from tests.web.signing import PREVIOUS, SECRET, SIGNERS, github_headers, issue_payload


def test_a_delivery_is_on_disk_when_it_is_acknowledged_and_known_when_it_comes_again(served: Served) -> None:
    body = issue_payload(1)
    first, again = served.deliver(body, "first-1"), served.deliver(body, "first-1")

    assert (first.status_code, first.json()) == (202, {"delivery": "first-1", "outcome": "accepted"})
    assert (again.status_code, again.json()) == (200, {"delivery": "first-1", "outcome": "duplicate"})
    source, event, kept = served.stored()["first-1"]
    assert (source, event) == ("github", "issues.edited")
    assert json.loads(kept)["issue"]["number"] == 1
    assert "server" not in first.headers


def test_both_secrets_hold_while_one_takes_the_others_place(served: Served) -> None:
    body = issue_payload(2)

    assert served.deliver(body, "rotated-1", secret=PREVIOUS).status_code == 202
    assert served.deliver(body, "rotated-2").status_code == 202


@pytest.mark.parametrize(
    "wrong",
    [{"secret": "another"}, {"secret": ""}, "unsigned", "cut", "other body"],
    ids=["another secret", "empty secret", "unsigned", "cut", "other body"],
)
def test_what_is_not_proven_is_refused_and_leaves_nothing(served: Served, wrong: object) -> None:
    body, before = issue_payload(3, note="a-body-that-nobody-signed"), served.stored()
    headers = github_headers(body, "forged-1", **wrong) if isinstance(wrong, dict) else github_headers(body, "forged-1")
    if wrong == "unsigned":
        del headers["x-hub-signature-256"]
    if wrong == "cut":
        headers["x-hub-signature-256"] = headers["x-hub-signature-256"][:-2]
    answer = served.post(body + b" " if wrong == "other body" else body, headers)

    assert answer.status_code == 401
    assert served.stored() == before
    assert "a-body-that-nobody-signed" not in served.log.read_text(encoding="utf-8")
    assert SECRET not in answer.text


def test_a_source_without_a_secret_refuses_everything_and_the_log_says_which_to_set(served: Served) -> None:
    answer = served.deliver(issue_payload(4), "silent-1", source="silent")

    assert answer.status_code == 401
    told = [line for line in served.lines() if line["event"] == "delivery.unsigned" and line["source"] == "silent"]
    assert "MILEPOST_SILENT__WEBHOOK_SECRET" in told[0]["fix"]
    at_the_start = [line for line in served.lines() if line["event"] == "serve.no_secret"]
    assert ["MILEPOST_SILENT__WEBHOOK_SECRET" in line["error"] for line in at_the_start] == [True]


def test_an_unknown_source_is_not_there(served: Served) -> None:
    answers = [served.deliver(issue_payload(5), "unknown-1", source=name) for name in ("gitlab", "%2e%2e", "GITHUB", "a" * 2_000)]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert served.deliver(issue_payload(5), "unknown-1", source="github/").status_code == 404
    assert served.client.post("/webhooks").status_code == 404
    told = [line for line in served.lines() if line["event"] == "delivery.unknown_source"]
    assert [(line["asked"], line["client"], line["level"]) for line in told] == [("gitlab", "127.0.0.1", "warning")]


@pytest.mark.parametrize("body", [b"", b"{", b"issues", b'{"action":1}', b"\xff\xfe", b"[" * 50_000, b'{"action":"\\u0000"}'])
def test_what_is_signed_and_no_delivery_is_a_bad_request(served: Served, body: bytes) -> None:
    before = served.stored()

    assert served.deliver(body, "no-delivery-1").status_code == 400
    assert served.stored() == before


def test_what_makes_no_sense_though_it_is_a_delivery_is_stored_for_a_person(served: Served) -> None:
    body = b'{"action":"edited","issue":"seven","repository":{"id":12,"full_name":"example/ops"}}'

    assert served.deliver(body, "senseless-1").status_code == 202
    assert served.stored()["senseless-1"][2] == body


def test_what_concerns_nobody_is_dropped(served: Served) -> None:
    before = served.stored()
    ping = served.deliver(b'{"zen":"Keep it logically awesome."}', "ping-1", event="ping")
    elsewhere = served.deliver(issue_payload(6, repository="example/elsewhere"), "elsewhere-1")

    assert (ping.status_code, ping.json()["outcome"]) == (202, "uninteresting")
    assert (elsewhere.status_code, elsewhere.json()["outcome"]) == (202, "uninteresting")
    assert served.stored() == before


def test_more_than_the_limit_is_refused_before_it_is_read(served: Served) -> None:
    """Only the headers are sent: the answer does not wait for the body."""
    where = urlsplit(served.address)
    with socket.create_connection((where.hostname, where.port)) as connection:
        head = f"POST /webhooks/github HTTP/1.1\r\nHost: example.com\r\nContent-Length: {LARGEST + 1}\r\n\r\n"
        connection.sendall(head.encode())
        answer = connection.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_more_than_the_limit_is_refused_also_when_nobody_says_how_much_it_is(served: Served) -> None:
    chunk = b"x" * 65_536

    def chunks() -> Iterator[bytes]:
        for _ in range(LARGEST // len(chunk)):
            yield chunk
        yield b"x"

    answer = served.post(chunks(), github_headers(b"", "large-1"))

    assert answer.request.headers["transfer-encoding"] == "chunked"
    assert answer.status_code == 413


def test_as_much_as_the_limit_is_taken(served: Served) -> None:
    body = issue_payload(7)
    body = body[:-1] + b',"more":"' + b"x" * (LARGEST - len(body) - 10) + b'"}'
    assert len(body) == LARGEST

    assert served.deliver(body, "largest-1").status_code == 202
    assert "largest-1" in served.stored()


def test_only_deliveries_are_taken(served: Served) -> None:
    methods = ("GET", "PUT", "PATCH", "DELETE")

    assert [served.client.request(method, "/webhooks/github").status_code for method in methods] == [405] * 4
    assert [served.client.request(method, "/webhooks/githb").status_code for method in methods] == [404] * 4
    assert [served.client.get(path).status_code for path in ("/", "/docs", "/redoc", "/webhooks/")] == [404] * 4


def test_event_grid_may_ask_first_and_nobody_else(served: Served) -> None:
    def asked(source: str, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return served.client.options(f"/webhooks/{source}", headers=named)

    allowed = asked("azure", webhook_request_origin="eventgrid.azure.net", webhook_request_rate="120")

    assert allowed.status_code == 200
    assert allowed.headers["webhook-allowed-origin"] == "eventgrid.azure.net"
    assert allowed.headers["webhook-allowed-rate"].isdigit()
    for refused in (
        asked("azure"),
        asked("azure", webhook_request_origin="*"),
        asked("azure", webhook_request_origin="sender.example.com"),
        asked("github", webhook_request_origin="eventgrid.azure.net"),
    ):
        assert refused.status_code == 405
        assert "webhook-allowed-origin" not in refused.headers
    assert asked("nobody", webhook_request_origin="eventgrid.azure.net").status_code == 404


def test_a_handshake_is_answered_and_nothing_is_stored(served: Served) -> None:
    before = served.stored()
    body = (
        b'[{"id":"1","topic":"/subscriptions/00000000-0000-0000-0000-000000000001","subject":"",'
        b'"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent",'
        b'"data":{"validationCode":"512d38b6","validationUrl":"https://example.com/never-asked"},"eventTime":"2026-03-02T12:00:00Z"}]'
    )
    answer = served.post(body, SIGNERS["azure"](body, ""), "azure")

    assert (answer.status_code, answer.json()) == (200, {"validationResponse": "512d38b6"})
    assert served.post(body, {}, "azure").status_code == 401
    assert served.stored() == before


def test_it_is_alive_and_ready(served: Served) -> None:
    assert served.client.get("/healthz").json() == {"status": "alive"}
    ready = served.client.get("/readyz")

    assert ready.status_code == 200
    assert ready.json()["checks"] == {"store": "ok", "webhooks": "github, jira, mlflow, aws, azure; no secret: silent"}
    (listening,) = [line for line in served.lines() if line["event"] == "serve.listening"]
    assert listening["sources"] == ["github", "jira", "mlflow", "aws", "azure"]


def test_the_log_names_the_delivery_and_never_quotes_it(served: Served) -> None:
    body = issue_payload(8, note="what-the-log-must-not-have")
    served.client.post("/webhooks/github?token=in-the-address", content=body, headers=github_headers(body, "logged-1"))
    (line,) = (line for line in served.lines() if line.get("delivery") == "logged-1")

    assert {name: line[name] for name in ("event", "source", "kind")} == {
        "event": "delivery.accepted",
        "source": "github",
        "kind": "issues.edited",
    }
    log = served.log.read_text(encoding="utf-8")
    assert "what-the-log-must-not-have" not in log
    assert "in-the-address" not in log
