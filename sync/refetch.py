"""Reading single objects again, so that one which cannot be read keeps no other from being read, and a source that is away costs
nobody a try.

A refusal may be for the account or for one object alone, as where a repository asks for another sign-in or an issue is hidden. What
the source answers for at the same time tells which.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec
import structlog

from connectors.base import Connector, Options
from connectors.errors import AuthError, Cancelled, RateLimited, SourceError
from mappings.change import Reading
from mappings.model import Entity, Missing, Ref
from sync.source import guarded
from sync.store.bulk import chunks

log = structlog.get_logger(__name__)

CHUNK = 50
"""Asked for at a time."""

MOST_FAILED = 3
"""Objects that may fail in one go, each asked for alone, as that may take long. At one more, the rest is left for next time."""


class Answers(msgspec.Struct):
    """What came of the questions. `failed` are those that the source fails on though it answers for others; `unasked` were not
    asked for, or in vain: because the source is away, and `why`, or because they are left for next time. What is nowhere here was
    not answered for."""

    found: dict[Ref, Entity] = {}
    slots: dict[Ref, list[Reading]] = {}
    missing: set[Ref] = set()
    failed: dict[Ref, SourceError] = {}
    unasked: set[Ref] = set()
    why: SourceError | None = None

    def forget(self, refs: Collection[Ref]) -> None:
        """These are to be asked for again."""
        for ref in refs:
            for answers in (self.found, self.slots, self.failed):
                answers.pop(ref, None)
            self.missing.discard(ref)

    def leave(self, refs: Collection[Ref], why: SourceError | None) -> None:
        """These were answered for in vain: something else about them could not be asked."""
        self.forget(refs)
        self.unasked |= set(refs)
        self.why = why or self.why


class _Enough(Exception):
    """Nothing more is asked for now."""

    def __init__(self, why: SourceError) -> None:
        self.why = why
        super().__init__(str(why))


class Refetch:
    """The questions to one source. `probes` finds what it answered for lately, and that is none of what it is given."""

    def __init__(
        self, reader: Connector, source: str, probes: Callable[[Collection[Ref]], Sequence[Ref]], stop: threading.Event
    ) -> None:
        self._reader = reader
        self._source = source
        self._probes = probes
        self._stop = stop
        self._is_alive = False

    def ask(self, refs: Collection[Ref], answers: Answers) -> None:
        """Adds what the source says of `refs`. Raises `Cancelled`."""
        # In another order each time, so that those that the source always fails on do not always stand before the same others.
        left = random.sample(sorted(refs), len(refs))
        failed: dict[Ref, SourceError] = {}
        enough: SourceError | None = None
        try:
            for chunk in chunks(left, CHUNK):
                self._ask(sorted(chunk), answers, failed)
                left = left[len(chunk) :]
        except _Enough as error:
            enough = error.why
        known = answers.found.keys() | answers.missing | failed.keys()
        rest = [ref for ref in left if ref not in known]
        if isinstance(enough, RateLimited):
            answers.leave(rest if self._is_alive else [*rest, *failed], enough)
            answers.failed |= _alone(failed) if self._is_alive else {}
        elif failed and not self._is_alive and not self._answers_another(failed):
            answers.leave([*rest, *failed], next(iter(failed.values())))
        else:
            answers.failed |= _alone(failed)
            answers.leave(rest, None)

    def outside(self, refs: Sequence[Ref], scope: Options) -> tuple[Collection[Ref], Collection[Ref]]:
        """Those of `refs` that the scope certainly does not hold, and those of which that could not be asked.

        Raises `RateLimited` and `Cancelled`.
        """
        gone, unasked, failures = set[Ref](), set[Ref](), 0
        left: list[Sequence[Ref]] = [refs]
        while left and failures <= MOST_FAILED:
            some = left.pop()
            try:
                gone |= self._outside(some, scope)
            except RateLimited:
                raise
            except SourceError as error:
                log.warning("refetch.scope_not_asked", source=self._source, objects=len(some), error=str(error))
                failures += 1
                if len(some) > 1:
                    left += [[ref] for ref in random.sample(some, len(some))]
                else:
                    unasked.update(some)
        return gone, unasked.union(*left)

    def _outside(self, refs: Sequence[Ref], scope: Options) -> frozenset[Ref]:
        if self._stop.is_set():
            raise Cancelled
        with guarded(self._source, "asking what a scope still holds"):
            return frozenset(self._reader.outside(refs, scope)).intersection(refs)

    def _ask(self, refs: Sequence[Ref], answers: Answers, failed: dict[Ref, SourceError]) -> None:
        """One by one where they fail together, since it may be for one of them alone."""
        if self._stop.is_set():
            raise Cancelled
        try:
            said = self._read(refs)
        except RateLimited as error:
            raise _Enough(error) from error
        except SourceError as error:
            why = error
        else:
            self._is_alive = True
            _take(said, frozenset(refs), answers)
            return
        if len(refs) > 1:
            for ref in random.sample(refs, len(refs)):
                self._ask([ref], answers, failed)
            return
        log.info("refetch.failed", source=self._source, ref=str(refs[0]), error=str(why))
        failed[refs[0]] = why
        if len(failed) > MOST_FAILED:
            raise _Enough(why)

    def _read(self, refs: Sequence[Ref]) -> Sequence[Entity | Missing | Reading]:
        with guarded(self._source, "reading again what deliveries name"):
            return list(self._reader.read(refs))

    def _answers_another(self, failed: Collection[Ref]) -> bool:
        """Whether the source answers for anything at all: then what it fails on is to blame."""
        for other in self._probes(failed):
            try:
                self._read([other])
            except AuthError:
                continue  # which may be closed to us as well
            except SourceError:
                return False
            self._is_alive = True
            return True
        return False


def _alone(failed: Mapping[Ref, SourceError]) -> Mapping[Ref, SourceError]:
    """What failed while others were answered for: a refusal is for the object itself."""
    return {ref: _refused(ref, why) if isinstance(why, AuthError) else why for ref, why in failed.items()}


def _refused(ref: Ref, why: AuthError) -> AuthError:
    return AuthError(why.source, f"{ref.kind} {ref.id} may not be read, though others may: {why.message}", fix=why.fix)


def _take(said: Sequence[Entity | Missing | Reading], asked: frozenset[Ref], answers: Answers) -> None:
    """A connector may say more than it was asked; of what it was not asked, nothing follows."""
    for answer in said:
        if isinstance(answer, Reading):
            if answer.slot.target in asked:
                answers.slots.setdefault(answer.slot.target, []).append(answer)
        elif answer.ref not in asked:
            continue
        elif isinstance(answer, Missing):
            answers.missing.add(answer.ref)
        else:
            answers.found[answer.ref] = answer
