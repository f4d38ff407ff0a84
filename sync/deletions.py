"""What a proven listing no longer has: asked for directly, and buried or let go only if it is proven gone or outside.

Absence alone proves nothing: a search index lags, a permission is lost, a ticket moves to another project.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

import msgspec

from connectors.base import Connector, Options
from connectors.errors import Cancelled
from mappings.change import Reading
from mappings.model import Commit, Entity, Missing, Ref, Run, WorkItem
from sync.source import guarded
from sync.store import entities, leases, streams
from sync.store.bulk import chunks
from sync.store.connect import Connection, Database
from sync.store.leases import Lease
from sync.store.promoted import promoted
from sync.store.streams import StreamKey

READ_CHUNK = 100


class Deletions(msgspec.Struct, frozen=True, kw_only=True):
    """How many objects were buried, or in `refused` why none was; how many are there and were not listed, for no reason seen."""

    buried: int = 0
    hidden: int = 0
    refused: str | None = None


class _Before(msgspec.Struct, frozen=True, kw_only=True):
    """What was known of the candidates before they were asked for."""

    began: datetime | None
    commits: Mapping[Ref, Commit]
    containers: Mapping[Ref, str]
    listed_elsewhere: AbstractSet[Ref]
    in_other_streams: AbstractSet[Ref]
    inside: AbstractSet[str]


class _Answers(msgspec.Struct, kw_only=True):
    """What direct reads said of the candidates.

    `left` lie outside the scope now, `surplus` are still listed by another stream of the scope, `staying` belong to it though
    they were not listed, `hidden` should have been listed, `unsure` were not answered for or cannot be told yet.
    """

    gone: list[Ref] = []
    left: list[Entity] = []
    surplus: list[Ref] = []
    staying: list[Entity] = []
    hidden: list[Entity] = []
    unsure: list[Ref] = []
    all_asked: bool = True

    def keep(self, chosen: AbstractSet[Ref]) -> None:
        """Of the others nothing follows: somebody has told of them since they were asked for."""
        self.gone, self.surplus, self.unsure = (
            [ref for ref in refs if ref in chosen] for refs in (self.gone, self.surplus, self.unsure)
        )
        self.left, self.staying, self.hidden = (
            [one for one in some if one.ref in chosen] for some in (self.left, self.staying, self.hidden)
        )

    @property
    def leaving(self) -> int:
        return len(self.gone) + len(self.left)


def confirm_deletions(
    database: Database,
    reader: Connector,
    key: StreamKey,
    scope: Options,
    lease: Lease,
    *,
    along: AbstractSet[str],
    repeated_in: AbstractSet[str],
    share: float,
    force: bool,
    stop: threading.Event,
) -> Deletions:
    """Settles what the listing that was just proven has not shown.

    - Gone: buried. Moved to another container, or outside the scope now by the source's own word, as a ticket that its search no
      longer matches: leaves the scope. All that only if they are together not more than `share` of the scope (or with `force`);
      otherwise they are kept, and what rests on them is unknown until they are seen again.
    - Not gone, and still listed by another stream of the scope, as a run that no model stands behind: leaves this stream alone.
    - Still there, and changed since the listing began: it may have slipped through, and stays. So does a commit that was dropped
      from its branch, there or not: that is what must be known of it, for what was built from it.
    - Of a kind that comes `along` with others, and not named by any that stays: leaves with them, and is not counted beside them.
    - Still there for no reason that is seen, or not answered for: stays, and what rests on it is unknown until it is listed again.
      A search index with a gap, or a search that answers nothing, takes nothing away.

    What a delivery has shown meanwhile is left as it is. The streams that what is gone or renamed is `repeated_in` are listed whole
    next time.

    Raises `SourceError`, `Cancelled`, `LeaseLost`.
    """
    with database.read() as tx:
        asked_at = database.now(tx)
        candidates = entities.seen_before_sweep(tx, key)
        members = entities.count_members(tx, key)
        (state,) = streams.states(tx, [key])
        before = _Before(
            began=state.sweep_started_at,
            commits={one.ref: one for one in entities.get(tx, _commits(candidates)) if isinstance(one, Commit)},
            containers=entities.containers(tx, candidates),
            listed_elsewhere=entities.listed_in_other_scopes(tx, key, candidates),
            in_other_streams=entities.in_other_streams(tx, key, candidates),
            inside=entities.listed_containers(tx, key),
        )
    most = members if force else most_deletes(share, members)
    answers = _Questions(reader, key, scope, before, stop).ask(candidates, most)
    with database.write() as tx:
        now = leases.verify(tx, lease)
        answers.keep(frozenset(entities.seen_before_sweep(tx, key)) - entities.changed_between(tx, candidates, asked_at, now))
        too_many = answers.leaving > most
        found = entities.save_direct(tx, [*answers.staying, *answers.hidden], now=now)
        entities.leave_scope(tx, key, answers.surplus)
        orphans = frozenset() if too_many else _orphans(tx, answers, along)
        hidden = {one.ref for one in answers.hidden} - orphans
        entities.leave_scope(tx, key, orphans)
        entities.mark_missing(tx, {*answers.unsure, *hidden} - orphans, now)
        if too_many:
            # What is stored of those that left stays as it was: it is what tells the next time that they have moved.
            entities.mark_missing(tx, [*answers.gone, *(one.ref for one in answers.left)], now)
        else:
            entities.save_direct(tx, answers.left, now=now)
            entities.leave_scope(tx, key, [one.ref for one in answers.left])
            entities.tombstone(tx, answers.gone, now)
        if found.renamed or (answers.gone and not too_many):
            streams.list_whole(tx, key, repeated_in)
    if not too_many:
        return Deletions(buried=len(answers.gone), hidden=len(hidden))
    return Deletions(refused=_too_many(answers, members, share), hidden=len(hidden))


def _orphans(tx: Connection, answers: _Answers, along: AbstractSet[str]) -> AbstractSet[Ref]:
    """What came along with others and was not listed any more: what was listed does not name it, so only what was not can."""
    unlisted = {ref for ref in (*answers.unsure, *(one.ref for one in answers.hidden)) if ref.kind in along}
    if not unlisted:
        return unlisted
    staying = [*answers.staying, *answers.hidden, *entities.get(tx, set(answers.unsure) - unlisted)]
    return unlisted.difference(*map(named_by, staying))


def named_by(entity: Entity) -> Iterator[Ref]:
    """What comes along with an entity because it names it."""
    match entity:
        case Run():
            yield from (use.dataset for use in entity.datasets)
        case WorkItem():
            yield from entity.milestones


def _too_many(answers: _Answers, members: int, share: float) -> str:
    count = f"{answers.leaving:,}" if answers.all_asked else f"at least {answers.leaving:,}"
    what = "are gone or have left the scope" if answers.left else "are gone"
    return f"{count} of {members:,} objects {what}, more than safety.max_deletes = {share:.0%}; all were kept"


def most_deletes(share: float, members: int) -> int:
    """How many of a scope's members may go at once: its share rounded down, but one of them, unless none may."""
    return max(1, int(share * members)) if share > 0 else 0


class _Questions:
    """Asks the source for the candidates, in chunks of a few requests each."""

    def __init__(self, reader: Connector, key: StreamKey, scope: Options, before: _Before, stop: threading.Event) -> None:
        self.reader = reader
        self.key = key
        self.scope = scope
        self.before = before
        self.stop = stop

    def ask(self, candidates: Sequence[Ref], most: int) -> _Answers:
        """Until all are answered for, or it is clear that too many are leaving."""
        found = _Answers()
        for chunk in chunks(candidates, READ_CHUNK):
            if self.stop.is_set():
                raise Cancelled
            if found.leaving > most:
                found.all_asked = False
                return found
            self._sort_in(found, chunk)
        return found

    def _sort_in(self, found: _Answers, chunk: Sequence[Ref]) -> None:
        answers = self._read(chunk)
        there = [answer for answer in answers.values() if not isinstance(answer, Missing)]
        outside = self._outside(there)
        gone = [answer.ref for answer in answers.values() if isinstance(answer, Missing)]
        found.gone += [ref for ref in gone if ref not in self.before.commits]
        found.staying += [_dropped(self.before.commits[ref]) for ref in gone if ref in self.before.commits]
        for one in there:
            if one.ref in outside:
                found.left.append(one)
            else:
                _sort_in(found, one, self.before)
        for ref in chunk:
            if ref not in answers:
                (found.surplus if ref in self.before.in_other_streams else found.unsure).append(ref)

    def _read(self, chunk: Sequence[Ref]) -> Mapping[Ref, Entity | Missing]:
        with guarded(self.key.source, f"reading what is left of {self.key.stream}"):
            answers = self.reader.read(chunk)
        # A connector may say more than it was asked; of what it was not asked, nothing follows.
        asked = frozenset(chunk)
        return {answer.ref: answer for answer in answers if not isinstance(answer, Reading) and answer.ref in asked}

    def _outside(self, there: Sequence[Entity]) -> AbstractSet[Ref]:
        """Where nothing else tells whether they belong, the source is asked."""
        asked = [one.ref for one in there if not _has_moved(one, self.before) and one.ref not in self.before.in_other_streams]
        if not asked:
            return frozenset()
        with guarded(self.key.source, f"asking what {self.key.stream} still hold"):
            return frozenset(self.reader.outside(asked, self.scope)).intersection(asked)


def _sort_in(found: _Answers, one: Entity, before: _Before) -> None:
    if _has_moved(one, before):
        if _is_older(one, before.began):
            found.left.append(one)
        else:
            found.unsure.append(one.ref)  # it may have moved from one listed container to another, between their pages
    elif _is_off_its_branch(one) or not _is_older(one, before.began):
        found.staying.append(one)
    elif one.ref in before.in_other_streams:
        found.surplus.append(one.ref)
    else:
        found.hidden.append(one)


def _commits(refs: Sequence[Ref]) -> Sequence[Ref]:
    return [ref for ref in refs if ref.kind == "commit"]


def _is_off_its_branch(one: Entity) -> bool:
    return isinstance(one, Commit) and not one.on_default_branch


def _dropped(commit: Commit) -> Commit:
    """A branch is listed from its history, not from an index: this one is not on it, whatever brought it in once."""
    return msgspec.structs.replace(commit, on_default_branch=False)


def _has_moved(one: Entity, before: _Before) -> bool:
    """Whether another container holds it than when it was last listed here. Where the listing of another scope has told of the move
    already, that is what is stored; then the container must be one that this listing has nothing of."""
    container = promoted(one).container
    if container != before.containers.get(one.ref, container):
        return True
    return one.ref in before.listed_elsewhere and bool(before.inside) and container not in before.inside


def _is_older(entity: Entity, began: datetime | None) -> bool:
    return entity.updated_at is None or began is None or entity.updated_at < began
