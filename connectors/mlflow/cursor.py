"""How far the runs were read. MLflow keeps no time of change, so this remembers what may still change."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mappings.decoding import decode_as

MOST_REMEMBERED = 1000
"""Runs under way that are read again at each pull: those that started last. What becomes of the others, a full pull shows."""

OVERLAP = 3_600_000
"""Milliseconds before the latest start that are read again: clients set the start by their own clocks, and report it late."""


class RunsCursor(msgspec.Struct, frozen=True):
    """`since`: the latest start seen, never in the future, in ms since 1970. `running`: start by run id of the runs under way.
    `experiments_until`: the latest change of an experiment whose runs were all listed, in ms."""

    since: int = 0
    running: Mapping[str, int] = {}
    experiments_until: int = 0

    def remembering(self, since: int, running: Mapping[str, int]) -> RunsCursor:
        """The cursor after more runs were seen."""
        newest = sorted(running.items(), key=lambda item: (-item[1], item[0]))[:MOST_REMEMBERED]
        return msgspec.structs.replace(self, since=max(self.since, since), running=dict(newest))

    def encode(self) -> str:
        return msgspec.json.encode(self, order="deterministic").decode()


def decode_cursor(text: str) -> RunsCursor | None:
    """The inverse of `encode`, or None for what is no such cursor: then everything is read again."""
    try:
        return decode_as(text, RunsCursor)
    except (msgspec.DecodeError, UnicodeError):
        return None
