"""Leaving when asked, with everything answered that was coming in; and what keeps a server from starting."""

from __future__ import annotations

import signal
import socket
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sync.cli.errors import UsageProblem
from sync.cli.options import Globals
from sync.cli.service import service_session
from tests.cli.process import PATIENCE, Desk
from tests.web.serving import Served, eventually, serving, stored_in
from tests.web.signing import PROJECT_FILE, SECRETS, github_headers, issue_payload


def is_listening(served: Served) -> bool:
    where = urlsplit(served.address)
    with suppress(ConnectionError), socket.create_connection((where.hostname, where.port)):
        return True
    return False


@pytest.mark.parametrize(("dialect", "number"), [("sqlite", signal.SIGINT), ("postgresql", signal.SIGTERM)])
def test_what_is_coming_in_is_stored_and_answered_before_it_ends(number: signal.Signals, database_url: str, folder: Path) -> None:
    body = issue_payload(1)
    lines = "".join(f"{name}: {value}\r\n" for name, value in github_headers(body, "in-flight").items())
    head = f"POST /webhooks/github HTTP/1.1\r\nHost: example.com\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode()
    with serving(folder, database_url) as served:
        assert served.deliver(body, "before").status_code == 202  # and its connection stays open, idle
        where = urlsplit(served.address)
        with socket.create_connection((where.hostname, where.port)) as connection:
            connection.sendall(head + body[:10])
            # It has begun to read when another, which was sent later, has been answered.
            assert served.deliver(body, "beside").status_code == 202
            served.process.send_signal(number)
            eventually(lambda: not is_listening(served))
            connection.sendall(body[10:])
            answer = connection.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 202 ")
        assert served.process.wait(PATIENCE) == 0
        assert served.lines()[-1]["event"] == "serve.stopped"

    assert set(stored_in(database_url)) == {"before", "beside", "in-flight"}


@pytest.mark.soak
def test_who_never_comes_to_an_end_is_not_waited_for(database_url: str, folder: Path) -> None:
    with serving(folder, database_url) as served:
        where = urlsplit(served.address)
        with socket.create_connection((where.hostname, where.port)) as connection:
            connection.sendall(b"POST /webhooks/github HTTP/1.1\r\nHost: example.com\r\nContent-Length: 100\r\n\r\n{")
            assert served.deliver(issue_payload(1), "beside").status_code == 202

            assert served.stop() == 0
            assert connection.recv(65_536).startswith(b"HTTP/1.1 503 ")
    assert "Traceback" not in served.log.read_text(encoding="utf-8")


def test_a_server_that_is_ending_takes_nothing_new_and_is_not_ready() -> None:
    import asyncio

    import httpx

    from sync.web.app import build_app
    from sync.web.entrance import Entrance
    from sync.web.group_commit import GroupCommit
    from sync.web.webhooks import Door, webhook_routes

    entrance = Entrance(source="github", receiver=None, scopes=[])  # type: ignore[arg-type]  # it is never asked
    door = Door({"github": entrance}, GroupCommit(lambda items: ["accepted"] * len(items)))
    door.close()

    async def delivered() -> httpx.Response:
        transport = httpx.ASGITransport(build_app([webhook_routes(door)]))
        async with httpx.AsyncClient(transport=transport, base_url="http://milepost.example.com") as client:
            return await client.post("/webhooks/github", content=b"{}")

    answer = asyncio.run(delivered())

    assert (answer.status_code, door.is_closed) == (503, True)
    assert answer.headers["retry-after"].isdigit()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--port", "{taken}"], "port {taken}"),
        (["--host", "nowhere.invalid"], "nowhere.invalid"),
        (["--port", "70000"], "70000"),
        (["--project", "ops"], "--project"),
    ],
)
def test_what_cannot_work_is_said_before_it_starts(options: list[str], said: str, sqlite_template: Path, folder: Path) -> None:
    (folder / "milepost.db").write_bytes(sqlite_template.read_bytes())
    desk = Desk(folder, {**SECRETS, "MILEPOST_STORE__URL": f"sqlite:///{folder / 'milepost.db'}"})
    desk.config.write_text(PROJECT_FILE, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = desk.call("serve", *(option.replace("{taken}", port) for option in options))

    assert (ended.code, ended.out) == (2, "")
    assert said.replace("{taken}", port) in ended.err
    assert "Traceback" not in ended.err
    assert ended.err.count("127.0.0.1") <= 1
    assert ("is a milepost serve running there already?" in ended.err) == ("{taken}" in options)


def test_a_misspelt_secret_is_said_before_it_starts(sqlite_template: Path, folder: Path) -> None:
    (folder / "milepost.db").write_bytes(sqlite_template.read_bytes())
    desk = Desk(folder, {**SECRETS, "MILEPOST_GITHUB__WEBHOK_SECRET": "x"})
    desk.config.write_text(PROJECT_FILE, encoding="utf-8")
    ended = desk.call("serve", "--port", "0")

    assert (ended.code, ended.out) == (2, "")
    assert "did you mean MILEPOST_GITHUB__WEBHOOK_SECRET?" in ended.err


def test_a_webhook_secret_that_cannot_be_read_is_said_before_it_starts(sqlite_template: Path, folder: Path) -> None:
    (folder / "milepost.db").write_bytes(sqlite_template.read_bytes())
    desk = Desk(folder, {"MILEPOST_GITHUB__WEBHOOK_SECRET_FILE": str(folder / "missing")})
    desk.config.write_text(PROJECT_FILE, encoding="utf-8")
    ended = desk.call("serve", "--port", "0")

    assert ended.code == 2
    assert "MILEPOST_GITHUB__WEBHOOK_SECRET_FILE" in ended.err


def test_an_extra_that_is_not_installed_is_named_with_the_way_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    service_session(Globals(), "serve")

    def without_fastapi(name: str) -> metadata.Distribution:
        if name == "fastapi":
            raise metadata.PackageNotFoundError(name)
        return metadata.Distribution.from_name(name)

    monkeypatch.setattr(metadata, "distribution", without_fastapi)
    with pytest.raises(UsageProblem, match=r"milepost serve needs the package fastapi") as told:
        service_session(Globals(), "serve")
    assert told.value.fix is not None
    assert "uv sync again with --extra serve" in told.value.fix
    assert "pip install 'milepost[serve]'" in told.value.fix
