"""Milepost on a read-only root file system, as the manifests run it: only the store and the temporary folder can be written to."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest

MILEPOST = Path(sys.executable).with_name("milepost")
UNSHARE = shutil.which("unshare")
MOUNTS = """
mount --make-rprivate / && mount --bind "$STATE" "$STATE" && mount --bind "$TMPDIR" "$TMPDIR" &&
mount --rbind / / && mount -o remount,bind,ro / && ! touch "$PROBE" 2>/dev/null || exit 97
cd "$STATE" && exec "$@"
"""
"""Binds made before the root's own keep being writable. Ends with 97 where that cannot be had."""

PROJECT_FILE = """
sources: {mlflow: {type: mlflow, url: "http://127.0.0.1:9"}}
projects: {churn: {scopes: {mlflow: {experiments: ["churn*"]}}}}
"""
"""Its source is away, which is no reason for a server to end."""

Locked = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Locked]:
    """Starts a command line for which everything but its store and its temporary folder is read-only."""
    state, temporary = tmp_path / "state", tmp_path / "tmp"
    state.mkdir()
    (tmp_path / "milepost.yaml").write_text(PROJECT_FILE, encoding="utf-8")
    temporary.mkdir()
    environ = {
        "PATH": os.environ["PATH"],
        "STATE": str(state),
        "PROBE": str(tmp_path / "probe"),
        "TMPDIR": str(temporary),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MILEPOST_CONFIG": str(tmp_path / "milepost.yaml"),
        "MILEPOST_STORE__URL": f"sqlite:///{state / 'milepost.db'}",
        "MILEPOST_MLFLOW__WEBHOOK_SECRET": "the-webhooks-secret",
    }
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        line = [str(UNSHARE), "--user", "--map-root-user", "--mount", "sh", "-c", MOUNTS, "sh", *arguments]
        started.append(subprocess.Popen(line, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        return started[-1]

    if UNSHARE is None or _ended(start("true")) != 0:
        pytest.skip("this machine gives a test no mount namespace of its own")
    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_receiver_and_worker_need_no_more_than_their_store_and_a_temporary_folder(locked: Locked) -> None:
    assert _ended(locked(str(MILEPOST), "db", "upgrade")) == 0
    server = locked(str(MILEPOST), "serve", "--port", "0", "--workers", "1")
    assert server.stderr is not None
    with _listening(server.stderr) as address:
        assert httpx.get(f"{address}/healthz", timeout=10).status_code == 200
        assert httpx.get(f"{address}/readyz", timeout=10).status_code == 200
        assert httpx.post(f"{address}/webhooks/mlflow", content=b"{}", timeout=10).status_code == 401
    server.send_signal(signal.SIGTERM)
    assert _ended(server) == 0


def _ended(process: subprocess.Popen[str]) -> int:
    process.communicate(timeout=60)
    return process.returncode


@contextmanager
def _listening(log: IO[str]) -> Iterator[str]:
    """The address, once it listens there."""
    for line in log:
        if (event := json.loads(line))["event"] == "serve.listening":
            yield str(event["address"])
            return
    pytest.fail("it ended before it listened")
