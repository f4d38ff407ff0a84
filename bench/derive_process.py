"""What it costs to link and judge a project's stored facts, in a process of its own: `python -m bench.derive_process FILE`."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import msgspec

from bench.pull_process import cpu_time, workspace_of
from sync.assess import assess

RUNS = 2
"""What else the machine does can only add to the CPU time of a run: the lower one counts."""


class DeriveCost(msgspec.Struct, frozen=True, kw_only=True):
    """User and system time of loading, linking and judging one project, and what came of it."""

    cpu: float
    entities: int
    standings: int


def main(file: Path) -> None:
    with workspace_of(file) as workspace:
        (project,) = workspace.projects
        costs = []
        for _ in range(RUNS):
            before = cpu_time()
            assessed = assess(workspace.database, project, stop=threading.Event())
            cost = DeriveCost(cpu=cpu_time() - before, entities=len(assessed.graph.entities), standings=len(assessed.standings))
            costs.append(cost)
    sys.stdout.buffer.write(msgspec.json.encode(min(costs, key=lambda cost: cost.cpu)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
