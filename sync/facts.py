"""The facts that rules speak of, one small function each: entity in, fact out. The vocabulary is that of `mappings.rules`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from mappings.model import (
    ChangeRequest,
    Commit,
    Dataset,
    Deployment,
    Entity,
    Milestone,
    ModelVersion,
    Ref,
    Run,
    WorkItem,
)
from mappings.rules import format_duration, matches
from sync.freshness import Freshness
from sync.graph import Graph
from sync.project import ProjectView

FactValue: TypeAlias = bool | float | str | tuple[str, ...] | datetime | None


class Fact(msgspec.Struct, frozen=True):
    """What is known: a value (None: known to be absent), the limit it was held against, and words that follow the entity's name."""

    value: FactValue
    words: str = ""
    threshold: str | None = None


class Unknown(msgspec.Struct, frozen=True):
    """What is not known, and what is missing to know it."""

    missing: tuple[str, ...]


class View:
    """Everything a fact may look at, at one moment."""

    def __init__(self, graph: Graph, project: ProjectView, freshness: Freshness) -> None:
        self.graph = graph
        self.project = project
        self.freshness = freshness
        self.now = freshness.now

    @cached_property
    def has_deployments(self) -> bool:
        """Whether any scoped source could tell what serves."""
        return any("deployment" in one.provides for one in self.freshness.streams)

    @cached_property
    def training_uses(self) -> Mapping[Ref, Sequence[Run]]:
        """The runs trained on each dataset, oldest first."""
        uses: dict[Ref, list[Run]] = {}
        for run in sorted(self.graph.of(Run), key=lambda run: (_started(run), run.ref)):
            for link in self.graph.links_from(run.ref):
                if link.relation == "trained_on":
                    uses.setdefault(link.target, []).append(run)
        return uses

    @cached_property
    def current_datasets(self) -> frozenset[Ref]:
        """The datasets that the newest run of some experiment was trained on, among those of the same name."""
        newest: dict[tuple[str, str], tuple[tuple[datetime, Ref], set[Ref]]] = {}
        for dataset, runs in self.training_uses.items():
            name = _dataset_name(self.graph, dataset)
            for run in runs:
                order = (_started(run), run.ref)
                held = newest.get((run.experiment, name))
                if held is None or held[0] < order:
                    newest[(run.experiment, name)] = (order, {dataset})
                elif held[0] == order:
                    held[1].add(dataset)
        return frozenset(ref for _, datasets in newest.values() for ref in datasets)

    def run_of(self, version: ModelVersion) -> Run | None:
        return self.graph.runs_of_versions.get(version.ref)

    def today(self) -> date:
        return self.now.astimezone(ZoneInfo(self.project.timezone)).date()


_NEVER = datetime.min.replace(tzinfo=ZoneInfo("UTC"))


def _started(run: Run) -> datetime:
    return run.started_at or run.created_at or _NEVER


def _dataset_name(graph: Graph, ref: Ref) -> str:
    dataset = graph.get(ref, Dataset)
    return dataset.name if dataset is not None else ref.id.partition("@")[0]


def _yes(value: bool, words: str, otherwise: str) -> Fact:
    return Fact(value, words if value else otherwise)


# Work items


def _about_data(item: WorkItem, view: View) -> Fact:
    labels = [label for label in item.labels if matches(label, view.project.data_labels)] if view.project.data_labels else []
    components = (
        [one for one in item.components if matches(one, view.project.data_components)] if view.project.data_components else []
    )
    found = [f"label {label}" for label in labels] + [f"component {component}" for component in components]
    return Fact(bool(found), f"speaks of data ({', '.join(found)})" if found else "does not speak of data")


def _item_overdue(item: WorkItem, view: View) -> Fact:
    return _overdue(item.due, is_open=item.is_open, view=view)


def _overdue(due: date | None, *, is_open: bool, view: View) -> Fact:
    late = is_open and due is not None and due < view.today()
    return Fact(late, f"was due on {due}" if late else "is not overdue", str(due) if due else None)


# Runs and model versions


def _meets_thresholds(run: Run | None, view: View) -> Fact | Unknown:
    """True only if every metric that the thresholds name is there and within its limits. No thresholds: nothing to miss."""
    if run is None:
        return Fact(False, "has no known run to take metrics from")
    if not view.project.thresholds:
        return Fact(True, "has no thresholds to meet")
    failing, passing = [], []
    for glob, bound in view.project.thresholds.items():
        named = {name: value for name, value in run.metrics.items() if matches(name, [glob])}
        if not named:
            failing.append(f"{glob} is missing, limit {bound}")
        for name, value in sorted(named.items()):
            if value is None or not bound.holds(value):
                failing.append(f"{name} is {_figure(value)}, limit {bound}")
            else:
                passing.append(f"{name} is {_figure(value)}, limit {bound}")
    limits = ", ".join(f"{glob} {bound}" for glob, bound in view.project.thresholds.items())
    return Fact(not failing, "; ".join(failing or passing), limits)


def _figure(value: float | None) -> str:
    return "not a number" if value is None else f"{value:.6g}"


def _merged(subjects: Sequence[Ref], view: View) -> Fact | Unknown:
    """Whether a commit behind one of `subjects` reached the default branch through a merged change request."""
    changes = [change for ref in subjects for change in view.graph.merges.get(ref, ())]
    for ref in changes:
        change = view.graph.get(ref, ChangeRequest)
        if change is not None:
            lacks = view.freshness.reliance_lacks(ref)
            return Unknown(tuple(lacks)) if lacks else Fact(True, f"was merged by {change.repository}#{change.number}")
    lacks = view.freshness.absent_proof_lacks(("commit", "change_request"))
    unresolved = [f"look-up of commit {sha[:9]}" for sha in _shas(subjects, view) if sha in view.graph.unresolved]
    if lacks or unresolved:
        return Unknown((*lacks, *unresolved))
    return Fact(False, "comes from no merged change request")


def _shas(subjects: Sequence[Ref], view: View) -> Sequence[str]:
    runs = [run for ref in subjects if (run := view.graph.get(ref, Run)) is not None]
    return [run.git_commit.lower() for run in runs if run.git_commit]


def _version_merged(version: ModelVersion, view: View) -> Fact | Unknown:
    return _merged([version.ref, *([version.run] if version.run else [])], view)


def _released(version: ModelVersion, view: View) -> Fact:
    alias = view.project.release_alias
    if alias is not None and alias in version.aliases:
        return Fact(True, f"carries the release alias {alias}", alias)
    if version.approval == "approved":
        return Fact(True, "is approved", alias)
    wanted = f"does not carry the release alias {alias}" if alias else "is not approved, and the project names no release alias"
    return Fact(False, wanted, alias)


def _serving(version: ModelVersion, view: View) -> Fact | Unknown:
    """Behind a deployment in service; where no source could tell of deployments, the released version counts as serving."""
    if not view.has_deployments:
        return _released(version, view)
    for link in view.graph.links_to(version.ref):
        deployment = view.graph.get(link.source, Deployment) if link.relation == "deploys" else None
        if deployment is not None and _deployment_serves(deployment, version.ref):
            lacks = view.freshness.reliance_lacks(deployment.ref)
            return Unknown(tuple(lacks)) if lacks else Fact(True, f"serves behind {deployment.endpoint}")
    lacks = view.freshness.absent_proof_lacks(("deployment",))
    return Unknown(tuple(lacks)) if lacks else Fact(False, "serves nowhere")


def _deployment_serves(deployment: Deployment, version: Ref | None = None) -> bool:
    shares = [share for share in deployment.models if version is None or share.model == version]
    return deployment.state in ("in_service", "updating", "rolling_back") and any(share.share > 0 for share in shares)


def serves(ref: Ref, view: View) -> Fact | Unknown:
    """Whether the subject of an observation serves now. Only versions and deployments can."""
    version = view.graph.get(ref, ModelVersion)
    if version is not None:
        return _serving(version, view)
    deployment = view.graph.get(ref, Deployment)
    if deployment is not None:
        return _yes(_deployment_serves(deployment), "is in service", "is not in service")
    return Fact(False, "is nothing that serves")


def _run_status(version: ModelVersion, view: View) -> Fact | Unknown:
    run = view.run_of(version)
    if run is None:
        if version.run is not None:
            lacks = view.freshness.absent_proof_lacks(("run",))
            if lacks:
                return Unknown(tuple(lacks))
        return Fact(None, "has no known run")
    lacks = view.freshness.reliance_lacks(run.ref)
    return Unknown(tuple(lacks)) if lacks else Fact(run.status, f"has a run that is {run.status}")


def _version_meets(version: ModelVersion, view: View) -> Fact | Unknown:
    run = view.run_of(version)
    lacks = view.freshness.reliance_lacks(run.ref) if run is not None else view.freshness.absent_proof_lacks(("run",))
    if lacks:
        return Unknown(tuple(lacks))
    return _meets_thresholds(run, view)


# Datasets


def _data_time(dataset: Dataset, view: View) -> datetime | None:
    """When the data was taken: as its runs declare it, else its first known use, which it is at least as old as."""
    runs = view.training_uses.get(dataset.ref, ())
    declared = [use.as_of for run in runs for use in run.datasets if use.dataset == dataset.ref and use.as_of is not None]
    if declared:
        return max(declared)
    starts = [run.started_at for run in runs if run.started_at is not None]
    return min(starts, default=dataset.created_at)


def _fresh(dataset: Dataset, view: View) -> Fact | Unknown:
    limit = view.project.data_fresh_within
    if limit is None:
        return Fact(True, "has no freshness limit")
    time = _data_time(dataset, view)
    if time is None:
        return Unknown((f"the age of dataset {dataset.name}",))
    taken = time.astimezone(ZoneInfo(view.project.timezone)).strftime("%Y-%m-%d")
    fresh = view.now - time < limit
    words = f"was taken on {taken}, " + ("within" if fresh else "longer ago than") + f" {format_duration(limit)}"
    return Fact(fresh, words, format_duration(limit))


def fresh_until(dataset: Dataset, view: View) -> datetime | None:
    """When the dataset's freshness will change, if it is fresh now."""
    limit, time = view.project.data_fresh_within, _data_time(dataset, view)
    return time + limit if limit is not None and time is not None and time + limit > view.now else None


def is_current(ref: Ref, view: View) -> Fact:
    """Whether a dataset is the newest state of its name that an experiment was trained on."""
    return _yes(ref in view.current_datasets, "is the state in use", "was replaced by a newer state")


def _text(value: str | None, what: str) -> Fact:
    return Fact(value, f"{what} {value}" if value else "")


FactOf: TypeAlias = Callable[[Any, View], Fact | Unknown]

FACTS: Mapping[type[Entity], Mapping[str, FactOf]] = {
    WorkItem: {
        "open": lambda item, _: _yes(item.is_open, "is open", "is closed"),
        "status": lambda item, _: _text(item.status, "has status"),
        "status_category": lambda item, _: _text(item.status_category, "is"),
        "item_type": lambda item, _: _text(item.item_type, "is a"),
        "label": lambda item, _: Fact(item.labels, f"has the labels {', '.join(item.labels)}" if item.labels else "has no label"),
        "component": lambda item, _: Fact(item.components, f"has the components {', '.join(item.components)}"),
        "about_data": _about_data,
        "overdue": _item_overdue,
        "age": lambda item, _: Fact(item.created_at, f"was created at {item.created_at}"),
    },
    ChangeRequest: {
        "state": lambda change, _: _text(change.state, "is"),
        "draft": lambda change, _: _yes(change.draft, "is a draft", "is no draft"),
        "merged": lambda change, _: _yes(
            change.state == "merged" and change.base == (change.default_branch or change.base),
            "is merged into the default branch",
            "is not merged into the default branch",
        ),
        "label": lambda change, _: Fact(change.labels, f"has the labels {', '.join(change.labels)}"),
        "age": lambda change, _: Fact(change.created_at, f"was opened at {change.created_at}"),
    },
    Commit: {
        "on_default_branch": lambda commit, _: _yes(
            commit.on_default_branch, "is on the default branch", "is on no default branch"
        ),
        "age": lambda commit, _: Fact(commit.committed_at or commit.authored_at, "was committed"),
    },
    Run: {
        "status": lambda run, _: _text(run.status, "is"),
        "meets_thresholds": _meets_thresholds,
        "merged": lambda run, view: _merged([run.ref], view),
        "framework": lambda run, _: _text(run.framework, "used"),
        "age": lambda run, _: Fact(run.ended_at or run.started_at, f"ended at {run.ended_at}"),
    },
    Dataset: {
        "name": lambda dataset, _: _text(dataset.name, "is"),
        "current": lambda dataset, view: is_current(dataset.ref, view),
        "fresh": _fresh,
        "age": lambda dataset, view: Fact(_data_time(dataset, view), "was taken"),
    },
    ModelVersion: {
        "released": _released,
        "alias": lambda version, _: Fact(version.aliases, f"has the aliases {', '.join(version.aliases)}"),
        "approval": lambda version, _: _text(version.approval, "is"),
        "serving": _serving,
        "run_status": _run_status,
        "meets_thresholds": _version_meets,
        "merged": _version_merged,
        "age": lambda version, _: Fact(version.created_at, f"was registered at {version.created_at}"),
    },
    Deployment: {
        "state": lambda deployment, _: _text(deployment.state, "is"),
        "platform": lambda deployment, _: _text(deployment.platform, "runs on"),
        "environment": lambda deployment, _: _text(deployment.environment, "is in"),
        "serving": lambda deployment, _: _yes(_deployment_serves(deployment), "is in service", "is not in service"),
        "age": lambda deployment, _: Fact(deployment.created_at, f"was created at {deployment.created_at}"),
    },
    Milestone: {
        "state": lambda milestone, _: _text(milestone.state, "is"),
        "overdue": lambda milestone, view: _overdue(milestone.due, is_open=milestone.state == "open", view=view),
    },
}
"""Every fact of every kind. The names are those of the patterns' fields; a test holds the two against each other."""
