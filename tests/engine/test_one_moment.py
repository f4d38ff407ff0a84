"""Facts and how complete they are count as of one moment: a listing that ends while a project is judged changes neither alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from connectors.errors import Unavailable
from mappings.model import Commit, Dataset, DatasetUse, Ref
from sync.safety import Permission
from tests.engine.conftest import LONG_AGO, a_run

if TYPE_CHECKING:
    import threading

    from tests.engine.conftest import Office

SOUND: dict[str, Any] = {
    "id": "sound",
    "title": "Good",
    "kind": "favourable",
    "rank": 99,
    "says": "all runs of it are sound",
    "for": "dataset",
    "via": ["trained_on"],
    "when": {"all": [{"run": {"status": "finished"}}]},
    "label": "sound",
}
DATA = Ref("shelf", "dataset", "data@1")
ELSEWHERE = "b" * 40


@pytest.fixture
def half_listed(office: Office) -> tuple[Office, str]:
    """A watch ticket for a dataset whose one failed run is the last on the shelf. The first run names an unknown commit, so that it
    is looked up while the project is judged."""
    office.judge_by_runs()
    office.top["statuses"] = [SOUND]
    ticket = office.ticket()
    office.projects["churn"]["watch"] = {"jira": ticket}
    trained = (DatasetUse(dataset=DATA, context="training"),)
    elsewhere = Commit(
        ref=Ref("shelf", "commit", f"77/{ELSEWHERE}"),
        sha=ELSEWHERE,
        repository="example/elsewhere",
        message="Train",
        on_default_branch=True,
        authored_at=LONG_AGO,
        committed_at=LONG_AGO,
    )
    first = a_run("a", "finished", datasets=trained, git_commit="a" * 40)
    more = [a_run(f"b{number}", "finished", datasets=trained) for number in range(3)]
    last = a_run("z", "failed", datasets=trained)
    office.shelf.put(elsewhere, Dataset(ref=DATA, name="data", digest="1"), first, *more, last)
    return office, ticket


def test_a_listing_that_another_run_ends_while_commits_are_looked_up_makes_no_good_news(half_listed: tuple[Office, str]) -> None:
    office, ticket = half_listed

    def stop_short(stop: threading.Event, page: int) -> None:
        if page == 2:
            raise Unavailable("shelf", "is away")

    other = office.run("pull")

    def meanwhile(refs: Sequence[Ref]) -> None:
        if not other.pulled:
            other.pull()
            other.finish()
        raise Unavailable("shelf", "is busy")

    run = office.run("sync")
    office.shelf.before_page = stop_short
    run.pull()
    assert run.pulled["shelf"].failed
    office.shelf.find()
    office.shelf.before_read = meanwhile
    run.apply(Permission())
    assert not other.pulled["shelf"].failed
    assert office.field(ticket) is None
