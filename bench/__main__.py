"""`make bench`: measures, prints every figure with its target, and says what was missed. It never fails for a missed figure."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench.cloud_pull import cloud_figures
from bench.figures import Figure, show
from bench.full_pull import SIZE, FullPull, growth
from bench.intake import intake_figures
from bench.killed import killed_figures
from bench.published import published_figures
from bench.quiet_sync import quiet_figures
from bench.rate import rate_figures
from bench.stand_ins import standing_in
from bench.startup import startup_figures


def main() -> None:
    console, began = Console(highlight=False), time.monotonic()
    with console.status("measuring …") as status, tempfile.TemporaryDirectory(prefix="milepost-bench-") as name:
        folder = Path(name)
        status.update("milepost --help")
        startup = list(startup_figures())
        with standing_in(SIZE) as stand_ins:
            status.update(f"pulling {SIZE.records:,} records several times")
            pull = FullPull(folder, stand_ins)
            status.update("syncing twice")
            quiet = list(quiet_figures(pull.project, stand_ins))
            status.update("sending deliveries")
            intake = list(intake_figures(folder, stand_ins))
        status.update("pulling a hundred thousand Jira issues")
        grown = list(growth(folder))
        status.update("pulling an account of each cloud")
        clouds = list(cloud_figures(folder, pull.cpu_a_record))
        status.update("waiting for statuses")
        published = list(published_figures(folder))
        status.update("killing workers")
        killed = list(killed_figures(folder))
        status.update("sharing a rate")
        rate = list(rate_figures(folder))
    pulled = list(pull.figures())
    figures = [*startup, *pulled, *grown, *quiet, *clouds, *rate, *intake, *published, *killed]
    show(console, figures)
    if any("CPU" in figure.name and not figure.is_met for figure in pulled):
        console.print("Where the pull's CPU went (under cProfile, which inflates calls; waiting for answers is in `recv`):")
        console.print(pull.profile, markup=False, soft_wrap=True)
    console.print(f"{_summary(figures)} Took {time.monotonic() - began:.0f} s.")


def _summary(figures: Sequence[Figure]) -> str:
    missed = [figure.name for figure in figures if not figure.is_met]
    return f"Missed {len(missed)} of {len(figures)} figures: {'; '.join(missed)}." if missed else f"All {len(figures)} figures met."


if __name__ == "__main__":
    main()
