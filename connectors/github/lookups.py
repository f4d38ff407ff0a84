"""Direct reads. An object counts as gone only if its neighbours, of the same kind in the same repository, can still be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote

import httpx
import msgspec

from connectors.github.paging import Pager, read_rows
from connectors.http import Client, decode
from mappings import github_records as words
from mappings.change import Reading
from mappings.decoding import decoder_for
from mappings.github import Translation
from mappings.github_records import Repository
from mappings.model import ChangeRequest, Entity, Missing, Ref

_ID = re.compile(r"([1-9][0-9]{0,18})/([1-9][0-9]{0,18}|[0-9a-f]{40})")
_GONE = (404, 410, 422)
_LISTINGS = {"work_item": "issues", "change_request": "pulls", "commit": "commits", "milestone": "milestones"}


class _Compared(msgspec.Struct):
    status: str


_COMPARED = decoder_for(_Compared)
_PULLS = decoder_for(list[words.PullRecord])
_BRANCHES = decoder_for(list[msgspec.Raw])


class Lookups:
    """For one call: what is learnt about a repository on the way is not asked twice."""

    def __init__(self, source: str, client: Client, pager: Pager, translation: Translation) -> None:
        self._source = source
        self._client = client
        self._pager = pager
        self._translation = translation
        self._repositories: dict[str, Repository | None] = {}
        self._readable: dict[tuple[str, str], bool] = {}
        self._labels: dict[str, dict[str, Entity]] = {}

    def read(self, refs: Sequence[Ref]) -> Iterator[Entity | Missing | Reading]:
        """Refs of another source or kind, with an id that is none of ours or a shortened sha, are not answered for."""
        for ref in refs:
            match = _ID.fullmatch(ref.id)
            if match is None or ref.source != self._source:
                continue
            yield from self._one(ref, match[1], match[2])

    def _one(self, ref: Ref, repository: str, ident: str) -> Iterable[Entity | Missing | Reading]:
        is_sha = len(ident) == 40
        if is_sha != (ref.kind == "commit"):
            return ()
        match ref.kind:
            case "work_item" | "change_request" | "milestone":
                return self._numbered(ref, repository, ident)
            case "commit":
                return _known(self._commit(ref, repository, ident))
            case "label":
                return _known(self._label(ref, repository))
        return ()

    def _numbered(self, ref: Ref, repository: str, number: str) -> Iterable[Entity | Missing | Reading]:
        """A redirect means that an issue was transferred: it is another one now, of another repository."""
        response = self._client.get(
            f"/repositories/{repository}/{_LISTINGS[ref.kind]}/{number}", accept=(200, 301, 302, 307, 308, *_GONE)
        )
        if response.status_code == 410 and b"disabled" in response.content:
            return ()  # The repository's issues are switched off; they come back with the switch.
        if response.status_code != 200:
            return _known(self._missing(ref, repository))
        match ref.kind:
            case "work_item":
                return self._work_item(ref, repository, response)
            case "change_request":
                pull = _record(response, words.PULL)
                return _with_readings(*self._translation.change_request(pull)) if pull else ()
            case _:
                milestone, known = _record(response, words.MILESTONE), self._repository(repository)
                return [self._translation.milestone(milestone, known)] if milestone and known else ()

    def _work_item(self, ref: Ref, repository: str, response: httpx.Response) -> Iterable[Entity | Missing | Reading]:
        issue, known = _record(response, words.ISSUE), self._repository(repository)
        if issue is None or known is None:
            return ()
        if issue.pull_request is not None:
            return [Missing(ref=ref)]
        return _with_readings(*self._translation.work_item(issue, known))

    def _commit(self, ref: Ref, repository: str, sha: str) -> Entity | Missing | None:
        """One row of the changed files is asked for: a commit's may be thousands."""
        response = self._client.get(f"/repositories/{repository}/commits/{sha}", params={"per_page": 1}, accept=(200, 409, *_GONE))
        if response.status_code != 200:
            return self._missing(ref, repository)
        record, known = _record(response, words.COMMIT), self._repository(repository)
        if record is None or known is None or record.sha != sha:
            return None
        changes = self._change_requests(repository, sha)
        own = any(not change.is_strangers for change in changes if change.ref.id.startswith(f"{repository}/"))
        on_default_branch = self._is_on_default_branch(known, sha)
        return self._translation.commit(
            record,
            known,
            on_default_branch=on_default_branch,
            on_branch=on_default_branch or own or self._is_head(repository, sha),
            change_requests=tuple(sorted({change.ref for change in _bringing(changes)})),
        )

    def _change_requests(self, repository: str, sha: str) -> Sequence[ChangeRequest]:
        """Which pull requests brought a commit."""
        response = self._of_commit(repository, sha, "pulls", {"per_page": 100})
        pulls = decode(self._source, response, _PULLS) if response.status_code == 200 else ()
        return [self._translation.change_request(pull)[0] for pull in pulls]

    def _is_on_default_branch(self, repository: Repository, sha: str) -> bool:
        """The page after the first has none of the changed files, which may be thousands."""
        if not repository.default_branch:
            return False
        response = self._client.get(
            f"/repositories/{repository.id}/compare/{sha}...{quote(repository.default_branch, safe='')}",
            params={"per_page": 1, "page": 2},
            accept=(200, 404, 409, 422),
        )
        return response.status_code == 200 and decode(self._source, response, _COMPARED).status in ("ahead", "identical")

    def _is_head(self, repository: str, sha: str) -> bool:
        """Whether a branch of the repository ends in a commit. GitHub reads a fork's commits by the parent's address as well, and
        tells of no other commit on which branches it is."""
        response = self._of_commit(repository, sha, "branches-where-head")
        return response.status_code == 200 and bool(decode(self._source, response, _BRANCHES))

    def _of_commit(self, repository: str, sha: str, what: str, params: Mapping[str, int] | None = None) -> httpx.Response:
        """409 when the repository is empty."""
        return self._client.get(f"/repositories/{repository}/commits/{sha}/{what}", params=params, accept=(200, 404, 409, 422))

    def _label(self, ref: Ref, repository: str) -> Entity | Missing | None:
        """A label is read by its name alone, which is not what identifies it: so all of them are."""
        known = self._repository(repository)
        if known is None:
            return None
        if repository not in self._labels:
            listing = self._pager.all(f"/repositories/{repository}/labels", {})
            rows = [row for page in listing for row in page.rows]
            records, _ = read_rows(rows, "label", known, words.LABEL)
            labels = [label for record in records if (label := self._translation.label(record, known))]
            self._labels[repository] = {label.ref.id: label for label in labels}
        return self._labels[repository].get(ref.id) or Missing(ref=ref)

    def _missing(self, ref: Ref, repository: str) -> Missing | None:
        """Asks for the listing that the object would be in: it fails if the repository is gone, hidden, or that part is off."""
        listing = _LISTINGS[ref.kind]
        key = (repository, listing)
        if key not in self._readable:
            response = self._client.get(
                f"/repositories/{repository}/{listing}", params={"per_page": 1}, accept=(200, 404, 409, 410)
            )
            self._readable[key] = response.status_code in ((200, 409) if listing == "commits" else (200,))
        return Missing(ref=ref) if self._readable[key] else None

    def _repository(self, ident: str) -> Repository | None:
        if ident not in self._repositories:
            response = self._client.get(f"/repositories/{ident}", accept=(200, 404))
            known = decode(self._source, response, words.REPOSITORY) if response.status_code == 200 else None
            self._repositories[ident] = known
        return self._repositories[ident]


def _known(answer: Entity | Missing | None) -> Iterable[Entity | Missing]:
    return () if answer is None else [answer]


def _with_readings(entity: Entity, readings: Sequence[Reading]) -> Iterable[Entity | Reading]:
    return [entity, *readings]


def _bringing(changes: Sequence[ChangeRequest]) -> Sequence[ChangeRequest]:
    """Of the pull requests that GitHub names for a commit, those it belongs to: the one that brought it onto the default branch
    first, and those that were merged into that one before. Another that has it as well was built on that work, or its branch kept a
    merge that was dropped: it only contains it.
    """
    merged = sorted((change for change in changes if change.merged_at), key=lambda change: (change.merged_at, change.number))
    for position, change in enumerate(merged):
        if change.base == change.default_branch:
            return merged[: position + 1]
    return changes


def _record(response: httpx.Response, decoder: msgspec.json.Decoder[words.R]) -> words.R | None:
    """None for a record that cannot be translated: it is there, so it is not missing, and nothing is known of it."""
    try:
        return words.read_record(decoder, response.content)
    except msgspec.DecodeError:
        return None
