"""What is released, and what serves now."""

from __future__ import annotations

from mappings.model import Deployment, ModelVersion, Ref, TrafficShare
from sync.facts.saying import yes
from sync.known import addresses
from sync.view import Fact, Unknown, View


def released(version: ModelVersion, view: View) -> Fact:
    alias = view.project.release_alias
    if version.approval == "rejected":
        return Fact(False, "is rejected", alias)
    if alias is not None and alias in version.aliases:
        return Fact(True, f"carries the release alias {alias}", alias)
    if version.approval == "approved":
        return Fact(True, "is approved", alias)
    wanted = f"does not carry the release alias {alias}" if alias else "is not approved, and the project names no release alias"
    return Fact(False, wanted, alias)


def serving(version: ModelVersion, view: View) -> Fact | Unknown:
    """Behind a deployment in service; where no source could tell of deployments, the released version counts as serving."""
    if not view.has_deployments:
        return released(version, view)
    lacks: list[str] = []
    for link in view.graph.links_to(version.ref):
        sure = link.relation == "deploys" and link.confidence != "textual"
        deployment = view.graph.get(link.source, Deployment) if sure else None
        if deployment is not None and in_service(deployment, None if link.confidence == "declared" else version):
            doubts = view.lacks(deployment.ref)
            if not doubts:
                return Fact(True, f"serves behind {deployment.endpoint}")
            lacks.extend(doubts)
    lacks.extend(view.freshness.absent_proof_lacks(("deployment",)))
    return Unknown(tuple(dict.fromkeys(lacks))) if lacks else Fact(False, "serves nowhere")


def in_service(deployment: Deployment, version: ModelVersion | None = None) -> bool:
    """Whether it is in service and sends traffic to `version`, or at all."""
    shares = [share for share in deployment.models if version is None or _is_of(share, version)]
    return deployment.state in ("in_service", "updating", "rolling_back") and any(share.share > 0 for share in shares)


def _is_of(share: TrafficShare, version: ModelVersion) -> bool:
    return share.model == version.ref if share.model is not None else share.name in addresses(version)


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
