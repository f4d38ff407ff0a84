"""What production serves: who answers how much of it, and what nobody can trace."""

from __future__ import annotations

from collections.abc import Sequence

from mappings.conditions import matches
from mappings.model import ChangeRequest, Commit, Deployment, ModelVersion, Ref, TrafficShare
from sync.deployed import Served
from sync.facts.serving import Deployable, deployments_of, in_service, traffic_to
from sync.names import name_of
from sync.tagged import shas_in
from sync.view import Fact, Unknown, View, are_numbered, model_of


def is_production(deployment: Deployment, view: View) -> bool:
    """Whether it is in one of the project's production environments. One that names no environment counts as production: it may
    answer anybody."""
    return deployment.environment is None or matches(deployment.environment, view.project.environments)


def traffic(model: Deployable, view: View) -> Fact | Unknown:
    """Which share of each production endpoint's traffic a model answers. Of one that was rejected the words say so."""
    shares: list[float] = []
    words: list[str] = []
    lacks: list[str] = []
    for link, deployment in deployments_of(model, view):
        answered = traffic_to(model, deployment, view, declared=link.confidence == "declared")
        if (answered.share > 0 or answered.lacks) and is_production(deployment, view):
            doubts = [*view.deploys_lacks(link), *answered.lacks]
            lacks.extend(doubts)
            if not doubts:
                shares.append(answered.share)
                words.append(f"answers {answered.share:.0%} of the traffic of {deployment.endpoint}")
    lacks.extend(view.freshness.absent_proof_lacks(("deployment",)))
    rejected = isinstance(model, ModelVersion) and model.approval == "rejected"
    said = " and ".join(words) + (", though it is rejected" if rejected else "")
    fact = Fact(tuple(shares), said if words else "answers nobody in production")
    return Unknown(tuple(dict.fromkeys(lacks)), so_far=fact) if lacks else fact


def latest(version: ModelVersion, view: View) -> Fact | Unknown:
    """Whether no later version of its model is registered."""
    model = model_of(version)
    versions = view.versions_by_model[model]
    undated = view.once(("undated", model), lambda: _undated(versions))
    if undated:
        return Unknown(undated)
    last = versions[-1]
    if last.ref != version.ref:
        return Fact(False, f"was followed by v{last.version}")
    lacks = view.freshness.absent_proof_lacks(("model_version",), source=version.ref.source)
    return Unknown(tuple(lacks)) if lacks else Fact(True, "is the latest version")


def _undated(versions: Sequence[ModelVersion]) -> tuple[str, ...]:
    """What is lacking to tell which of a model's versions came last; their numbers tell it by themselves."""
    undated = [one for one in versions if one.created_at is None]
    ordered = not undated or len(versions) == 1 or are_numbered(versions)
    return () if ordered else tuple(f"when {name_of(one)} was registered" for one in undated)


def traced(deployment: Deployment, view: View) -> Fact | Unknown:
    """Whether a run, a commit or a ticket is known behind everything that an endpoint answers with."""
    if not in_service(deployment):
        return Fact(True, "serves nothing")
    if any(link.confidence == "declared" for link in view.graph.links_from(deployment.ref)):
        return Fact(True, "can be traced back")
    lost: list[str] = []
    doubts: list[str] = []
    for one in (one for one in view.served_by(deployment) if one.share.share > 0):
        found = [*(_origin_lacks(served, view) for served in one.surely()), _commit_lacks(one.share, deployment, view)]
        known = [lacks for lacks in found if lacks is not None]
        if not known:
            lost.append(one.share.name)
        elif all(known):
            doubts.extend(lack for lacks in known for lack in lacks)
    if not lost:
        return Unknown(tuple(dict.fromkeys(doubts))) if doubts else Fact(True, "can be traced back")
    lacks = view.freshness.absent_proof_lacks(("model_version", "run", "commit", "change_request", "work_item"))
    return Unknown(tuple(lacks)) if lacks else Fact(False, f"serves {', '.join(lost)}, and nothing is known behind it")


def _origin_lacks(served: Served, view: View) -> Sequence[str] | None:
    """What is lacking to rely on where a model comes from: from a run, or by a link of its version to a run, a commit, a change
    request or a ticket that is more than a mention. None: it has none."""
    unread = () if served.named else view.unregistered_lacks(served.what)
    if served.what.kind == "run":
        return [*unread, *view.lacks(served.what)]
    behind = [link.target for link in view.graph.links_from(served.what) if link.confidence != "textual"]
    if not behind and served.what in view.awaiting:
        return _look_ups(view)
    return min(([*unread, *view.lacks(served.what), *view.lacks(ref)] for ref in behind), key=len, default=None)


def _commit_lacks(share: TrafficShare, deployment: Deployment, view: View) -> Sequence[str] | None:
    """What is lacking to rely on a commit that a tag of the share, or of the whole deployment, names. None: there is none."""
    shas = {sha for tags in (deployment.tags, share.tags) for sha in shas_in(tags, view.project.tags)}
    if not shas:
        return None
    links = [link.target for link in view.graph.links_from(deployment.ref) if link.confidence != "textual"]
    named = [ref for ref in links if any(full.startswith(sha) for full in _shas_of(ref, view) for sha in shas)]
    if not named and any(map(view.look_ups_of, shas)):
        return _look_ups(view)
    return min((view.lacks(ref) for ref in named), key=len, default=None)


def _shas_of(ref: Ref, view: View) -> Sequence[str]:
    """What a commit is called, or where a change request begins and ends; nothing for anything else."""
    entity = view.graph.entities.get(ref)
    match entity:
        case Commit():
            return [entity.sha.lower()]
        case ChangeRequest():
            return [sha.lower() for sha in (entity.head_sha, entity.merge_sha) if sha]
    return ()


def _look_ups(view: View) -> Sequence[str]:
    return [f"look-up of commit {sha[:9]}" for sha in view.open_look_ups]
