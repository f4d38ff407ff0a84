"""`milepost serve` as a process, and what its store holds."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from sync.store.connect import open_database
from tests.cli.process import MILEPOST, PATIENCE, Desk
from tests.web.signing import PREVIOUS, PROJECT_FILE, SECRETS, github_headers


@dataclass(frozen=True)
class Served:
    """A running server. `log` is its standard error."""

    address: str
    process: subprocess.Popen[bytes]
    log: Path
    url: str
    client: httpx.Client

    def deliver(self, body: bytes, ident: str, source: str = "github", **said: Any) -> httpx.Response:
        """A delivery that GitHub would send; what is said goes into its signature and headers."""
        return self.post(body, github_headers(body, ident, **said), source)

    def post(self, body: Any, headers: Mapping[str, str], source: str = "github") -> httpx.Response:
        return self.client.post(f"/webhooks/{source}", content=body, headers=headers)

    def lines(self) -> list[dict[str, Any]]:
        """The log, a line an entry; what is not JSON fails the test."""
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def stored(self) -> dict[str, tuple[str, str, bytes]]:
        """What is in the inbox, by delivery id: source, event, body."""
        return stored_in(self.url)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


def stored_in(url: str) -> dict[str, tuple[str, str, bytes]]:
    with closing(open_database(url)) as database, database.read() as tx:
        rows = tx.exec_driver_sql("SELECT source, delivery, event, body, state FROM inbox ORDER BY id").all()
    assert len({(row.source, row.delivery) for row in rows}) == len(rows)
    assert {row.state for row in rows} <= {"waiting"}
    return {row.delivery: (row.source, row.event, bytes(row.body)) for row in rows}


@contextmanager
def serving(folder: Path, url: str, *options: str, text: str = PROJECT_FILE, **more: str) -> Iterator[Served]:
    """A server on a free port. It must end well when it is told to, unless the test has ended it."""
    desk = Desk(folder, {**SECRETS, "MILEPOST_GITHUB__WEBHOOK_SECRET_PREVIOUS": PREVIOUS, "MILEPOST_STORE__URL": url, **more})
    desk.config.write_text(text, encoding="utf-8")
    log = folder / "serve.log"
    command = [MILEPOST, "serve", "--port", "0", *options]
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, cwd=folder, env=desk.environment(), stdin=subprocess.DEVNULL, stderr=errors) as process,
    ):
        try:
            address = _address(process, log)
            with httpx.Client(base_url=address, trust_env=False, timeout=PATIENCE) as client:
                yield Served(address, process, log, url, client)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    code = process.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise
                assert code == 0, log.read_text(encoding="utf-8")


def eventually(what: Callable[[], bool]) -> None:
    """Waits until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > deadline:
            pytest.fail("it never came to that")
        time.sleep(0.02)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    found: list[str] = []

    def is_told() -> bool:
        if process.poll() is not None:
            pytest.fail(f"the server ended with {process.returncode}: {log.read_text(encoding='utf-8')}")
        lines = [line for line in log.read_text(encoding="utf-8").splitlines() if "serve.listening" in line]
        found.extend(json.loads(line)["address"] for line in lines)
        return bool(found)

    eventually(is_told)
    return found[0]
