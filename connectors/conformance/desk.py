"""Opens a connector under test behind the proxy, pulls with it, and watches that it keeps its waits and its secrets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest
from pydantic import SecretStr

from connectors.base import Batch, Connector, Options, Publisher, SourceContext, Unlimited, WebhookSecrets
from connectors.conformance.proxy import Asked, Effect, FaultProxy
from connectors.conformance.source import Source
from connectors.errors import AuthError, Cancelled, NotFound, RateLimited, SourceError, Unavailable
from mappings.change import Reading
from mappings.model import Entity, Missing, Ref

NAME = "conformance"
LONGEST_WAIT = timedelta(minutes=5)
"""What one wait within a pull may take. A source that asks for more gets `RateLimited`."""

EXPECTED = (AuthError, NotFound, RateLimited, Unavailable)


class Patient(threading.Event):
    """A stop event whose waits end at once and are written down: pauses are observed, not slept through."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None, "a connector waits without a limit"
        self.waits.append(timeout)
        return self.is_set()


class Meter:
    """Counts what the connector says it asked."""

    def __init__(self) -> None:
        self.requests = 0

    def request(
        self,
        *,
        remaining: int | None = None,  # noqa: ARG002 - the protocol's
        limit: int | None = None,  # noqa: ARG002
        resets_at: datetime | None = None,
    ) -> None:
        assert resets_at is None or resets_at.tzinfo is not None, "a rate budget that resets at a time without a zone"
        self.requests += 1


class Purse(Unlimited):
    """A budget that counts what is taken, writes down the pauses that it is told of, and may be used up."""

    def __init__(self) -> None:
        self.taken = 0
        self.pauses: list[timedelta] = []
        self.is_empty = False

    def take(self, stop: threading.Event) -> None:
        super().take(stop)
        if self.is_empty:
            raise RateLimited(NAME, "the budget is used up", until=datetime.now(UTC) + timedelta(hours=1), fix="run again then")
        self.taken += 1

    def pause(self, wait: timedelta) -> None:
        self.pauses.append(wait)


@dataclass
class Pulled:
    """What a pull gave, and how it ended."""

    batches: list[Batch] = field(default_factory=list)
    error: Exception | None = None

    @property
    def entities(self) -> list[Entity]:
        return [entity for batch in self.batches for entity in batch.entities]

    @property
    def refs(self) -> set[Ref]:
        return {entity.ref for entity in self.entities}

    @property
    def rejected(self) -> int:
        return sum(len(batch.rejected) for batch in self.batches)

    @property
    def complete(self) -> bool:
        return any(batch.complete for batch in self.batches)

    @property
    def cursor(self) -> str | None:
        """The last that was given: where the engine would go on."""
        return next((batch.cursor for batch in reversed(self.batches) if batch.cursor is not None), None)

    def __str__(self) -> str:
        ending = f"ended with {self.error!r}" if self.error else f"ended, complete={self.complete}"
        return f"{len(self.refs)} records in {len(self.batches)} batches, {self.rejected} rejected, {ending}"


class Desk:
    """One connector, its server and the proxy between them, for one test."""

    def __init__(self, source: Source, proxy: FaultProxy) -> None:
        self.source = source
        self.proxy = proxy
        self.stop = Patient()
        self.meter = Meter()
        self.purse = Purse()
        self.options = source.options(proxy.url)
        self.secrets = source.secrets()
        proxy.on_limit = self.stop.set

    def context(self, stop: threading.Event | None = None) -> SourceContext:
        return SourceContext(
            name=NAME,
            options=self.options,
            secrets=self.secrets,
            owned=self.source.owned,
            meter=self.meter,
            stop=stop or self.stop,
            budget=self.purse,
        )

    @contextmanager
    def reader(self, stop: threading.Event | None = None) -> Iterator[Connector]:
        opened = self.source.connection.reader(self.context(stop))
        try:
            yield opened
        finally:
            opened.close()

    @contextmanager
    def publisher(self, stop: threading.Event | None = None) -> Iterator[Publisher]:
        open_ = self.source.connection.publisher
        assert open_ is not None, f"{self.source.connection.name} has no publisher"
        opened = open_(self.context(stop))
        try:
            yield opened
        finally:
            opened.close()

    def pull(self, stream: str, cursor: str | None = None) -> Pulled:
        """A pull by a new reader, to its end or its error, which must be one that the engine knows and say what it should."""
        pulled = Pulled()
        with self.reader() as reader:
            try:
                for batch in reader.pull(stream, self.source.scope, cursor):
                    pulled.batches.append(batch)
            except EXPECTED as error:
                pulled.error = error
                self.must_be_well_said(error)
            except Cancelled:
                assert self.proxy.exceeded, "the pull ended as cancelled, and nobody had stopped it"
        assert not self.proxy.exceeded, f"an endless loop: {len(self.proxy.asked)} requests, the last {_line(self.proxy.asked[-1])}"
        self._waits_are_bounded()
        return pulled

    def read(self, reader: Connector, refs: Sequence[Ref]) -> Sequence[Entity | Missing]:
        """What direct reads say of these objects, without what they tell of our slots."""
        return [answer for answer in reader.read(refs) if not isinstance(answer, Reading)]

    def all_of(self, stream: str) -> set[Ref]:
        """The refs of an undisturbed full pull. Forgets the requests for it."""
        pulled = self.pull(stream)
        assert pulled.error is None, f"an undisturbed pull fails: {pulled}"
        assert pulled.complete, f"an undisturbed full pull is not complete: {pulled}"
        assert pulled.refs, f"Source.add put nothing into {stream}"
        self.proxy.heal()
        return pulled.refs

    def fill(self, stream: str, pages: int) -> None:
        """Makes sure that the stream has more than so many pages of two."""
        while len(self.all_of(stream)) <= 2 * pages:
            self.source.add(stream, 2)

    def in_small_pages(self) -> None:
        self.proxy.reshape = self.source.in_small_pages

    def fault(self, stream: str, effect: Effect, *, times: int | None = None, after: int = 0) -> None:
        """Meets requests for a page of the stream."""
        self.proxy.fault(lambda asked: self.source.lists(stream, asked), effect, times=times, after=after)

    def listed(self, stream: str) -> list[Asked]:
        """The requests for a page of the stream so far."""
        return [asked for asked in self.proxy.asked if self.source.lists(stream, asked)]

    # -- what every error must keep to ----------------------------------------------------------------------------------------

    def must_be_well_said(self, error: SourceError) -> None:
        """It names the source and the fix, and no secret."""
        assert error.source == NAME, f"an error of the source {error.source!r}: it is called {NAME!r} here"
        assert error.fix, f"no fix is named: {error}"
        assert str(error).startswith(f"{NAME}: "), f"the message does not begin with the source: {error}"
        self.must_not_leak(f"{error} {error!r} {error.fix}")

    def must_not_leak(self, text: str) -> None:
        for secret in self._hidden():
            assert secret not in text, f"a secret was shown: {text.replace(secret, '***')}"

    def _hidden(self) -> set[str]:
        secrets = [value.get_secret_value() for value in vars(self.secrets).values() if isinstance(value, SecretStr)]
        shown = type(self.secrets).model_fields.keys() - WebhookSecrets.model_fields.keys()
        assert secrets or not shown, f"{type(self.secrets).__name__} has no SecretStr to look for"
        sent = {asked.headers.get("authorization", "").partition(" ")[2] for asked in self.proxy.asked}
        return {secret for secret in chain(secrets, sent) if secret}

    def _waits_are_bounded(self) -> None:
        longest = max(self.stop.waits, default=0.0)
        assert longest <= LONGEST_WAIT.total_seconds(), f"a wait of {longest:.0f} s within one pull: raise RateLimited instead"


def quoted(secrets: Options) -> Sequence[str]:
    """The secrets as a server may quote them."""
    return [value.get_secret_value() for value in vars(secrets).values() if isinstance(value, SecretStr)]


def _line(asked: Asked) -> str:
    return f"{asked.method} {asked.path}?{asked.query}"


class Suite:
    """What all parts share. The author's module has the fixture `source`, which gives a `connectors.conformance.Source`."""

    @pytest.fixture
    def desk(self, source: Source, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
        monkeypatch.setattr(time, "sleep", _waking(threading.current_thread(), time.sleep))
        with FaultProxy(source.url) as proxy:
            yield Desk(source, proxy)


def _waking(tested: threading.Thread, sleep: Callable[[float], None]) -> Callable[[float], None]:
    def guarded(seconds: float) -> None:
        if threading.current_thread() is tested and seconds > 0:
            pytest.fail(f"the connector sleeps for {seconds:g} s: a wait must go through context.stop, which can end it")
        sleep(seconds)

    return guarded
