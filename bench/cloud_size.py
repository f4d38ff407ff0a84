"""How much a cloud's stand-in holds, and when it came to be: spread over more than a year, as a team's work is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from bench.world import PROJECT

NAME = "churn"
VERSIONS_A_MODEL = 100
"""Of all models but one, of which a pipeline makes half of all versions."""

_SPAN = timedelta(days=400)
_LATEST = timedelta(days=1)


class CloudSize(msgspec.Struct, frozen=True, kw_only=True):
    """Each endpoint serves versions of its own and has been monitored once."""

    endpoints: int
    versions: int
    runs: int

    @property
    def models(self) -> Sequence[int]:
        """How many versions each has."""
        most = self.versions // 2
        full, rest = divmod(self.versions - most, VERSIONS_A_MODEL)
        return [count for count in (most, *[VERSIONS_A_MODEL] * full, rest) if count]

    @property
    def records(self) -> int:
        """Endpoints, versions and runs. What monitors found comes on top and is little."""
        return self.endpoints + self.versions + self.runs

    @property
    def tickets(self) -> int:
        return self.endpoints

    def halved(self) -> CloudSize:
        return CloudSize(endpoints=self.endpoints // 2, versions=self.versions // 2, runs=self.runs // 2)

    def version_names(self) -> Iterator[tuple[str, int]]:
        """The model and the number of each version, in the order of their numbers here."""
        for model, count in enumerate(self.models):
            yield from ((f"{NAME}-{model:02}", number) for number in range(1, count + 1))

    def run_of(self, version: int) -> int:
        """The number of the run that made a version: runs that made none lie between."""
        return version * (self.runs // self.versions)

    def served_by(self, endpoint: int) -> int:
        """The number of the version that an endpoint serves."""
        return endpoint * (self.versions // self.endpoints)

    def ticket_of(self, run: int) -> str:
        return f"{PROJECT}-{run % self.tickets + 1}"


def made_at(number: int, of: int) -> datetime:
    """When the one of that number came to be, the first of them 400 days ago, the last a day ago."""
    step = (_SPAN - _LATEST) / max(of, 1)
    return datetime.now(UTC).replace(microsecond=0) - _SPAN + number * step
