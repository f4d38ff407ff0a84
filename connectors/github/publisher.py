"""Writes our labels on issues and pull requests: one label at a time, never the set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from github import Github
from github.Issue import Issue
from github.Repository import Repository

from connectors.base import SourceContext
from connectors.errors import NotFound, RateLimited, Unavailable
from connectors.github.calls import Calls, Refused
from connectors.github.credentials import open_sdk
from connectors.github.label_definitions import LabelDefinitions
from connectors.github.options import GithubOptions
from mappings.change import Change, Slot, Value, Written
from mappings.model import Ref

_KINDS = frozenset({"work_item", "change_request"})
_ATTEMPTS = 3


class _Target(NamedTuple):
    repository: int
    number: int


class GithubPublisher:
    """One instance lives in one thread. Raises `AuthError` when there are no credentials."""

    def __init__(self, context: SourceContext) -> None:
        options: GithubOptions = context.options
        self._context = context
        self._sdk = open_sdk(context, write_pause=options.write_pause)
        self._calls = Calls(context, self._sdk)
        self._definitions = LabelDefinitions(self._calls)
        self._homes = _Homes(self._sdk, self._calls)

    def read_slots(self, slots: Sequence[Slot]) -> Mapping[Slot, Value]:
        """True for a label that is there, None for one that is not. One request a target, and at first one a repository."""
        by_target: dict[Ref, list[Slot]] = {}
        for slot in slots:
            if slot.kind == "label":
                by_target.setdefault(slot.target, []).append(slot)
        found: dict[Slot, Value] = {}
        for ref, wanted in by_target.items():
            target = _parse(ref)
            labels = self._labels(target) if target else None
            if labels is not None:
                found.update({slot: True if slot.name.casefold() in labels else None for slot in wanted})
        return found

    def write(self, changes: Sequence[Change]) -> Iterator[Written]:
        """Raises `AuthError`, `RateLimited` and `Unavailable`: what was not answered for by then may or may not be written."""
        for change in changes:
            yield self._written(change)

    def close(self) -> None:
        self._sdk.close()

    # -- one change -----------------------------------------------------------------------------------------------------------

    def _written(self, change: Change) -> Written:
        target = _parse(change.slot.target)
        if target is None or not self._context.owned.covers(change.slot) or change.slot.kind != "label":
            return Written(change=change.id, state="failed", why=f"{change.slot} is not Milepost's to write")
        home = self._homes.of(target.repository)
        if home is None:
            return Written(
                change=change.id, state="skipped", why=f"the repository of {change.key} is gone, or hidden from this account"
            )
        if home.archived:
            why = f"{home.full_name} is archived; an administrator must unarchive it, or exclude it from the scope"
            return Written(change=change.id, state="skipped", why=why)
        try:
            return self._attempted(change, target)
        except Refused as refused:
            return _refused(change, refused)

    def _attempted(self, change: Change, target: _Target) -> Written:
        """When an answer is lost, looks before it writes again."""
        wanted = bool(change.after)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._put(change, target) if wanted else self._take_off(change, target)
                return Written(change=change.id, state="done")
            except RateLimited:
                raise
            except (NotFound, Unavailable) as trouble:
                labels = self._labels(target)
                if labels is None:
                    return Written(change=change.id, state="skipped", why=f"{change.key} is gone, or hidden from this account")
                if (change.slot.name.casefold() in labels) == wanted:
                    return Written(change=change.id, state="done")
                if isinstance(trouble, NotFound):
                    return Written(change=change.id, state="failed", why=_needs_rights(change))
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _put(self, change: Change, target: _Target) -> None:
        name = change.slot.name
        color, description = self._context.owned.labels[name]
        repository = self._sdk.get_repo(target.repository)
        spelt = self._definitions.ensure(target.repository, repository, name, color, description)
        self._calls.write(change.key, lambda: self._issue(target).add_to_labels(spelt))

    def _take_off(self, change: Change, target: _Target) -> None:
        self._calls.write(change.key, lambda: self._issue(target).remove_from_labels(change.slot.name))

    def _issue(self, target: _Target) -> Issue:
        """Without a request: the client is lazy."""
        return self._sdk.get_repo(target.repository).get_issue(target.number)

    def _labels(self, target: _Target) -> set[str] | None:
        """The labels now, without case; None when the issue is gone. A transferred issue is another one, and not ours to write."""
        home = self._homes.of(target.repository)
        if home is None:
            return None
        try:
            issue = self._calls.read(f"{home.full_name}#{target.number}", lambda: self._issue(target).complete())
        except NotFound:
            return None
        raw = issue.raw_data
        if not str(raw.get("repository_url", "")).lower().endswith(f"/repos/{home.full_name}".lower()):
            return None
        names = (label if isinstance(label, str) else label.get("name") for label in raw.get("labels") or ())
        return {name.casefold() for name in names if name}


class _Homes:
    """The repositories of the targets, asked for once. One that is archived or goes meanwhile is told by GitHub's own refusal."""

    def __init__(self, sdk: Github, calls: Calls) -> None:
        self._sdk = sdk
        self._calls = calls
        self._known: dict[int, Repository | None] = {}

    def of(self, ident: int) -> Repository | None:
        """None when it is gone or hidden."""
        if ident not in self._known:
            try:
                self._known[ident] = self._calls.read(f"repository {ident}", lambda: self._sdk.get_repo(ident).complete())
            except NotFound:
                self._known[ident] = None
        return self._known[ident]


def _parse(ref: Ref) -> _Target | None:
    repository, _, number = ref.id.partition("/")
    if ref.kind not in _KINDS or not (repository.isascii() and repository.isdecimal() and number.isascii() and number.isdecimal()):
        return None
    return _Target(int(repository), int(number))


def _refused(change: Change, refused: Refused) -> Written:
    said = refused.said.lower()
    if "archived" in said:
        why = f"{change.container} is archived; an administrator must unarchive it, or exclude it from the scope"
        return Written(change=change.id, state="skipped", why=why)
    if "locked" in said:
        why = f"{change.key} is locked; someone with the triage role must unlock it, or grant the account that role"
        return Written(change=change.id, state="skipped", why=why)
    if refused.status == 403:
        return Written(change=change.id, state="failed", why=f"{_needs_rights(change)} (GitHub: {refused.said})")
    return Written(change=change.id, state="failed", why=f"{change.key}: GitHub refused: {refused.said}")


def _needs_rights(change: Change) -> str:
    return (
        f"{change.key}: this account may not write labels; an administrator of {change.container} must grant it the write role, "
        "or the token or App the permission Issues: read and write"
    )
