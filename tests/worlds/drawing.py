"""What worlds are made of: an opening, and turns of doings, time and weather. Drawn by hypothesis, or by a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from hypothesis import strategies as st

from tests.worlds.doings import WEIGHTS, People
from tests.worlds.weather import FAIR, WEATHERS
from tests.worlds.world import World


class Piece(NamedTuple):
    """A piece of work that has come as far as a release: how it was merged (3: not yet), how its ticket is named, how trained."""

    merged: int
    named: int
    trained: int


class Turn(NamedTuple):
    """Each doing is a name, which thing it is done to, and how. `how` the weather strikes."""

    doings: Sequence[tuple[str, int, int]]
    minutes: int
    weather: str
    how: int


class Plot(NamedTuple):
    pieces: Sequence[Piece]
    turns: Sequence[Turn]


WORDS = [doing.__name__ for doing, weight in WEIGHTS.items() for _ in range(weight)]
SKIES = [*[FAIR.name] * 14, *WEATHERS]
MINUTES = (5, 30, 60, 60, 360, 720, 1500, 1500, 4000, 11000)
MERGED, NAMED, TRAINED = (0, 1, 2, 3), (0, 1, 2, 3), (0, 2, 4, 6, 20)

_doing = st.tuples(st.sampled_from(WORDS), st.integers(0, 11), st.integers(0, 23))
_turn = st.builds(
    Turn, st.lists(_doing, min_size=2, max_size=7), st.sampled_from(MINUTES), st.sampled_from(SKIES), st.integers(0, 11)
)
_piece = st.builds(Piece, st.sampled_from(MERGED), st.sampled_from(NAMED), st.sampled_from(TRAINED))
plots = st.builds(Plot, st.lists(_piece, min_size=1, max_size=2), st.lists(_turn, min_size=3, max_size=6))


def plot_of(seed: int, *, also: Sequence[str] = (), without: Sequence[str] = ()) -> Plot:
    """Always the same plot for the same seed; the doings and weathers `without` do not occur, the doings `also` do besides."""
    chance = random.Random(seed)
    words, skies = ([word for word in of if word not in without] for of in ([*WORDS, *also], SKIES))
    pieces = [Piece(chance.choice(MERGED), chance.choice(NAMED), chance.choice(TRAINED)) for _ in range(chance.randint(1, 2))]
    turns = [
        Turn(
            [(chance.choice(words), chance.randrange(12), chance.randrange(24)) for _ in range(chance.randint(2, 7))],
            chance.choice(MINUTES),
            chance.choice(skies),
            chance.randrange(12),
        )
        for _ in range(chance.randint(3, 6))
    ]
    return Plot(pieces, turns)


def play(world: World, plot: Plot) -> None:
    """The whole plot, and calm days at its end. What goes wrong tells what happened before."""
    people = People(world)
    try:
        _open(people, plot.pieces)
        world.sync()
        for turn in plot.turns:
            _take(people, turn)
        world.set_clock_right()
        for hours in (1, 25):
            world.clock.advance(timedelta(hours=hours))
            world.sync()
        assert world.was_clean, "after two calm days not everything could be looked at"
    except BaseException as error:
        error.add_note("\n".join(["In this world:", *world.told]))
        raise


def _open(people: People, pieces: Sequence[Piece]) -> None:
    for number, piece in enumerate(pieces):
        people.do("begin", 0, 0)
        people.do("propose", number, piece.named)
        people.do("train", number, piece.trained)
        if piece.merged < 3:
            people.do("merge", 0, piece.merged)
        people.do("register", 3, 1)


def _take(people: People, turn: Turn) -> None:
    world, weather = people.world, WEATHERS[turn.weather]
    with weather.over(world.sky, turn.how):
        for what, which, how in turn.doings:
            people.do(what, which, how)
        world.clock.advance(timedelta(minutes=turn.minutes))
        world.tell(f"{turn.minutes} minutes pass")
        world.sync(weather)
