"""A sync after which nothing has changed: what it asks, and that it writes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from bench.figures import Figure
from bench.project import Project
from bench.stand_ins import Order, StandIns

STREAMS = 8
"""Jira's fields, versions and issues; GitHub's labels, milestones, issues, change requests and commits, of one scope each. The
sweeps among them are short: one page each."""


def quiet_figures(project: Project, stand_ins: StandIns) -> Iterator[Figure]:
    """`project` has been pulled. The first sync publishes what is true, so that the second has something to leave alone."""
    stand_ins.order(Order())
    project.milepost("sync", "--initial")
    first = stand_ins.order(Order())
    if not first.writes:
        raise RuntimeError("the first sync wrote nothing: the world shows no status")
    project.milepost("sync")
    second = stand_ins.order(Order())
    jira = sum(count for name, count in second.requests.items() if "/rest/api/" in name)
    yield Figure(
        name="second sync: requests, one a stream and scope",
        target=STREAMS,
        measured=second.total,
        note=f"Jira {jira}, GitHub {second.total - jira}",
    )
    yield Figure(name="second sync: writes", target=0, measured=second.writes, note=f"the first sync made {first.writes}")
