"""The tags by which people and pipelines say what a thing belongs to, what they approved and what their data describes, whichever
system keeps them.

Those that name something are read from the unified model when links are made, so another name in the project file needs no new
reading of the sources.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from mappings.moments import utc

Named: TypeAlias = Literal["ticket", "commit", "run", "model_version"]
Approval: TypeAlias = Literal["approved", "pending", "rejected"]

AS_OF_TAG = "milepost.data_as_of"
"""On data, or on what used them: the date or time (ISO 8601; without zone: UTC) that they describe."""
APPROVAL_TAGS = ("milepost.approval", "approval")
"""On a model version: `approved`, `pending` or `rejected`. The first that is set decides."""

_STRICTEST_FIRST: tuple[Approval, ...] = ("rejected", "pending", "approved")

OWN: Mapping[Named, frozenset[str]] = {
    "ticket": frozenset({"milepost.issue", "milepost:issue", "jira"}),
    "commit": frozenset({"mlflow.source.git.commit", "azureml.git.commit", "git_sha", "git_commit"}),
    "run": frozenset({"milepost.run", "milepost:run"}),
    "model_version": frozenset({"milepost.model_version", "milepost:model_version"}),
}
"""What is read in every project, by what it names."""


class TagNames(msgspec.Struct, frozen=True, kw_only=True):
    """By what they name, the tags that are read, in lower case: upper and lower case are alike."""

    ticket: frozenset[str] = OWN["ticket"]
    commit: frozenset[str] = OWN["commit"]
    run: frozenset[str] = OWN["run"]
    model_version: frozenset[str] = OWN["model_version"]

    @classmethod
    def with_further(cls, further: Mapping[Named, Iterable[str]]) -> TagNames:
        """Those of every project, and a project's own."""
        return cls(**{named: names | {name.casefold() for name in further.get(named, ())} for named, names in OWN.items()})


def said_by(tags: Mapping[str, str], names: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Those of `tags` that are called one of `names`, each with what it says."""
    for tag, text in tags.items():
        if tag.casefold() in names and text.strip():
            yield tag, text.strip()


def environment_in(tags: Mapping[str, str], names: Sequence[str]) -> str | None:
    """Where an endpoint stands: what the first of `names` (in lower case) says that is among the tags, in whatever case.

    Of two tags that differ in case alone, the one in lower case decides.
    """
    said = (pair for name in names for pair in sorted(said_by(tags, frozenset({name})), reverse=True))
    return next((text for _, text in said), None)


def approval_in(tags: Mapping[str, str]) -> Approval | None:
    """What a person approved by a tag, whatever the registry knows of approvals. Any other word, such as `denied`, is a rejection:
    somebody judged, and did not approve."""
    for name in APPROVAL_TAGS:
        said = {text.casefold() for _, text in said_by(tags, frozenset({name}))}
        if said:
            return "rejected" if said.difference(_STRICTEST_FIRST) else strictest(said)
    return None


def strictest(said: Collection[str | None]) -> Approval | None:
    """Of several words about one version, that which approves least."""
    return next((one for one in _STRICTEST_FIRST if one in said), None)


def data_as_of(tags: Mapping[str, str]) -> datetime | None:
    """UTC. What is no date says nothing: people write it by hand."""
    try:
        return utc(datetime.fromisoformat(tags.get(AS_OF_TAG, "").strip()))
    except (ValueError, OverflowError):
        return None
