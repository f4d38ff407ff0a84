"""What the commits that are still to be looked up could bring onto a subject's way.

A commit that is not known may name any ticket and belong to any change request; it can join these to nothing but the runs, model
versions and deployments that name it, and to what hangs on them. What a subject has of these already, it has whatever the commit
turns out to be.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from mappings.model import Ref, Relation
from mappings.rules import StatusRule
from sync.view import View

INTENTIONS = frozenset({"milestone", "work_item", "change_request"})


class Awaited(msgspec.Struct, frozen=True, kw_only=True):
    """`refs`: what may come onto the way, by kind; `commits`: so may the commits themselves; `anything`: or whatever there is.
    `missing`: the look-ups, in words."""

    refs: Mapping[str, frozenset[Ref]] = {}
    commits: bool = False
    anything: bool = False
    missing: tuple[str, ...] = ()


NOTHING = Awaited()


def awaited(rule: StatusRule, subject: Ref, reached: Collection[Ref], view: View) -> Awaited:
    count = len(view.open_look_ups)
    if not count:
        return NOTHING
    missing = (f"look-up of {count} commit" + ("" if count == 1 else "s"),)
    via = frozenset(rule.via)
    if rule.subject == "project":
        return Awaited(commits=True, missing=missing)
    if not via & {"implements", "built_from", "deploys", "follows"}:
        return NOTHING
    if _may_join_others(via, view):
        return Awaited(commits=True, anything=True, missing=missing)
    if subject.kind not in INTENTIONS:
        # From effects the way leads through what names the commit, or not at all.
        waits = bool(via & {"built_from", "deploys"}) and not view.awaiting.isdisjoint({subject, *reached})
        return Awaited(commits=True, anything=True, missing=missing) if waits else NOTHING
    joins = bool(via & {"built_from", "deploys"}) and (subject.kind == "change_request" or "implements" in via)
    return Awaited(refs=view.hanging_on_look_ups(via) if joins else {}, commits=True, missing=missing)


def _may_join_others(via: frozenset[Relation], view: View) -> bool:
    """What follows what depends on every merge, and a declared link that names a commit may join it to anything."""
    declared = (end for link in view.project.links for end in (link.source, link.target))
    return "follows" in via or any("@" in end for end in declared)
