"""One of several processes that share a rate: `python -m bench.rate_process`. An `Asking` goes in and a `Told` comes out."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import closing

import msgspec

from config.rate import parse_rate
from connectors.base import Options, SourceContext
from connectors.errors import RateLimited
from connectors.http import open_client
from mappings.change import Owned
from sync.budget import shared
from sync.source import Gauge
from sync.store.connect import open_database

SOURCE = "shop"


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """Requests to `address`, one after another, for so many seconds or until a longer wait is asked for."""

    store: str
    address: str
    rate: str | None
    seconds: float
    urgent: bool = False


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests were answered, and what ended them if that was not the time."""

    answered: int
    limited: str | None = None


def ask(asking: Asking) -> Told:
    answered, until = 0, time.monotonic() + asking.seconds
    rate = parse_rate(asking.rate) if asking.rate is not None else None
    with closing(open_database(asking.store)) as database, shared(database, SOURCE, rate, urgent=asking.urgent) as budget:
        context = SourceContext(
            name=SOURCE,
            options=None,
            secrets=Options(),
            owned=Owned(),
            meter=Gauge(),
            stop=threading.Event(),
            budget=budget,
        )
        with closing(open_client(context, asking.address)) as client:
            try:
                while time.monotonic() < until:
                    client.get("/")
                    answered += 1
            except RateLimited as limited:
                return Told(answered=answered, limited=str(limited))
    return Told(answered=answered)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(ask(msgspec.json.decode(sys.stdin.buffer.read(), type=Asking))))
