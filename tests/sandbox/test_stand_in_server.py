"""The HTTP core: routing, the log, faults, the clock, and that stopping leaves nothing open."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import httpx
import pytest

from sandbox.faults import Fault, answers, asks_to_wait, delays, html_page, loses_answer, resets, truncates
from sandbox.server import Reply, Request, Route, StandIn


class Shelf(StandIn):
    """A minimal stand-in: named boxes."""

    def __init__(self) -> None:
        self.boxes: dict[str, object] = {}
        super().__init__()

    def routes(self) -> Sequence[Route]:
        return [
            Route("GET", "/boxes/{name...}", self._get, query=frozenset({"fields"})),
            Route("PUT", "/boxes/{name...}", self._put),
            Route("GET", "/boxes/special", lambda _request: Reply(200, {"special": True})),
            Route("POST", "/search", lambda request: Reply(200, {"asked": request.json()}), writes=False),
            Route("POST", "/broken", self._broken),
        ]

    def _get(self, request: Request) -> Reply:
        name = request.params["name"]
        return Reply(200, {"name": name, "holds": self.boxes[name]}) if name in self.boxes else Reply(404, {"message": "no box"})

    def _put(self, request: Request) -> Reply:
        self.boxes[request.params["name"]] = request.json()
        return Reply(204)

    def _broken(self, request: Request) -> Reply:
        raise RuntimeError("a stand-in's own mistake")


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with Shelf() as stand_in:
        yield stand_in


@pytest.fixture
def client(shelf: Shelf) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shelf.url, timeout=5) as client:
        yield client


def test_routes_with_encoded_and_raw_slashes_and_literals_first(shelf: Shelf, client: httpx.Client) -> None:
    assert client.put("/boxes/ml%2Fready", json=1).status_code == 204
    assert client.get("/boxes/ml/ready").json() == {"name": "ml/ready", "holds": 1}
    assert client.get("/boxes/special").json() == {"special": True}
    assert client.get("/nowhere").status_code == 404
    assert client.delete("/boxes/x").status_code == 405


def test_the_log_redacts_secrets_and_knows_writes(shelf: Shelf, client: httpx.Client) -> None:
    client.put("/boxes/a", json={"x": 1}, auth=("ada@example.com", "s3cret"))
    client.post("/search", json=[1])
    client.get("/boxes/a", params={"fields": "x", "colour": "red"})
    client.put("/boxes/b", content=b"{not json")
    assert [entry.method for entry in shelf.requests] == ["PUT", "POST", "GET", "PUT"]
    assert shelf.requests[0].headers["authorization"] == "Basic ***"
    assert "s3cret" not in repr(shelf.requests)
    assert [entry.json() for entry in shelf.writes] == [{"x": 1}]
    assert shelf.requests[2].unknown_query == ("colour",)
    assert shelf.requests[2].answer_json() == {"name": "a", "holds": {"x": 1}}
    assert shelf.requests[3].status == 400


def test_head_gives_headers_only(shelf: Shelf, client: httpx.Client) -> None:
    answer = client.head("/boxes/special")
    assert answer.status_code == 200
    assert answer.headers["content-length"] == "16"
    assert answer.content == b""


def test_the_date_header_follows_the_clock(shelf: Shelf, client: httpx.Client) -> None:
    shelf.clock = lambda: datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    assert client.get("/boxes/special").headers["date"] == "Sun, 01 Mar 2026 12:00:00 GMT"


def test_faults_meet_the_requests_they_name_and_are_spent(shelf: Shelf, client: httpx.Client) -> None:
    shelf.faults += [
        Fault(asks_to_wait(7), method="PUT"),
        Fault(answers(503, {"message": "down"}), path="/boxes/*", times=2, after=1),
        Fault(html_page(), path="/search"),
    ]
    assert client.get("/boxes/special").status_code == 200
    limited = client.put("/boxes/a", json=1)
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")
    assert shelf.boxes == {}
    assert [client.get("/boxes/special").status_code for _ in range(3)] == [503, 503, 200]
    page = client.post("/search", json=1)
    assert page.status_code == 502
    assert page.headers["content-type"].startswith("text/html")
    assert shelf.faults == []
    assert shelf.writes == []


def test_a_reset_before_and_after_the_work(shelf: Shelf, client: httpx.Client) -> None:
    shelf.faults += [Fault(resets(), method="PUT"), Fault(loses_answer(), method="PUT")]
    with pytest.raises(httpx.TransportError):
        client.put("/boxes/a", json=1)
    assert (shelf.boxes, shelf.writes) == ({}, [])
    with pytest.raises(httpx.TransportError):
        client.put("/boxes/a", json=2)
    assert shelf.boxes == {"a": 2}
    assert [entry.status for entry in shelf.writes] == [0]


def test_a_truncated_body_is_a_protocol_error(shelf: Shelf, client: httpx.Client) -> None:
    shelf.faults.append(Fault(truncates()))
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/boxes/special")
    assert client.get("/boxes/special").json() == {"special": True}


def test_a_late_answer_outlasts_the_clients_patience_but_not_stop() -> None:
    with Shelf() as shelf, httpx.Client(base_url=shelf.url, timeout=0.2) as client:
        shelf.faults.append(Fault(delays(3600)))
        with pytest.raises(httpx.ReadTimeout):
            client.put("/boxes/a", json=1)
        assert shelf.boxes == {"a": 1}


def test_a_crashing_handler_is_loud() -> None:
    with pytest.raises(RuntimeError, match="own mistake"), Shelf() as shelf, httpx.Client(base_url=shelf.url) as client:
        assert client.post("/broken").status_code == 500


def test_chunked_bodies_and_many_connections_at_once(shelf: Shelf) -> None:
    def store(number: int) -> None:
        with httpx.Client(base_url=shelf.url) as client:
            for part in range(5):
                client.put(f"/boxes/{number}-{part}", content=iter([b"[", str(number).encode(), b"]"]))

    threads = [threading.Thread(target=store, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(shelf.boxes) == 40
    assert shelf.boxes["7-4"] == [7]


def test_nonsense_on_the_wire_is_refused(shelf: Shelf) -> None:
    with socket.create_connection(("127.0.0.1", int(shelf.url.rpartition(":")[2])), timeout=5) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nContent-Length: minus one\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 400 Bad Request")


def test_stop_frees_the_port_and_start_takes_it_again() -> None:
    shelf = Shelf()
    with shelf:
        url = shelf.url
        assert httpx.get(f"{url}/boxes/special").status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/boxes/special")
    with shelf:
        assert httpx.get(f"{shelf.url}/boxes/special").status_code == 200
