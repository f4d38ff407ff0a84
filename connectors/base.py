"""The connector protocol: all that a connector author reads.

A connector package offers one `Connection` constant through the entry-point group `milepost.connectors`. The constant names its
options (no SDK is imported for them) and where its reader and publisher open. One instance lives in one thread and may block;
between batches it must be safe to stop.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

import msgspec
from pydantic import BaseModel, ConfigDict, SecretStr

from connectors.errors import Cancelled
from mappings.change import Badge, Change, Owned, Reading, Slot, Value, Written
from mappings.model import Entity, Missing, Ref, Rejected

LONGEST_WAIT = timedelta(seconds=60)
"""What may be waited for while a request is under way; more is left to the caller as `RateLimited`."""


class Options(BaseModel):
    """Base of what the project file and the environment say to a connector: frozen, and no unknown key."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class WebhookSecrets(Options):
    """What a source signs its deliveries with, or sends along with them: two hold at a time while one takes the other's place.

    Base of the secrets of every type of source that has a receiver. A process that only receives needs nothing else of them.
    """

    webhook_secret: SecretStr | None = None
    webhook_secret_previous: SecretStr | None = None

    def webhook_secrets(self) -> Sequence[str]:
        """Those that are set, the present one first."""
        given = (self.webhook_secret, self.webhook_secret_previous)
        return [secret.get_secret_value() for secret in given if secret is not None]


class PublishOptions(Options, ABC):
    """Base of what `publish:` says for one source."""

    @abstractmethod
    def owned(self, badges: Sequence[Badge]) -> Owned:
        """Exactly what Milepost may write there when it shows these statuses."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One page. The engine stores it and its cursor in one transaction.

    `cursor` is opaque and inclusive: replaying it is harmless. A pull from `None` that ends with `complete=True` has proven a full
    listing of (stream, scope); what was not in it is a candidate for deletion. `slots` mirrors our own slots on these entities: it
    lists every owned slot that holds something. `total` is the expected number of records, where known.
    """

    entities: Sequence[Entity] = ()
    slots: Sequence[Reading] = ()
    rejected: Sequence[Rejected] = ()
    cursor: str | None = None
    complete: bool = False
    total: int | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `milepost check`: `ok`, `info`, `warning` (works, but look) or `error` (will not work), and the fix.

    `place` is the part of the scope that it is about, such as the key of one Jira project: findings that differ in nothing else are
    told once, with all their places.
    """

    level: Literal["ok", "info", "warning", "error"]
    topic: str
    text: str
    fix: str | None = None
    place: str | None = None


class Meter(Protocol):
    """Where a reader reports what it costs. Called from the reader's thread; must be cheap."""

    def request(self, *, remaining: int | None = None, limit: int | None = None, resets_at: datetime | None = None) -> None: ...


class RequestBudget(Protocol):
    """How many requests may be sent to the source, shared with every other process. Called from the reader's thread."""

    def take(self, stop: threading.Event) -> None:
        """Returns when one request may be sent: called before each, whether it is the first try or a repetition.

        Raises `Cancelled` when `stop` is set, and `RateLimited` when it would take longer than `LONGEST_WAIT`.
        """
        ...

    def pause(self, wait: timedelta) -> None:
        """The source asked to be left alone for so long: nobody else is to ask it before that either."""
        ...


class Unlimited:
    """The budget of a source that nothing limits."""

    def take(self, stop: threading.Event) -> None:
        """At once, unless `stop` is set."""
        if stop.is_set():
            raise Cancelled

    def pause(self, wait: timedelta) -> None:
        """Nobody else asks."""


class Watch(Protocol):
    """Sees each request that a client sends, from before it is sent until its answer was read: method, host and path, no more."""

    def __call__(self, method: str, host: str, path: str) -> AbstractContextManager[Callable[[int], None]]:
        """Gives what is to be called with the answer's status."""
        ...


@contextmanager
def unwatched(method: str, host: str, path: str) -> Iterator[Callable[[int], None]]:  # noqa: ARG001 - nobody sees them
    """Nobody sees the requests."""
    yield lambda _: None


def _variable(source: str, secret: str) -> str:
    return f"MILEPOST_{source.upper().replace('-', '_')}__{secret.upper()}"


class SourceContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader or publisher is opened with.

    `options` and `secrets` are instances of the classes that the `Connection` names. `owned` is everything of ours on this source,
    over all projects: translation strips it from entities and reports it as slots.
    """

    name: str
    options: Any
    secrets: Any
    owned: Owned
    meter: Meter
    stop: threading.Event
    budget: RequestBudget = msgspec.field(default_factory=Unlimited)
    watch: Watch = unwatched

    def variable(self, secret: str) -> str:
        """The environment variable of one of the secrets, for messages."""
        return _variable(self.name, secret)

    def credentials_fix(self) -> str:
        """What to do when the source refuses to let us in: names the variables that hold what it was shown."""
        secrets: Options = self.secrets
        # A webhook's secret signs what the source sends; nobody signs in with it.
        fields = [name for name in type(secrets).model_fields if name not in WebhookSecrets.model_fields]
        shown = [self.variable(name) for name in fields if getattr(secrets, name) is not None]
        if shown:
            return f"check {' and '.join(shown)}, and what that account may do"
        return f"set {' or '.join(map(self.variable, fields))}" if fields else "check what stands in front of it"


class Connector(Protocol):
    """Reads one source; blocking. Raises the errors of `connectors.errors` only."""

    def check(self, scope: Options) -> Sequence[Finding]:
        """Who am I, may I read, may I write, what is missing, how much rate budget is left, does the clock agree."""
        ...

    def pull(self, stream: str, scope: Options, cursor: str | None) -> Iterator[Batch]:
        """The stream's records since `cursor`; from `None`, all of them."""
        ...

    def read(self, refs: Sequence[Ref]) -> Sequence[Entity | Missing | Reading]:
        """Direct reads, in any order: refetch, confirm a deletion, look up a commit. What is not answered for is not known.

        With an entity that the publisher can write on come readings of every owned slot that holds something there.
        """
        ...

    def outside(self, refs: Sequence[Ref], scope: Options) -> Collection[Ref]:
        """Those of `refs`, which `read` has just shown, that the scope certainly does not hold now.

        Asked directly: neither a listing that does not have them nor an index that may lag is an answer. What is not named stays.
        """
        ...

    def close(self) -> None: ...


class Publisher(Protocol):
    """Writes our slots on one source, and nothing else."""

    def read_slots(self, slots: Sequence[Slot]) -> Mapping[Slot, Value]:
        """What these slots hold now. A slot whose target is gone is absent from the answer."""
        ...

    def write(self, changes: Sequence[Change]) -> Iterator[Written]:
        """Makes each change, one `Written` each, in any order; bulk where the API has it.

        Values are absolute, so a repeated call is harmless. The caller has compared `before` with `read_slots` just before. Where a
        field cannot show what is wanted, what it shows and should not any longer is taken away if possible: `Written.reduced`.
        """
        ...

    def close(self) -> None: ...


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook delivery that is surely from its source.

    `id` is the same each time the source sends it again, and no other delivery's. `event` is what the source calls that which
    happened, for people and counters: one of few, such as `pull_request.closed`. `reply` answers a handshake: it is sent back as
    JSON, and nothing is stored.
    """

    id: str
    event: str
    body: bytes = b""
    reply: bytes | None = None


class Mention(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a delivery names, which is to be read again.

    `ref` is of a kind that `Connector.read` answers for, or of one that `Connection.relisted` has. `container` is what people call
    that which holds it, such as `example/churn` or `CHURN`, where the delivery tells; `within` what the ids of all begin with that
    the same one holds, such as `12/`, where they are made so: it stays when people call the container otherwise. `updated_at` is
    what `read` gives as that of the entity, or a later one, once it shows what the delivery tells of.
    """

    ref: Ref
    container: str | None = None
    within: str | None = None
    updated_at: datetime | None = None


class ReceiverContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiver is opened with. It asks its source nothing, so it has no credentials."""

    name: str
    options: Any
    secrets: WebhookSecrets

    def variable(self, secret: str) -> str:
        """The environment variable of one of the secrets, for messages."""
        return _variable(self.name, secret)


class Receiver(Protocol):
    """Takes the webhook deliveries of one source. A delivery is a hint, never a fact: what it names is read again.

    Pure and quick, and used from several threads at a time. No address that a delivery holds is ever asked.
    """

    def verify(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """The delivery, once it is proven to be from the source: compared in constant time, over the body as it came.

        `headers` have names in lower case. Raises `BadSignature` for a wrong, missing or outdated proof, or when the receiver has
        no secret to hold it against, and `BadRecord` for what is properly signed and no delivery of this kind.
        """
        ...

    def parse(self, delivery: Delivery) -> Sequence[Mention]:
        """What the delivery names; nothing for an event that changes no fact. Raises `BadRecord` when it makes no sense."""
        ...

    def concerns(self, mention: Mention, scope: Options) -> bool:
        """Whether the scope may hold what is mentioned. False only where the mention alone tells that it does not."""
        ...


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """One type of source, as the entry point names it.

    `streams` maps each stream to the kinds of entity that it can add (completeness is judged by kind); the engine pulls them in
    this order. `sweeps` are the streams whose every pull is a full listing, because their source has no usable change time.
    `named` maps fields of the scope, lists of globs that tell upper and lower case apart, to the kind of entity that they name:
    what matches nothing there is told.
    `wanted_by` are the fields of the scope that a stream answers to: where a project leaves all of them empty, nothing is read of
    it, so it neither adds anything nor tells what is absent. A stream without such fields is read for every scope.
    `along` are the kinds that a stream gives only with the runs or work items that name them: they leave it with the last of those.
    `repeated_in` maps a stream to those behind it whose records repeat what its records are called, and do not count as changed
    when that changes, such as issues with a label that is renamed: they are listed whole after it.
    `targets` are the kinds that its publisher can write on. `relisted` has the kinds that a delivery may name and that are read by
    pulling streams from their cursors, such as a repository: which streams. `reader` and `publisher` import the SDK only when
    called; `receiver` imports none. `redeliver` asks the source, for the scopes that are read, to send again what did not reach the
    receiver; it raises the errors of `connectors.errors` only. `version` is raised when the translation changes: everything is then
    listed anew.
    """

    name: str
    title: str
    options: type[Options]
    scope: type[Options]
    secrets: type[Options]
    streams: Mapping[str, frozenset[str]]
    reader: Callable[[SourceContext], Connector]
    sweeps: frozenset[str] = frozenset()
    named: Mapping[str, str] = msgspec.field(default_factory=dict)
    wanted_by: Mapping[str, frozenset[str]] = msgspec.field(default_factory=dict)
    along: Mapping[str, frozenset[str]] = msgspec.field(default_factory=dict)
    repeated_in: Mapping[str, frozenset[str]] = msgspec.field(default_factory=dict)
    publish: type[PublishOptions] | None = None
    publisher: Callable[[SourceContext], Publisher] | None = None
    targets: frozenset[str] = frozenset()
    receiver: Callable[[ReceiverContext], Receiver] | None = None
    redeliver: Callable[[SourceContext, Sequence[Options]], Sequence[Finding]] | None = None
    relisted: Mapping[str, frozenset[str]] = msgspec.field(default_factory=dict)
    version: int = 1

    def is_wanted(self, stream: str, scope: Options) -> bool:
        """Whether the scope names anything that the stream could show."""
        fields = self.wanted_by.get(stream)
        return fields is None or any(getattr(scope, field) for field in fields)
