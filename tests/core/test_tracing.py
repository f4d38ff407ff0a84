"""Tracing is off, and not even imported, unless the standard variables ask for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest
import structlog

from sync import tracing

LINK = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


@pytest.fixture(autouse=True)
def _off_again() -> Iterator[None]:
    yield
    tracing.configure_tracing({})


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_SERVICE_NAME": "milepost"},
        {**ENDPOINT, "OTEL_SDK_DISABLED": "TRUE"},
        {**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"},
        {**ENDPOINT, "OTEL_TRACES_EXPORTER": "console"},
        {**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
    ],
)
def test_nothing_is_traced_where_nobody_asks_for_it(environ: Mapping[str, str]) -> None:
    tracing.configure_tracing(environ)
    with tracing.span("one", after=[LINK], project="churn"), tracing.exchange("github", "GET", "example.com", "/") as answered:
        tracing.tell(more=1)
        answered(200)
        assert tracing.traceparent() is None
    tracing.flush()


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "may be otlp or none"),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http/protobuf"),
    ],
)
def test_what_cannot_be_had_is_told(environ: Mapping[str, str], why: str) -> None:
    with structlog.testing.capture_logs() as logged:
        tracing.configure_tracing(environ)

    (line,) = logged
    assert (line["event"], line["log_level"]) == ("tracing.off", "warning")
    assert why in line["why"]


def test_opentelemetry_is_imported_only_when_it_is_wanted() -> None:
    program = (
        "import sys\n"
        "import sync.engine, sync.jobs, sync.intake, sync.cli.session\n"
        "from sync import tracing\n"
        "tracing.configure_tracing({})\n"
        "with tracing.span('one'): pass\n"
        "print(any(name.startswith('opentelemetry') for name in sys.modules))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)

    assert ended.stdout == "False\n"


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """To a place where nobody listens."""
    for name, value in {**ENDPOINT, "OTEL_BSP_SCHEDULE_DELAY": "3600000", "OTEL_TRACES_SAMPLER": "always_off"}.items():
        monkeypatch.setenv(name, value)
    tracing.configure_tracing(ENDPOINT)


@pytest.mark.usefixtures("traced")
def test_a_span_goes_on_from_what_led_to_it_unless_one_is_open() -> None:
    with tracing.span("first", after=[None, "nonsense", LINK, LINK]):
        first = tracing.traceparent() or ""
        with tracing.span("inner", after=["00-11111111111111111111111111111111-2222222222222222-01"]):
            inner = tracing.traceparent() or ""
    with tracing.span("alone"):
        alone = tracing.traceparent() or ""

    trace = LINK.split("-")[1]
    assert first.split("-")[1] == inner.split("-")[1] == trace
    assert len({first.split("-")[2], inner.split("-")[2], LINK.split("-")[2]}) == 3
    assert alone.split("-")[1] not in (trace, "")
    assert tracing.traceparent() is None


@pytest.mark.usefixtures("traced")
def test_an_error_goes_on_its_way() -> None:
    with pytest.raises(ValueError, match="as it was"), tracing.span("one"):
        raise ValueError("as it was")
    assert tracing.traceparent() is None
