"""Where a pull's time goes: `python -m bench.profile_process FILE` pulls one source after the other under cProfile."""

from __future__ import annotations

import cProfile
import io
import pstats
import sys
import threading
from pathlib import Path

from bench.pull_process import workspace_of
from sync.progress import unwatched
from sync.pull import SourcePull
from sync.workspace import Workspace

SHOWN = 30


def main(file: Path) -> None:
    with workspace_of(file) as workspace:
        profile = cProfile.Profile()
        profile.enable()
        _pull(workspace)
        profile.disable()
    text = io.StringIO()
    statistics = pstats.Stats(profile, stream=text).strip_dirs()
    statistics.sort_stats("cumulative").print_stats(SHOWN)
    statistics.sort_stats("tottime").print_stats(SHOWN)
    sys.stdout.write("\n".join(line for line in text.getvalue().splitlines() if line.strip()) + "\n")


def _pull(workspace: Workspace) -> None:
    for source in workspace.sources.values():
        pull = SourcePull(
            workspace.database, source, workspace.pull_limits, run_id="profile", report=unwatched, stop=threading.Event()
        )
        pull.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
