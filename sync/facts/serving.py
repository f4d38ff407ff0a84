"""What is released, and what serves now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import fsum
from typing import TypeAlias

import msgspec

from mappings.model import Deployment, Link, ModelVersion, Ref, Run, TrafficShare
from sync.facts.saying import yes
from sync.view import Fact, Unknown, View

Deployable: TypeAlias = ModelVersion | Run
"""What serves behind a deployment: a registered version, or what a run made and nobody registered."""

_ANSWERING = frozenset({"in_service", "updating", "rolling_back"})

_SHARE_ANSWERS = frozenset({None, "in_service"})
_SHARE_ANSWERS_NOBODY = frozenset({"failed", "deleting", "stopped"})
"""What the state of a share proves, where a source tells it apart from the endpoint's. In any other it may answer or not."""

_UNUSABLE = frozenset(
    {
        "archived",
        "canceled",
        "creating",
        "deleted",
        "deleting",
        "failed",
        "failed_registration",
        "inprogress",
        "pending",
        "pending_registration",
    }
)
"""What registries say of a version that is not there, not yet or no longer."""

_APPROVAL_WORDS = {"approved": "is approved", "pending": "waits for approval", "rejected": "is rejected"}


def approval(version: ModelVersion, _: View) -> Fact:
    return Fact(version.approval, _APPROVAL_WORDS.get(version.approval or "", "asks for no approval"))


def released(version: ModelVersion, view: View) -> Fact:
    alias = view.project.release_alias
    if version.approval == "rejected":
        return Fact(False, _APPROVAL_WORDS["rejected"], alias)
    if version.status is not None and version.status.lower() in _UNUSABLE:
        return Fact(False, f"is {version.status.lower().replace('_', ' ')} in its registry", alias)
    if alias is not None and alias in version.aliases:
        return Fact(True, f"carries the release alias {alias}", alias)
    if version.approval == "approved":
        return Fact(True, _APPROVAL_WORDS["approved"], alias)
    wanted = f"does not carry the release alias {alias}" if alias else "is not approved, and the project names no release alias"
    return Fact(False, wanted, alias)


def serving(version: ModelVersion, view: View) -> Fact | Unknown:
    """Behind a deployment in service; where no source could tell of deployments, the released version counts as serving."""
    if not view.has_deployments:
        return released(version, view)
    return deployed(version, view)


def deployed(model: Deployable, view: View) -> Fact | Unknown:
    """Behind a deployment in service."""
    lacks: list[str] = []
    for link, deployment in deployments_of(model, view):
        answered = traffic_to(model, deployment, view, declared=link.confidence == "declared")
        doubts = view.deploys_lacks(link)
        if answered.share > 0 and not doubts:
            return Fact(True, f"serves behind {deployment.endpoint}")
        if answered.share > 0 or answered.lacks:
            lacks.extend([*doubts, *answered.lacks])
    lacks.extend(view.freshness.absent_proof_lacks(("deployment",)))
    return Unknown(tuple(dict.fromkeys(lacks))) if lacks else Fact(False, "serves nowhere")


def deployments_of(model: Deployable, view: View) -> Iterator[tuple[Link, Deployment]]:
    """Each deployment that is known to serve a model, or is to, with the link that shows it best."""
    best: dict[Ref, Link] = {}
    for link in serving_links(model, view):
        if link.source not in best or link.confidence == "declared":
            best[link.source] = link
    for source, link in best.items():
        deployment = view.graph.get(source, Deployment)
        if deployment is not None:
            yield link, deployment


def serving_links(model: Deployable, view: View) -> Sequence[Link]:
    """The links of the deployments that are known to serve a model, or are to."""
    return [one for one in view.graph.links_to(model.ref) if one.relation == "deploys" and one.confidence != "textual"]


def in_service(deployment: Deployment) -> bool:
    """Whether it is in service and answers anybody."""
    return deployment.state in _ANSWERING and any(share.share > 0 for share in deployment.models)


def service(deployment: Deployment) -> Fact:
    """The same as a fact. What stands ready and is asked nothing is in service to its cloud."""
    return yes(in_service(deployment), "is in service", "answers nobody" if deployment.state in _ANSWERING else "is not in service")


class Answered(msgspec.Struct, frozen=True):
    """Which share of what a deployment answers, 0 to 1, surely comes from a model, and why it may be more."""

    share: float
    lacks: Sequence[str] = ()


def traffic_to(model: Deployable, deployment: Deployment, view: View, *, declared: bool) -> Answered:
    """How much of what a deployment answers comes from `model`."""
    if deployment.state not in _ANSWERING:
        return Answered(0)
    its = [one for one in shares_of(model, deployment, view, declared=declared) if one.share > 0]
    unsure = [one for one in its if one.state not in _SHARE_ANSWERS | _SHARE_ANSWERS_NOBODY]
    lacks = [f"whether {one.name} answers behind {deployment.endpoint}: it is {one.state}" for one in unsure]
    return Answered(together([one for one in its if one.state in _SHARE_ANSWERS], deployment), tuple(dict.fromkeys(lacks)))


def together(shares: Sequence[TrafficShare], deployment: Deployment) -> float:
    """How much some of a deployment's shares answer, 0 to 1. The containers of a pipeline answer the same requests, so that all
    shares add up to more than there is: then it is known of the greatest one only."""
    parts = [one.share for one in shares]
    overlap = fsum(one.share for one in deployment.models) > 1 + 1e-9
    return max(parts, default=0) if overlap else fsum(parts)


def share_of(model: Deployable, deployment: Deployment, view: View, *, declared: bool) -> TrafficShare | None:
    """What a deployment says of `model`; where it says several things, that with the most traffic."""
    return max(shares_of(model, deployment, view, declared=declared), key=lambda one: one.share, default=None)


def shares_of(model: Deployable, deployment: Deployment, view: View, *, declared: bool) -> Sequence[TrafficShare]:
    """The shares of a deployment that surely are `model`. Of one that was `declared` to serve it and names it nowhere: the greatest
    of those that nothing is known of; else the only one that answers, unless that surely is something else of the same registry."""
    shares = view.served_by(deployment)
    its = [one.share for one in shares if any(found.what == model.ref for found in one.surely())]
    if its or not declared:
        return its
    answering = [one for one in shares if one.share.share > 0]
    only = answering if len(answering) == 1 and all(one.what.source != model.ref.source for one in answering[0].surely()) else ()
    free = [one.share for one in shares if not one.surely()] or [one.share for one in only]
    return sorted(free, key=lambda one: one.share)[-1:]


def serves(ref: Ref, view: View) -> Fact | Unknown:
    """Whether the subject of an observation serves now. Only versions and deployments can."""
    version = view.graph.get(ref, ModelVersion)
    if version is not None:
        return serving(version, view)
    deployment = view.graph.get(ref, Deployment)
    if deployment is not None:
        return service(deployment)
    lacks = view.freshness.absent_proof_lacks((ref.kind,)) if ref.kind in ("model_version", "deployment") else ()
    return Unknown(tuple(lacks)) if lacks else Fact(False, "is nothing that serves")
