"""What holds for every connector: cursors, completeness, refs, times, direct reads, and that a reader only reads."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
import pytest

from connectors.conformance.desk import NAME, Desk, Suite, quoted
from connectors.conformance.faults import refuses, says_instead, with_records
from connectors.errors import RateLimited, SourceError, Unavailable
from mappings.change import Reading
from mappings.model import Missing, Ref

_OFFLINE = """
import socket, sys
def refuse(*_args, **_more): raise AssertionError("something is asked of the network at import")
socket.socket.connect = socket.create_connection = refuse
import importlib
importlib.import_module(sys.argv[1])
"""


class Laws(Suite):
    # -- cursors and completeness ---------------------------------------------------------------------------------------------

    def test_a_pull_from_any_cursor_loses_nothing(self, desk: Desk, stream: str) -> None:
        if stream in desk.source.paged:
            desk.in_small_pages()
        pulled = desk.pull(stream)
        everything = pulled.refs
        assert pulled.complete, f"an undisturbed full pull is not complete: {pulled}"
        before: set[Ref] = set()
        tried: set[str | None] = set()
        for batch in pulled.batches:
            before |= {entity.ref for entity in batch.entities}
            if batch.cursor is None or batch.cursor in tried:
                continue
            tried.add(batch.cursor)
            rest = desk.pull(stream, batch.cursor)
            assert rest.error is None, f"a cursor of an earlier pull is not accepted: {rest}"
            assert before | rest.refs >= everything, f"from {batch.cursor} on lost: {everything - before - rest.refs}"
            assert not rest.refs - everything, f"from {batch.cursor} on came what no full pull shows: {rest.refs - everything}"
            desk.proxy.heal()
        assert tried or stream in desk.source.connection.sweeps, f"{stream} gives no cursor, and is not one of the sweeps"

    def test_what_repeats_the_names_of_a_stream_comes_behind_it(self, desk: Desk) -> None:
        connection = desk.source.connection
        streams = list(connection.streams)
        for stream, repeating in connection.repeated_in.items():
            assert repeating <= set(streams[streams.index(stream) + 1 :]), f"not behind {stream}: {sorted(repeating)}"

    def test_only_the_end_of_a_full_listing_is_complete(self, desk: Desk, stream: str) -> None:
        pulled = desk.pull(stream)
        assert [batch.complete for batch in pulled.batches] == [False] * (len(pulled.batches) - 1) + [True], str(pulled)
        if stream not in desk.source.connection.sweeps:
            again = desk.pull(stream, pulled.cursor)
            assert not again.complete or again.refs >= pulled.refs, f"a pull of the news says that it is complete: {again}"

    def test_news_come_from_the_last_cursor(self, desk: Desk, stream: str) -> None:
        pulled = desk.pull(stream)
        desk.source.add(stream, 1)
        news = desk.pull(stream, pulled.cursor).refs - pulled.refs
        assert news, "a new record does not come from the last cursor"

    def test_a_cursor_that_is_none_starts_anew(self, desk: Desk, stream: str) -> None:
        everything = desk.all_of(stream)
        for cursor in ("", "no cursor", "{}", "[]", "null", '{"since": 7}', "\x00", "9" * 5000):
            pulled = desk.pull(stream, cursor)
            honest = pulled.error is not None or pulled.refs >= everything or not pulled.complete
            assert honest, f"from {cursor[:20]!r}: complete without {everything - pulled.refs}"
            desk.proxy.heal()

    def test_a_pull_may_be_left_at_any_batch(self, desk: Desk, stream: str) -> None:
        with desk.reader() as reader:
            for _ in reader.pull(stream, desk.source.scope, None):
                break
            refs = {entity.ref for batch in reader.pull(stream, desk.source.scope, None) for entity in batch.entities}
        assert refs >= desk.all_of(stream), "after a pull that was left, the next one of the same reader is not whole"

    def test_a_stream_that_is_none_is_refused(self, desk: Desk) -> None:
        with desk.reader() as reader, pytest.raises(ValueError, match="no such stream"):
            list(reader.pull("no such stream", desk.source.scope, None))

    # -- entities -------------------------------------------------------------------------------------------------------------

    def test_refs_are_this_sources_own_and_stay(self, desk: Desk, stream: str) -> None:
        kinds = desk.source.connection.streams[stream]
        pulled = desk.pull(stream)
        for ref in pulled.refs:
            assert ref.source == NAME, f"{ref} belongs to another source"
            assert ref.kind in kinds, f"{ref}: {stream} promises {sorted(kinds)}"
            assert Ref.parse(str(ref)) == ref, f"{ref} cannot be written as text"
        assert pulled.refs == desk.pull(stream).refs, "a second pull gives other refs"

    def test_times_have_a_zone_and_numbers_are_finite(self, desk: Desk, stream: str) -> None:
        for entity in desk.pull(stream).entities:
            for value in _values(entity):
                assert not isinstance(value, datetime) or value.tzinfo is not None, f"{entity.ref}: {value} has no zone"
                assert not isinstance(value, float) or math.isfinite(value), f"{entity.ref}: {value} is not finite"

    def test_a_record_that_makes_no_sense_is_rejected_alone(self, desk: Desk, stream: str) -> None:
        everything = desk.all_of(stream)

        def spoil(records: list[Any]) -> list[Any]:
            return [desk.source.spoilt(stream, records[0]), *records[1:]] if records else records

        desk.fault(stream, says_instead(lambda page: with_records(page, spoil)), times=1)
        pulled = desk.pull(stream)
        assert pulled.error is None, f"one record that makes no sense ended the pull: {pulled}"
        assert pulled.rejected == 1, f"one record made no sense: {pulled}"
        assert len(everything - pulled.refs) <= 1, f"its neighbours are lost as well: {everything - pulled.refs}"
        (rejected,) = [rejected for batch in pulled.batches for rejected in batch.rejected]
        assert rejected.reason, "the rejection gives no reason"
        assert rejected.payload, "the rejection keeps no payload"

    def test_secrets_in_a_rejected_record_are_taken_out(self, desk: Desk, stream: str) -> None:
        token = "ghp_" + "x" * 36

        def spoil(records: list[Any]) -> list[Any]:
            return [{**desk.source.spoilt(stream, record), "token": "abc-123", "note": token} for record in records]

        desk.fault(stream, says_instead(lambda page: with_records(page, spoil)))
        kept = [rejected for batch in desk.pull(stream).batches for rejected in batch.rejected]
        assert kept, "no record was rejected"
        assert not [rejected for rejected in kept if token.encode() in rejected.payload], "a token stays in a rejected payload"
        assert not [rejected for rejected in kept if b"abc-123" in rejected.payload], "a field `token` stays in a rejected payload"

    # -- direct reads ---------------------------------------------------------------------------------------------------------

    def test_what_is_there_is_never_missing(self, desk: Desk, stream: str) -> None:
        with desk.reader() as reader:
            refs = {entity.ref for batch in reader.pull(stream, desk.source.scope, None) for entity in batch.entities}
            answers = desk.read(reader, sorted(refs))
        assert not [answer for answer in answers if isinstance(answer, Missing)], f"called missing: {answers}"
        assert {answer.ref for answer in answers} <= refs, "answers for what was not asked"

    def test_a_direct_read_tells_our_slots_as_the_listing_does(self, desk: Desk, stream: str) -> None:
        pulled = desk.pull(stream)
        written_on = [ref for ref in sorted(pulled.refs) if ref.kind in desk.source.connection.targets]
        with desk.reader() as reader:
            answers = reader.read(written_on)
        told = {answer.slot: answer.value for answer in answers if isinstance(answer, Reading)}
        listed = {reading.slot: reading.value for batch in pulled.batches for reading in batch.slots}
        assert told == {slot: value for slot, value in listed.items() if slot.target in written_on}

    def test_what_is_hidden_is_not_missing(self, desk: Desk, stream: str) -> None:
        """A lost permission looks like a deletion. It is none."""
        with desk.reader() as reader:
            refs = {entity.ref for batch in reader.pull(stream, desk.source.scope, None) for entity in batch.entities}
            for status in (401, 403, 404, 410, 500):
                desk.proxy.heal()
                desk.proxy.fault(lambda _asked: True, refuses(status, quoting=quoted(desk.secrets)))
                try:
                    answers = desk.read(reader, sorted(refs)[:3])
                except SourceError as error:
                    desk.must_be_well_said(error)
                else:
                    assert not [answer for answer in answers if isinstance(answer, Missing)], f"missing, because of {status}"

    def test_what_was_deleted_is_no_entity(self, desk: Desk, stream: str) -> None:
        with desk.reader() as reader:
            refs = [entity.ref for batch in reader.pull(stream, desk.source.scope, None) for entity in batch.entities]
            gone = next((ref for ref in refs if desk.source.remove(ref)), None)
            if gone is None:
                return
            answers = desk.read(reader, [gone])
        assert [answer for answer in answers if isinstance(answer, Missing)] == list(answers), f"deleted, and there: {answers}"
        assert gone not in desk.pull(stream).refs, f"{gone} was deleted, and is listed"

    def test_what_is_not_its_own_is_not_answered_for(self, desk: Desk, stream: str) -> None:
        with desk.reader() as reader:
            own = {entity.ref for batch in reader.pull(stream, desk.source.scope, None) for entity in batch.entities}
            kinds = sorted(desk.source.connection.streams[stream])
            foreign = [Ref("another", ref.kind, ref.id) for ref in sorted(own)[:3]]
            odd = [Ref(NAME, kind, ident) for kind in kinds for ident in ("", "../../etc", "a b?c=d#e", "%2e%2e/x", "é\n" * 3)]
            answers = desk.read(reader, [*foreign, *odd, Ref(NAME, "no such kind", "1")])
        assert not [answer for answer in answers if answer.ref in foreign], f"answers for another source: {answers}"
        assert not [answer for answer in answers if not isinstance(answer, Missing)], f"such an object is there: {answers}"

    # -- behaviour ------------------------------------------------------------------------------------------------------------

    def test_opening_asks_nothing_and_closing_twice_is_harmless(self, desk: Desk) -> None:
        reader = desk.source.connection.reader(desk.context())
        reader.close()
        reader.close()
        assert not desk.proxy.asked, f"opening a reader asked {desk.proxy.asked[0].path}"

    def test_importing_it_asks_nothing(self, desk: Desk) -> None:
        module = desk.source.connection.reader.__module__
        done = subprocess.run([sys.executable, "-c", _OFFLINE, module], capture_output=True, text=True, check=False)  # noqa: S603 - our own interpreter
        assert done.returncode == 0, done.stderr

    def test_a_reader_writes_nothing(self, desk: Desk) -> None:
        with desk.reader() as reader:
            for stream in desk.source.connection.streams:
                refs = [entity.ref for batch in reader.pull(stream, desk.source.scope, None) for entity in batch.entities]
                reader.read(refs[:3])
                reader.outside(refs[:3], desk.source.scope)
            reader.check(desk.source.scope)
        writing = [asked for asked in desk.proxy.asked if not desk.source.reads(asked)]
        assert not writing, f"a reader sends {writing[0].method} {writing[0].path}: if that only reads, say so in Source.reads"

    def test_every_request_is_metered(self, desk: Desk, stream: str) -> None:
        desk.pull(stream)
        assert desk.meter.requests == len(desk.proxy.asked), (
            f"{len(desk.proxy.asked)} requests, {desk.meter.requests} reported to context.meter"
        )

    def test_every_request_is_taken_from_the_budget(self, desk: Desk, stream: str) -> None:
        desk.pull(stream)
        assert desk.purse.taken == len(desk.proxy.asked), (
            f"{len(desk.proxy.asked)} requests, {desk.purse.taken} taken from context.budget"
        )

    def test_nothing_is_asked_once_the_budget_is_used_up(self, desk: Desk, stream: str) -> None:
        refs = sorted(desk.all_of(stream), key=str)[:3]
        desk.purse.is_empty = True
        pulled = desk.pull(stream)
        assert isinstance(pulled.error, RateLimited), f"expected what context.budget raised: {pulled}"
        with desk.reader() as reader:
            wrong = [finding for finding in reader.check(desk.source.scope) if finding.level == "error"]
            assert wrong, "the check finds nothing wrong"
            assert not _answered(lambda: reader.read(refs)), "read without asking"
        assert not desk.proxy.asked, f"{len(desk.proxy.asked)} requests, the first {desk.proxy.asked[0].path}"

    def test_nothing_shows_a_secret(self, desk: Desk, stream: str) -> None:
        pulled = desk.pull(stream)
        with desk.reader() as reader:
            desk.must_not_leak(f"{reader!r} {reader} {desk.context()!r}")
        desk.must_not_leak(repr(pulled.batches))

    def test_what_is_outside_is_asked_and_certain(self, desk: Desk, stream: str) -> None:
        """What a full pull has just shown is in the scope; where nobody answers, nothing leaves."""
        with desk.reader() as reader:
            refs = [entity.ref for batch in reader.pull(stream, desk.source.scope, None) for entity in batch.entities]
            assert not list(reader.outside(refs, desk.source.scope)), "outside the scope, and in its listing"
            desk.proxy.fault(lambda _asked: True, refuses(500))
            try:
                left = list(reader.outside(refs, desk.source.scope))
            except Unavailable:
                left = []
        assert not left, f"the source does not answer, and these have left: {left}"


def _answered(question: Callable[[], Sequence[object]]) -> Sequence[object]:
    try:
        return question()
    except RateLimited:
        return []


def _values(value: Any) -> Iterator[Any]:
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _values(getattr(value, name))
    elif isinstance(value, dict):
        for entry in value.values():
            yield from _values(entry)
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _values(entry)
    else:
        yield value
