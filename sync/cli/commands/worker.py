"""`milepost worker`"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import structlog

from sync.cli.errors import UsageProblem
from sync.cli.layout import show, wrapped
from sync.cli.options import Globals
from sync.cli.service import listen_on, opened, service_session
from sync.cli.session import Session
from sync.cli.stopping import until_asked_to_end
from sync.cli.style import plural
from sync.outcome import ExitCode

if TYPE_CHECKING:
    import socket

    from prometheus_client import CollectorRegistry

    from sync.store.connect import Database
    from sync.work.pool import Workers

log = structlog.get_logger(__name__)


def run(globals_: Globals, *, jobs: int, host: str, port: int | None) -> ExitCode:
    """Does what is due until it is told to end. With a port, says there how it is and what it has done."""
    from sync.cli.crew import crew, told_of_names
    from sync.web.server import address_of
    from sync.work.pool import working

    session = service_session(globals_, "worker")
    session.require_extras()
    with until_asked_to_end() as stop, opened(session) as (workspace, registry):
        database = workspace.database
        if database.dialect == "sqlite":
            raise UsageProblem(
                f"milepost worker needs a PostgreSQL store, and {database} is none",
                "on SQLite let milepost serve --workers do the work, or name a PostgreSQL database in store.url",
            )
        with (
            nullcontext() if port is None else listen_on(host, port) as listening,
            told_of_names(),
            working(workspace, crew(session, jobs), stop) as workers,
            _answering(listening, database, registry, workers),
        ):
            _tell(session, workers.name, jobs, address_of(listening) if listening is not None else None)
            stop.wait()
        workers.require_life()
    return ExitCode.DONE


def _answering(
    listening: socket.socket | None, database: Database, registry: CollectorRegistry, workers: Workers
) -> AbstractContextManager[None]:
    from sync.web.app import build_app
    from sync.web.aside import answering
    from sync.web.auth import Authority
    from sync.web.health import Readiness, health_routes, store_probe
    from sync.web.metrics import metrics_routes

    if listening is None:
        return nullcontext()
    readiness = Readiness({"store": store_probe(database), "workers": workers.why_not_ready})
    return answering(build_app([health_routes(readiness), metrics_routes(registry, Authority(database))]), listening)


def _tell(session: Session, name: str, jobs: int, address: str | None) -> None:
    """Says that it works, once, wherever its standard error goes."""
    if sys.stderr.isatty():
        text = f"Worker {name} does up to {plural(jobs, 'job')} at a time. Ctrl-C ends it."
        show(session.err, wrapped(text, session.err.width))
    else:
        log.info("worker.ready", executor=name, jobs=jobs, **({"address": address} if address is not None else {}))
