"""What a project's risk class, after the EU AI Act, asks for of a model version, and what of it is missing.

Milepost speaks of evidence that is there or missing, never of being compliant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from mappings.model import ModelVersion, ObservationKind
from sync.facts.serving import serving_links
from sync.facts.training import made_by
from sync.monitors import Monitor
from sync.view import Fact, Unknown, View

CARD_TAG = "milepost.model_card"
USE_TAG = "milepost.intended_use"
"""Tags of a model version, for registries without model cards: where the card is, and what the model is meant for."""

CHECKS: Mapping[str, Sequence[ObservationKind]] = {"minimal": (), "limited": ("bias",), "high": ("bias", "explainability")}
"""By risk class, the kinds of checks that a version must have passed."""

Finding: TypeAlias = bool | Unknown
"""Whether one item of the list is there."""


def checks_passed(version: ModelVersion, view: View) -> Fact | Unknown:
    """Whether each kind of check that the risk class demands was made and has passed, on the version or where it serves."""
    demanded = CHECKS.get(view.project.risk_class or "minimal", ())
    if not demanded:
        return Fact(True, "needs no check for its risk class", view.project.risk_class)
    found = {kind: _monitors(version, kind, view) for kind in demanded}
    doubts = (lack for kind in demanded for one in found[kind] for lack in _doubts(one, version, view))
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
    return Fact(False, f"has {', '.join(wanted)}" if wanted else "needs no evidence for its risk class", view.project.risk_class)


def _card(version: ModelVersion, _: View) -> Finding:
    return version.card is not None or bool(version.tags.get(CARD_TAG))


def _intended_use(version: ModelVersion, _: View) -> Finding:
    return bool(version.card is not None and version.card.intended_use) or bool(version.tags.get(USE_TAG))


def _review(_: ModelVersion, view: View) -> Finding:
    return view.is_reviewed or _unless(view, "work_item")


def _bias_report(version: ModelVersion, view: View) -> Finding:
    if any("bias" in name for name in version.reports):
        return True
    doubts = [_doubts(one, version, view) for one in _monitors(version, "bias", view)]
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


def _doubts(monitor: Monitor, version: ModelVersion, view: View) -> Sequence[str]:
    """Why what a monitor says of a version, or of what serves it, may not be relied on."""
    read = (lack for ref in (monitor.shown.ref, monitor.newest.ref) for lack in view.lacks(ref))
    return [
        *read,
        *(lack for link in serving_links(version, view) if link.source == monitor.subject for lack in view.deploys_lacks(link)),
    ]


_CHECKS_COME_FROM = ("observation", "run", "deployment")


def _monitors(version: ModelVersion, kind: ObservationKind, view: View) -> Sequence[Monitor]:
    """The monitors of a kind on the version and on what is known to serve it."""
    subjects = (version.ref, *dict.fromkeys(link.source for link in serving_links(version, view)))
    return [one for ref in subjects for one in view.monitors(ref, kind, open_after=1, close_after=1)]


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
