"""A real MLflow tracking server as a child process: SQLite and artifacts in one folder, on a free loopback port."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

READY_WITHIN = 120.0
"""Seconds. A few on an idle machine: the server imports much before it answers."""

_GRACE = 5.0
_ATTEMPTS = 3
_SEALED_WITH = base64.urlsafe_b64encode(b"no secret: webhooks of a sandbox").decode()


class ServerFailed(Exception):
    """The server did not come up. The message ends with the last lines of its log."""


class RunningServer:
    """`url` is where it answers once `wait_until_ready` has returned; `stop` ends it with all its workers, also at exit.

    `folder` holds `mlflow.db`, `artifacts` and `server.log`; `group` is the process group that holds the server and no one else.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = folder / "server.log"
        self._launch()

    def wait_until_ready(self, seconds: float = READY_WITHIN) -> None:
        """Returns when the server answers. Raises `ServerFailed`, with the server stopped, if it does not in time."""
        deadline = time.monotonic() + seconds
        attempts = 1
        while not self._answers():
            if self._process.poll() is not None and attempts < _ATTEMPTS and not _is_free(self._port):
                # Another program took the port between our look and the server's start.
                attempts += 1
                self.stop()
                self._launch()
            elif self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                tail = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
                raise ServerFailed("the MLflow server did not start:\n" + "\n".join(tail))
            time.sleep(0.1)

    def stop(self) -> None:
        """Ends the server and waits until its whole process group is gone. Harmless to repeat."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _launch(self) -> None:
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        with self._log.open("ab") as log:
            # A session of its own makes it the leader of a process group that holds all its workers, and no one else.
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                _command(self.folder, self._port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=_environment(os.environ),
                start_new_session=True,
            )
        self.group = self._process.pid
        self._finalizer = weakref.finalize(self, _end, self._process)

    def _answers(self) -> bool:
        if _is_free(self._port):
            return False  # an HTTP client costs more than such a look, and there are a hundred before the server listens
        try:
            return httpx.get(f"{self.url}/health", timeout=2.0, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


def launch(folder: Path) -> RunningServer:
    """Starts a server whose store, artifacts and log are in `folder`, and returns before it is ready."""
    folder.mkdir(parents=True, exist_ok=True)
    return RunningServer(folder.resolve())


def start(folder: Path) -> RunningServer:
    """Starts a server and waits until it answers. Stop it, or use it as a context manager. Raises `ServerFailed`."""
    server = launch(folder)
    server.wait_until_ready()
    return server


def _command(folder: Path, port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
        *("--artifacts-destination", (folder / "artifacts").as_uri()),
    ]


def _environment(inherited: Mapping[str, str]) -> Mapping[str, str]:
    """Ours, without what the user set for their own MLflow. Webhooks reach loopback and hold from the moment they are made."""
    kept = {name: value for name, value in inherited.items() if not name.startswith(("MLFLOW_", "_MLFLOW_"))}
    return {
        **kept,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": _SEALED_WITH,
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_CACHE_TTL": "0",
        "PYTHONWARNINGS": "ignore",
        "PYTHONUNBUFFERED": "1",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _end(process: subprocess.Popen[bytes]) -> None:
    """Asks the process group to leave, then makes it.

    Bounded: in a container whose first process adopts no orphans, the dead stay listed.
    """
    for signum in (signal.SIGTERM, signal.SIGKILL):
        if _alive(process):
            _signal(process.pid, signum)
        deadline = time.monotonic() + _GRACE
        while _alive(process) and time.monotonic() < deadline:
            time.sleep(0.02)
    process.wait()


def _alive(process: subprocess.Popen[bytes]) -> bool:
    """Whether any process of the group is left. The leader is reaped on the way, else it would count for ever."""
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def _signal(group: int, signum: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signum)
