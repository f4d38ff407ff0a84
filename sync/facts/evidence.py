"""What a project's risk class, after the EU AI Act, asks for of a model version, and what of it is missing.

Milepost speaks of evidence that is there or missing, never of being compliant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from mappings.conditions import matches
from mappings.model import Deployment, Link, ModelVersion, ObservationKind, WorkItem
from sync.facts.beginnings import began
from sync.facts.serving import deployments_of, shares_of, together
from sync.facts.training import made_by
from sync.monitors import Monitor
from sync.view import Fact, Unknown, View

CARD_TAG = "milepost.model_card"
USE_TAG = "milepost.intended_use"
"""Tags of a model version, for registries without model cards: where the card is, and what the model is meant for."""

CHECKS: Mapping[str, Sequence[ObservationKind]] = {"minimal": (), "limited": ("bias",), "high": ("bias", "explainability")}
"""By risk class, the kinds of checks that a version must have passed."""

_NO_CLASS = "as the project has no risk class"

Finding: TypeAlias = bool | Unknown
"""Whether one item of the list is there."""


def checks_passed(version: ModelVersion, view: View) -> Fact | Unknown:
    """Whether each kind of check that the risk class demands was made and has passed, on the version or where it serves."""
    demanded = CHECKS.get(view.project.risk_class or "minimal", ())
    if not demanded:
        # Without a class nobody has said what is needed, which must not sound as if somebody had.
        says = "needs no check for its risk class" if view.project.risk_class else f"needs no check, {_NO_CLASS}"
        return Fact(True, says, view.project.risk_class)
    checks = {kind: _that_count(list(_checks(version, kind, view))) for kind in demanded}
    found = {kind: [one.monitor for one in checks[kind]] for kind in demanded}
    doubts = (lack for kind in demanded for one in checks[kind] for lack in (*one.doubts, *one.of_another))
    lacks = [*view.freshness.absent_proof_lacks(_CHECKS_COME_FROM), *doubts]
    if lacks:
        return Unknown(tuple(dict.fromkeys(lacks)))
    failed = [f"the {kind} check {one.name}" for kind in demanded for one in found[kind] if one.outcome == "failed"]
    if failed:
        return Fact(False, f"has failed {' and '.join(failed)}", view.project.risk_class)
    missing = [kind for kind in demanded if not any(one.outcome == "passed" for one in found[kind])]
    if missing:
        return Fact(False, f"has no {' and no '.join(missing)} check that passed", view.project.risk_class)
    return Fact(True, f"has passed its {' and '.join(demanded)} check{'s' if len(demanded) > 1 else ''}", view.project.risk_class)


def evidence_missing(version: ModelVersion, view: View) -> Fact | Unknown:
    """Whether something of the risk class's list is known to be missing; the words name it."""
    wanted = LISTS.get(view.project.risk_class or "", ())
    found = {name: ITEMS[name](version, view) for name in wanted}
    missing = [name for name, there in found.items() if there is False]
    if missing:
        return Fact(True, f"has no {', no '.join(missing)}", view.project.risk_class)
    lacks = dict.fromkeys(one for there in found.values() if isinstance(there, Unknown) for one in there.missing)
    if lacks:
        return Unknown(tuple(lacks))
    says = f"has {', '.join(wanted)}" if wanted else f"needs no evidence, {_NO_CLASS}"
    return Fact(False, says, view.project.risk_class)


def _card(version: ModelVersion, _: View) -> Finding:
    card = version.card
    written = card is not None and bool(card.intended_use or card.risk_rating or (card.status or "Draft") != "Draft")
    return written or bool(version.tags.get(CARD_TAG))


def _intended_use(version: ModelVersion, _: View) -> Finding:
    return bool(version.card is not None and version.card.intended_use) or bool(version.tags.get(USE_TAG))


def _review(_: ModelVersion, view: View) -> Finding:
    return view.once("data-protection review", lambda: _is_reviewed(view)) or _unless(view, "work_item")


def _is_reviewed(view: View) -> bool:
    """Whether a ticket for it is known to be done: the same for all versions of the project."""
    done = (item for item in view.graph.of(WorkItem) if not item.is_open and not view.lacks(item.ref))
    return any(matches(label, view.project.review_labels) for item in done for label in item.labels)


def _bias_report(version: ModelVersion, view: View) -> Finding:
    if any("bias" in name for name in version.reports if not name.startswith(_BASELINE)):
        return True
    doubts = [(*one.doubts, *one.of_another) for one in _checks(version, "bias", view)]
    return _surely(doubts) or _unless(view, *_CHECKS_COME_FROM)


def _oversight(_: ModelVersion, view: View) -> Finding:
    return bool(view.project.oversight)


def _data_lineage(version: ModelVersion, view: View) -> Finding:
    run = made_by(version, view)
    if isinstance(run, Unknown):
        return run
    if run is not None and any(link.relation == "trained_on" for link in view.graph.links_from(run.ref)):
        return True
    return _unless(view, "run", "dataset")


def _code_lineage(version: ModelVersion, view: View) -> Finding:
    run = made_by(version, view)
    if isinstance(run, Unknown):
        return run
    makers = [version.ref, *([run.ref] if run is not None else [])]
    links = [link for maker in makers for link in view.graph.links_from(maker)]
    built = [link.target for link in links if link.relation == "built_from" and link.confidence != "textual"]
    found = _surely([view.lacks(ref) for ref in built])
    if found is False and not view.awaiting.isdisjoint(makers):
        return Unknown(tuple(f"look-up of commit {sha[:9]}" for sha in view.open_look_ups))
    return found or _unless(view, "run", "commit", "change_request")


def _unless(view: View, *kinds: str) -> Finding:
    """It is not there, unless it only was not read yet."""
    lacks = view.freshness.absent_proof_lacks(kinds)
    return Unknown(tuple(lacks)) if lacks else False


def _surely(doubts: Sequence[Sequence[str]]) -> Finding:
    """Whether it is there, of which each thing that shows it has doubts of its own."""
    if not all(doubts):
        return True
    return Unknown(tuple(dict.fromkeys(one for several in doubts for one in several))) if doubts else False


_CHECKS_COME_FROM = ("observation", "run", "deployment")

_BASELINE = "baseline."
"""Of a report's name: what a later check is to be held against, and no result of one."""


class _Check(msgspec.Struct, frozen=True):
    """What a monitor says of a version, why it may not be relied on, and why it may be about another version."""

    monitor: Monitor
    doubts: Sequence[str]
    of_another: Sequence[str] = ()


def _checks(version: ModelVersion, kind: ObservationKind, view: View) -> Iterator[_Check]:
    """The monitors of a kind on the version, and those on what serves it but for what is known to be about something else."""
    for monitor in view.monitors(version.ref, kind, open_after=1, close_after=1):
        yield _Check(monitor, _unread(monitor, view))
    for link, deployment in deployments_of(version, view):
        for monitor in view.monitors(deployment.ref, kind, open_after=1, close_after=1):
            about = _is_about(version, monitor, link, deployment, view)
            if about is not False:
                of_another = about.missing if isinstance(about, Unknown) else ()
                yield _Check(monitor, [*_unread(monitor, view), *view.deploys_lacks(link)], of_another)


def _unread(monitor: Monitor, view: View) -> Sequence[str]:
    return [lack for ref in (monitor.shown.ref, monitor.newest.ref) for lack in view.lacks(ref)]


def _is_about(version: ModelVersion, monitor: Monitor, link: Link, deployment: Deployment, view: View) -> Finding:
    """Whether a result of an endpoint is one of a version: it came when both were there, and nothing else answers."""
    its = [one for one in shares_of(version, deployment, view, declared=link.confidence == "declared") if one.share > 0]
    at = monitor.shown.observed_at
    if not its or (deployment.created_at is not None and at < deployment.created_at):
        return False
    came = began(version, view)
    if came.at is not None and not came.lacks and at < came.at:
        return False
    others = any(one.share > 0 and one not in its for one in deployment.models) and together(its, deployment) < 1
    lacks = [*came.lacks, *([f"which model of {deployment.endpoint} the check {monitor.name} is about"] if others else [])]
    return Unknown(tuple(lacks)) if lacks else True


def _that_count(checks: Sequence[_Check]) -> Sequence[_Check]:
    """Without those that may have been passed by another version, where one was passed by this for certain."""
    passed = [one for one in checks if one.monitor.outcome == "passed"]
    if all(one.of_another for one in passed):
        return checks
    return [one for one in checks if one not in passed or not one.of_another]


ITEMS: Mapping[str, Callable[[ModelVersion, View], Finding]] = {
    "lineage to its data": _data_lineage,
    "lineage to its code": _code_lineage,
    "model card": _card,
    "intended use": _intended_use,
    "human-oversight owner": _oversight,
    "data-protection review": _review,
    "bias report": _bias_report,
}

_MINIMAL = ("lineage to its data", "lineage to its code")
_LIMITED = (*_MINIMAL, "model card", "intended use", "human-oversight owner")

LISTS: Mapping[str, Sequence[str]] = {
    "minimal": _MINIMAL,
    "limited": _LIMITED,
    "high": (*_LIMITED, "data-protection review", "bias report"),
}
"""By risk class, the evidence that is asked for."""
