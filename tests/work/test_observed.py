"""A service that is always on tells what it does: in traces from the delivery to the write, in figures, and in its API."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.parser import text_string_to_metric_families

from sandbox.github import DEFAULT_TOKEN
from sync.store import runs
from tests.work.collector import Collector, collecting
from tests.work.service import SECRET, SHOWN, Service, service, until


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture
def one(database_url: str, tmp_path: Path, collector: Collector) -> Iterator[Service]:
    """With traces, on SQLite in one process, on PostgreSQL in two."""
    with service(tmp_path, database_url, projects=1) as opened:
        opened.add_issues(1)
        traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        opened.desk = dataclasses.replace(opened.desk, environ={**opened.desk.environ, **traced})
        yield opened


def _token(one: Service) -> str:
    scopes = ("--scope", "read", "--scope", "operate")
    made = one.desk.call("token", "create", "observer", *scopes, "-o", "json", OTEL_EXPORTER_OTLP_ENDPOINT=None)
    assert made.code == 0, made.err
    return str(made.json()["token"])


def _label_shown(one: Service) -> tuple[str, str]:
    """A person labels an issue, and the service shows what follows. Returns where it is received and where it is worked."""
    server = one.receive("--workers", "2", name="one") if one.is_sqlite else one.receive()
    received = worked = str(server.wait_for("serve.listening")["address"])
    if not one.is_sqlite:
        worker = one.start("worker", "--jobs", "2", "--port", "0", name="one")
        worked = str(worker.wait_for("worker.ready")["address"])
    # What the first pull finds by itself no delivery leads to.
    until(lambda: _is_pulled(one) and one.is_done(), one.why_not_done)
    (issue,) = one.issues["example/p1"]
    one.github.add_label("example/p1", issue, "good")
    until(lambda: SHOWN in one.github.labels_of("example/p1", issue), one.why_not_done)
    until(one.is_done, one.why_not_done)
    return received, worked


def _is_pulled(one: Service) -> bool:
    with one.database.read() as tx:
        return runs.last_done(tx, "reconcile") is not None and runs.last_done(tx, "follow") is not None


def _with(collector: Collector, *names: str) -> Sequence[Span] | None:
    """The first trace that has spans of all these names."""
    return next((trace for trace in collector.traces() if {*names} <= {span.name for span in trace}), None)


def _attributes(span: Span) -> Mapping[str, Any]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


@pytest.mark.parametrize("dialect", ["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)])
def test_one_trace_leads_from_a_delivery_to_the_write(one: Service, collector: Collector) -> None:
    _label_shown(one)
    wanted = ("delivery", "take_in", "follow", "apply", "write")
    until(lambda: _with(collector, *wanted) is not None, lambda: [[span.name for span in one] for one in collector.traces()])
    trace = _with(collector, *wanted)
    assert trace is not None

    by_id = {span.span_id: span for span in trace}
    (delivery,) = (span for span in trace if span.name == "delivery")
    assert delivery.parent_span_id == b""
    assert delivery.kind == Span.SPAN_KIND_SERVER
    assert _attributes(delivery)["event"] in ("label.created", "issues.labeled")
    for span in trace:
        if span is not delivery:  # what several deliveries led to is the first one's, and linked to the others
            assert span.parent_span_id in by_id, span.name
    (write,) = (span for span in trace if span.name == "write")
    assert by_id[write.parent_span_id].name == "apply"
    assert by_id[by_id[write.parent_span_id].parent_span_id].name == "follow"
    assert _attributes(write) == {"source": "github", "project": "p1", "changes": 1}
    sent = [span for span in trace if span.kind == Span.SPAN_KIND_CLIENT]
    read = next(span for span in sent if by_id[span.parent_span_id].name == "take_in")
    assert _attributes(read)["http.response.status_code"] == 200
    assert _attributes(read)["server.address"] == "127.0.0.1"
    assert collector.services == {"milepost"}
    for secret in (DEFAULT_TOKEN, SECRET, "Issue 0"):
        assert secret.encode() not in collector.raw


def _figures(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(text)
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


@pytest.mark.parametrize("dialect", ["postgresql", pytest.param("sqlite", marks=pytest.mark.soak)])
def test_figures_and_api_tell_what_was_done_and_no_secret(one: Service) -> None:
    token = _token(one)
    received, worked = _label_shown(one)
    api = f"{received}/api/v1"
    with httpx.Client(headers={"authorization": f"Bearer {token}"}, trust_env=False) as client:
        figures = [client.get(f"{address}/metrics") for address in (received, worked)]
        lists = [client.get(f"{api}/{path}") for path in ("statuses", "projects", "runs", "audit", "inbox?state=done")]
        asked = client.post(f"{api}/projects/p1/sync")
        until(lambda: client.get(f"{api}/runs?command=relist").json()["items"] != [])
    with httpx.Client(trust_env=False) as stranger:
        closed = [f"{received}/metrics", f"{worked}/metrics", *(f"{api}/{path}" for path in ("projects", "openapi.json", "none"))]
        opened = [f"{address}/{path}" for address in (received, worked) for path in ("healthz", "readyz")]
        assert {stranger.get(address).status_code for address in closed} == {401}
        assert {stranger.get(address).status_code for address in opened} == {200}

    answered = [*figures, *lists]
    assert {one.status_code for one in answered} == {200}
    door, work = (_figures(one.text) for one in figures)
    github = ("source", "github")
    assert door["milepost_deliveries_total", (("outcome", "accepted"), github)] >= 1
    assert work["milepost_requests_total", (github,)] > 3
    assert work["milepost_requests_remaining", (github,)] > 0
    assert work["milepost_records_total", (github,)] > 0
    assert work["milepost_changes_total", (("outcome", "done"), github)] == 1
    assert work["milepost_publish_lag_seconds_count", ()] >= 1
    assert work["milepost_run_seconds_count", (("command", "follow"), ("outcome", "done"))] >= 1
    for told in (door, work):
        assert told["milepost_statuses", (("project", "p1"), ("rule", "good"), ("truth", "true"))] == 1
        assert told["milepost_inbox_deliveries", (github, ("state", "done"))] >= 1
        assert told["milepost_due_projects", ()] == 0
    assert [(one["rule"], one["truth"]) for one in lists[0].json()["items"]] == [("good", True)]
    assert asked.status_code == 202
    logs = "".join(path.read_text(encoding="utf-8") for path in one.desk.folder.glob("process-*.log"))
    for secret in (DEFAULT_TOKEN, SECRET, token):
        assert not any(secret in one.text + str(one.headers) for one in answered)
        assert secret not in logs
    lines = [json.loads(line) for line in logs.splitlines()]
    assert all(line["delivery"] and line["source"] == "github" for line in lines if line["event"].startswith("delivery."))
