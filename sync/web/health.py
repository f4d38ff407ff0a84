"""Whether the process is alive, and whether it can do its work. Open to everybody, so no answer names a host or a file."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sync.store.connect import Database
from sync.store.errors import StoreError
from sync.store.migrate import status

log = structlog.get_logger(__name__)

Probe: TypeAlias = Callable[[], str | None]
"""Asks one thing that the process needs: None while it is well, else why not, in a few words. May block."""

PATIENCE = 3.0
"""Seconds; a probe that takes longer is not well."""


class Readiness:
    """Asks every probe, once for all who want to know at the same time.

    `says` is what is told of a probe that is well, where "ok" would not be all.
    """

    def __init__(self, probes: Mapping[str, Probe], says: Mapping[str, str] | None = None) -> None:
        self._probes = probes
        self.says = says or {}
        self._asked: asyncio.Future[dict[str, str | None]] | None = None

    async def look(self) -> Mapping[str, str | None]:
        """By probe, what is wrong in a few words, None where it is well. What raises, or does not answer in time, is not well."""
        if self._asked is None or self._asked.done():
            self._asked = asyncio.get_running_loop().create_future()
            # A probe that hangs must not keep the process from ending, as a thread of the loop's own would.
            threading.Thread(target=self._ask, args=(self._asked,), daemon=True, name="readiness").start()
        try:
            return await asyncio.wait_for(asyncio.shield(self._asked), PATIENCE)
        except TimeoutError:
            return dict.fromkeys(self._probes, f"did not answer within {PATIENCE:.0f} s")

    def _ask(self, asked: asyncio.Future[dict[str, str | None]]) -> None:
        found = {name: _asked(name, probe) for name, probe in self._probes.items()}
        with suppress(RuntimeError):  # the loop has ended meanwhile
            asked.get_loop().call_soon_threadsafe(asked.set_result, found)


def _asked(name: str, probe: Probe) -> str | None:
    try:
        return probe()
    except Exception as error:  # what it is about cannot be relied on
        log.warning("readiness.probe_failed", probe=name, error=type(error).__name__)
        return "cannot be told"


def store_probe(database: Database) -> Probe:
    """A probe that says whether the database answers, and has the schema that this program works with. It raises nothing."""

    def ask() -> str | None:
        try:
            schema = status(database)
        except StoreError as error:
            log.warning("readiness.store", error=error.message, fix=error.fix)
            return "the database does not answer"
        if schema.state != "current":
            return f"the schema is {schema.current or 'missing'}, this program needs {schema.head}"
        return None

    return ask


def health_routes(readiness: Readiness) -> Sequence[Route]:
    """`/healthz`, which is 200 as long as the process lives, and `/readyz`, which is 503 unless every probe is well."""

    async def healthz(_: Request) -> Response:
        return _answer(200, {"status": "alive"})

    async def readyz(_: Request) -> Response:
        found = await readiness.look()
        ready = all(reason is None for reason in found.values())
        checks = {name: reason or readiness.says.get(name, "ok") for name, reason in found.items()}
        return _answer(200 if ready else 503, {"status": "ready" if ready else "not ready", "checks": checks})

    return [Route("/healthz", healthz, methods=["GET"]), Route("/readyz", readyz, methods=["GET"])]


def _answer(status_code: int, document: Any) -> Response:
    return Response(msgspec.json.encode(document), status_code, {"cache-control": "no-store"}, "application/json")
