"""Ten seconds after it was told to end a server has ended, though the store, a source and a client hang together."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sync.outcome import ExitCode
from tests.cli.process import PATIENCE
from tests.web.serving import Served, serving
from tests.web.signing import REPOSITORY, github_headers, issue_payload

LONGEST = 10


@pytest.mark.soak
@pytest.mark.parametrize("dialect", ["sqlite"])
def test_what_hangs_together_is_cut_off_by_one_deadline(database_url: str, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as source, closing(sqlite3.connect(_file(database_url))) as other:
        source.settimeout(PATIENCE)
        text = _project_file(source.getsockname()[1])
        with serving(folder, database_url, "--workers", "1", text=text, MILEPOST_GITHUB__TOKEN="example-token-1c07") as served:
            asked, _ = source.accept()  # it is pulled from, and never answers
            other.execute("BEGIN IMMEDIATE")
            with asked, _talking(served, issue_payload(1)), _talking(served, issue_payload(2)[:20], issue_payload(2)):
                # Whoever is answered here has seen that both of those before have come.
                assert served.client.get("/healthz").status_code == 200
                served.process.send_signal(signal.SIGTERM)
                assert served.process.wait(LONGEST) == ExitCode.PARTIAL
        assert served.lines()[-1]["event"] in ("serve.cut_off", "worker.cut_off")


def _file(url: str) -> str:
    return url.removeprefix("sqlite:///")


def _talking(served: Served, sent: bytes, whole: bytes | None = None) -> socket.socket:
    """A connection on which a delivery is on its way: all of it, or the beginning of the whole."""
    body = whole or sent
    lines = "".join(f"{name}: {value}\r\n" for name, value in github_headers(body, f"d-{len(sent)}").items())
    where = urlsplit(served.address)
    connection = socket.create_connection((where.hostname, where.port))
    connection.sendall(
        f"POST /webhooks/github HTTP/1.1\r\nHost: example.com\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode()
    )
    connection.sendall(sent)
    return connection


def _project_file(port: int) -> str:
    source = {"type": "github", "url": f"http://127.0.0.1:{port}"}
    return json.dumps({"sources": {"github": source}, "projects": {"ops": {"scopes": {"github": {"repositories": [REPOSITORY]}}}}})
