"""Pulling a large account of each cloud, pulling it again without news, and judging what came: requests, CPU and memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from bench.cloud_size import CloudSize
from bench.clouds import Cloud, azureml, sagemaker
from bench.derive_process import DeriveCost
from bench.figures import Figure
from bench.full_pull import measured_pull, process_output
from bench.project import ACCESS, made_project
from bench.pull_process import Cost
from bench.stand_ins import standing_in
from bench.world import PROJECT, Size

LARGE = CloudSize(endpoints=500, versions=5_000, runs=20_000)
SOURCE = "cloud"
DEARER = 3
"""Times what a record of the others costs: SageMaker tells of an endpoint in five answers, for a millisecond of boto3's each."""
LINEAR = 2.3
"""Times the CPU time for twice as much: sorting and a busy machine add to it."""

Opened = Callable[[Path, CloudSize], AbstractContextManager[Cloud]]


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Of one size of one cloud. `singly`: what the pull without news asked about one object alone."""

    title: str
    size: CloudSize
    first_floors: Mapping[str, int]
    quiet_floors: Mapping[str, int]
    swept: str
    first: Cost
    quiet: Cost
    singly: int
    derived: DeriveCost

    @property
    def cpu_a_record(self) -> float:
        return self.first.cpu / sum(stream.records for stream in self.first.streams)


def cloud_figures(folder: Path, usual: float) -> Iterator[Figure]:
    """`usual` is the CPU time that a record of the other sources costs."""
    opened: Mapping[str, Opened] = {"sagemaker": sagemaker, "azureml": azureml}
    for name, cloud in opened.items():
        # The half is not less real than the whole: it says how everything grows.
        half, whole = (_measured(folder, name, cloud, size) for size in (LARGE.halved(), LARGE))
        yield from _requests(whole)
        yield _cpu(half, whole, usual)
        yield from _memory(half, whole)
        yield _derived(half, whole)


def _measured(folder: Path, name: str, opened: Opened, size: CloudSize) -> Measured:
    own = folder / f"{name}-{size.endpoints}"
    own.mkdir()
    with opened(own, size) as cloud, standing_in(Size(jira_issues=size.tickets)) as office:
        project = made_project(own / "project", _written(cloud, office.addresses.jira), {**ACCESS, **cloud.access})
        first = measured_pull(project)
        cloud.read_singly()
        quiet = measured_pull(project)
        singly = cloud.read_singly()
    for cost, what, count in (
        (first, "was set aside", sum(stream.rejected for stream in first.streams)),
        (quiet, "had changed", sum(stream.changed for stream in quiet.streams)),
    ):
        if count:
            raise RuntimeError(f"{cloud.title}: {count} of the records {what}: {cost.streams}")
    return Measured(
        title=cloud.title,
        size=size,
        first_floors=cloud.first_floors,
        quiet_floors=cloud.quiet_floors,
        swept=cloud.swept,
        first=first,
        quiet=quiet,
        singly=singly,
        derived=msgspec.json.decode(process_output("bench.derive_process", project), type=DeriveCost),
    )


def _written(cloud: Cloud, jira: str) -> str:
    """A project that most of the shipped statuses speak of."""
    return "\n".join(
        [
            "sources:",
            f"  {SOURCE}: {cloud.source}",
            f"  jira: {{type: jira, url: {jira}, deployment: cloud}}",
            "projects:",
            "  churn:",
            "    risk_class: high",
            "    thresholds: {val_auc: {gte: 0.85}}",
            "    retrain: {every: 90d}",
            "    data: {labels: [data], fresh_within: 30d}",
            "    scopes:",
            f"      {SOURCE}: {cloud.scope}",
            f"      jira: {{projects: [{PROJECT}]}}",
            "",
        ]
    )


def _requests(whole: Measured) -> Iterator[Figure]:
    first, quiet = _asked(whole.first), _asked(whole.quiet)
    yield Figure(
        name=f"{whole.title}, first pull: requests beside the fewest possible",
        target=1.03,
        measured=sum(first.values()) / sum(whole.first_floors.values()),
        unit=" ×",
        note=f"{_size(whole.size)}; {_told(first, whole.first_floors)}",
    )
    yield Figure(
        name=f"{whole.title}, nothing new: requests beside one a stream and what its sweeps must ask",
        target=sum(whole.quiet_floors.values()),
        measured=sum(quiet.values()),
        note=f"{_told(quiet, whole.quiet_floors)}; {whole.swept}",
    )
    yield Figure(name=f"{whole.title}, nothing new: requests about one object", target=0, measured=whole.singly)


def _asked(cost: Cost) -> Mapping[str, int]:
    return {stream.stream: stream.requests for stream in cost.streams if stream.source == SOURCE}


def _told(asked: Mapping[str, int], floors: Mapping[str, int]) -> str:
    """The streams that cost more than a request, each with the fewest possible; the others together."""
    single = [stream for stream, count in asked.items() if count <= 1 and floors.get(stream, 0) <= 1]
    long = [f"{stream} {count}/{floors.get(stream, 0)}" for stream, count in asked.items() if stream not in single]
    return ", ".join([*long, f"at most one for {', '.join(single)}"] if single else long)


def _cpu(half: Measured, whole: Measured, usual: float) -> Figure:
    costs = [one.cpu_a_record for one in (half, whole)]
    shown = " and ".join(f"{cost * 1e6:.0f} µs" for cost in costs)
    return Figure(
        name=f"{whole.title}, first pull: CPU a record beside Jira's and GitHub's",
        target=DEARER,
        measured=min(costs) / usual,
        unit=" ×",
        note=f"{shown} in pulls of half and of all, against {usual * 1e6:.0f} µs",
    )


def _memory(half: Measured, whole: Measured) -> Iterator[Figure]:
    """Linux only."""
    extras = [one.first.extra_memory for one in (half, whole)]
    if extras[0] is None or extras[1] is None:
        return
    yield Figure(
        name=f"{whole.title}, first pull: memory of all beside half of it",
        target=1.3,
        measured=extras[1] / extras[0],
        unit=" ×",
        note=f"{extras[1]:.1f} MB against {extras[0]:.1f} MB above the idle process",
    )


def _derived(half: Measured, whole: Measured) -> Figure:
    one, two = half.derived, whole.derived
    return Figure(
        name=f"{whole.title}, judging: CPU of all beside half of it",
        target=LINEAR,
        measured=two.cpu / one.cpu,
        unit=" ×",
        note=(
            f"{two.cpu:.1f} s for {two.standings:,} verdicts about {two.entities:,} entities, "
            f"{one.cpu:.1f} s for {one.standings:,} about {one.entities:,}"
        ),
    )


def _size(size: CloudSize) -> str:
    return f"{size.endpoints:,} endpoints, {size.versions:,} versions, {size.runs:,} runs"
