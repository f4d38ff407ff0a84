"""What runs, model versions and deployments name in their tags: the tickets that they were made for, the commits that they were
built at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from mappings.model import Deployment, Link, ModelVersion, Relation, Run, WorkItem
from mappings.tags import TagNames, said_by
from sync.known import KEY, Known, to_items

Built: TypeAlias = Run | ModelVersion | Deployment

_SHA = re.compile(r"[0-9a-f]{7,40}")
_HOST = r"https?://(?:[^/\\?#@\s]*@)?(?P<host>[^/\\:?#@\s]+)(?::\d*)?"
_SITE = re.compile(_HOST)
_PAGE = re.compile(
    rf"{_HOST}(?:/\S*?)?/(?:browse/(?P<key>[^/?#\s]+)|(?P<repository>[\w.-]+/[\w.-]+)/issues/(?P<number>\d{{1,9}}))/?"
)
_NUMBERED = re.compile(r"[\w.-]+/[\w.-]+#\d{1,9}")


def built(known: Known) -> Iterator[Built]:
    """Everything that may name a commit or a ticket."""
    yield from known.runs
    yield from known.versions
    yield from known.deployments


def relation_of(entity: Built) -> Relation:
    """How it stands to a ticket, commit or change request: something that was built, or something that serves what was built."""
    return "deploys" if isinstance(entity, Deployment) else "built_from"


def tagged(known: Known, names: TagNames) -> Iterator[Link]:
    """Links to the tickets that tags name: declared, as a person or a pipeline of theirs wrote them there."""
    for entity in built(known):
        for tag, key, host in sorted(set(named_tickets(entity, names))):
            items = [item for item in known.by_key.get(key, ()) if not host or _host_of(item) == host]
            for link_ in to_items(entity.ref, relation_of(entity), key, items, f"tag {tag}"):
                declared = len(items) == 1
                yield msgspec.structs.replace(link_, confidence="declared") if declared else link_


def named_tickets(entity: Built, names: TagNames) -> Iterator[tuple[str, str, str]]:
    """Each tag that names tickets with the keys in it, and the host where the page of one is that it names by its address:
    `CHURN-42`, `example/churn#12`, `https://jira.example.com/browse/CHURN-42`."""
    for tags in _tags_of(entity):
        for tag, text in said_by(tags, names.ticket):
            for word in re.split(r"[\s,;]+", text):
                page = _PAGE.fullmatch(word)
                key = word if page is None else page["key"] or f"{page['repository']}#{page['number']}"
                if KEY.fullmatch(key) or _NUMBERED.fullmatch(key):
                    yield tag, key.upper(), page["host"].casefold() if page is not None else ""


def _host_of(item: WorkItem) -> str | None:
    """Every site has keys of its own, and another company's may be the same as ours."""
    found = _SITE.match(item.url or "")
    return found["host"].casefold() if found is not None else None


def named_shas(entity: Built, names: TagNames) -> Sequence[str]:
    """The commit shas that something names, lower-case, full or short."""
    own = [] if isinstance(entity, Deployment) or entity.git_commit is None else [entity.git_commit]
    said = [sha for tags in _tags_of(entity) for sha in shas_in(tags, names)]
    return sorted({*said, *(sha.lower() for sha in own if _SHA.fullmatch(sha.lower()))})


def shas_in(tags: Mapping[str, str], names: TagNames) -> Sequence[str]:
    """The commit shas in the tags that name commits."""
    return [text.lower() for _, text in said_by(tags, names.commit) if _SHA.fullmatch(text.lower())]


def _tags_of(entity: Built) -> Iterator[Mapping[str, str]]:
    """Its own, and of a deployment also those of what it serves."""
    yield entity.tags
    if isinstance(entity, Deployment):
        yield from (share.tags for share in entity.models)
