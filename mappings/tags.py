"""The tags by which people and pipelines say what a thing belongs to, what they approved and what their data describes, whichever
system keeps them.

Those that name something are read from the unified model when links are made, so another name in the project file needs no new
reading of the sources.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal, TypeAlias

import msgspec

Named: TypeAlias = Literal["ticket", "commit", "run", "model_version"]
Approval: TypeAlias = Literal["approved", "pending", "rejected"]

AS_OF_TAG = "milepost.data_as_of"
"""On data, or on what used them: the date or time (ISO 8601; without zone: UTC) that they describe."""
APPROVAL_TAGS = ("milepost.approval", "approval")
"""On a model version: `approved`, `pending` or `rejected`. The first that is set decides."""

_APPROVALS: Mapping[str, Approval] = {"approved": "approved", "pending": "pending", "rejected": "rejected"}

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


def approval_in(tags: Mapping[str, str]) -> Approval | None:
    """What a person approved by a tag, for registries that know no approval."""
    text = next((tags[name] for name in APPROVAL_TAGS if tags.get(name)), "")
    return _APPROVALS.get(text.strip().lower())


def data_as_of(tags: Mapping[str, str]) -> datetime | None:
    """UTC. What is no date says nothing: people write it by hand."""
    try:
        moment = datetime.fromisoformat(tags.get(AS_OF_TAG, "").strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
