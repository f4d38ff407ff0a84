"""Whether what was to serve a model failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from mappings.model import Deployment, ModelVersion, Run, TrafficShare
from sync.deployed import ServedShare
from sync.facts.beginnings import began
from sync.facts.rollbacks import failed_updates
from sync.facts.serving import Deployable, deployments_of, share_of
from sync.view import Fact, Unknown, View, model_of

_FAILED: Mapping[str, str] = {"failed": "failed", "rolling_back": "goes back to what it served before"}


class _Failure(msgspec.Struct, frozen=True):
    """Something that failed, in words, and why it may be no failure of the model."""

    words: str
    lacks: Sequence[str]


def deploy_failed(model: Deployable, view: View) -> Fact | Unknown:
    """Whether a deployment that was to serve a model has failed since there is that model, goes back to what it served before, or
    went on with it because its update failed."""
    failures = [*_failures(model, view), *_of_updates(model, view)]
    lacks = [*view.freshness.absent_proof_lacks(("deployment",)), *failed_updates(view).unread]
    for one in failures:
        if not one.lacks:
            return Fact(True, one.words)
        lacks.extend(one.lacks)
    return Unknown(tuple(dict.fromkeys(lacks))) if lacks else Fact(False, "failed at no endpoint")


def _failures(model: Deployable, view: View) -> Iterator[_Failure]:
    """Of the deployments that name the model."""
    for link, deployment in deployments_of(model, view):
        share = share_of(model, deployment, view, declared=link.confidence == "declared")
        state = share.state if share is not None and share.state is not None else deployment.state
        if state not in _FAILED:
            continue
        since = _is_since(model, deployment, share, view)
        if since is True and state == "rolling_back":
            since = _came_last(model, deployment, view)
        if since is not False:
            doubts = since.missing if isinstance(since, Unknown) else ()
            words = f"was to be served by {deployment.endpoint}, which {_FAILED[state]}{_why(deployment)}"
            yield _Failure(words, [*view.deploys_lacks(link), *doubts])


def _of_updates(model: Deployable, view: View) -> Iterator[_Failure]:
    """Of the deployments that were to be changed to the model, and were not."""
    found = failed_updates(view)
    for one in found.by_version.get(model.ref, ()):
        endpoint = one.deployment.endpoint
        words = f"was the newest version when an update of {endpoint} failed, which still serves {one.serves}{_why(one.deployment)}"
        yield _Failure(words, ())
    doubts = found.doubts.get(model_of(model)) if isinstance(model, ModelVersion) else None
    if doubts:
        yield _Failure("may have been what an update was to bring that failed", doubts)


def _why(deployment: Deployment) -> str:
    return f": {deployment.reason}" if deployment.reason else ""


def _is_since(model: Deployable, deployment: Deployment, share: TrafficShare | None, view: View) -> bool | Unknown:
    """Whether a failure is no older than the model. A deployment that was made after the model failed after it as well."""
    came = began(model, view)
    if came.lacks or came.at is None:
        return Unknown(came.lacks)
    failed = (share.changed_at if share is not None else None) or deployment.updated_at
    at_least = failed or deployment.created_at
    if at_least is not None and at_least >= came.at:
        return True
    return False if failed is not None else Unknown((f"when {deployment.endpoint} failed",))


def _came_last(model: Deployable, deployment: Deployment, view: View) -> bool | Unknown:
    """Whether nothing else that a deployment names is younger than the model: that is what it goes back from, the others are what
    it goes back to."""
    shares = view.served_by(deployment)
    if len(shares) < 2:
        return True
    came = {one.ref: began(one, view) for one in (model, *_models_of(shares, view))}
    lacks = {lack for one in came.values() for lack in one.lacks}
    lacks |= {*view.freshness.absent_proof_lacks(("model_version", "run"))}
    if not all(one.surely() for one in shares):
        lacks.add(f"which model {deployment.endpoint} goes back from")
    if lacks:
        return Unknown(tuple(sorted(lacks)))
    return came[model.ref].at == max(one.at for one in came.values() if one.at is not None)


def _models_of(shares: Sequence[ServedShare], view: View) -> Iterator[Deployable]:
    for ref in dict.fromkeys(served.what for one in shares for served in one.surely()):
        found = view.graph.get(ref, ModelVersion) or view.graph.get(ref, Run)
        if found is not None:
            yield found
