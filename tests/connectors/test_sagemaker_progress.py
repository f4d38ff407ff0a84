"""Where a pull of SageMaker goes on: from when the last one began, so that a day of many changes is not listed for ever."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.conformance.proxy import Answer, Asked, FaultProxy, Forward
from connectors.sagemaker.cursor import MOST_REMEMBERED, OVERLAP, Cursor, Progress, decode_cursor
from mappings.model import Deployment
from sandbox.sagemaker.server import AwsServer
from tests.connectors.aws import Office

BEGAN = 1_900_000_000
moments = st.integers(0, 2 * BEGAN)


@pytest.fixture
def office(aws_server: AwsServer) -> Office:
    return Office(aws_server)


@pytest.fixture(params=[("packages", "eu-west-3"), ("endpoints", "eu-north-1")], ids=["packages", "endpoints"])
def busy(request: pytest.FixtureRequest, aws_server: AwsServer) -> Iterator[tuple[str, Office]]:
    """A stream, and a region where nobody else has anything in it; two records a page, so that a burst is many pages."""
    stream, region = request.param
    office = Office(aws_server, region)
    with FaultProxy(aws_server.url) as proxy:
        proxy.reshape = lambda asked: asked.having("MaxResults", 2)
        office.options["endpoint_url"] = proxy.url
        yield stream, office


class Clock:
    """The reader's clock, and nobody else's unless `everywhere`: then what answers it says that time too."""

    def __init__(self, patch: pytest.MonkeyPatch, *, everywhere: bool = False) -> None:
        self.ahead = 0.0
        patch.setattr("connectors.sagemaker.feeds.time", self)
        if everywhere:
            patch.setattr(
                "http.server.BaseHTTPRequestHandler.date_time_string", lambda _handler: formatdate(self.time(), usegmt=True)
            )

    def time(self) -> float:
        return time.time() + self.ahead


def test_many_changes_at_once_are_listed_again_for_a_while_and_then_no_more(
    busy: tuple[str, Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, office = busy
    packages = [office.package() for _ in range(6)]
    for number, package in enumerate(packages):
        office.endpoint([package], suffix=f"-{number}")
    assert len({one.ref for one in office.pull(stream)}) == 6
    office.asked()
    clock, costs = Clock(monkeypatch, everywhere=True), []
    for seconds in (60, OVERLAP + 60, 2 * OVERLAP + 120):
        clock.ahead = seconds
        assert office.pull(stream) == []
        costs.append(office.asked())

    # None of them was described again, and once the index must have settled there is nothing to list.
    assert costs == [3, 3, 1]


def test_an_approval_is_seen_long_after_the_last_change(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    package = office.package()
    clock = Clock(monkeypatch)
    # These pulls were made yesterday.
    clock.ahead = -86_400
    assert len(office.pull("packages")) == 1
    assert office.pull("packages") == []
    clock.ahead = 0
    office.sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    (seen,) = office.pull("packages")

    assert getattr(seen, "approval", None) == "approved"


@pytest.mark.parametrize("stream", ["packages", "endpoints"])
def test_nothing_is_passed_over_after_a_clock_was_ahead(office: Office, monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
    clock = Clock(monkeypatch)
    office.endpoint([office.package()])
    for ahead in (7200, 3 * 86_400):
        clock.ahead = ahead
        office.pull(stream)
        cursor = decode_cursor(office.cursors[stream])

        assert cursor is not None
        assert cursor.since <= time.time()


def test_an_interrupted_listing_knows_that_the_clock_was_ahead() -> None:
    progress = Progress(None, BEGAN + 7200)
    for answered_at in (BEGAN, BEGAN + 600, None):
        progress.hear(answered_at)

    assert progress.paused(listed=100).since == BEGAN
    assert progress.ended().since == BEGAN


def test_an_endpoint_that_changes_between_two_pages_is_described_again(
    aws_server: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(aws_server)
    package = office.package()
    names = [office.endpoint([package], suffix=f"-{number}") for number in range(3)]
    # They were made a minute ago.
    Clock(monkeypatch).ahead = 60
    with FaultProxy(aws_server.url) as proxy:
        proxy.reshape = lambda asked: asked.having("MaxResults", 2)
        office.options["endpoint_url"] = proxy.url

        def changing(_asked: Asked, forward: Forward) -> Answer:
            office.region.turn(names[1], "Failed", "no capacity")
            return forward()

        # The first page was described by then, and the second begins with what was made in the same second.
        proxy.fault(lambda asked: asked.headers.get("x-amz-target") == "SageMaker.ListEndpoints", changing, times=1, after=1)
        found = office.pull("endpoints")

    states = {one.ref.id: one.state for one in found if isinstance(one, Deployment)}
    assert states == {names[0]: "in_service", names[1]: "failed", names[2]: "in_service"}


def test_what_changes_while_a_listing_is_interrupted_again_and_again_is_seen_in_the_end() -> None:
    progress = Progress(None, BEGAN)
    progress.note("first", BEGAN - 10)
    interrupted = decode_cursor(progress.paused(listed=100).encode())
    assert interrupted is not None
    # An hour later it goes on behind the first record, which has changed by now, and finds one that has just changed too.
    again = Progress(interrupted, BEGAN + 3600)
    again.note("second", BEGAN + 3500)

    assert again.paused(listed=200).since == BEGAN
    assert Progress(again.paused(listed=200), BEGAN + 7200).asked_since == BEGAN - OVERLAP
    assert again.ended().since == BEGAN + 3600


@given(st.dictionaries(st.text(max_size=3), moments), moments, moments)
def test_nothing_that_may_be_told_again_is_forgotten(changes: dict[str, int], before: int, now: int) -> None:
    progress = Progress(Cursor(since=before), now)
    for name, changed in changes.items():
        progress.note(name, changed)
    following = Progress(progress.ended(), now + 60)

    assert following.asked_since == max(0, now - OVERLAP)
    assert not [name for name, changed in changes.items() if changed >= following.asked_since and following.is_news(name, changed)]
    assert progress.asked_since <= max(0, now - OVERLAP), "a clock that was set back asks again"


def test_a_cursor_stays_small_however_much_changes() -> None:
    progress = Progress(None, BEGAN)
    for number in range(5 * MOST_REMEMBERED):
        progress.note(f"package-{number}", BEGAN - 1)

    assert len(progress.ended().seen) == MOST_REMEMBERED
