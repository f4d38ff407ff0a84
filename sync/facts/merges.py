"""Whether what was made came onto the default branch through a merged change request, and is still there."""

from __future__ import annotations

from collections.abc import Sequence

from mappings.model import ChangeRequest, Commit, ModelVersion, Ref, Run
from sync.facts.saying import yes
from sync.tagged import named_shas
from sync.view import Fact, Unknown, View


def merged(subjects: Sequence[Ref], view: View) -> Fact | Unknown:
    """Whether a commit behind one of `subjects` reached the default branch through a merged change request."""
    lacks: list[str] = []
    for ref in (ref for subject in subjects for ref in view.graph.merges.get(subject, ())):
        change = view.graph.get(ref, ChangeRequest)
        if change is not None:
            doubts = _merge_lacks(change, view)
            if not doubts and _was_dropped(change, view):
                continue
            doubts = [*view.lacks(ref), *doubts]
            if not doubts:
                return Fact(True, f"was merged by {change.repository}#{change.number}")
            lacks.extend(doubts)
    lacks.extend(view.freshness.absent_proof_lacks(("commit", "change_request")))
    waiting = {sha for ref in subjects for named in _shas(ref, view) for sha in view.look_ups_of(named)}
    lacks.extend(f"look-up of commit {sha[:9]}" for sha in sorted(waiting))
    return Unknown(tuple(dict.fromkeys(lacks))) if lacks else Fact(False, "comes from no merged pull request")


def _merge_commit(change: ChangeRequest, view: View) -> Commit | None:
    """The commit by which a change request came in, as its branch's listing told of it: both live under their repository's id.

    A commit that was only looked up tells nothing of branches; it names the change requests that it belongs to instead.
    """
    repository, merge = change.ref.id.rpartition("/")[0], (change.merge_sha or "").lower()
    commit = view.graph.get(Ref(change.ref.source, "commit", f"{repository}/{merge}"), Commit)
    return None if commit is not None and change.ref in commit.change_requests and not commit.on_default_branch else commit


def _was_dropped(change: ChangeRequest, view: View) -> bool:
    """Whether a merge was taken back off the default branch, as by a force-push.

    That may have been before anybody saw it there: where all commits of the branch are listed, one that is not known is not on it.
    """
    commit = _merge_commit(change, view)
    if commit is None:
        return change.merge_sha is not None and view.freshness.lists("commit", source=change.ref.source)
    return not commit.on_default_branch


def _merge_lacks(change: ChangeRequest, view: View) -> Sequence[str]:
    """What is missing to say whether a merge still stands. While commits are missing, its own could be among them, or be one that
    was dropped."""
    branch = [f"the default branch of {change.repository}"] if change.default_branch is None else []
    commit = _merge_commit(change, view)
    if commit is not None:
        return [*branch, *view.lacks(commit.ref)]
    return [*branch, *view.freshness.absent_proof_lacks(("commit",), source=change.ref.source)]


def _shas(ref: Ref, view: View) -> Sequence[str]:
    entity = view.graph.entities.get(ref)
    return named_shas(entity, view.project.tags) if isinstance(entity, Run | ModelVersion) else ()


def change_merged(change: ChangeRequest, view: View) -> Fact | Unknown:
    if change.state != "merged":
        return Fact(False, "is not merged")
    lacks = _merge_lacks(change, view)
    if lacks:
        return Unknown(tuple(lacks))
    if _was_dropped(change, view):
        return Fact(False, f"was merged, but commit {(change.merge_sha or '')[:9]} is no longer on the default branch")
    return yes(
        change.base == change.default_branch, "is merged into the default branch", f"is merged into {change.base}, not the default"
    )
