"""Connections that break and answers that are none: a pull overcomes them or gives up, and claims nothing that it did not see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from connectors.bodies import LARGEST_ANSWER
from connectors.conformance.desk import Desk, Suite
from connectors.conformance.faults import (
    drips,
    is_cut,
    is_labelled,
    is_silent,
    loses_answer,
    resets,
    says,
    says_instead,
    shows_a_web_page,
    with_records,
)
from connectors.conformance.proxy import Effect
from connectors.conformance.refusals import MOST_ATTEMPTS
from connectors.errors import AuthError, NotFound, SourceError, Unavailable

BREAKS: Mapping[str, Effect] = {"reset": resets, "answer lost": loses_answer, "cut short": is_cut}
STALLS: Mapping[str, Effect] = {"silent": is_silent, "dripping": drips}

NO_ANSWERS: Mapping[str, Effect] = {
    "nothing": says(b""),
    "no JSON": says(b"everything is fine"),
    "half a document": says(b'{"a": [1, 2'),
    "no UTF-8": says(b'{"a": "\xff\xfe"}'),
    "a gateway's page": shows_a_web_page(502),
    "null": says(b"null"),
    "a number": says(b"7"),
    "a text": says(b'"fine"'),
    "too deep": says(b"[" * 100_000),
}
"""Bodies that no listing can be."""


def _as_something_else(document: Any) -> Any:
    return {"values": document} if isinstance(document, list) else [document]


DISTORTIONS: Mapping[str, Callable[[Any], Any]] = {
    "a list for an object, or the other way round": _as_something_else,
    "null for the list": lambda document: with_records(document, lambda _records: None),
    "an object for the list": lambda document: with_records(document, lambda records: {"0": records}),
    "numbers for the records": lambda document: with_records(document, lambda records: [7 for _ in records]),
    "lists for the records": lambda document: with_records(document, lambda records: [[record] for record in records]),
    "nulls for the records": lambda document: with_records(document, lambda records: [None for _ in records]),
    "empty records": lambda document: with_records(document, lambda records: [{} for _ in records]),
}
"""JSON of a wrong shape."""


class BrokenAnswers(Suite):
    @pytest.mark.parametrize("how", BREAKS)
    def test_a_connection_that_breaks_once_costs_nothing(self, desk: Desk, principal: str, how: str) -> None:
        everything = desk.all_of(principal)
        desk.fault(principal, BREAKS[how], times=1)
        pulled = desk.pull(principal)
        assert pulled.error is None, f"{how} once: {pulled}"
        assert pulled.refs == everything, f"lost: {everything - pulled.refs}"

    @pytest.mark.parametrize("how", BREAKS)
    def test_a_connection_that_always_breaks_is_given_up(self, desk: Desk, principal: str, how: str) -> None:
        desk.fault(principal, BREAKS[how])
        self._is_given_up(desk, principal)

    @pytest.mark.parametrize("how", STALLS)
    def test_a_server_that_never_comes_to_an_end_is_given_up(
        self, desk: Desk, principal: str, how: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.source.hasten(monkeypatch)
        desk.fault(principal, STALLS[how])
        self._is_given_up(desk, principal)

    @pytest.mark.parametrize("how", NO_ANSWERS)
    def test_what_is_no_listing_is_none(self, desk: Desk, stream: str, how: str) -> None:
        desk.fault(stream, NO_ANSWERS[how])
        self._is_given_up(desk, stream)

    def test_a_web_page_is_no_listing(self, desk: Desk, stream: str) -> None:
        """A login page: a connector may take it as refused credentials."""
        desk.fault(stream, shows_a_web_page(200))
        self._is_given_up(desk, stream, (Unavailable, AuthError))

    def _is_given_up(self, desk: Desk, stream: str, errors: tuple[type[SourceError], ...] = (Unavailable, NotFound)) -> None:
        pulled = desk.pull(stream)
        assert isinstance(pulled.error, errors), f"expected Unavailable: {pulled}"
        assert not pulled.complete, f"nothing was read, and the pull says that it is complete: {pulled}"
        path = desk.listed(stream)[-1].path
        assert path in str(pulled.error), f"the message does not name {path}: {pulled.error}"
        assert len(desk.listed(stream)) <= MOST_ATTEMPTS, f"asked {len(desk.listed(stream))} times"

    @pytest.mark.parametrize("how", DISTORTIONS)
    def test_a_listing_of_a_wrong_shape_is_no_empty_one(self, desk: Desk, stream: str, how: str) -> None:
        desk.fault(stream, says_instead(DISTORTIONS[how]))
        pulled = desk.pull(stream)
        assert not pulled.refs, f"{how}: this made records: {pulled}"
        honest = isinstance(pulled.error, Unavailable | NotFound) or pulled.rejected
        assert honest, f"{how}: neither an error nor a rejected record: {pulled}"

    def test_a_listing_under_another_content_type_is_read_or_refused(self, desk: Desk, principal: str) -> None:
        everything = desk.all_of(principal)
        for label in ("text/plain", "application/octet-principal", "text/html", "no media type"):
            desk.proxy.heal()
            desk.fault(principal, is_labelled(label))
            pulled = desk.pull(principal)
            assert isinstance(pulled.error, Unavailable | AuthError) or pulled.refs == everything, f"{label}: {pulled}"

    def test_a_huge_answer_is_not_kept(self, desk: Desk, principal: str) -> None:
        desk.fault(principal, says(b"[" + b" " * LARGEST_ANSWER + b"]"))
        pulled = desk.pull(principal)
        assert isinstance(pulled.error, Unavailable), f"expected Unavailable: {pulled}"
        # It may be asked for again in shorter pages.
        assert len(desk.listed(principal)) <= MOST_ATTEMPTS, f"a huge answer is asked for {len(desk.listed(principal))} times"
