"""What runs, model versions and deployments were built from: the commits and change requests of the shas that they name.

Where several compete, a declared ticket goes before an exact sha; a run that merely contains an earlier ticket's work *follows* it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from mappings.model import ChangeRequest, Commit, Confidence, Deployment, Link, Ref, Run
from mappings.tags import TagNames
from sync.known import Known, repository_of
from sync.tagged import Built, built, named_shas, relation_of

C = TypeVar("C", Commit, ChangeRequest)


def by_sha(known: Known, names: TagNames) -> Iterator[Link]:
    """To the commits and change requests that a sha names."""
    for entity in built(known):
        for sha in named_shas(entity, names):
            full = known.with_sha(sha)
            for one in full:
                yield from _built_from(known, entity, one, exact=len(full) == 1)


def _built_from(known: Known, entity: Built, sha: str, *, exact: bool) -> Iterator[Link]:
    commits = _of_its_repository(known.commits_by_sha.get(sha, ()), entity)
    foreign = {commit.ref for commit in commits if known.is_strangers(commit)}
    changes = _of_its_repository(known.changes_by_sha.get(sha, ()), entity)
    # A sha on branches of two repositories names a commit in each: without the repository's name nobody can tell which was meant.
    sure = exact and len({commit.repository for commit in commits if commit.ref not in foreign}) <= 1
    confidence: Confidence = "exact" if sure else "textual"
    targets: dict[Ref, str] = {}
    for commit in commits:
        targets[commit.ref] = f"built at commit {sha[:9]}"
        for ref in commit.change_requests:
            if ref in known.changes_by_ref:
                targets[ref] = f"commit {sha[:9]} belongs to #{known.changes_by_ref[ref].number}"
    for change in changes:
        role = "merge" if change.merged_at and change.merge_sha and change.merge_sha.lower() == sha else "head"
        targets[change.ref] = f"commit {sha[:9]} is the {role} of #{change.number}"
    if not known.changes_by_ref.keys() & targets.keys():
        brought = (change for commit in commits for change in known.brought_by(commit))
        targets |= {change.ref: f"commit {sha[:9]} came in with #{change.number}" for change in brought}
    for target, because in targets.items():
        is_word = target in foreign or _is_no_way_in(known.changes_by_ref.get(target))
        weight: Confidence = "textual" if is_word else confidence
        yield Link(source=entity.ref, relation=relation_of(entity), target=target, because=because, confidence=weight)


def _is_no_way_in(change: ChangeRequest | None) -> bool:
    """Whether it is a change request by which nothing came in: given up, or a stranger's, whose head may be any public commit."""
    return change is not None and (change.state == "closed" or change.is_strangers)


def _of_its_repository(found: Sequence[C], entity: Built) -> Sequence[C]:
    """Those in the repository that it names, or all where it names none of theirs."""
    url = _repository_named(entity) or ""
    return [one for one in found if is_address_of(url, one.repository)] or found


def _repository_named(entity: Built) -> str | None:
    return None if isinstance(entity, Deployment) else entity.git_repository


def is_address_of(url: str, repository: str) -> bool:
    """Whether a clone address, of whatever protocol, is that of the repository `owner/name`."""
    address, name = url.removesuffix("/").removesuffix(".git").casefold(), repository.casefold()
    return address.endswith(("/" + name, ":" + name))


def implemented_by(links: Iterable[Link]) -> Mapping[Ref, frozenset[Ref]]:
    """The tickets of each change request, commit, run or version that are sure enough to publish on."""
    tickets: dict[Ref, set[Ref]] = {}
    for one in links:
        if one.confidence != "textual" and one.relation in ("implements", "built_from") and one.target.kind == "work_item":
            tickets.setdefault(one.source, set()).add(one.target)
    return {source: frozenset(items) for source, items in tickets.items()}


def weigh(
    known: Known, shas: Sequence[Link], tagged: Sequence[Link], tickets: Mapping[Ref, frozenset[Ref]]
) -> tuple[Sequence[Link], Mapping[Ref, Sequence[Ref]]]:
    """Where a person declared the ticket of a run or version, what belongs to other tickets only becomes the weaker `follows`.

    Either way a change request that was merged into its default branch is remembered as what merged the commit.
    """
    declared = _declared(known, tagged)
    merges: dict[Ref, set[Ref]] = {}
    weighed: list[Link] = []
    for one in shas:
        change = known.changes_by_ref.get(one.target)
        if change is not None and one.confidence != "textual" and _on_default_branch(change):
            merges.setdefault(one.source, set()).add(change.ref)
        wanted, found = declared.get(one.source), tickets.get(one.target)
        if wanted and found and not wanted & found:
            weighed.append(
                msgspec.structs.replace(one, relation="follows", because=f"{one.because}, but another ticket is declared")
            )
        else:
            weighed.append(one)
    return weighed, {source: tuple(sorted(changes)) for source, changes in merges.items()}


def _declared(known: Known, tagged: Sequence[Link]) -> Mapping[Ref, frozenset[Ref]]:
    """The tickets that tags declare for each run and version, also those that nobody knows: whoever named another ticket did not
    mean this one. A run and the versions made by it speak for each other."""
    own: dict[Ref, set[Ref]] = {}
    for one in tagged:
        own.setdefault(one.source, set()).add(one.target)
    shared = {source: set(tickets) for source, tickets in own.items()}
    for version in known.versions:
        run = known.run_of(version)
        if run is not None and version.ref in own and run not in own:
            shared.setdefault(run, set()).update(own[version.ref])
        if run is not None and run in own and version.ref not in own:
            shared[version.ref] = set(own[run])
    return {source: frozenset(tickets) for source, tickets in shared.items()}


def _on_default_branch(change: ChangeRequest) -> bool:
    """Whether it was merged, and into the default branch as far as that is known."""
    return change.state == "merged" and (change.default_branch is None or change.base == change.default_branch)


def followed(known: Known, merges: Mapping[Ref, Sequence[Ref]], tickets: Mapping[Ref, frozenset[Ref]]) -> Iterator[Link]:
    """From the first run that was built from a later merge to every merge of a ticket that has no run of its own.

    The later run contains the ticket's work without having been made for it, so it follows and is not built from it.
    """
    merged = [known.changes_by_ref[ref] for ref in tickets if ref in known.changes_by_ref]
    built: dict[str, list[tuple[datetime, Run]]] = {}
    own: set[Ref] = set()
    for run in known.runs:
        for ref in merges.get(run.ref, ()):
            change = known.changes_by_ref[ref]
            built.setdefault(change.repository, []).append((change.merged_at or _EPOCH, run))
            own.add(ref)
    for runs in built.values():
        runs.sort(key=lambda pair: (pair[0], pair[1].ref))
    for change in merged:
        runs = built.get(change.repository, [])
        if change.ref in own or change.merged_at is None or not _on_default_branch(change):
            continue
        position = bisect_right(runs, change.merged_at, key=lambda pair: pair[0])
        if position < len(runs):
            because = f"built from a later merge than #{change.number}"
            yield Link(source=runs[position][1].ref, relation="follows", target=change.ref, because=because, confidence="exact")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LooseEnd(msgspec.Struct, frozen=True, kw_only=True):
    """A full sha of which more may be learnt: its commit is not known, or (`found`) neither is on the default branch nor belongs to
    a change request of the repository's own. `since` is when it was first built from, as far as that is known. `addresses` are
    those of the repositories that it was built in, and `places` those, as source and id, where it is the head or the merge of a
    change request of their own. Short shas are no loose ends: sources answer for full ones only.
    """

    sha: str
    found: bool
    since: datetime | None = None
    addresses: frozenset[str] = frozenset()
    places: frozenset[tuple[str, str]] = frozenset()


def loose_ends(known: Known, names: TagNames) -> Sequence[LooseEnd]:
    """What a source may know more of than its listings tell, now or later: a commit is pushed, and proposed, after it was built."""
    ends: dict[str, LooseEnd] = {}
    for entity in built(known):
        for sha in named_shas(entity, names):
            if len(sha) == 40 and _is_loose(known, sha):
                end = ends.get(sha) or _loose_end(known, sha)
                times = [time for time in (end.since, _built_at(entity)) if time is not None]
                addresses = {address} if (address := _repository_named(entity)) else frozenset()
                ends[sha] = msgspec.structs.replace(end, since=min(times, default=None), addresses=end.addresses | addresses)
    return [ends[sha] for sha in sorted(ends)]


def _loose_end(known: Known, sha: str) -> LooseEnd:
    own = (change for change in known.changes_by_sha.get(sha, ()) if not change.is_strangers)
    return LooseEnd(sha=sha, found=sha in known.commits_by_sha, places=frozenset(map(repository_of, own)))


def _is_loose(known: Known, sha: str) -> bool:
    commits = known.commits_by_sha.get(sha, ())
    return not any(one.on_default_branch or _is_proposed(known, one) for one in commits)


def _is_proposed(known: Known, commit: Commit) -> bool:
    """Whether a change request is known to be its own, or may be one that was not read yet."""
    unread = set(commit.change_requests) - known.changes_by_ref.keys()
    return bool(unread) or any(not change.is_strangers for change in known.changes_of(commit))


def _built_at(entity: Built) -> datetime | None:
    return (entity.started_at if isinstance(entity, Run) else None) or entity.created_at
