"""Deliveries that did not arrive, asked for again where a source does not send them again by itself."""

from __future__ import annotations

import threading

import structlog

from connectors.errors import Cancelled, SourceError
from sync.source import Gauge, Source, guarded

log = structlog.get_logger(__name__)


def ask_again(source: Source, stop: threading.Event) -> None:
    """A second line only: what such a delivery would have told, the next pull finds. So a failure is logged, and none is raised."""
    redeliver = source.connection.redeliver
    if redeliver is None or stop.is_set():
        return
    try:
        with source.budget(urgent=False) as budget, guarded(source.name, "asking for failed deliveries"):
            findings = redeliver(source.context(Gauge(), stop, budget), [scope.options for scope in source.scopes])
    except SourceError as error:
        log.warning("redelivery.failed", source=source.name, error=str(error))
    except Cancelled:
        log.info("redelivery.stopped", source=source.name)
    else:
        for finding in findings:
            tell = log.info if finding.level in ("ok", "info") else log.warning
            tell("redelivery.asked", source=source.name, found=finding.text, fix=finding.fix)
