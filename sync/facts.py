"""The facts that rules speak of, one small function each: entity in, fact out. The vocabulary is that of `mappings.rules`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeAlias

from mappings.conditions import format_duration, matches
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
    TrafficShare,
    WorkItem,
)
from sync.known import addresses
from sync.lineage import named_shas
from sync.moments import day_in, end_of, in_words, is_ahead, later
from sync.view import Fact, FactValue, Unknown, View

__all__ = ["FACTS", "Fact", "FactValue", "Unknown", "View", "is_current", "serves"]


def _yes(value: bool, words: str, otherwise: str) -> Fact:
    return Fact(value, words if value else otherwise)


def _text(value: str | None, what: str) -> Fact:
    return Fact(value, f"{what} {value.replace('_', ' ')}" if value else "")


def _list(values: Sequence[str], one: str, several: str) -> Fact:
    words = f"has no {one}" if not values else f"has the {one if len(values) == 1 else several} {', '.join(values)}"
    return Fact(tuple(values), words)


def _when(time: datetime | None, what: str, view: View) -> Fact | Unknown:
    """A time that still lies ahead cannot be one at which something happened."""
    if time is None:
        return Fact(None)
    words = f"{what} on {day_in(time, view.project.timezone)}"
    return Unknown((f"a believable date: it says that it {words}",)) if is_ahead(time, view.now) else Fact(time, words)


# Work items and milestones


def _about_data(item: WorkItem, view: View) -> Fact:
    labels = [f"label {label}" for label in item.labels if matches(label, view.project.data_labels)]
    components = [f"component {one}" for one in item.components if matches(one, view.project.data_components)]
    found = ", ".join([*labels, *components])
    return Fact(bool(found), f"is about data ({found})" if found else "is not about data")


def _overdue(due: date | None, *, is_open: bool, view: View) -> Fact:
    if due is None or not is_open:
        return Fact(False, "is not overdue")
    late = due < view.today()
    ends = None if late else end_of(due, view.project.timezone)
    return Fact(late, f"was due on {due}" if late else f"is not overdue (due on {due})", str(due), ends)


# Runs and model versions


def _meets_thresholds(run: Run | None, view: View) -> Fact | Unknown:
    """True only if every metric that the thresholds name is there and within its limits. No thresholds: nothing to miss."""
    if run is None:
        return Fact(False, "has no known run to take metrics from")
    if not view.project.thresholds:
        return Fact(True, "has no thresholds to meet")
    failing: list[str] = []
    passing: list[str] = []
    for glob, bound in view.project.thresholds.items():
        named = {name: value for name, value in run.metrics.items() if matches(name, [glob])}
        if not named:
            failing.append(f"has no metric {glob} (limit {bound})")
        for name, value in sorted(named.items()):
            if value is None:
                failing.append(f"has no number for {name} (limit {bound})")
            else:
                (passing if bound.holds(value) else failing).append(f"has {name} {value:.6g} (limit {bound})")
    limits = ", ".join(f"{glob} {bound}" for glob, bound in view.project.thresholds.items())
    return Fact(not failing, " and ".join(failing or passing), limits)


def _merged(subjects: Sequence[Ref], view: View) -> Fact | Unknown:
    """Whether a commit behind one of `subjects` reached the default branch through a merged change request."""
    lacks: list[str] = []
    for ref in (ref for subject in subjects for ref in view.graph.merges.get(subject, ())):
        change = view.graph.get(ref, ChangeRequest)
        if change is not None:
            doubts = _merge_lacks(change, view)
            if not doubts and _was_dropped(change, view):
                continue
            doubts = [*view.lacks(ref), *doubts]
            if not doubts:
                return Fact(True, f"was merged by {change.repository}#{change.number}")
            lacks.extend(doubts)
    lacks.extend(view.freshness.absent_proof_lacks(("commit", "change_request")))
    named = {sha for ref in subjects for sha in _shas(ref, view)}
    lacks.extend(f"look-up of commit {sha[:9]}" for sha in view.open_look_ups if sha in named)
    return Unknown(tuple(dict.fromkeys(lacks))) if lacks else Fact(False, "comes from no merged change request")


def _merge_commit(change: ChangeRequest, view: View) -> Commit | None:
    """The commit by which a change request came in, as its branch's listing told of it: both live under their repository's id.

    A commit that was only looked up tells nothing of branches; it names the change requests that it belongs to instead.
    """
    repository, merge = change.ref.id.rpartition("/")[0], (change.merge_sha or "").lower()
    commit = view.graph.get(Ref(change.ref.source, "commit", f"{repository}/{merge}"), Commit)
    return None if commit is not None and change.ref in commit.change_requests and not commit.on_default_branch else commit


def _was_dropped(change: ChangeRequest, view: View) -> bool:
    """Whether a merge was taken back off the default branch, as by a force-push.

    That may have been before anybody saw it there: where all commits of the branch are listed, one that is not known is not on it.
    """
    commit = _merge_commit(change, view)
    if commit is None:
        return change.merge_sha is not None and view.freshness.lists("commit", source=change.ref.source)
    return not commit.on_default_branch


def _merge_lacks(change: ChangeRequest, view: View) -> Sequence[str]:
    """What is missing to say whether a merge still stands. While commits are missing, its own could be among them, or be one that
    was dropped."""
    branch = [f"the default branch of {change.repository}"] if change.default_branch is None else []
    commit = _merge_commit(change, view)
    if commit is not None:
        return [*branch, *view.lacks(commit.ref)]
    return [*branch, *view.freshness.absent_proof_lacks(("commit",), source=change.ref.source)]


def _shas(ref: Ref, view: View) -> Sequence[str]:
    entity = view.graph.entities.get(ref)
    return named_shas(entity) if isinstance(entity, Run | ModelVersion) else ()


def _change_merged(change: ChangeRequest, view: View) -> Fact | Unknown:
    if change.state != "merged":
        return Fact(False, "is not merged")
    lacks = _merge_lacks(change, view)
    if lacks:
        return Unknown(tuple(lacks))
    if _was_dropped(change, view):
        return Fact(False, f"was merged, but commit {(change.merge_sha or '')[:9]} is no longer on the default branch")
    return _yes(
        change.base == change.default_branch, "is merged into the default branch", f"is merged into {change.base}, not the default"
    )


def _released(version: ModelVersion, view: View) -> Fact:
    alias = view.project.release_alias
    if version.approval == "rejected":
        return Fact(False, "is rejected", alias)
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
    lacks: list[str] = []
    for link in view.graph.links_to(version.ref):
        sure = link.relation == "deploys" and link.confidence != "textual"
        deployment = view.graph.get(link.source, Deployment) if sure else None
        if deployment is not None and _deployment_serves(deployment, None if link.confidence == "declared" else version):
            doubts = view.lacks(deployment.ref)
            if not doubts:
                return Fact(True, f"serves behind {deployment.endpoint}")
            lacks.extend(doubts)
    lacks.extend(view.freshness.absent_proof_lacks(("deployment",)))
    return Unknown(tuple(dict.fromkeys(lacks))) if lacks else Fact(False, "serves nowhere")


def _deployment_serves(deployment: Deployment, version: ModelVersion | None = None) -> bool:
    """Whether it is in service and sends traffic to `version`, or at all."""
    shares = [share for share in deployment.models if version is None or _is_of(share, version)]
    return deployment.state in ("in_service", "updating", "rolling_back") and any(share.share > 0 for share in shares)


def _is_of(share: TrafficShare, version: ModelVersion) -> bool:
    return share.model == version.ref if share.model is not None else share.name in addresses(version)


def serves(ref: Ref, view: View) -> Fact | Unknown:
    """Whether the subject of an observation serves now. Only versions and deployments can."""
    version = view.graph.get(ref, ModelVersion)
    if version is not None:
        return _serving(version, view)
    deployment = view.graph.get(ref, Deployment)
    if deployment is not None:
        return _yes(_deployment_serves(deployment), "is in service", "is not in service")
    lacks = view.freshness.absent_proof_lacks((ref.kind,)) if ref.kind in ("model_version", "deployment") else ()
    return Unknown(tuple(lacks)) if lacks else Fact(False, "is nothing that serves")


def _made_by(version: ModelVersion, view: View) -> Run | Unknown | None:
    """The run that made a version; None when it is known to have none."""
    run = view.run_of(version)
    if run is not None:
        lacks = view.lacks(run.ref)
        return Unknown(tuple(lacks)) if lacks else run
    lacks = view.freshness.absent_proof_lacks(("run",)) if version.run is not None else ()
    return Unknown(tuple(lacks)) if lacks else None


_RUN_WORDS: Mapping[str, str] = {
    "finished": "finished",
    "failed": "failed",
    "killed": "was stopped",
    "running": "is still running",
    "scheduled": "has not started yet",
}


def _run_status(version: ModelVersion, view: View) -> Fact | Unknown:
    run = _made_by(version, view)
    if isinstance(run, Unknown):
        return run
    if run is None:
        return Fact(None, "has no known run")
    return Fact(run.status, f"comes from a run that {_RUN_WORDS.get(run.status, 'is in no known state')}")


def _version_meets(version: ModelVersion, view: View) -> Fact | Unknown:
    run = _made_by(version, view)
    return run if isinstance(run, Unknown) else _meets_thresholds(run, view)


def _version_merged(version: ModelVersion, view: View) -> Fact | Unknown:
    """By its run's commit or by the commit that it names itself."""
    run = _made_by(version, view)
    merged = _merged([version.ref, run.ref] if isinstance(run, Run) else [version.ref], view)
    proven = isinstance(merged, Fact) and merged.value is True
    return run if isinstance(run, Unknown) and not proven else merged


# Datasets


def _data_time(dataset: Dataset, view: View) -> datetime | None:
    """When the data was taken: as its runs declare it, else its first known use, which it is at least as old as.

    No run was trained on data from after its start, and nothing was taken at a time that lies ahead.
    """
    runs = view.training_uses.get(dataset.ref, ())
    named = [(run, use.as_of) for run in runs for use in run.datasets if use.dataset == dataset.ref and use.as_of is not None]
    starts = [run.started_at for run in runs if run.started_at is not None and run.started_at <= view.now]
    declared = [min(as_of, run.started_at or as_of) for run, as_of in named if as_of <= view.now]
    first_seen = dataset.created_at if dataset.created_at is None or dataset.created_at <= view.now else None
    return max(declared) if declared else min(starts, default=first_seen)


def _unless_runs_lack(fact: Fact | Unknown, view: View) -> Fact | Unknown:
    """What another run could turn either way is known only when all runs are."""
    lacks = view.freshness.absent_proof_lacks(("run",))
    return Unknown(tuple(lacks)) if lacks else fact


def _fresh(dataset: Dataset, view: View) -> Fact | Unknown:
    limit = view.project.data_fresh_within
    if limit is None:
        return Fact(True, "has no freshness limit")
    time = _data_time(dataset, view)
    if time is None:
        return Unknown((f"the age of dataset {dataset.name}",))
    ends = later(time, limit)
    is_fresh = ends > view.now
    age = f"within the last {in_words(limit)}" if is_fresh else f"more than {in_words(limit)} ago"
    words = f"was taken on {day_in(time, view.project.timezone)}, {age}"
    return _unless_runs_lack(Fact(is_fresh, words, format_duration(limit), ends if is_fresh else None), view)


def is_current(ref: Ref, view: View) -> Fact | Unknown:
    """Whether a dataset is the newest state of its name that an experiment was trained on."""
    is_newest = _yes(ref in view.current_datasets, "is the data in use", "was replaced by newer data")
    return _unless_runs_lack(is_newest, view)


FactOf: TypeAlias = Callable[[Any, View], Fact | Unknown]

FACTS: Mapping[type[Entity], Mapping[str, FactOf]] = {
    WorkItem: {
        "open": lambda item, _: _yes(item.is_open, "is open", "is closed"),
        "status": lambda item, _: Fact(item.status, f"has status {item.status}" if item.status else ""),
        "status_category": lambda item, _: _text(item.status_category, "is"),
        "item_type": lambda item, _: Fact(item.item_type, f"is of type {item.item_type}" if item.item_type else ""),
        "label": lambda item, _: _list(item.labels, "label", "labels"),
        "component": lambda item, _: _list(item.components, "component", "components"),
        "about_data": _about_data,
        "overdue": lambda item, view: _overdue(item.due, is_open=item.is_open, view=view),
        "age": lambda item, view: _when(item.created_at, "was created", view),
    },
    ChangeRequest: {
        "state": lambda change, _: _text(change.state, "is"),
        "draft": lambda change, _: _yes(change.draft, "is a draft", "is no draft"),
        "merged": _change_merged,
        "label": lambda change, _: _list(change.labels, "label", "labels"),
        "age": lambda change, view: _when(change.created_at, "was opened", view),
    },
    Commit: {
        "on_default_branch": lambda commit, _: _yes(
            commit.on_default_branch, "is on the default branch", "is on no default branch"
        ),
        "age": lambda commit, view: _when(commit.committed_at or commit.authored_at, "was committed", view),
    },
    Run: {
        "status": lambda run, _: Fact(run.status, _RUN_WORDS.get(run.status, "is in no known state")),
        "meets_thresholds": _meets_thresholds,
        "merged": lambda run, view: _merged([run.ref], view),
        "framework": lambda run, _: Fact(run.framework, f"used {run.framework}" if run.framework else ""),
        "age": lambda run, view: _when(run.ended_at or run.started_at, "ended" if run.ended_at else "started", view),
    },
    Dataset: {
        "name": lambda dataset, _: Fact(dataset.name, f"is called {dataset.name}"),
        "current": lambda dataset, view: is_current(dataset.ref, view),
        "fresh": _fresh,
        "age": lambda dataset, view: _unless_runs_lack(_when(_data_time(dataset, view), "was taken", view), view),
    },
    ModelVersion: {
        "released": _released,
        "alias": lambda version, _: _list(version.aliases, "alias", "aliases"),
        "approval": lambda version, _: _text(version.approval, "is"),
        "serving": _serving,
        "run_status": _run_status,
        "meets_thresholds": _version_meets,
        "merged": _version_merged,
        "age": lambda version, view: _when(version.created_at, "was registered", view),
    },
    Deployment: {
        "state": lambda deployment, _: _text(deployment.state, "is"),
        "platform": lambda deployment, _: Fact(deployment.platform, f"runs on {deployment.platform}"),
        "environment": lambda deployment, _: Fact(
            deployment.environment, f"is in {deployment.environment}" if deployment.environment else ""
        ),
        "serving": lambda deployment, _: _yes(_deployment_serves(deployment), "is in service", "is not in service"),
        "age": lambda deployment, view: _when(deployment.created_at, "was created", view),
    },
    Milestone: {
        "state": lambda milestone, _: _text(milestone.state, "is"),
        "overdue": lambda milestone, view: _overdue(milestone.due, is_open=milestone.state == "open", view=view),
    },
}
"""Every fact of every kind. The names are those of the patterns' fields; a test holds the two against each other."""
