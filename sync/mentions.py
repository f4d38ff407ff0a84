"""Tickets that texts name: keys in branch names, titles, commit messages and prose, and closing keywords."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

import msgspec

from mappings.model import ChangeRequest, Commit, Link, Ref, WorkItem
from sync.known import KEY, Known, to_items

_CLOSING = re.compile(
    r"(?<![\w-])(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?|implements?)[:\s]\s*(?P<list>[A-Za-z][A-Za-z0-9_]+-\d+(?:\s*,\s*[A-Za-z][A-Za-z0-9_]+-\d+)*)",
    re.IGNORECASE,
)
_CLOSING_HASH = re.compile(
    r"(?<![\w-])(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)[:\s]\s*(?P<repository>[\w.-]+/[\w.-]+)?#(?P<number>\d{1,9})(?!\w)",
    re.IGNORECASE,
)

_LEFT_OUT = "…"


def mentions(known: Known) -> Iterator[Link]:
    for change in known.changes:
        yield from _of_change(known, change)
    for commit in known.commits:
        yield from _of_commit(known, commit)
    for item in known.items:
        if "#" in item.key:
            for key, items in known.keyed(item.title):
                for link_ in to_items(item.ref, "mentions", key, items, f"{key} in the title"):
                    yield msgspec.structs.replace(link_, confidence="textual")


def only_references(text: str) -> str:
    """What is left of `text` without the words that name no ticket: it gives the same links."""
    spans = sorted(match.span() for pattern in (KEY, _CLOSING, _CLOSING_HASH) for match in pattern.finditer(text))
    begins = [begin for begin, _ in spans]
    ends = list(accumulate((end for _, end in spans), max))
    lines: list[str] = []
    at = 0
    for line in text.split("\n"):
        words: list[str] = []
        for word in re.finditer(r"\S+", line):
            before = bisect_left(begins, at + word.end())
            named = before > 0 and ends[before - 1] > at + word.start()
            if named or words[-1:] != [_LEFT_OUT]:
                words.append(word[0] if named else _LEFT_OUT)
        at += len(line) + 1
        if words != [_LEFT_OUT] or len(lines) < 2 or lines[-1] != _LEFT_OUT:
            lines.append(" ".join(words))
    return "\n".join(lines)


def _of_change(known: Known, change: ChangeRequest) -> Iterator[Link]:
    """What a change request says. Anybody may open one from a fork and say anything: until it is merged, that is only shown."""
    for link_ in _said_by_change(known, change):
        yield msgspec.structs.replace(link_, confidence="textual") if change.is_strangers else link_


def _said_by_change(known: Known, change: ChangeRequest) -> Iterator[Link]:
    certain: dict[str, str] = {}
    for key, _ in known.keyed(change.branch):
        certain.setdefault(key, f"{key} in the branch name {change.branch}")
    for key, _ in known.keyed(change.title):
        certain.setdefault(key, f"{key} in the title of #{change.number}")
    for match in _CLOSING.finditer(change.body):
        for key, _ in known.keyed(match["list"]):
            certain.setdefault(key, f"closing keyword for {key} in the text of #{change.number}")
    for key, because in certain.items():
        yield from to_items(change.ref, "implements", key, known.by_key.get(key, ()), because)
    for key, items in known.keyed(change.body):
        if key not in certain:
            yield from _in_prose(change.ref, key, items, f"{key} in the text of #{change.number}")
    for named in change.closes:
        items = known.by_key.get(named.upper(), ())
        if items:
            yield from to_items(change.ref, "implements", named, items, f"closing keyword for {named} in #{change.number}")


def _of_commit(known: Known, commit: Commit) -> Iterator[Link]:
    """What a commit's message says; only shown where anybody may have written it."""
    is_word = known.is_strangers(commit)
    for link_ in _said_by_commit(known, commit):
        yield msgspec.structs.replace(link_, confidence="textual") if is_word else link_


def _said_by_commit(known: Known, commit: Commit) -> Iterator[Link]:
    subject, _, rest = commit.message.partition("\n")
    short = commit.sha[:9]
    certain: dict[str, str] = {}
    for key, _ in known.keyed(subject):
        certain.setdefault(key, f"{key} in the subject of commit {short}")
    for match in _CLOSING.finditer(rest):
        for key, _ in known.keyed(match["list"]):
            certain.setdefault(key, f"closing keyword for {key} in commit {short}")
    for key, because in certain.items():
        yield from to_items(commit.ref, "implements", key, known.by_key.get(key, ()), because)
    for key, items in known.keyed(rest):
        if key not in certain:
            yield from _in_prose(commit.ref, key, items, f"{key} in the message of commit {short}")
    for match in _CLOSING_HASH.finditer(commit.message):
        named = f"{match['repository'] or commit.repository}#{int(match['number'])}"
        items = known.by_key.get(named.upper(), ())
        if items:
            yield from to_items(commit.ref, "implements", named, items, f"closing keyword for {named} in commit {short}")


def _in_prose(source: Ref, key: str, items: Sequence[WorkItem], because: str) -> Iterator[Link]:
    for link_ in to_items(source, "mentions", key, items, because):
        yield msgspec.structs.replace(link_, confidence="textual")
