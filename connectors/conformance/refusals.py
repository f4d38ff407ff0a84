"""Statuses that are no answer: the right error, bounded attempts and waits, and a message that helps and hides secrets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from connectors.conformance.desk import Desk, Suite, quoted
from connectors.conformance.faults import as_a_date, in_seconds, refuses, shows_a_web_page
from connectors.errors import AuthError, NotFound, RateLimited, SourceError, Unavailable

MOST_ATTEMPTS = 10
"""Of one request, before the connector gives up."""

USUAL: Mapping[int, type[SourceError]] = {
    400: Unavailable,
    401: AuthError,
    403: AuthError,
    404: NotFound,
    410: NotFound,
    422: Unavailable,
    429: RateLimited,
    500: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


class Refusals(Suite):
    @pytest.mark.parametrize("status", USUAL)
    def test_a_refusal_is_the_error_that_says_what_to_do(self, desk: Desk, stream: str, status: int) -> None:
        own = desk.source.refusals(stream)
        expected = {**USUAL, **own}[status]
        desk.fault(stream, refuses(status, quoting=quoted(desk.secrets)))
        pulled = desk.pull(stream)
        if expected is None:
            assert pulled.error is None, f"{status} means that there is nothing to list: {pulled}"
            return
        assert type(pulled.error) is expected, f"expected {expected.__name__} for {status}: {pulled}"
        assert not pulled.complete, f"a pull that was refused says that it is complete: {pulled}"
        path = desk.listed(stream)[-1].path
        assert path in str(pulled.error) or status in own, f"the message does not name {path}: {pulled.error}"
        assert len(desk.listed(stream)) <= MOST_ATTEMPTS, f"asked {len(desk.listed(stream))} times after {status}"

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_trouble_that_passes_is_waited_out(self, desk: Desk, principal: str, status: int) -> None:
        everything = desk.all_of(principal)
        desk.fault(principal, refuses(status), times=1)
        pulled = desk.pull(principal)
        assert pulled.error is None, f"one {status} ended the pull: {pulled}"
        assert pulled.refs == everything, f"lost after one {status}: {everything - pulled.refs}"
        assert desk.stop.waits, f"after {status} the request is repeated at once: wait a little on context.stop"

    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize("form", ["seconds", "date"])
    def test_a_short_wait_that_the_source_asks_for_is_kept(self, desk: Desk, principal: str, status: int, form: str) -> None:
        asked = in_seconds(20) if form == "seconds" else as_a_date(timedelta(seconds=22))
        desk.fault(principal, refuses(status, headers=asked), times=1)
        pulled = desk.pull(principal)
        assert pulled.error is None, f"a short Retry-After ended the pull: {pulled}"
        assert sum(desk.stop.waits) >= 15, f"Retry-After of 20 s, waited {sum(desk.stop.waits):.1f} s"

    @pytest.mark.parametrize("form", ["seconds", "date"])
    def test_a_long_wait_is_left_to_the_caller(self, desk: Desk, principal: str, form: str) -> None:
        hours = timedelta(hours=2)
        desk.fault(principal, refuses(429, headers=in_seconds(hours.total_seconds()) if form == "seconds" else as_a_date(hours)))
        pulled = desk.pull(principal)
        assert isinstance(pulled.error, RateLimited), f"expected RateLimited: {pulled}"
        left = pulled.error.until - datetime.now(UTC)
        assert timedelta(minutes=110) <= left <= timedelta(minutes=130), f"`until` is {left} away, the source said {hours}"
        told = max(desk.purse.pauses, default=timedelta(0))
        assert timedelta(minutes=110) <= told <= timedelta(minutes=130), f"context.budget was told to pause for {told}"

    def test_a_source_that_is_down_for_hours_is_not_waited_for(self, desk: Desk, principal: str) -> None:
        desk.fault(principal, refuses(503, headers=in_seconds(7200)))
        pulled = desk.pull(principal)
        assert isinstance(pulled.error, Unavailable), f"expected Unavailable: {pulled}"

    def test_nonsense_in_retry_after_does_no_harm(self, desk: Desk, principal: str) -> None:
        for text in ("soon", "-5", "99999999999999999999", "Wed, 99 Foo 2026 00:00:00 GMT", "nan"):
            desk.proxy.heal()
            desk.fault(principal, refuses(429, headers={"retry-after": text}))
            pulled = desk.pull(principal)
            assert isinstance(pulled.error, RateLimited), f"Retry-After: {text}: {pulled}"

    @pytest.mark.parametrize("status", [401, 403, 404, 500])
    def test_a_check_never_raises_but_finds(self, desk: Desk, status: int) -> None:
        desk.proxy.fault(lambda _asked: True, refuses(status, quoting=quoted(desk.secrets)))
        self._finds_an_error(desk)

    def test_a_check_of_a_gateway_finds(self, desk: Desk) -> None:
        for status in (200, 502):
            desk.proxy.heal()
            desk.proxy.fault(lambda _asked: True, shows_a_web_page(status))
            self._finds_an_error(desk)

    def _finds_an_error(self, desk: Desk) -> None:
        with desk.reader() as reader:
            findings = reader.check(desk.source.scope)
        wrong = [finding for finding in findings if finding.level in ("error", "warning")]
        assert wrong, f"the check found nothing wrong: {findings}"
        assert all(finding.fix for finding in wrong if finding.level == "error"), f"a finding without a fix: {wrong}"
        desk.must_not_leak(repr(findings))

    def test_a_check_of_a_healthy_source_finds_no_error(self, desk: Desk) -> None:
        with desk.reader() as reader:
            findings = reader.check(desk.source.scope)
        assert findings, "the check says nothing"
        assert not [finding for finding in findings if finding.level == "error"], f"found: {findings}"
        desk.must_not_leak(repr(findings))

    @pytest.mark.parametrize("after", [1, 2, 3, 5])
    def test_a_check_never_raises_halfway(self, desk: Desk, after: int) -> None:
        desk.proxy.fault(lambda _asked: True, refuses(500, quoting=quoted(desk.secrets)), after=after)
        with desk.reader() as reader:
            desk.must_not_leak(repr(reader.check(desk.source.scope)))
