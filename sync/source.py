"""A source of the project file, ready to be opened; whoever opens it is shielded from what its connector does wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar

import msgspec
import structlog

from config.problems import ConfigError, Problem
from config.variables import lack, variable
from connectors.base import (
    Connection,
    Connector,
    Meter,
    Options,
    Publisher,
    Receiver,
    ReceiverContext,
    RequestBudget,
    SourceContext,
    WebhookSecrets,
)
from connectors.errors import AuthError, Cancelled, SourceError, Unavailable
from mappings.change import Owned
from sync.budget import Budgeting, unlimited
from sync.metering import UNMETERED, Meters
from sync.store.streams import StreamKey
from sync.tracing import exchange

log = structlog.get_logger(__name__)
T = TypeVar("T")


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """One scope of a source, as one or several projects name it.

    `hash` is two hashes with a dot between them: of what is listed, and of which slots are ours there. A change of either lists
    everything anew; as long as only the latter changed, what was read before still holds. `owned` is what is ours for the projects
    that name it.
    """

    options: Options
    hash: str
    label: str
    owned: Owned = Owned()

    @property
    def listed(self) -> str:
        """How every hash begins that lists the same."""
        return self.listed_by(self.hash)

    @staticmethod
    def listed_by(hash: str) -> str:
        """What of a hash says what is listed."""
        return hash.partition(".")[0] + "."


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One source with its connector and scopes. `owned` is everything of ours there, over all projects.

    `secrets` reads its secrets, which are needed only to open it, and raises `ConfigError` when they are missing or wrong;
    `webhook_secrets` those alone that its deliveries are proven with. `away`: why the source is not asked any more in this run.
    `budget` opens what its requests are taken from; `urgent` says whether they follow a webhook, for which a share of it is kept.
    """

    name: str
    connection: Connection
    options: Options
    secrets: Callable[[], Options]
    owned: Owned
    scopes: tuple[Scope, ...]
    webhook_secrets: Callable[[], WebhookSecrets] = WebhookSecrets
    away: SourceError | None = None
    budget: Budgeting = unlimited
    urgent: bool = False
    meters: Meters = UNMETERED

    def key(self, stream: str, scope: Scope) -> StreamKey:
        """Where this stream's cursor, completeness and membership are kept."""
        return StreamKey(source=self.name, stream=stream, scope_hash=scope.hash, mapping_version=self.connection.version)

    def keys(self, scope: Scope) -> Sequence[StreamKey]:
        return [self.key(stream, scope) for stream in self.connection.streams]

    def at_once(self) -> Source:
        """The same, asked for what a webhook told of."""
        return msgspec.structs.replace(self, urgent=True)

    def context(self, meter: Meter, stop: threading.Event, budget: RequestBudget) -> SourceContext:
        """What its reader or publisher is opened with. Raises `AuthError` when its secrets are missing or wrong."""
        try:
            secrets = self.secrets()
        except ConfigError as error:
            said = "; ".join(f"{problem.path} {problem.message}" for problem in error.problems if problem.level == "error")
            raise AuthError(self.name, said, fix="correct the environment, then run milepost check") from error
        return SourceContext(
            name=self.name,
            options=self.options,
            secrets=secrets,
            owned=self.owned,
            meter=_Metered(meter, self),
            stop=stop,
            budget=budget,
            watch=partial(exchange, self.name),
        )


def require_secrets(sources: Iterable[Source]) -> None:
    """Raises `ConfigError` with everything that is missing or wrong, of all `sources` at once."""
    problems: list[Problem] = []
    for source in sources:
        try:
            source.secrets()
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(problems)


class Gauge:
    """Counts a reader's requests and keeps the last rate budget that it saw."""

    def __init__(self) -> None:
        self.requests = 0
        self.remaining: int | None = None
        self.limit: int | None = None
        self.resets_at: datetime | None = None

    def request(self, *, remaining: int | None = None, limit: int | None = None, resets_at: datetime | None = None) -> None:
        self.requests += 1
        if remaining is not None:
            self.remaining, self.limit, self.resets_at = remaining, limit, resets_at


class _Metered:
    """Tells the process's meters of each request as well."""

    def __init__(self, meter: Meter, source: Source) -> None:
        self._meter = meter
        self._source = source

    def request(self, *, remaining: int | None = None, limit: int | None = None, resets_at: datetime | None = None) -> None:
        self._meter.request(remaining=remaining, limit=limit, resets_at=resets_at)
        self._source.meters.request(self._source.name, remaining)


@contextmanager
def reading(source: Source, meter: Meter, stop: threading.Event) -> Iterator[Connector]:
    """The source's reader, closed at the end. Raises `SourceError` when it cannot be opened, or is away."""
    if source.away is not None:
        raise source.away
    with (
        source.budget(urgent=source.urgent) as budget,
        _opened(source.name, lambda: source.connection.reader(source.context(meter, stop, budget))) as reader,
    ):
        yield reader


@contextmanager
def publishing_on(source: Source, stop: threading.Event) -> Iterator[Publisher]:
    """The source's publisher, closed at the end. Raises `SourceError` when it has none, cannot be opened, or is away."""
    if source.away is not None:
        raise source.away
    open_ = source.connection.publisher
    if open_ is None:
        raise SourceError(source.name, f"a source of type {source.connection.name} cannot be written to")
    with (
        source.budget(urgent=source.urgent) as budget,
        _opened(source.name, lambda: open_(source.context(Gauge(), stop, budget))) as publisher,
    ):
        yield publisher


def receiving(source: Source) -> Receiver:
    """What takes the source's deliveries. It needs no credentials; without a webhook secret it proves none, but can read them.

    Raises `SourceError` when the source has no receiver, and `ConfigError` when a webhook secret cannot be read.
    """
    open_ = source.connection.receiver
    if open_ is None:
        raise SourceError(source.name, f"a source of type {source.connection.name} sends no webhooks")
    secrets = source.webhook_secrets()
    with guarded(source.name, "opening its receiver"):
        return open_(ReceiverContext(name=source.name, options=source.options, secrets=secrets))


def lacks_webhook_secret(source: Source, environ: Mapping[str, str]) -> str | None:
    """Which variable is missing, so that no delivery of the source can be proven; None where one can, and where it sends none.

    Raises `ConfigError` when a webhook secret cannot be read.
    """
    if source.connection.receiver is None or source.webhook_secrets().webhook_secrets():
        return None
    name = variable(source.name, "webhook_secret")
    return f"{name} {lack(name, environ)}"


@contextmanager
def guarded(source: str, doing: str) -> Iterator[None]:
    """A connector's own mistake becomes an `Unavailable` of its source, so that it stops nothing else.

    The block must hold calls of the connector alone: whatever else it raised would be blamed on the connector.
    """
    try:
        yield
    except (SourceError, Cancelled):
        raise
    except Exception as error:
        # The error's own text is left out: nobody knows what it quotes. The log has it for those who ask for everything.
        log.debug("connector.mistake", source=source, doing=doing, exc_info=True)
        what = f"{doing} ended in an unexpected {type(error).__name__}"
        raise Unavailable(source, what, fix="this is a mistake of the connector: run again with -vv and report it") from error


def each(source: str, doing: str, items: Iterable[T]) -> Generator[T, None, None]:
    """`items`, which a connector gives one by one, guarded."""
    with guarded(source, doing):
        yield from items


class _Closable(Protocol):
    def close(self) -> None: ...


C = TypeVar("C", bound=_Closable)


@contextmanager
def _opened(source: str, open_: Callable[[], C]) -> Iterator[C]:
    with guarded(source, "opening it"):
        opened = open_()
    try:
        yield opened
    finally:
        try:
            opened.close()
        except Exception as error:  # all that it had to say has been said
            log.warning("connector.not_closed", source=source, error=type(error).__name__)
