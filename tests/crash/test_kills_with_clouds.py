"""The same with both clouds among the sources: a store that was pulled from them by killed runs is that of an undisturbed one."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.connectors.clouds import Cloud
from tests.crash.plant import DONE, MOSTLY_SQLITE, REPO, Plant
from tests.crash.test_kills_of_the_process import SYNC, Assassin, Point, outcome

if TYPE_CHECKING:
    from tests.crash.conftest import NewPlant

COMMITS = 80
TICKETS = ("OPS-1", "OPS-3")


class Works:
    """Plants that are alike, over the same two clouds. A version of each cloud was built at a commit that is on no listed branch
    and has to be looked up."""

    def __init__(self, new_plant: NewPlant, url: str, clouds: Sequence[Cloud]) -> None:
        self._new_plant = new_plant
        self._url = url
        self._clouds = clouds
        self._commit = ""

    @contextmanager
    def opened(self) -> Iterator[Plant]:
        with self._new_plant(self._url) as plant:
            commit = plant.github.commit(REPO, "OPS-2 Guess", branch="guess")
            if not self._commit:
                self._furnish(commit)
            assert commit == self._commit
            for cloud in self._clouds:
                plant.add_source(cloud.name, cloud.source, cloud.scope)
            yield plant

    def _furnish(self, commit: str) -> None:
        self._commit = commit
        for cloud, ticket in zip(self._clouds, TICKETS, strict=True):
            cloud.serve({cloud.register(issue=ticket): 100})
            cloud.register(commit=commit)


def kill_and_compare(works: Works, luck: random.Random, most: int) -> int:
    """So many kills, then a run that is left in peace. Returns how many runs were killed before they were through."""
    with works.opened() as undisturbed:
        ended = undisturbed.office.desk.call("sync")
        assert ended.code == 0, ended
        expected = outcome(undisturbed)
        assert undisturbed.shown() == {**DONE, **{ticket: ("Deployed", ["deployed"]) for ticket in TICKETS}}
    with works.opened() as plant:
        points = [Point(f"{luck.choice(('before', 'after'))} commit", luck.randint(2, COMMITS)) for _ in range(most)]
        codes = []
        for point in points:
            codes.append(Assassin(plant, point).run().code)
            plant.let_time_pass()
        ended = plant.office.desk.call(*SYNC)
        assert ended.code == 0, (points, ended)
        assert outcome(plant) == expected, points
    assert set(codes) <= {0, -9}, (points, codes)
    return codes.count(-9)


@MOSTLY_SQLITE
def test_killed_at_random_commits(new_plant: NewPlant, database_url: str, clouds: Sequence[Cloud], dialect: str) -> None:
    luck = random.Random({"sqlite": 3, "postgresql": 4}[dialect])
    assert kill_and_compare(Works(new_plant, database_url, clouds), luck, 2) > 0


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(200, 203))
def test_killed_at_very_many_random_commits(new_plant: NewPlant, database_url: str, clouds: Sequence[Cloud], seed: int) -> None:
    assert kill_and_compare(Works(new_plant, database_url, clouds), random.Random(seed), 8) > 0
