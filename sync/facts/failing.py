"""Whether what was to serve a model failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from mappings.model import ChangeRequest, Deployment, ModelVersion, Run, TrafficShare
from sync.deployed import ServedShare
from sync.facts.serving import Deployable, deployments_of, share_of
from sync.view import Fact, Unknown, View

_FAILED: Mapping[str, str] = {"failed": "failed", "rolling_back": "goes back to what it served before"}


def deploy_failed(model: Deployable, view: View) -> Fact | Unknown:
    """Whether a deployment that was to serve a model has failed since there is that model, or goes back to what it served before.

    What a deployment goes back from is what came last of all that it names: the others are what it goes back to.
    """
    lacks: list[str] = []
    for link, deployment in deployments_of(model, view):
        share = share_of(model, deployment, view, declared=link.confidence == "declared")
        state = share.state if share is not None and share.state is not None else deployment.state
        if state not in _FAILED:
            continue
        since = _is_since(model, deployment, share, view)
        if since is True and state == "rolling_back":
            since = _came_last(model, deployment, view)
        doubts = [*view.deploys_lacks(link), *(since.missing if isinstance(since, Unknown) else ())]
        if since is True and not doubts:
            why = f": {deployment.reason}" if deployment.reason else ""
            return Fact(True, f"was to be served by {deployment.endpoint}, which {_FAILED[state]}{why}")
        if since is not False:
            lacks.extend(doubts)
    lacks.extend(view.freshness.absent_proof_lacks(("deployment",)))
    return Unknown(tuple(dict.fromkeys(lacks))) if lacks else Fact(False, "failed at no endpoint")


def _is_since(model: Deployable, deployment: Deployment, share: TrafficShare | None, view: View) -> bool | Unknown:
    """Whether a failure is no older than the model. A deployment that was made after the model failed after it as well."""
    came = _came_at(model, view)
    failed = (share.changed_at if share is not None else None) or deployment.updated_at
    if came is None:
        return Unknown((f"when {model.ref.id} was made",))
    at_least = failed or deployment.created_at
    if at_least is not None and at_least >= came:
        return True
    return False if failed is not None else Unknown((f"when {deployment.endpoint} failed",))


def _came_last(model: Deployable, deployment: Deployment, view: View) -> bool | Unknown:
    """Whether nothing else that a deployment names is younger than the model."""
    came, shares = _came_at(model, view), view.served_by(deployment)
    if len(shares) < 2:
        return True
    others = [_came_at(one, view) for one in _models_of(shares, view) if one.ref != model.ref]
    known = [other for other in others if other is not None]
    if came is not None and any(other > came for other in known):
        return False
    if came is None or len(known) < len(others) or not all(one.surely() for one in shares):
        return Unknown((f"which model {deployment.endpoint} goes back from",))
    unread = view.freshness.absent_proof_lacks(("model_version", "run"))
    return Unknown(tuple(unread)) if unread else True


def _models_of(shares: Sequence[ServedShare], view: View) -> Iterator[Deployable]:
    for ref in dict.fromkeys(served.what for one in shares for served in one.surely()):
        found = view.graph.get(ref, ModelVersion) or view.graph.get(ref, Run)
        if found is not None:
            yield found


def _came_at(model: Deployable, view: View) -> datetime | None:
    """When there was that model: when it was registered, else when its run ended or its commit was merged."""
    if isinstance(model, ModelVersion) and model.created_at is not None:
        return model.created_at
    run = model if isinstance(model, Run) else view.run_of(model)
    made = (run.ended_at or run.started_at or run.created_at) if run is not None else None
    return made or max(_merged_at(model, view), default=None)


def _merged_at(model: Deployable, view: View) -> Iterator[datetime]:
    for ref in view.graph.merges.get(model.ref, ()):
        change = view.graph.get(ref, ChangeRequest)
        if change is not None and change.merged_at is not None:
            yield change.merged_at
