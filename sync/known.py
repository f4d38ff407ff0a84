"""The entities of one project by everything that a text or an id may name them by."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from mappings.model import (
    ChangeRequest,
    Commit,
    Confidence,
    Dataset,
    Deployment,
    Entity,
    Link,
    ModelVersion,
    Observation,
    Ref,
    Relation,
    Run,
    WorkItem,
)
from mappings.tags import TagNames
from sync.ancestry import merges_of
from sync.bearers import bearers
from sync.makers import makers

# The bound keeps the search linear: a text of nothing but underscored letters may begin a prefix at every other character.
KEY = re.compile(r"(?<![A-Za-z0-9])([A-Za-z][A-Za-z0-9_]{1,64})-([1-9][0-9]{0,8})(?![A-Za-z0-9]|\.[0-9])")


class Known:
    """An index, built once for each linking."""

    def __init__(self, entities: Iterable[Entity], names: TagNames | None = None) -> None:
        self.items: list[WorkItem] = []
        self.changes: list[ChangeRequest] = []
        self.commits: list[Commit] = []
        self.runs: list[Run] = []
        self.versions: list[ModelVersion] = []
        self.deployments: list[Deployment] = []
        self.datasets: list[Dataset] = []
        self.observations: list[Observation] = []
        self.refs: set[Ref] = set()
        rooms: Mapping[type[Entity], Callable[..., None]] = {
            WorkItem: self.items.append,
            ChangeRequest: self.changes.append,
            Commit: self.commits.append,
            Run: self.runs.append,
            ModelVersion: self.versions.append,
            Deployment: self.deployments.append,
            Dataset: self.datasets.append,
            Observation: self.observations.append,
        }
        for entity in sorted(entities, key=lambda entity: entity.ref):
            self.refs.add(entity.ref)
            room = rooms.get(type(entity))
            if room is not None:
                room(entity)
        self.by_key = _by_key(self.items)
        self.prefixes = {key.rpartition("-")[0] for key in self.by_key if "#" not in key}
        self.changes_by_key = {f"{change.repository}#{change.number}".upper(): change for change in self.changes}
        self.commits_by_sha: dict[str, list[Commit]] = {}
        for commit in self.commits:
            self.commits_by_sha.setdefault(commit.sha.lower(), []).append(commit)
        self.changes_by_sha: dict[str, list[ChangeRequest]] = {}
        for change in self.changes:
            for sha in {change.merge_sha if change.merged_at else None, change.head_sha} - {None}:
                self.changes_by_sha.setdefault(str(sha).lower(), []).append(change)
        self._shas = sorted(self.commits_by_sha.keys() | self.changes_by_sha.keys())
        self.changes_by_ref = {change.ref: change for change in self.changes}
        self.makers = makers(self.versions, self.runs, names or TagNames())

    def keyed(self, text: str) -> Iterator[tuple[str, Sequence[WorkItem]]]:
        """The issue keys in `text` whose prefix the project's scopes know, each with the items that bear it or bore it before."""
        for match in KEY.finditer(text):
            prefix = match[1].upper()
            # What stands before an underscore may belong to the text, as in `ada_ML-42`, or to the key, as in `ML_OPS-42`.
            while prefix not in self.prefixes and "_" in prefix:
                prefix = prefix.partition("_")[2]
            if prefix in self.prefixes:
                key = f"{prefix}-{match[2]}"
                yield key, self.by_key.get(key, ())

    @cached_property
    def _merges(self) -> Mapping[Ref, str]:
        return merges_of(self.commits, {change.merge_sha for change in self.changes if change.merged_at and change.merge_sha})

    def run_of(self, version: ModelVersion) -> Ref | None:
        """The run that made a version, known or not; None where nothing shows it for certain."""
        sure = [one.run for one in self.makers.get(version.ref, ()) if one.sure]
        return sure[0] if sure else version.run

    def brought_by(self, commit: Commit) -> Sequence[ChangeRequest]:
        """The change requests whose merge brought a commit onto the default branch."""
        merge = self._merges.get(commit.ref) if commit.on_default_branch else None
        merged = self.changes_by_sha.get(merge.lower(), ()) if merge is not None else ()
        return [one for one in merged if one.merge_sha == merge and repository_of(one) == repository_of(commit)]

    def changes_of(self, commit: Commit) -> Sequence[ChangeRequest]:
        """The known change requests that a commit belongs to by the source's word, and those of its repository that it is the head
        or the merge of."""
        place = repository_of(commit)
        named = {ref: self.changes_by_ref[ref] for ref in commit.change_requests if ref in self.changes_by_ref}
        of_sha = {one.ref: one for one in self.changes_by_sha.get(commit.sha.lower(), ()) if repository_of(one) == place}
        return list((named | of_sha).values())

    def is_strangers(self, commit: Commit) -> bool:
        """Whether nothing shows that somebody of the repository brought a commit there: sources answer for what lives in a fork
        only, and anybody may propose that."""
        place = repository_of(commit)
        own = (one for one in self.changes_of(commit) if repository_of(one) == place and not one.is_strangers)
        return not (commit.on_default_branch or commit.on_branch or any(own))

    def with_sha(self, sha: str) -> Sequence[str]:
        """The full shas that a full or short `sha` may mean, among commits and change requests."""
        sha = sha.lower()
        if len(sha) == 40:
            return [sha] if sha in self.commits_by_sha or sha in self.changes_by_sha else []
        if len(sha) < 7:
            return []
        return begun_by(sha, self._shas)


def begun_by(sha: str, shas: Sequence[str]) -> Sequence[str]:
    """Those of `shas`, which are sorted, that begin with a full or short `sha`."""
    first = bisect_left(shas, sha)
    return shas[first : bisect_right(shas, sha, lo=first, key=lambda one: one[: len(sha)])]


def _by_key(items: Iterable[WorkItem]) -> Mapping[str, Sequence[WorkItem]]:
    """What bears or bore an upper-cased key, in whichever source."""
    found: dict[str, list[WorkItem]] = {}
    for (_, key), items_of_source in bearers(items).items():
        found.setdefault(key, []).extend(items_of_source)
    return found


def repository_of(one: Commit | ChangeRequest) -> tuple[str, str]:
    """The source and the id of the repository that it lies in."""
    return one.ref.source, one.ref.id.rpartition("/")[0]


def to_items(source: Ref, relation: Relation, key: str, items: Sequence[WorkItem], because: str) -> Iterator[Link]:
    """Links to what bears a key, or bore it before: exact for exactly one known item, otherwise textual."""
    if not items:
        yield Link(source=source, relation="mentions", target=Ref("?", "work_item", key), because=because, confidence="textual")
    for item in items:
        exact: Confidence = "exact" if len(items) == 1 else "textual"
        moved = "" if item.key.upper() == key.upper() else f": names {key}, which is {item.key} now"
        yield Link(source=source, relation=relation, target=item.ref, because=because + moved, confidence=exact)
