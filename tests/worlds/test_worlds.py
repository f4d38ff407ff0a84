"""Whatever happens, and whatever fails meanwhile: what Milepost shows is what its documents say of the facts.

After each sync in a world: nothing that is not ours has changed; every write is in the audit; the exit code tells what failed; no
favourable status has newly appeared on facts that deny it or could not be read. After each one that could read everything: every
place shows what the oracle says, what a person set is kept or rewritten as documented, and a second sync writes nothing.
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.worlds.doings import RARE, People
from tests.worlds.drawing import Plot, play, plot_of, plots
from tests.worlds.mlflow_mirror import Mirror

if TYPE_CHECKING:
    from sandbox.mlflow.server import RunningServer
    from tests.worlds.conftest import NewWorld

SEEN = (
    "Model ready",
    "Data blocked",
    "Drift alert",
    "Unknown",
    "ml/model-ready",
    "ml/data-blocked",
    "ml/drift-alert",
    "turned green",
    "withdrawn",
    "override",
    "rewritten",
)
"""What the worlds of one test must have reached between them, so that they prove something."""

OFTEN = 8
"""How often a rare doing is drawn: about once in nine."""

# A failing plot is not shrunk: each step would be a whole world. It is told event by event instead.
WHOLE = settings(
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
        HealthCheck.function_scoped_fixture,
    ],
)


def play_many(new_world: NewWorld, template: Path, folder: Path, count: int) -> Counter[str]:
    """That many worlds, each on an empty database, and what they have reached."""
    reached: Counter[str] = Counter()

    @settings(WHOLE, max_examples=count)
    @given(plots)
    def each(plot: Plot) -> None:
        reached.update(play_one(new_world, template, folder, plot))

    each()
    return reached


def play_one(new_world: NewWorld, template: Path, folder: Path, plot: Plot, *, twins: bool = False) -> Counter[str]:
    for old in folder.glob("milepost.db*"):
        old.unlink()
    shutil.copyfile(template, folder / "milepost.db")
    with new_world(f"sqlite:///{folder / 'milepost.db'}") as world:
        if twins:
            world.add_twin()
        play(world, plot)
    return world.reached + Counter(f"worlds with {name}" for name in world.reached) + Counter(["worlds"])


def test_what_is_shown_is_what_the_documents_say(new_world: NewWorld, sqlite_template: Path, tmp_path: Path) -> None:
    reached = Counter[str]()
    for seed in range(13):
        reached += play_one(new_world, sqlite_template, tmp_path, plot_of(seed))
    reached += play_many(new_world, sqlite_template, tmp_path, 2)
    assert [name for name in SEEN if not reached[name]] == []
    assert reached["worlds with Model ready"] > reached["worlds"] / 2


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1000, 1870, 30))
def test_many_worlds(new_world: NewWorld, sqlite_template: Path, tmp_path: Path, first: int) -> None:
    """A thousand, with the rare ones and those on a real MLflow."""
    reached = Counter[str]()
    for seed in range(first, first + 30):
        reached += play_one(new_world, sqlite_template, tmp_path, plot_of(seed))
    assert [name for name in SEEN if not reached[name]] == []
    assert reached["worlds with Model ready"] > reached["worlds"] / 2


def play_rare(new_world: NewWorld, template: Path, folder: Path, doing: str, seeds: range) -> Counter[str]:
    """Worlds where that is done besides, and often."""
    reached = Counter[str]()
    for seed in seeds:
        plot = plot_of(seed, also=[doing] * OFTEN)
        reached += play_one(new_world, template, folder, plot, twins=doing == People.reorder.__name__)
    return reached


@pytest.mark.parametrize("doing", RARE)
def test_what_is_rare(new_world: NewWorld, sqlite_template: Path, tmp_path: Path, doing: str) -> None:
    assert play_rare(new_world, sqlite_template, tmp_path, doing, range(5000, 5002))[doing]


@pytest.mark.soak
@pytest.mark.parametrize("doing", RARE)
def test_many_rare_worlds(new_world: NewWorld, sqlite_template: Path, tmp_path: Path, doing: str) -> None:
    reached = play_rare(new_world, sqlite_template, tmp_path, doing, range(5002, 5027))
    assert reached[f"worlds with {doing}"] > reached["worlds"] / 2


@pytest.mark.parametrize("dialect", ["postgresql"])
@pytest.mark.parametrize("seed", [1015, 1016])
def test_on_postgresql(new_world: NewWorld, database_url: str, seed: int) -> None:
    with new_world(database_url) as world:
        play(world, plot_of(seed))
    assert world.reached["turned green"]


def play_on_mlflow(new_world: NewWorld, template: Path, folder: Path, server: RunningServer, seed: int) -> Counter[str]:
    shutil.copyfile(template, folder / "milepost.db")
    with new_world(f"sqlite:///{folder / 'milepost.db'}") as world, httpx.Client(trust_env=False) as client:
        mirror = Mirror(server.url, client, world.registry)
        world.office.connection = mirror.connection()
        world.office.scopes["shelf"] = mirror.scope()
        world.before_sync = mirror.update
        # That a run was deleted shows only when all are listed again.
        play(world, plot_of(seed, without=["delete_run", "the registry is down"]))
    return world.reached


def test_on_a_real_mlflow(new_world: NewWorld, sqlite_template: Path, tmp_path: Path, mlflow_server: RunningServer) -> None:
    assert play_on_mlflow(new_world, sqlite_template, tmp_path, mlflow_server, 1017)["turned green"]


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3000, 3030))
def test_worlds_on_a_real_mlflow(
    new_world: NewWorld, sqlite_template: Path, tmp_path: Path, mlflow_server: RunningServer, seed: int
) -> None:
    assert play_on_mlflow(new_world, sqlite_template, tmp_path, mlflow_server, seed)["sync"]
