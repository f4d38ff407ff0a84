"""Since when there is a model: since it was registered, else since its run ended, else since its commit was merged."""

from __future__ import annotations

from datetime import datetime

import msgspec

from mappings.model import ChangeRequest, ModelVersion, Run
from sync.facts.serving import Deployable
from sync.facts.training import made_by
from sync.view import Unknown, View


class Beginning(msgspec.Struct, frozen=True):
    """The time, or what is lacking to know it."""

    at: datetime | None
    lacks: tuple[str, ...] = ()


def began(model: Deployable, view: View) -> Beginning:
    if isinstance(model, ModelVersion) and model.created_at is not None:
        return Beginning(model.created_at, tuple(view.lacks(model.ref)))
    run = model if isinstance(model, Run) else made_by(model, view)
    if isinstance(run, Unknown):
        return Beginning(None, run.missing)
    made = (run.ended_at or run.started_at or run.created_at) if run is not None else None
    if run is not None and made is not None:
        return Beginning(made, tuple(view.lacks(run.ref)))
    return _merged(model, view)


def _merged(model: Deployable, view: View) -> Beginning:
    changes = [view.graph.get(ref, ChangeRequest) for ref in view.graph.merges.get(model.ref, ())]
    merged = {one.ref: one.merged_at for one in changes if one is not None and one.merged_at is not None}
    lacks = [
        *(lack for ref in merged for lack in view.lacks(ref)),
        *view.freshness.absent_proof_lacks(("commit", "change_request")),
    ]
    if not merged:
        lacks.append(f"when {model.ref.id} was made")
    return Beginning(max(merged.values(), default=None), tuple(dict.fromkeys(lacks)))
