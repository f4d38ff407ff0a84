"""How much a cloud's stand-in holds, and when it came to be: spread over more than a year, as a team's work is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from bench.world import PROJECT

NAME = "churn"
VERSIONS_A_MODEL = 100
"""5,000 versions in a single model would be nobody's registry, and one model each would be none either."""

_SPAN = timedelta(days=400)
_LATEST = timedelta(days=1)


class CloudSize(msgspec.Struct, frozen=True, kw_only=True):
    """Each endpoint serves versions of its own and has been monitored once."""

    endpoints: int
    versions: int
    runs: int

    @property
    def models(self) -> int:
        return -(-self.versions // VERSIONS_A_MODEL)

    @property
    def records(self) -> int:
        """Endpoints, versions and runs. What monitors found comes on top and is little."""
        return self.endpoints + self.versions + self.runs

    @property
    def tickets(self) -> int:
        return self.endpoints

    def halved(self) -> CloudSize:
        return CloudSize(endpoints=self.endpoints // 2, versions=self.versions // 2, runs=self.runs // 2)

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
