"""`milepost sync` is killed at random moments, run again and killed again, until it gets through: everything is then as if it had
never been killed, and no write that could be seen was made twice."""

from __future__ import annotations

import random
import signal
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from sandbox.faults import Answer
from sandbox.messages import ConnectionDropped, Reply, Request
from tests.cli.process import PATIENCE, Ended, end
from tests.crash.mortal import Death, Mortal
from tests.crash.plant import Plant

if TYPE_CHECKING:
    from tests.crash.conftest import NewPlant

SYNC = ("sync", "--wait", "0s")
FEW, MANY = 5, 10
"""Kills in one test. A run that gets through before it is killed ends it sooner, and another plant is taken."""

REQUESTS, COMMITS = 33, 63
"""What an undisturbed run makes, retention included."""


@dataclass(frozen=True)
class Point:
    """Where to kill: before or after the `number`-th request is carried out, before or after the `number`-th commit, or when."""

    what: str
    number: float

    @classmethod
    def drawn(cls, luck: random.Random) -> Point:
        what = luck.choice(("before request", "after request", "before commit", "after commit", "seconds"))
        most = REQUESTS if "request" in what else COMMITS
        return cls(what, round(luck.uniform(0.4, 1.4), 2) if what == "seconds" else luck.randint(1, most))


class Assassin:
    """Runs `milepost sync` and kills it at a point."""

    def __init__(self, plant: Plant, point: Point) -> None:
        self.plant = plant
        self.point = point
        self.lock = threading.Lock()
        self.seen = 0
        self.started = threading.Event()
        self.victim: Mortal | None = None

    def run(self) -> Ended:
        moment, _, what = self.point.what.partition(" ")
        if what == "commit":
            return Mortal(self.plant.office.desk, SYNC, Death(moment, int(self.point.number))).ended()
        return self._at_request() if what == "request" else self._at_time()

    def _at_time(self) -> Ended:
        """The whole command, from the start of Python on."""
        with self.plant.office.desk.start(*SYNC) as process:
            time.sleep(self.point.number)
            return end(process, signal.SIGKILL)

    def _at_request(self) -> Ended:
        self.plant.meet(self._meet)
        self.victim = Mortal(self.plant.office.desk, SYNC, None)
        self.started.set()
        ended = self.victim.ended()
        self.plant.leave_in_peace()
        return ended

    def _meet(self, _: Request, answer: Answer) -> Reply:
        with self.lock:
            self.seen += 1
            its_end = self.seen == self.point.number
        if not its_end:
            return answer()
        if self.point.what == "after request":
            answer()
        assert self.started.wait(PATIENCE)
        if self.victim is not None:
            self.victim.kill()
        raise ConnectionDropped


def outcome(plant: Plant) -> tuple[object, ...]:
    return plant.shown(), plant.written(), plant.remembered()


def kill_until_done(plant: Plant, luck: random.Random, most: int) -> list[Point]:
    """At most `most` kills, then a run that is left in peace; the points at which it was killed."""
    killed: list[Point] = []
    for _ in range(most):
        point = Point.drawn(luck)
        ended = Assassin(plant, point).run()
        assert ended.code in (0, -9), (point, ended)
        if ended.code == 0:
            return killed
        killed.append(point)
        plant.let_time_pass()
    ended = plant.office.desk.call(*SYNC)
    assert (ended.code, "Traceback" in ended.err) == (0, False), (killed, ended)
    return killed


def kill_and_compare(new_plant: NewPlant, url: str, seed: int, most: int) -> None:
    luck = random.Random(seed)
    with new_plant(url) as undisturbed:
        ended = undisturbed.office.desk.call("sync")
        assert (ended.code, ended.err) == (0, "")
        expected = outcome(undisturbed)
    kills = 0
    while kills < most:
        with new_plant(url) as plant:
            killed = kill_until_done(plant, luck, most - kills)
            print(f"seed {seed}: killed at {killed}")
            assert outcome(plant) == expected, (seed, killed)
            again = plant.office.desk.call("sync")
            assert (again.code, plant.written()) == (0, expected[1]), (seed, killed)
            kills += len(killed)


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_random_moments(new_plant: NewPlant, database_url: str, seed: int) -> None:
    kill_and_compare(new_plant, database_url, seed, FEW)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 120))
def test_killed_at_very_many_random_moments(new_plant: NewPlant, database_url: str, seed: int) -> None:
    kill_and_compare(new_plant, database_url, seed, MANY)
