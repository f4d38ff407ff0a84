"""The labels and milestones of a repository: short listings without a usable change time, read whole each time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connectors.github.paging import Pager
from mappings import github_records as words
from mappings.github import Translation
from mappings.github_records import Repository
from mappings.model import Entity, Rejected

Swept = tuple[Sequence[Entity], Sequence[Rejected]]


class Sweeps:
    def __init__(self, pager: Pager, translation: Translation) -> None:
        self._pager = pager
        self._translation = translation

    def labels(self, repository: Repository) -> Iterator[Swept]:
        """Without ours."""
        for page in self._pager.all(f"/repositories/{repository.id}/labels", {}):
            records, rejected = page.records("label", repository, words.LABEL)
            labels = (self._translation.label(record, repository) for record in records)
            yield [label for label in labels if label is not None], rejected

    def milestones(self, repository: Repository) -> Iterator[Swept]:
        """Open and closed."""
        for page in self._pager.all(f"/repositories/{repository.id}/milestones", {"state": "all"}):
            records, rejected = page.records("milestone", repository, words.MILESTONE)
            yield [self._translation.milestone(record, repository) for record in records], rejected
