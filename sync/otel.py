"""Spans by OpenTelemetry's own SDK, which reads its `OTEL_…` variables itself. Imported by `sync.tracing`, when it is wanted."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from config.problems import masked
from sync.spans import Attribute, Kind

_LINKS = 32
"""A batch names at most so many traces that it belongs to beside the first."""

_PATIENCE = 2.0
"""Seconds that sending may take where no variable says it: a process that is told to end must not wait for longer."""

_KINDS: Mapping[Kind, trace.SpanKind] = {
    "internal": trace.SpanKind.INTERNAL,
    "server": trace.SpanKind.SERVER,
    "client": trace.SpanKind.CLIENT,
}


class Exported:
    """Sends spans by OTLP from a thread of its own, the last of them when the process ends."""

    def __init__(self) -> None:
        own = Resource.create({} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: "milepost"})
        said = any(os.environ.get(name) for name in ("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"))
        self._provider = TracerProvider(resource=own, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=None if said else _PATIENCE)))
        self._tracer = self._provider.get_tracer("milepost")
        self._carrier = TraceContextTextMapPropagator()
        atexit.register(self.close)

    @contextmanager
    def span(self, name: str, kind: Kind, after: Sequence[str], attributes: Mapping[str, Attribute]) -> Iterator[None]:
        """Only the type of an exception is told: nobody knows what its text quotes."""
        opened = trace.get_current_span().get_span_context().is_valid
        led = [one for one in map(self._told, after) if one.is_valid]
        parent = None if opened or not led else trace.set_span_in_context(trace.NonRecordingSpan(led[0]), context.Context())
        links = [trace.Link(one) for one in (led if opened else led[1:])[:_LINKS]]
        with self._tracer.start_as_current_span(
            name,
            context=parent,
            kind=_KINDS[kind],
            links=links,
            attributes=_plain(attributes),
            record_exception=False,
            set_status_on_exception=False,
        ) as current:
            try:
                yield
            except BaseException as error:
                current.set_status(trace.StatusCode.ERROR, type(error).__name__)
                raise

    def tell(self, attributes: Mapping[str, Attribute]) -> None:
        trace.get_current_span().set_attributes(_plain(attributes))

    def traceparent(self) -> str | None:
        carried: dict[str, str] = {}
        self._carrier.inject(carried)
        return carried.get("traceparent")

    def flush(self) -> None:
        self._provider.force_flush()

    def close(self) -> None:
        """Sends the rest, and no more."""
        atexit.unregister(self.close)
        self._provider.shutdown()

    def _told(self, traceparent: str) -> trace.SpanContext:
        found = self._carrier.extract({"traceparent": traceparent}, context.Context())
        return trace.get_current_span(found).get_span_context()


def _plain(attributes: Mapping[str, Attribute]) -> dict[str, str | int | float | bool]:
    return {name: masked(one) if isinstance(one, str) else one for name, one in attributes.items() if one is not None}
