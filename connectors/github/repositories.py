"""Which repositories a scope means: plain names by asking for each, globs by listing what their owner has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from connectors.errors import AuthError, NotFound
from connectors.github.options import GithubScope, is_glob, matches
from connectors.github.paging import Pager
from connectors.http import Client, decode
from mappings import github_records as words
from mappings.decoding import decoder_for
from mappings.github_records import Repository

MISSING_FIX = "check scopes: repositories: in the project file, and what the token may see"

_HIDDEN = "not there, or hidden from this account"
_DISABLED = "disabled by GitHub: exclude it, or have its owner clear that up with GitHub"


class Resolved(msgspec.Struct, frozen=True):
    """`missing` says of what the scope means why it cannot be read: a name or an owner that is not there or hidden from us, a
    repository that GitHub has disabled."""

    found: Sequence[Repository]
    missing: Mapping[str, str]


class _Installed(msgspec.Struct):
    repositories: list[msgspec.Raw]


_INSTALLED = decoder_for(_Installed)


class Repositories:
    """Asks once for all streams of a round: a stream that asks again begins a new one.

    An App (`is_app`) lists what its installation was given: it has no account whose private repositories could be listed.
    """

    def __init__(self, source: str, client: Client, pager: Pager, *, is_app: bool) -> None:
        self._source = source
        self._client = client
        self._pager = pager
        self._is_app = is_app
        self._rounds: dict[GithubScope, tuple[Resolved, set[str]]] = {}

    def of(self, scope: GithubScope, stream: str) -> Resolved:
        known = self._rounds.get(scope)
        if known is None or stream in known[1]:
            known = self._rounds[scope] = (self.resolve(scope), set())
        resolved, served = known
        served.add(stream)
        return resolved

    def resolve(self, scope: GithubScope) -> Resolved:
        """The scope's repositories now, each once, a renamed one under its new name."""
        found: dict[int, Repository] = {}
        missing: dict[str, str] = {}
        owners: dict[str, Sequence[Repository] | None] = {}
        for pattern in scope.repositories:
            owner = pattern.partition("/")[0].lower()
            candidates: Sequence[Repository] | None
            if not is_glob(pattern):
                candidates = self._named(pattern)
            elif owner in owners:
                candidates = owners[owner]
            else:
                candidates = owners[owner] = self._owned_by(owner)
            if candidates is None:
                missing[pattern] = _HIDDEN
                continue
            for repository in candidates:
                if scope.excludes(repository.full_name) or (is_glob(pattern) and not matches(repository.full_name, pattern)):
                    continue
                if repository.disabled:
                    missing[repository.full_name] = _DISABLED
                else:
                    found.setdefault(repository.id, repository)
        return Resolved(sorted(found.values(), key=lambda repository: repository.id), missing)

    def outside(self, idents: Collection[str], scope: GithubScope) -> set[str]:
        """Those of the repositories, by id, that can be seen and that the scope does not mean by any name that they have or had."""
        names = {ident: name for ident in sorted(idents) if (name := self._name_of(ident)) is not None}
        excluded = {ident for ident, name in names.items() if scope.excludes(name)}
        unnamed = {ident for ident, name in names.items() if not any(matches(name, pattern) for pattern in scope.repositories)}
        if unnamed - excluded:
            plain = [pattern for pattern in scope.repositories if not is_glob(pattern)]
            unnamed -= {str(repository.id) for pattern in plain for repository in self._named(pattern) or ()}
        return excluded | unnamed

    def _name_of(self, ident: str) -> str | None:
        response = self._client.get(f"/repositories/{ident}", accept=(200, 404))
        return decode(self._source, response, words.REPOSITORY).full_name if response.status_code == 200 else None

    def _named(self, name: str) -> Sequence[Repository] | None:
        response = self._client.get(f"/repos/{name}", accept=(200, 404))
        return [decode(self._source, response, words.REPOSITORY)] if response.status_code == 200 else None

    def _owned_by(self, owner: str) -> Sequence[Repository] | None:
        """All repositories of an organisation or a person that we may see, or None when there is no such owner."""
        if self._is_app and (given := [one for one in self._installed() if one.full_name.lower().startswith(f"{owner}/")]):
            return given
        try:
            return list(self._listed(f"/orgs/{owner}/repos", {"type": "all", "sort": "full_name"}))
        except NotFound:
            pass
        try:
            public = list(self._listed(f"/users/{owner}/repos", {"type": "owner", "sort": "full_name"}))
        except NotFound:
            return None
        # A person's private repositories are listed only as those that the token's own account may use.
        try:
            ours = list(self._listed("/user/repos", {"affiliation": "owner,collaborator", "sort": "full_name"}))
        except (AuthError, NotFound):
            ours = []
        return public + [repository for repository in ours if repository.full_name.lower().startswith(f"{owner}/")]

    def _installed(self) -> Iterator[Repository]:
        for page in self._pager.all("/installation/repositories", {}):
            if page.response is not None:
                yield from _read(decode(self._source, page.response, _INSTALLED).repositories)

    def _listed(self, url: str, params: Mapping[str, str]) -> Iterator[Repository]:
        for page in self._pager.all(url, params):
            yield from _read(page.rows)


def _read(rows: Iterable[words.Row]) -> Iterator[Repository]:
    for row in rows:
        try:
            yield words.read_record(words.REPOSITORY, row)
        except msgspec.DecodeError:
            continue  # Without an id there is nothing to read, and so nothing to quarantine.
