"""Traces of OpenTelemetry, where the standard `OTEL_…` variables ask for them; otherwise nothing of it is even imported.

A span says what was done, how long it took and which ids it was about: no text that a source sent, no body, no secret. What goes
through the store carries a W3C traceparent along, so that one trace leads from a delivery to the write that it caused.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import structlog

from sync.spans import Attribute, Kind, Spans

log = structlog.get_logger(__name__)


class _Process:
    """Where this process's spans go: set when it starts, as its logs are."""

    spans: Spans | None = None


def configure_tracing(environ: Mapping[str, str]) -> None:
    """Sets up tracing for this process as its environment says. What cannot be had is logged, and the process goes on without."""
    if _Process.spans is not None:
        _Process.spans.close()
    _Process.spans = _wanted(environ)


def span(
    name: str, *, kind: Kind = "internal", after: Sequence[str | None] = (), **attributes: Attribute
) -> AbstractContextManager[None]:
    """A span around a block. It belongs to the one that is open, else to the first trace of `after`, which holds the traceparents
    of what led to it; the others are linked. An exception marks it as failed, by its type alone."""
    if _Process.spans is None:
        return nullcontext()
    return _Process.spans.span(name, kind, [one for one in dict.fromkeys(after) if one], attributes)


@contextmanager
def exchange(source: str, method: str, host: str, path: str) -> Iterator[Callable[[int], None]]:
    """A span around one request to a source, which is told nothing of it. What follows the path may hold secrets and is left out.
    Gives what is to be called with the answer's status."""
    spans = _Process.spans
    if spans is None:
        yield lambda _: None
        return
    about = {"http.request.method": method, "server.address": host, "url.path": path, "source": source}
    with spans.span(method, "client", (), about):
        yield lambda status: spans.tell({"http.response.status_code": status})


def tell(**attributes: Attribute) -> None:
    """Adds attributes to the span that is open."""
    if _Process.spans is not None:
        _Process.spans.tell(attributes)


def traceparent() -> str | None:
    """The open span, for what it causes later to go on from; None where nothing is traced."""
    return _Process.spans.traceparent() if _Process.spans is not None else None


def flush() -> None:
    """Sends what was recorded so far."""
    if _Process.spans is not None:
        _Process.spans.flush()


def _wanted(environ: Mapping[str, str]) -> Spans | None:
    exporters = [one.strip().lower() for one in environ.get("OTEL_TRACES_EXPORTER", "").split(",") if one.strip()]
    endpoint = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    off = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or "none" in exporters
    if off or not (exporters or endpoint):
        return None
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") or "http/protobuf"
    if exporters not in ([], ["otlp"]):
        log.warning("tracing.off", why="OTEL_TRACES_EXPORTER may be otlp or none")
    elif protocol != "http/protobuf":
        log.warning("tracing.off", why="traces are sent by OTLP over http/protobuf alone")
    elif importlib.util.find_spec("opentelemetry") is None:
        log.warning("tracing.off", why="OpenTelemetry is not installed", fix="install milepost with its extra serve")
    else:
        from sync.otel import Exported

        return Exported()
    return None
