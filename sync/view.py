"""What facts may look at: one project's graph, limits and freshness at one moment, and what is worked out of them once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, TypeAlias, TypeVar

import msgspec

from mappings.model import Dataset, Deployment, Link, ModelVersion, ObservationKind, Ref, Relation, Run
from sync.deployed import Registry, ServedShare
from sync.freshness import Freshness
from sync.graph import Graph
from sync.known import begun_by
from sync.moments import day_in, is_ahead
from sync.monitors import Monitor, monitors
from sync.names import name_of
from sync.project import ProjectView
from sync.tagged import Built, named_shas

T = TypeVar("T")

FactValue: TypeAlias = bool | float | str | tuple[str, ...] | tuple[float, ...] | datetime | None


Model: TypeAlias = tuple[str, str]
"""A registered model: its source, and what the ids of its versions have in common."""


class Fact(msgspec.Struct, frozen=True):
    """What is known: a value (None: known to be absent), the limit it was held against, and words that follow the entity's name.

    `changes_at` is when time alone will change it.
    """

    value: FactValue
    words: str = ""
    threshold: str | None = None
    changes_at: datetime | None = None


class Unknown(msgspec.Struct, frozen=True):
    """What is not known, and what is missing to know it. `so_far` is a fact of several values of which more may be missing: what
    one of them meets is met, whatever the others are."""

    missing: tuple[str, ...]
    so_far: Fact | None = None


class View:
    """Everything a fact may look at, at one moment."""

    def __init__(self, graph: Graph, project: ProjectView, freshness: Freshness) -> None:
        self.graph = graph
        self.project = project
        self.freshness = freshness
        self.now = freshness.now
        self.holding: dict[Hashable, frozenset[Ref]] = {}
        self.looked_at: dict[Hashable, frozenset[Ref]] = {}
        self._worked_out: dict[Hashable, Any] = {}

    def once(self, what: Hashable, work_out: Callable[[], T]) -> T:
        """What `work_out` gives, worked out for the first who asks and kept for all others who ask for the same `what`."""
        if what not in self._worked_out:
            self._worked_out[what] = work_out()
        found: T = self._worked_out[what]
        return found

    def lacks(self, ref: Ref) -> Sequence[str]:
        """Why the facts of an object may not be relied on; empty when they may."""
        if ref in self.graph.missing:
            return (f"{self._called(ref)}, which was not found when it was last looked for, or not understood",)
        if ref in self.graph.unlisted:
            return (f"{self._called(ref)}, which was not listed yet since the scope of {ref.source} was changed",)
        return self.freshness.reliance_lacks(ref)

    def deploys_lacks(self, link: Link) -> Sequence[str]:
        """Why it may not be relied on that a deployment serves something. What is recognised by its files or its container may turn
        out to be one of several as long as there may be versions, or runs, that were not read."""
        lacks = self.lacks(link.source)
        deployment = self.graph.get(link.source, Deployment)
        if link.confidence == "declared" or deployment is None or link.target.kind not in ("model_version", "run"):
            return lacks
        named = any(one.named for share in self.served_by(deployment) for one in share.served if one.what == link.target)
        return lacks if named else [*lacks, *self.unregistered_lacks(link.target)]

    def unregistered_lacks(self, served: Ref) -> Sequence[str]:
        """Why something that is recognised by a sign of it may not be the only one that bears it."""
        return self.freshness.absent_proof_lacks(("model_version", "run") if served.kind == "run" else ("model_version",))

    def served_by(self, deployment: Deployment) -> Sequence[ServedShare]:
        """What each share of a deployment serves; worked out once for all who ask."""
        return self.once(("served", deployment.ref), lambda: self._registry.served_by(deployment))

    def _called(self, ref: Ref) -> str:
        entity = self.graph.entities.get(ref)
        return name_of(entity) if entity is not None else str(ref)

    def monitors(self, subject: Ref, kind: ObservationKind, *, open_after: int, close_after: int) -> Sequence[Monitor]:
        """The standing of every monitor of a kind on one subject; folded once for all who ask.

        A result dated ahead, be it stored or of a source's own, is not folded: it would hide every later one until its day came.
        """
        seen = self.graph.observations_of(subject)
        if not seen:
            return ()

        def fold() -> Sequence[Monitor]:
            observed = [one for one in seen if not is_ahead(one.observed_at, self.now)]
            return monitors(observed, kind, open_after=open_after, close_after=close_after)

        return self.once(("monitors", subject, kind, open_after, close_after), fold)

    @cached_property
    def open_look_ups(self) -> Sequence[str]:
        """The commits that are still to be looked up. Where nobody could be asked, there is nothing to wait for."""
        return sorted(self.graph.unresolved) if self.freshness.provides("commit", "change_request") else ()

    @cached_property
    def awaiting(self) -> frozenset[Ref]:
        """The runs, model versions and deployments that name a commit which is still to be looked up."""
        graph = self.graph
        built: Sequence[Built] = [*graph.of(Run), *graph.of(ModelVersion), *graph.of(Deployment)] if self.open_look_ups else []
        return frozenset(one.ref for one in built if any(map(self.look_ups_of, named_shas(one, self.project.tags))))

    def look_ups_of(self, sha: str) -> Sequence[str]:
        """The commits that are still to be looked up and that a full or short `sha` may mean."""
        return begun_by(sha, self.open_look_ups)

    def hanging_on_look_ups(self, via: frozenset[Relation]) -> Mapping[str, frozenset[Ref]]:
        """Those, and what hangs on them along `via`, by kind; worked out once for all who ask."""

        def walk() -> Mapping[str, frozenset[Ref]]:
            found: dict[str, set[Ref]] = {}
            for ref in self.graph.effects_of(self.awaiting, via):
                found.setdefault(ref.kind, set()).add(ref)
            return {kind: frozenset(refs) for kind, refs in found.items()}

        return self.once(("hanging on look-ups", via), walk)

    @cached_property
    def versions_by_model(self) -> Mapping[Model, Sequence[ModelVersion]]:
        """The versions of each registered model, the latest last: by their numbers, or where one of them is none by when they were
        registered."""
        found: dict[Model, list[ModelVersion]] = {}
        for version in self.graph.of(ModelVersion):
            found.setdefault(model_of(version), []).append(version)
        return {model: sorted(versions, key=_order_of(versions)) for model, versions in found.items()}

    @cached_property
    def _registry(self) -> Registry:
        """The model versions and runs by what deployments may call them."""
        return Registry(self.graph.of(ModelVersion), self.graph.of(Run), self.project.tags)

    @cached_property
    def has_deployments(self) -> bool:
        """Whether any scoped source could tell what serves."""
        return self.freshness.provides("deployment")

    @cached_property
    def training_uses(self) -> Mapping[Ref, Sequence[Run]]:
        """The runs trained on each dataset, oldest first."""
        uses: dict[Ref, list[Run]] = {}
        for run in sorted(self.graph.of(Run), key=lambda run: (self._started(run), run.ref)):
            for link in self.graph.links_from(run.ref):
                if link.relation == "trained_on":
                    uses.setdefault(link.target, []).append(run)
        return uses

    @cached_property
    def current_datasets(self) -> frozenset[Ref]:
        """The datasets that the newest run of some experiment was trained on, among those of the same name. Experiments of two
        sources are two, whatever their names."""
        newest: dict[tuple[str, str, str], tuple[tuple[datetime, Ref], set[Ref]]] = {}
        for dataset, runs in self.training_uses.items():
            name = _dataset_name(self.graph, dataset)
            for run in runs:
                order = (self._started(run), run.ref)
                use = (run.ref.source, run.experiment, name)
                held = newest.get(use)
                if held is None or held[0] < order:
                    newest[use] = (order, {dataset})
                elif held[0] == order:
                    held[1].add(dataset)
        return frozenset(ref for _, datasets in newest.values() for ref in datasets)

    def _started(self, run: Run) -> datetime:
        """A run dated ahead goes before all others: it must not make its data the newest until its day comes."""
        time = run.started_at or run.created_at
        return _NEVER if time is None or is_ahead(time, self.now) else time

    def run_of(self, version: ModelVersion) -> Run | None:
        return self.graph.runs_of_versions.get(version.ref)

    def today(self) -> date:
        return day_in(self.now, self.project.timezone)


_NEVER = datetime.min.replace(tzinfo=UTC)


_MOST_DIGITS = 20


def model_of(version: ModelVersion) -> Model:
    """A workspace and the registries that it sees may each have a model of the same name: the id tells them apart."""
    return version.ref.source, version.ref.id.removesuffix(f"/{version.version}")


def are_numbered(versions: Sequence[ModelVersion]) -> bool:
    said = (one.version for one in versions)
    return all(one.isascii() and one.isdigit() and len(one) <= _MOST_DIGITS for one in said)


def _order_of(versions: Sequence[ModelVersion]) -> Callable[[ModelVersion], tuple[int, datetime, Ref]]:
    if are_numbered(versions):
        return lambda version: (int(version.version), _NEVER, version.ref)
    return lambda version: (0, version.created_at or _NEVER, version.ref)


def _dataset_name(graph: Graph, ref: Ref) -> str:
    dataset = graph.get(ref, Dataset)
    return dataset.name if dataset is not None else ref.id.partition("@")[0]
