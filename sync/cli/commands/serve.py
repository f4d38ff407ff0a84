"""`milepost serve`"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import structlog

from sync.cli.layout import show, wrapped
from sync.cli.options import Globals
from sync.cli.service import listen_on, opened, require_known_variables, service_session
from sync.cli.session import Session
from sync.outcome import ExitCode
from sync.source import lacks_webhook_secret
from sync.workspace import Workspace

if TYPE_CHECKING:
    import socket

    from prometheus_client import CollectorRegistry

    from sync.work.pool import Workers

log = structlog.get_logger(__name__)

_LAST_COMMIT = 1.5
"""Seconds for storing what was still coming in when the process was told to end."""

_LONGEST = 9.0
"""Seconds from then until the process has ended in any case: whatever hangs then, no time that others were granted adds to it."""


def run(globals_: Globals, *, host: str, port: int, workers: int, forwarded_allow_ips: str) -> ExitCode:
    """Takes webhook deliveries until it is told to end."""
    session = service_session(globals_, "serve")
    require_known_variables(session)
    with opened(session) as (workspace, registry):
        stop = threading.Event()
        with listen_on(host, port) as listening, _working(session, workspace, workers, stop) as at_work:
            _serve(session, workspace, listening, registry, forwarded_allow_ips, at_work, stop)
        if at_work is not None:
            at_work.require_life()
    log.info("serve.stopped")
    return ExitCode.DONE


@contextmanager
def _working(session: Session, workspace: Workspace, jobs: int, stop: threading.Event) -> Iterator[Workers | None]:
    """Workers in this process, where there are to be any."""
    if not jobs:
        yield None
        return
    from sync.cli.crew import crew, told_of_names
    from sync.work.pool import working

    session.require_extras()
    with told_of_names(), working(workspace, crew(session, jobs), stop) as at_work:
        yield at_work


def _serve(
    session: Session,
    workspace: Workspace,
    listening: socket.socket,
    registry: CollectorRegistry,
    forwarded_allow_ips: str,
    at_work: Workers | None,
    stop: threading.Event,
) -> None:
    from sync.web.api.app import PLACE, build_api
    from sync.web.app import build_app
    from sync.web.auth import Authority
    from sync.web.entrance import entrances
    from sync.web.group_commit import GroupCommit
    from sync.web.health import Readiness, health_routes, store_probe
    from sync.web.metrics import metrics_routes
    from sync.web.reception import Reception
    from sync.web.server import Server, address_of, allow_many_connections
    from sync.web.storing import storing
    from sync.web.webhooks import Door, webhook_routes

    doors = entrances(workspace.sources.values())
    lacks = {source: lack for source in doors if (lack := lacks_webhook_secret(workspace.sources[source], os.environ))}
    for source, lack in lacks.items():
        log.warning("serve.no_secret", source=source, error=f"{lack}, so every delivery of {source} is refused")
    reception = Reception(taken=[source for source in doors if source not in lacks], refused=list(lacks))

    def wake() -> None:
        if at_work is not None:
            at_work.wake()

    deliveries = workspace.database.apart(1)
    inbox = GroupCommit(storing(deliveries, workspace.sources, lambda _: wake()))
    door = Door(doors, inbox, workspace.meters)
    probes = {
        "store": store_probe(workspace.database),
        "webhooks": lambda: "shutting down" if door.is_closed else reception.why_not_ready(works=at_work is not None),
        **({"workers": at_work.why_not_ready} if at_work is not None else {}),
    }

    told = threading.Event()
    threading.Thread(target=_cut_off, args=(told,), name="cuts-off", daemon=True).start()

    def end() -> None:
        told.set()
        door.close()
        stop.set()

    authority = Authority(workspace.database)
    app = build_app(
        [health_routes(Readiness(probes, {"webhooks": str(reception)})), webhook_routes(door), metrics_routes(registry, authority)],
        {PLACE: build_api(workspace, authority, wake=wake)},
    )
    server = Server(
        app,
        forwarded_allow_ips=forwarded_allow_ips,
        on_start=lambda: _tell(session, address_of(listening), reception.taken),
        on_stop=end,
    )
    if at_work is not None:
        at_work.when_lost(server.leave)
    gc.freeze()  # what is there now stays: the collector need not stop a delivery to look at it
    allow_many_connections()
    inbox.start()
    with closing(deliveries):
        try:
            server.run_on(listening)
        finally:
            if not inbox.close(_LAST_COMMIT):
                log.warning("serve.store_does_not_answer", waiting="nothing that was acknowledged is lost")


def _cut_off(told: threading.Event) -> None:
    """Ends the process as a kill would, in which nothing is lost either, when it has been `told` to end and hangs."""
    told.wait()
    time.sleep(_LONGEST)
    log.warning("serve.cut_off")
    os._exit(int(ExitCode.PARTIAL))


def _tell(session: Session, address: str, sources: Sequence[str]) -> None:
    """Says where it listens, once, wherever its standard error goes."""
    if sys.stderr.isatty():
        taking = f"Listening on {address}, for webhooks of {', '.join(sources) or 'no source'}. Ctrl-C ends it."
        show(session.err, wrapped(taking, session.err.width))
    else:
        log.info("serve.listening", address=address, sources=sources)
