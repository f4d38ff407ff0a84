"""`/metrics`: for tokens that may read, how the store stands at that moment and what this process counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from connectors.errors import AuthError, NotFound, RateLimited, SourceError, Unavailable
from mappings.change import Change, Slot
from mappings.model import Ref
from sync.derive import Standing
from sync.metering import UNMETERED, Meters, PrometheusMeters, kind_of
from sync.store import due, executors, inbox, outbox, streams, tokens, verdicts
from sync.store.connect import Database
from sync.store.inbox import Arrival
from sync.store.streams import StreamKey
from sync.store.tokens import Scope
from sync.web.app import build_app
from sync.web.auth import Authority
from sync.web.metrics import build_registry, metrics_routes

Scrape = Callable[..., httpx.Response]


def _token(database: Database, scope: Scope) -> str:
    with database.write() as tx:
        return tokens.issue(tx, scope, [scope], database.now(tx)).text


@pytest.fixture
def scraped(database: Database) -> tuple[Meters, Scrape]:
    registry = build_registry(database)
    meters = PrometheusMeters(registry)
    app = build_app([metrics_routes(registry, Authority(database))])
    reader = _token(database, "read")

    async def get(headers: dict[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://milepost.example") as client:
            return await client.get("/metrics", headers=headers)

    def scrape(token: str | None = reader, **headers: str) -> httpx.Response:
        said = {"authorization": f"Bearer {token}"} if token is not None else {}
        return asyncio.run(get({**said, **headers}))

    return meters, scrape


def _samples(text: str) -> dict[str, float]:
    """By name and labels, as Prometheus writes them."""
    found = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(one.labels.items()))
            found[f"{one.name}{{{labels}}}"] = one.value
    return found


def _fill(database: Database) -> None:
    ref = Ref("jira", "work_item", "1")
    change = Change(
        id="c",
        project="churn",
        slot=Slot(ref, "label", "ml/x"),
        action="add",
        before=None,
        after=True,
        key="CHURN-1",
        container="C",
    )
    with database.write() as tx:
        now = database.now(tx)
        hour = now - timedelta(hours=1)
        inbox.accept(tx, [Arrival(source="jira", delivery=f"d{n}", event="e", body=b"{}") for n in range(3)], hour)
        inbox.fail(tx, 1, "no", None, now)
        outbox.plan_changes(tx, "run", "churn", [change], hour)
        due.mark(tx, ["churn"], hour)
        said = [("ready", True), ("drift", None), ("late", False)]
        standings = [Standing(rule=rule, subject=ref, truth=truth, known=truth, since=now) for rule, truth in said]
        verdicts.save(tx, "churn", standings, [])


def test_who_works_and_how_long_ago_each_source_was_pulled(database: Database, scraped: tuple[Meters, Scrape]) -> None:
    scrape = scraped[1]
    assert _samples(scrape().text)["milepost_workers{state=alive}"] == 0
    with database.write() as tx:
        now = database.now(tx)
        for worker in ("one", "two", "dead", "ended"):
            executors.begin(tx, worker, "mark", "here", now - timedelta(minutes=5))
        for worker in ("one", "two"):
            executors.beat(tx, worker, "mark", now)
        executors.end(tx, "ended", "mark", now)
        for hours, name in ((3, "issues"), (1, "commits")):
            key = StreamKey(source="github", stream=name, scope_hash="s", mapping_version=1)
            streams.open_stream(tx, key)
            streams.finish(tx, key, complete=False, now=now - timedelta(hours=hours))
        streams.open_stream(tx, StreamKey(source="jira", stream="issues", scope_hash="s", mapping_version=1))
    samples = _samples(scrape().text)

    assert (samples["milepost_workers{state=alive}"], samples["milepost_workers{state=silent}"]) == (2, 1)
    assert 3_600 <= samples["milepost_pulled_seconds{source=github}"] < 4_200
    assert "milepost_pulled_seconds{source=jira}" not in samples, "it was never pulled"


def test_how_the_store_stands_is_asked_each_time(database: Database, scraped: tuple[Meters, Scrape]) -> None:
    scrape = scraped[1]
    empty = _samples(scrape().text)
    _fill(database)
    full = _samples(scrape().text)

    assert empty["milepost_due_projects{}"] == 0
    assert "milepost_inbox_deliveries{source=jira,state=waiting}" not in empty
    assert full["milepost_inbox_deliveries{source=jira,state=waiting}"] == 2
    assert full["milepost_inbox_deliveries{source=jira,state=dead}"] == 1
    assert 3_600 <= full["milepost_inbox_oldest_seconds{source=jira,state=waiting}"] < 4_200
    assert full["milepost_outbox_changes{source=jira,state=planned}"] == 1
    assert full["milepost_outbox_oldest_seconds{source=jira,state=planned}"] >= 3_600
    assert full["milepost_due_projects{}"] == 1
    assert full["milepost_due_oldest_seconds{}"] >= 3_600
    for rule, truth in (("ready", "true"), ("drift", "unknown"), ("late", "false")):
        assert full[f"milepost_statuses{{project=churn,rule={rule},truth={truth}}}"] == 1
    assert full["process_cpu_seconds_total{}"] > 0


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_what_is_counted_is_shown(scraped: tuple[Meters, Scrape]) -> None:
    meters, scrape = scraped
    meters.delivery("github", "accepted")
    meters.request("github", 41)
    meters.request("github", None)
    meters.records("github", 7)
    meters.failure(AuthError("github", "no"))
    meters.change("jira", "conflict")
    meters.run("sync", "done", 2.0)
    meters.published(0.3)
    meters.published(-1.0)  # the clock was set back
    samples = _samples(scrape().text)

    assert samples["milepost_deliveries_total{outcome=accepted,source=github}"] == 1
    assert samples["milepost_requests_total{source=github}"] == 2
    assert samples["milepost_requests_remaining{source=github}"] == 41
    assert samples["milepost_records_total{source=github}"] == 7
    assert samples["milepost_errors_total{kind=auth,source=github}"] == 1
    assert samples["milepost_changes_total{outcome=conflict,source=jira}"] == 1
    assert samples["milepost_run_seconds_sum{command=sync,outcome=done}"] == 2
    assert samples["milepost_publish_lag_seconds_count{}"] == 2
    assert samples["milepost_publish_lag_seconds_sum{}"] == 0.3


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_figures_need_a_token_that_may_read(database: Database, scraped: tuple[Meters, Scrape]) -> None:
    scrape = scraped[1]
    operator = _token(database, "operate")

    assert scrape(None).status_code == 401
    assert scrape("wrong").headers["www-authenticate"].endswith('error="invalid_token"')
    assert scrape(operator).status_code == 403
    assert scrape().headers["cache-control"] == "no-store"
    assert scrape(accept="application/openmetrics-text").headers["content-type"].startswith("application/openmetrics-text")
    with database.write() as tx:
        tx.exec_driver_sql("ALTER TABLE verdict RENAME TO elsewhere")
    assert scrape(None).status_code == 401


def test_every_kind_of_error_has_a_word_of_few() -> None:
    until = datetime(2026, 3, 2, tzinfo=UTC)
    errors = (Unavailable("a", "b"), RateLimited("a", "b", until=until), NotFound("a", "b"), SourceError("a", "b"))

    assert [kind_of(one) for one in errors] == ["unavailable", "rate_limited", "not_found", "other"]


def test_where_nobody_looks_nothing_is_counted() -> None:
    meters: Meters = UNMETERED
    meters.request("github", 1)
    meters.failure(AuthError("github", "no"))

    assert not vars(UNMETERED)
