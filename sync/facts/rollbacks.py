"""Which version an endpoint was to serve whose update failed.

SageMaker goes on with what an endpoint served before, keeps the reason beside it, and does not say what the update was to bring. It
was to bring what was newest then: the youngest version of the model that it serves, registered after that and before the failure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from mappings.model import Deployment, Link, ModelVersion, Ref
from sync.facts.beginnings import began
from sync.names import name_of
from sync.view import Model, View, model_of


class FailedUpdate(msgspec.Struct, frozen=True):
    """An update that failed, and the name of what is served still."""

    deployment: Deployment
    serves: str


class FailedUpdates(msgspec.Struct, frozen=True, kw_only=True):
    """By the version that they were to bring. `doubts`: by model, why one of its versions may have been meant, or not.
    `unread`: why there may be versions that were meant and that nobody knows."""

    by_version: Mapping[Ref, Sequence[FailedUpdate]]
    doubts: Mapping[Model, Sequence[str]]
    unread: Sequence[str]


class _Ages(msgspec.Struct, frozen=True):
    """When each version of a model came, which of them may be deployed, youngest last, and what is lacking to say so."""

    times: Mapping[Ref, datetime]
    deployable: Sequence[tuple[datetime, Ref]]
    lacks: Sequence[str]


def failed_updates(view: View) -> FailedUpdates:
    """Worked out once for all versions."""
    return view.once("failed updates", lambda: _find(view))


def _find(view: View) -> FailedUpdates:
    by_version: dict[Ref, list[FailedUpdate]] = {}
    doubts: dict[Model, list[str]] = {}
    went_on = [one for one in view.graph.of(Deployment) if _went_on(one)]
    for deployment in went_on:
        for model, links in _models_of(deployment, view).items():
            ages = _ages_of(model, view)
            lacks = [*(lack for link in links for lack in view.deploys_lacks(link)), *ages.lacks]
            if deployment.updated_at is None:
                lacks.append(f"when an update of {deployment.endpoint} failed")
            elif not lacks:
                for version, still in _meant(deployment.updated_at, [link.target for link in links], ages):
                    by_version.setdefault(version, []).append(FailedUpdate(deployment, _called(still, view)))
            doubts.setdefault(model, []).extend(lacks)
    return FailedUpdates(
        by_version=by_version,
        doubts={model: tuple(dict.fromkeys(lacks)) for model, lacks in doubts.items()},
        unread=view.freshness.absent_proof_lacks(("model_version",)) if went_on else (),
    )


def _went_on(deployment: Deployment) -> bool:
    """Where a source tells the state of each deployment behind an endpoint, that says more."""
    told = any(share.state is not None for share in deployment.models)
    return deployment.state == "in_service" and bool(deployment.reason) and not told


def _models_of(deployment: Deployment, view: View) -> Mapping[Model, Sequence[Link]]:
    """The registered models that a deployment surely serves, each with what shows it."""
    found: dict[Model, list[Link]] = {}
    for link in view.graph.links_from(deployment.ref):
        version = view.graph.get(link.target, ModelVersion)
        if version is not None and link.relation == "deploys" and link.confidence != "textual":
            found.setdefault(model_of(version), []).append(link)
    return found


def _ages_of(model: Model, view: View) -> _Ages:
    return view.once(("ages", model), lambda: _ages(view.versions_by_model[model], view))


def _ages(versions: Sequence[ModelVersion], view: View) -> _Ages:
    came = {one.ref: began(one, view) for one in versions}
    times = {ref: one.at for ref, one in came.items() if one.at is not None}
    deployable = (one.ref for one in versions if one.approval not in ("pending", "rejected") and one.ref in times)
    lacks = [lack for one in versions for lack in (*view.lacks(one.ref), *came[one.ref].lacks)]
    lacks += view.freshness.absent_proof_lacks(("model_version",), source=versions[0].ref.source)
    return _Ages(times, sorted((times[ref], ref) for ref in deployable), tuple(dict.fromkeys(lacks)))


def _meant(failed: datetime, served: Sequence[Ref], ages: _Ages) -> Iterator[tuple[Ref, Ref]]:
    """What was newest when an update failed, with the newest of what is served, unless it is served already."""
    still = max(served, key=lambda ref: (ages.times[ref], ref))
    before = ages.deployable[: bisect_right(ages.deployable, failed, key=lambda pair: pair[0])]
    if before and before[-1][0] > ages.times[still] and before[-1][1] not in served:
        yield before[-1][1], still


def _called(ref: Ref, view: View) -> str:
    entity = view.graph.entities.get(ref)
    return name_of(entity) if entity is not None else ref.id
