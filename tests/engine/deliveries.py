"""Deliveries for the tests of the intake: a receiver for the shelf, and an inbox to put them into by hand."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.base import Delivery, Mention, Options, Receiver, ReceiverContext
from connectors.errors import BadRecord
from mappings.model import Ref, Run
from sync.intake import Taken, take_in
from sync.listings import ScopedProject
from sync.safety import Permission
from sync.store import due, entities, inbox
from sync.store.inbox import Arrival, Waiting
from sync.store.schema import inbox as rows

if TYPE_CHECKING:
    from tests.engine.conftest import Office

_numbers = itertools.count(1)


class Named(msgspec.Struct):
    """What a delivery of the shelf names: refs as text. `inside` is what holds them, by the beginning of its name; `at` when they
    were changed."""

    refs: list[str] = []
    inside: str | None = None
    at: datetime | None = None


class ShelfReceiver:
    """Takes deliveries that are JSON: `{"refs": [...]}`."""

    def __init__(self, context: ReceiverContext) -> None:
        self._name = context.name

    def verify(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        return Delivery(id=headers["id"], event="thing.changed", body=body)

    def parse(self, delivery: Delivery) -> Sequence[Mention]:
        if delivery.body == b"a mistake":
            raise ZeroDivisionError
        try:
            named = msgspec.json.decode(delivery.body, type=Named)
        except msgspec.DecodeError as error:
            raise BadRecord(self._name, "makes no sense") from error
        return [Mention(ref=Ref.parse(text), container=named.inside, updated_at=named.at) for text in named.refs]

    def concerns(self, mention: Mention, scope: Options) -> bool:
        prefix: str = getattr(scope, "prefix")  # noqa: B009  # the shelf's own scope
        return mention.container is None or mention.container.startswith(prefix)


def _keeps_the_protocol(receiver: ShelfReceiver) -> Receiver:
    return receiver


def hear(office: Office, **changes: Any) -> None:
    """The shelf sends deliveries from now on."""
    office.connection = office.shelf.connection(receiver=ShelfReceiver, **changes)


def deliver(office: Office, *bodies: bytes, source: str = "shelf", event: str = "thing.changed") -> Sequence[bool]:
    """They come in together, each under an id of its own."""
    some = [Arrival(source=source, delivery=f"d-{next(_numbers):06}", event=event, body=body) for body in bodies]
    with office.database.write() as tx:
        return inbox.accept(tx, some, office.database.now(tx))


def naming(*refs: Ref, inside: str | None = None, at: datetime | None = None) -> bytes:
    """The body of a delivery of the shelf."""
    return msgspec.json.encode(Named([str(ref) for ref in refs], inside, at))


def issue(office: Office, number: int, repo: str = "example/churn", **said: object) -> bytes:
    """The body of GitHub's delivery about an issue, as far as it is read."""
    return msgspec.json.encode({"issue": {"number": number, **said}, "repository": _repository(office, repo)})


def pull_request(office: Office, number: int, repo: str = "example/churn") -> bytes:
    return msgspec.json.encode({"pull_request": {"number": number}, "repository": _repository(office, repo)})


def push(office: Office, sha: str, branch: str, repo: str = "example/churn") -> bytes:
    """The body of GitHub's delivery about one new commit on a branch."""
    commits = [{"id": sha, "distinct": True}]
    return msgspec.json.encode({"ref": f"refs/heads/{branch}", "commits": commits, "repository": _repository(office, repo)})


def _repository(office: Office, repo: str) -> dict[str, object]:
    return {"id": office.github.site.find(repo).id, "full_name": repo, "default_branch": "main"}


def take(office: Office, source: str = "shelf", *, limit: int = 500) -> Taken:
    """One batch is taken in."""
    workspace = office.workspace()
    return take_in(
        office.database,
        workspace.sources[source],
        workspace.projects,
        run_id=f"intake-{secrets.token_hex(4)}",
        stop=office.stop,
        limit=limit,
    )


def follow(office: Office) -> list[ScopedProject]:
    """The projects that are due are judged, planned and applied. Returns them."""
    with office.database.read() as tx:
        marks = {one.project: one.revision for one in due.marked(tx)}
    workspace = office.workspace()
    followed = [project for project in workspace.projects if project.key in marks]
    if followed:
        run = office.run("follow", *(project.key for project in followed))
        run.apply(Permission())
        run.finish()
    with office.database.write() as tx:
        for project, revision in marks.items():
            due.clear(tx, project, revision)
    return followed


def run(name: str) -> Ref:
    """A run on the shelf."""
    return Ref("shelf", "run", name)


def statuses(office: Office) -> dict[str, str]:
    """What the runs on the shelf are, as they are stored for its first scope."""
    source = office.workspace().sources["shelf"]
    with office.database.read() as tx:
        stored = entities.load(tx, source.keys(source.scopes[0]))
    return {one.run_id: one.status for one in stored if isinstance(one, Run)}


def missing(office: Office) -> set[str]:
    """What of it may be gone."""
    source = office.workspace().sources["shelf"]
    with office.database.read() as tx:
        return {ref.id for ref in entities.missing(tx, source.keys(source.scopes[0]))}


def due_projects(office: Office) -> list[str]:
    with office.database.read() as tx:
        return [one.project for one in due.marked(tx)]


def due_streams(office: Office) -> list[str]:
    with office.database.read() as tx:
        return [one.stream for one in due.marked_streams(tx)]


def waiting(office: Office, source: str = "shelf") -> Sequence[Waiting]:
    """What is waiting, whatever its time."""
    with office.database.read() as tx:
        now = office.database.now(tx)
        return inbox.waiting(tx, source, 10_000, now.replace(year=now.year + 1))


def hurry(office: Office) -> None:
    """What waits for its time is taken in next."""
    with office.database.write() as tx:
        tx.execute(rows.update().values(retry_at=None))
