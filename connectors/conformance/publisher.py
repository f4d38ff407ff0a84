"""The suite for publishers: absolute values, each change answered once, and trouble that stays with its target."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar

import pytest

from connectors.base import Publisher
from connectors.bodies import LARGEST_ANSWER
from connectors.conformance.broken_answers import STALLS
from connectors.conformance.desk import Desk, Suite, quoted
from connectors.conformance.faults import in_seconds, loses_answer, refuses, resets, says
from connectors.conformance.proxy import Asked
from connectors.conformance.refusals import MOST_ATTEMPTS
from connectors.conformance.source import Source
from connectors.conformance.stopping import StoppedInAWait
from connectors.errors import AuthError, Cancelled, RateLimited, Unavailable
from mappings.change import Change, Slot, Value, Written
from mappings.model import Ref


class PublisherConformance(Suite):
    """Every publisher passes this. Subclass it, name the `Source`, and give it the fixture `source`."""

    kind: ClassVar[type[Source]]

    def test_values_are_written_read_back_and_repeatable(self, desk: Desk) -> None:
        (target,) = desk.source.targets(1)
        with desk.publisher() as publisher:
            for slot, values in desk.source.slots(target).items():
                before = publisher.read_slots([slot])
                assert before == {slot: None}, f"Source.targets gives a target whose slot holds something: {before}"
                for value in values:
                    for attempt in ("written", "written again"):
                        assert _states(publisher, [_change(slot, value)]) == ["done"], f"{slot} = {value!r}, {attempt}"
                        held = publisher.read_slots([slot])
                        assert held == {slot: value}, f"{slot} = {value!r}, {attempt}, holds {held}"

    def test_each_change_is_answered_once(self, desk: Desk) -> None:
        changes = [_change(slot, values[0]) for target in desk.source.targets(3) for slot, values in _slots(desk, target)]
        with desk.publisher() as publisher:
            written = list(publisher.write(changes))
            assert not list(publisher.write([])), "an answer to no change"
        assert sorted(one.change for one in written) == sorted(change.id for change in changes), f"{written}"
        assert {one.state for one in written} == {"done"}, f"{written}"

    def test_every_request_is_taken_from_the_budget(self, desk: Desk) -> None:
        changes = [_change(*_first(desk, target)) for target in desk.source.targets(2)]
        with desk.publisher() as publisher:
            publisher.read_slots([change.slot for change in changes])
            assert _states(publisher, changes) == ["done", "done"]
            assert desk.purse.taken == len(desk.proxy.asked), (
                f"{len(desk.proxy.asked)} requests, {desk.purse.taken} taken from context.budget"
            )
            desk.proxy.heal()
            desk.purse.is_empty = True
            with pytest.raises(RateLimited):
                list(publisher.write(changes))
        assert not desk.proxy.asked, "written, though the budget is used up"

    def test_other_slots_of_the_target_stay_as_they_are(self, desk: Desk) -> None:
        (target,) = desk.source.targets(1)
        slots = _slots(desk, target)
        with desk.publisher() as publisher:
            for slot, values in slots:
                others = [other for other, _ in slots if other != slot]
                before = publisher.read_slots(others)
                _states(publisher, [_change(slot, values[0])])
                assert publisher.read_slots(others) == before, f"writing {slot} changed another"

    def test_a_lost_answer_leaves_the_value_visible(self, desk: Desk) -> None:
        """The server did it, and the connection broke. Whatever the publisher says, reading again shows it."""
        (target,) = desk.source.targets(1)
        for slot, values in _slots(desk, target):
            desk.proxy.heal()
            desk.proxy.fault(lambda asked: desk.source.writes_on(target, asked), loses_answer, times=1)
            with desk.publisher() as publisher:
                written = _attempted(desk, publisher, [_change(slot, values[0])])
                assert not [one for one in written if one.state == "conflict"], f"its own write looks like another's: {written}"
                assert publisher.read_slots([slot]) == {slot: values[0]}, f"{slot}: written, and not visible"
                assert _states(publisher, [_change(slot, values[0])]) == ["done"], f"{slot}: cannot be written again"

    def test_a_connection_that_breaks_before_the_write_is_told_or_overcome(self, desk: Desk) -> None:
        (target,) = desk.source.targets(1)
        slot, values = _slots(desk, target)[0]
        desk.proxy.fault(lambda asked: desk.source.writes_on(target, asked), resets)
        with desk.publisher() as publisher:
            written = _attempted(desk, publisher, [_change(slot, values[0])])
            assert not [one for one in written if one.state == "done"], f"nothing was written, and it is called done: {written}"
            assert publisher.read_slots([slot]) == {slot: None}

    def test_a_target_that_may_not_be_written_fails_alone(self, desk: Desk) -> None:
        first, denied, last = desk.source.targets(3)
        changes = [_change(*_first(desk, target)) for target in (first, denied, last)]
        quoting = quoted(desk.secrets)
        desk.proxy.fault(lambda asked: desk.source.writes_on(denied, asked), refuses(403, quoting=quoting))
        with desk.publisher() as publisher:
            written = {one.change: one for one in publisher.write(changes)}
        states = [written[change.id].state for change in changes]
        assert [states[0], states[2]] == ["done", "done"], f"the neighbours of a target that is denied: {written}"
        assert states[1] in ("failed", "skipped"), f"denied, and {states[1]}"
        assert written[changes[1].id].why, "a failure without a reason"
        desk.must_not_leak(repr(written))

    def test_a_target_that_is_gone_is_absent_and_skipped(self, desk: Desk) -> None:
        there, gone = desk.source.targets(2)
        slot, value = _first(desk, gone)
        assert desk.source.remove(gone), "Source.remove must be able to remove a target"
        with desk.publisher() as publisher:
            assert publisher.read_slots([slot]) == {}, "a target that is gone holds something"
            written = list(publisher.write([_change(slot, value), _change(*_first(desk, there))]))
        assert {one.change: one.state for one in written}[_change(slot, value).id] in ("skipped", "failed"), f"{written}"
        assert [one.state for one in written].count("done") == 1, f"{written}"

    def test_what_is_not_ours_is_never_written(self, desk: Desk) -> None:
        (target,) = desk.source.targets(1)
        slot, value = _first(desk, target)
        foreign = [
            Slot(target, slot.kind, "somebody's own"),
            Slot(Ref(target.source, "no such kind", target.id), slot.kind, slot.name),
            Slot(Ref(target.source, target.kind, "../1"), slot.kind, slot.name),
        ]
        with desk.publisher() as publisher:
            written = list(publisher.write([_change(one, value) for one in foreign]))
        assert {one.state for one in written} <= {"failed", "skipped"}, f"{written}"
        assert not [asked for asked in desk.proxy.asked if not desk.source.reads(asked)], "a slot that is not ours was written"

    def test_refused_credentials_stop_the_source(self, desk: Desk) -> None:
        changes = [_change(*_first(desk, target)) for target in desk.source.targets(2)]
        desk.proxy.fault(lambda asked: not desk.source.reads(asked), refuses(401, quoting=quoted(desk.secrets)))
        with desk.publisher() as publisher, pytest.raises(AuthError) as caught:
            list(publisher.write(changes))
        desk.must_be_well_said(caught.value)

    def test_a_long_wait_is_left_to_the_caller(self, desk: Desk) -> None:
        (target,) = desk.source.targets(1)
        desk.proxy.fault(lambda asked: not desk.source.reads(asked), refuses(429, headers=in_seconds(7200)))
        with desk.publisher() as publisher, pytest.raises(RateLimited) as caught:
            list(publisher.write([_change(*_first(desk, target))]))
        desk.must_be_well_said(caught.value)
        assert max(desk.purse.pauses, default=timedelta(0)) > timedelta(hours=1), f"context.budget heard of {desk.purse.pauses}"

    def test_a_short_wait_is_waited_out(self, desk: Desk) -> None:
        (target,) = desk.source.targets(1)
        slot, value = _first(desk, target)
        desk.proxy.fault(lambda asked: not desk.source.reads(asked), refuses(429, headers=in_seconds(3)), times=1)
        with desk.publisher() as publisher:
            assert _states(publisher, [_change(slot, value)]) == ["done"]
            assert publisher.read_slots([slot]) == {slot: value}
        assert sum(desk.stop.waits) >= 2, f"Retry-After of 3 s, waited {sum(desk.stop.waits):.1f} s on context.stop"

    def test_a_stop_during_a_wait_ends_it(self, desk: Desk) -> None:
        (target,) = desk.source.targets(1)
        change = _change(*_first(desk, target))
        desk.proxy.fault(lambda asked: not desk.source.reads(asked), refuses(429, headers=in_seconds(30)))
        with desk.publisher(StoppedInAWait()) as publisher, pytest.raises(Cancelled):
            list(publisher.write([change]))
        assert len(_writes(desk)) == 1, "a stopped publisher goes on writing"

    def test_a_failing_source_is_given_up(self, desk: Desk) -> None:
        changes = [_change(*_first(desk, target)) for target in desk.source.targets(3)]
        desk.proxy.fault(lambda asked: not desk.source.reads(asked), refuses(500, quoting=quoted(desk.secrets)))
        with desk.publisher() as publisher:
            written = _attempted(desk, publisher, changes)
        assert not [one for one in written if one.state == "done"], f"the source fails, and it is called done: {written}"
        assert len(_writes(desk)) <= 10 * len(changes), f"{len(_writes(desk))} attempts"
        desk.must_not_leak(repr(written))

    @pytest.mark.parametrize("how", STALLS)
    def test_an_answer_that_never_comes_to_an_end_is_given_up(self, desk: Desk, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
        (target,) = desk.source.targets(1)
        change = _change(*_first(desk, target))
        desk.source.hasten(monkeypatch)
        desk.proxy.fault(lambda asked: desk.source.writes_on(target, asked), STALLS[how])
        with desk.publisher() as publisher:
            written = _attempted(desk, publisher, [change])
        assert not [one for one in written if one.state == "done"], f"nothing was written, and it is called done: {written}"

    def test_a_huge_answer_is_not_kept(self, desk: Desk) -> None:
        (target,) = desk.source.targets(1)
        slot, _ = _first(desk, target)
        desk.proxy.fault(desk.source.reads, says(b'"' + b" " * LARGEST_ANSWER + b'"'))
        with desk.publisher() as publisher, pytest.raises(Unavailable) as caught:
            publisher.read_slots([slot])
        desk.must_be_well_said(caught.value)
        assert len(desk.proxy.asked) <= MOST_ATTEMPTS, f"a huge answer is asked for {len(desk.proxy.asked)} times"

    def test_opening_asks_nothing_and_closing_twice_is_harmless(self, desk: Desk) -> None:
        with desk.publisher() as publisher:
            publisher.close()
            desk.must_not_leak(f"{publisher!r} {publisher}")
        assert not desk.proxy.asked, f"opening a publisher asked {desk.proxy.asked[0].path}"


def _slots(desk: Desk, target: Ref) -> list[tuple[Slot, Sequence[Value]]]:
    return list(desk.source.slots(target).items())


def _first(desk: Desk, target: Ref) -> tuple[Slot, Value]:
    slot, values = _slots(desk, target)[0]
    return slot, values[0]


def _change(slot: Slot, after: Value) -> Change:
    return Change(
        id=f"{slot} becomes {after!r}",
        project="conformance",
        slot=slot,
        action="remove" if after is None else "add",
        before=None,
        after=after,
        key=slot.target.id,
        container="conformance",
    )


def _states(publisher: Publisher, changes: Sequence[Change]) -> list[str]:
    return [f"{one.state}: {one.why}" if one.why else one.state for one in publisher.write(changes)]


def _attempted(desk: Desk, publisher: Publisher, changes: Sequence[Change]) -> list[Written]:
    """What was answered for before an error, if one came."""
    written: list[Written] = []
    try:
        written.extend(publisher.write(changes))
    except Unavailable as error:
        desk.must_be_well_said(error)
    return written


def _writes(desk: Desk) -> list[Asked]:
    return [asked for asked in desk.proxy.asked if not desk.source.reads(asked)]
