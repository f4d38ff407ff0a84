"""Facts of datasets."""

from __future__ import annotations

from datetime import datetime

from mappings.conditions import format_duration
from mappings.model import Dataset, Ref
from sync.facts.saying import yes
from sync.moments import day_in, in_words, later
from sync.view import Fact, Unknown, View


def data_time(dataset: Dataset, view: View) -> datetime | None:
    """When the data was taken: as its runs declare it, else its first known use, which it is at least as old as; worked out once
    for all tickets whose runs used it.

    No run was trained on data from after its start, and nothing was taken at a time that lies ahead.
    """
    return view.once(("data time", dataset.ref), lambda: _taken(dataset, view))


def _taken(dataset: Dataset, view: View) -> datetime | None:
    runs = view.training_uses.get(dataset.ref, ())
    named = [(run, use.as_of) for run in runs for use in run.datasets if use.dataset == dataset.ref and use.as_of is not None]
    starts = [run.started_at for run in runs if run.started_at is not None and run.started_at <= view.now]
    declared = [min(as_of, run.started_at or as_of) for run, as_of in named if as_of <= view.now]
    if dataset.as_of is not None and dataset.as_of <= view.now:
        declared.append(dataset.as_of)
    first_seen = dataset.created_at if dataset.created_at is None or dataset.created_at <= view.now else None
    return max(declared) if declared else min(starts, default=first_seen)


def unless_runs_lack(fact: Fact | Unknown, view: View) -> Fact | Unknown:
    """What another run could turn either way is known only when all runs are."""
    lacks = view.freshness.absent_proof_lacks(("run",))
    return Unknown(tuple(lacks)) if lacks else fact


def fresh(dataset: Dataset, view: View) -> Fact | Unknown:
    limit = view.project.data_fresh_within
    if limit is None:
        return Fact(True, "has no freshness limit")
    time = data_time(dataset, view)
    if time is None:
        return Unknown((f"the age of dataset {dataset.name}",))
    ends = later(time, limit)
    is_fresh = ends > view.now
    age = f"within the last {in_words(limit)}" if is_fresh else f"more than {in_words(limit)} ago"
    words = f"was taken on {day_in(time, view.project.timezone)}, {age}"
    return unless_runs_lack(Fact(is_fresh, words, format_duration(limit), ends if is_fresh else None), view)


def is_current(ref: Ref, view: View) -> Fact | Unknown:
    """Whether a dataset is the newest state of its name that an experiment was trained on. Nothing else is."""
    if ref.kind != "dataset":
        return Fact(False, "is no data set")
    is_newest = yes(ref in view.current_datasets, "is the data in use", "was replaced by newer data")
    return unless_runs_lack(is_newest, view)
