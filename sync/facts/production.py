"""What production serves: who answers how much of it, what failed to get there, and what nobody can trace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mappings.conditions import matches
from mappings.model import Deployment, Link, ModelVersion
from sync.deployed import Served
from sync.facts.serving import in_service, serving_links, share_of, traffic_to
from sync.view import Fact, Unknown, View

_FAILING = frozenset({"failed", "rolling_back"})


def is_production(deployment: Deployment, view: View) -> bool:
    """Whether it is in one of the project's production environments. One that names no environment counts as production: it may
    answer anybody."""
    return deployment.environment is None or matches(deployment.environment, view.project.environments)


def traffic(version: ModelVersion, view: View) -> Fact | Unknown:
    """Which share of each production endpoint's traffic a version answers."""
    shares: list[float] = []
    words: list[str] = []
    lacks: list[str] = []
    for link, deployment in _deployed(version, view):
        share = traffic_to(version, deployment, view, declared=link.confidence == "declared")
        if share > 0 and is_production(deployment, view):
            doubts = view.deploys_lacks(link)
            lacks.extend(doubts)
            if not doubts:
                shares.append(share)
                words.append(f"answers {share:.0%} of the traffic of {deployment.endpoint}")
    lacks.extend(view.freshness.absent_proof_lacks(("deployment",)))
    fact = Fact(tuple(shares), " and ".join(words) or "answers nobody in production")
    return Unknown(tuple(dict.fromkeys(lacks)), so_far=fact) if lacks else fact


def deploy_failed(version: ModelVersion, view: View) -> Fact | Unknown:
    """Whether an endpoint that was to serve a version has failed, or goes back to what it served before."""
    lacks: list[str] = []
    for link, deployment in _deployed(version, view):
        share = share_of(version, deployment, view, declared=link.confidence == "declared")
        state = share.state if share is not None and share.state is not None else deployment.state
        if state in _FAILING:
            doubts = view.deploys_lacks(link)
            if not doubts:
                why = f": {deployment.reason}" if deployment.reason else ""
                return Fact(True, f"was to be served by {deployment.endpoint}, which {_FAILED[state]}{why}")
            lacks.extend(doubts)
    lacks.extend(view.freshness.absent_proof_lacks(("deployment",)))
    return Unknown(tuple(dict.fromkeys(lacks))) if lacks else Fact(False, "failed at no endpoint")


_FAILED = {"failed": "failed", "rolling_back": "goes back to what it served before"}


def latest(version: ModelVersion, view: View) -> Fact | Unknown:
    """Whether no later version of its model is registered."""
    last = view.versions_by_model[version.ref.source, version.name][-1]
    if last.ref != version.ref:
        return Fact(False, f"was followed by v{last.version}")
    lacks = view.freshness.absent_proof_lacks(("model_version",), source=version.ref.source)
    return Unknown(tuple(lacks)) if lacks else Fact(True, "is the latest version")


def traced(deployment: Deployment, view: View) -> Fact | Unknown:
    """Whether a run, a commit or a ticket is known behind everything that an endpoint answers with."""
    if not in_service(deployment):
        return Fact(True, "serves nothing")
    if any(link.confidence == "declared" for link in view.graph.links_from(deployment.ref)):
        return Fact(True, "can be traced back")
    lost: list[str] = []
    doubts: list[str] = []
    for share in (one for one in deployment.models if one.share > 0):
        served = [one for one in view.registry.served_by(share, deployment.tags) if one.sure]
        known = [lacks for one in served if (lacks := _origin_lacks(one, view)) is not None]
        if not known:
            lost.append(share.name)
        elif all(known):
            doubts.extend(lack for lacks in known for lack in lacks)
    if not lost:
        return Unknown(tuple(dict.fromkeys(doubts))) if doubts else Fact(True, "can be traced back")
    lacks = view.freshness.absent_proof_lacks(("model_version", "run", "commit", "change_request", "work_item"))
    return Unknown(tuple(lacks)) if lacks else Fact(False, f"serves {', '.join(lost)}, and nothing is known behind it")


def _origin_lacks(served: Served, view: View) -> Sequence[str] | None:
    """What is lacking to rely on where a version comes from: a link to a run, a commit, a change request or a ticket that is more
    than a mention. None: it has none."""
    version = view.graph.get(served.version, ModelVersion)
    if version is None:
        return None
    behind = [link.target for link in view.graph.links_from(version.ref) if link.confidence != "textual"]
    if not behind and version.ref in view.awaiting:
        return [f"look-up of commit {sha[:9]}" for sha in view.open_look_ups]
    unread = () if served.named else view.freshness.absent_proof_lacks(("model_version",))
    return min(([*unread, *view.lacks(version.ref), *view.lacks(ref)] for ref in behind), key=len, default=None)


def _deployed(version: ModelVersion, view: View) -> Iterator[tuple[Link, Deployment]]:
    for link in serving_links(version, view):
        deployment = view.graph.get(link.source, Deployment)
        if deployment is not None:
            yield link, deployment
