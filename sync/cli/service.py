"""What the commands have in common that go on until they are told to end."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from config.problems import ConfigError
from config.secrets import unknown_secrets
from sync.build import build_workspace
from sync.cli.errors import UsageProblem
from sync.cli.installed import require_extra
from sync.cli.options import Globals
from sync.cli.session import Session
from sync.metering import PrometheusMeters
from sync.pull import PullLimits
from sync.workspace import Workspace

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


def service_session(globals_: Globals, command: str) -> Session:
    """The session of such a command. Raises `UsageProblem` where what it needs is not installed."""
    require_extra(
        "serve",
        f"milepost {command} needs",
        "run uv sync again with --extra serve beside the others, or pip install 'milepost[serve]'",
    )
    return Session(globals_)


def require_known_variables(session: Session) -> None:
    """Raises `ConfigError` for variables that bear a source's name and are nothing that it knows."""
    models = {name: session.types.connection(entry.type).secrets for name, entry in session.file.sources.items()}
    problems = [problem for name, model in models.items() for problem in unknown_secrets(name, model, os.environ)]
    if problems:
        raise ConfigError(problems)


@contextmanager
def opened(session: Session) -> Iterator[tuple[Workspace, CollectorRegistry]]:
    """The workspace with its open store, and what it counts. It waits for no other run: there is always other work."""
    from sync.web.metrics import build_registry

    with session.store() as database:
        registry = build_registry(database)
        workspace = build_workspace(
            session.file,
            session.types,
            os.environ,
            database,
            limits=PullLimits(),
            wait=timedelta(),
            meters=PrometheusMeters(registry),
        )
        yield workspace, registry


def listen_on(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises `UsageProblem`."""
    from sync.web.server import listen

    try:
        return listen(host, port)
    except OSError as error:
        fix = "name another with --host and --port"
        if error.errno == errno.EADDRINUSE:
            fix = f"is a milepost serve running there already? Else {fix}"
        raise UsageProblem(f"{host}, port {port}: {_reason(error)}", fix) from error


def _reason(error: OSError) -> str:
    """Python adds the address to what the system said of it, but not to what a name server said."""
    is_systems = error.errno is not None and not isinstance(error, socket.gaierror)
    return os.strerror(error.errno).lower() if is_systems and error.errno is not None else error.strerror or str(error)
