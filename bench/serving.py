"""`milepost serve` as a user starts it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.project import Project

SECRET = "example-webhook-secret"


def receiving(project: Project, *sources: str) -> Project:
    """The project with the secret of each source's webhooks, logging for machines."""
    secrets = {f"MILEPOST_{source.upper()}__WEBHOOK_SECRET": SECRET for source in sources}
    return msgspec.structs.replace(project, access={**project.access, **secrets, "MILEPOST_LOG_FORMAT": "json"})


@contextmanager
def serving(project: Project, *options: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Its address and its process, with a log in a file. Raises `RuntimeError` where it does not start, or ends badly."""
    command = [str(Path(sys.executable).with_name("milepost")), "--config", str(project.file), "serve", "--port", "0", *options]
    log = project.file.with_name("serve.log")
    with log.open("wb") as errors, subprocess.Popen(command, stderr=errors, env=project.environment) as process:
        try:
            yield _address(log, process), process
        finally:
            process.send_signal(signal.SIGTERM)
    if process.returncode != 0:
        raise RuntimeError(f"the receiver ended with {process.returncode}: {log.read_text(encoding='utf-8')[-2_000:]}")


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    while process.poll() is None:
        if found := re.search(r'"address": "([^"]+)"', log.read_text(encoding="utf-8")):
            return found[1]
        time.sleep(0.05)
    raise RuntimeError(f"the receiver did not start: {log.read_text(encoding='utf-8')}")
