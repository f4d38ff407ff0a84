"""`/metrics` for Prometheus, behind a token: what this process counted, and how the store stands at that moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sync.store import due, executors, inbox, outbox, streams, verdicts
from sync.store.connect import Connection, Database
from sync.store.errors import StoreError
from sync.web.auth import Authority, Guard
from sync.web.problems import unavailable
from sync.work.liveness import DEAD_AFTER

AT_ONCE = 4
"""Scrapes at a time. They have places of their own: what goes on is to be seen also when the API is full."""


def build_registry(database: Database) -> CollectorRegistry:
    """A registry of this process and of the store, for `PrometheusMeters` to add to."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    registry.register(StoreCollector(database))
    return registry


class StoreCollector(Collector):
    """Asks the store each time: several processes work on it, and none of them knows how it stands."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        """Raises `StoreError`."""
        with self._database.read() as tx:
            yield from (_statuses(tx), *self._inbox(tx), *self._outbox(tx), *self._due(tx), self._pulls(tx), self._workers(tx))

    def _inbox(self, tx: Connection) -> Iterator[Metric]:
        now = self._database.now(tx)
        depth = GaugeMetricFamily("milepost_inbox_deliveries", "Deliveries in the inbox.", labels=["source", "state"])
        age = GaugeMetricFamily(
            "milepost_inbox_oldest_seconds", "Age of the oldest delivery that waits or is dead.", labels=["source", "state"]
        )
        for one in inbox.depth(tx):
            depth.add_metric([one.source, one.state], one.count)
            if one.state in ("waiting", "dead"):
                age.add_metric([one.source, one.state], max(0.0, (now - one.oldest).total_seconds()))
        yield from (depth, age)

    def _outbox(self, tx: Connection) -> Iterator[Metric]:
        now = self._database.now(tx)
        depth = GaugeMetricFamily("milepost_outbox_changes", "Changes that are on their way.", labels=["source", "state"])
        age = GaugeMetricFamily(
            "milepost_outbox_oldest_seconds", "Age of the oldest change that is on its way.", labels=["source", "state"]
        )
        for one in outbox.depth(tx):
            depth.add_metric([one.source, one.state], one.count)
            age.add_metric([one.source, one.state], max(0.0, (now - one.oldest).total_seconds()))
        yield from (depth, age)

    def _due(self, tx: Connection) -> Iterator[Metric]:
        now, waiting = self._database.now(tx), due.marked(tx)
        yield GaugeMetricFamily("milepost_due_projects", "Projects with news that were not followed yet.", len(waiting))
        oldest = max((0.0, *((now - one.since).total_seconds() for one in waiting)))
        yield GaugeMetricFamily("milepost_due_oldest_seconds", "How long the first of them has waited.", oldest)

    def _pulls(self, tx: Connection) -> Metric:
        now = self._database.now(tx)
        family = GaugeMetricFamily(
            "milepost_pulled_seconds", "How long ago a source was last pulled successfully.", labels=["source"]
        )
        for source, at in streams.last_pulls(tx).items():
            family.add_metric([source], max(0.0, (now - at).total_seconds()))
        return family

    def _workers(self, tx: Connection) -> Metric:
        now, known = self._database.now(tx), [one for one in executors.known(tx) if one.stopped_at is None]
        silent = sum(1 for one in known if now - one.seen_at >= DEAD_AFTER)
        family = GaugeMetricFamily(
            "milepost_workers", "Workers that did not end, by whether they were seen lately.", labels=["state"]
        )
        family.add_metric(["alive"], len(known) - silent)
        family.add_metric(["silent"], silent)
        return family


def _statuses(tx: Connection) -> Metric:
    family = GaugeMetricFamily("milepost_statuses", "Subjects by what the rules say of them.", labels=["project", "rule", "truth"])
    for (project, rule, truth), count in verdicts.counts(tx).items():
        family.add_metric([project, rule, _TRUTHS[truth]], count)
    return family


_TRUTHS = {True: "true", False: "false", None: "unknown"}


def metrics_routes(registry: CollectorRegistry, authority: Authority) -> Sequence[Route]:
    """`/metrics`, for tokens that may `read`."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        accepted = Headers(scope=scope).get("accept", "")
        try:
            answered = await run_in_threadpool(_figures, registry, accepted)
        except StoreError:
            answered = unavailable("the store does not answer", "try again in a little while").response()
        await answered(scope, receive, send)

    return [Route("/metrics", Guard(answer, authority, at_once=AT_ONCE), methods=["GET"])]


def _figures(registry: CollectorRegistry, accepted: str) -> Response:
    encode, media_type = choose_encoder(accepted)
    return Response(encode(registry), headers={"content-type": media_type})
