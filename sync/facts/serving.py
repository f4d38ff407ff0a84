"""What is released, and what serves now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from mappings.model import Deployment, Link, ModelVersion, Ref, Run, TrafficShare
from sync.facts.saying import yes
from sync.view import Fact, Unknown, View

Deployable: TypeAlias = ModelVersion | Run
"""What serves behind a deployment: a registered version, or what a run made and nobody registered."""

_ANSWERING = frozenset({"in_service", "updating", "rolling_back"})

_APPROVAL_WORDS = {"approved": "is approved", "pending": "waits for approval", "rejected": "is rejected"}


def approval(version: ModelVersion, _: View) -> Fact:
    return Fact(version.approval, _APPROVAL_WORDS.get(version.approval or "", "asks for no approval"))


def released(version: ModelVersion, view: View) -> Fact:
    alias = view.project.release_alias
    if version.approval == "rejected":
        return Fact(False, _APPROVAL_WORDS["rejected"], alias)
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
        if traffic_to(model, deployment, view, declared=link.confidence == "declared") > 0:
            doubts = view.deploys_lacks(link)
            if not doubts:
                return Fact(True, f"serves behind {deployment.endpoint}")
            lacks.extend(doubts)
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


def traffic_to(model: Deployable, deployment: Deployment, view: View, *, declared: bool) -> float:
    """Which share of what a deployment answers, 0 to 1, comes from `model`. Of one that was `declared` to serve it, any."""
    share = share_of(model, deployment, view, declared=declared) if deployment.state in _ANSWERING else None
    return share.share if share is not None else 0


def share_of(model: Deployable, deployment: Deployment, view: View, *, declared: bool) -> TrafficShare | None:
    """What a deployment says of `model`; where it says several things, that with the most traffic."""
    shares = view.served_by(deployment)
    its = (one.share for one in shares if declared or any(found.what == model.ref for found in one.surely()))
    return max(its, key=lambda one: one.share, default=None)


def serves(ref: Ref, view: View) -> Fact | Unknown:
    """Whether the subject of an observation serves now. Only versions and deployments can."""
    version = view.graph.get(ref, ModelVersion)
    if version is not None:
        return serving(version, view)
    deployment = view.graph.get(ref, Deployment)
    if deployment is not None:
        return yes(in_service(deployment), "is in service", "is not in service")
    lacks = view.freshness.absent_proof_lacks((ref.kind,)) if ref.kind in ("model_version", "deployment") else ()
    return Unknown(tuple(lacks)) if lacks else Fact(False, "is nothing that serves")
