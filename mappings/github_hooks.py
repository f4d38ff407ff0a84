"""GitHub's webhooks and their deliveries as it lists them, and which deliveries to ask for again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, TypeAlias

import msgspec

from mappings.decoding import decoder_for

PATIENCE = timedelta(hours=1)
"""What was asked for is not asked for again earlier."""

MOST_ATTEMPTS = 5
"""After so many, a delivery is taken to be one that will never be accepted."""

_Id: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
_Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]


class HookConfig(msgspec.Struct):
    url: str | None = None


class Hook(msgspec.Struct):
    id: _Id
    config: HookConfig
    active: bool = True


class Attempt(msgspec.Struct, frozen=True):
    """One attempt to deliver an event, whose `guid` all of them have. Without an answer, `status_code` may be none of HTTP's."""

    id: _Id
    guid: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    delivered_at: _Moment
    status_code: int
    redelivery: bool = False
    installation_id: int | None = None
    repository_id: int | None = None

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status_code < 400


def to_ask_for(attempts: Iterable[Attempt], now: datetime) -> Sequence[Attempt]:
    """The latest attempt of each event that reached nobody and may be asked for now; the oldest first."""
    events: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        events.setdefault(attempt.guid, []).append(attempt)
    latest = [max(made, key=_age) for made in events.values() if _is_open(made, now)]
    return sorted(latest, key=_age)


def _is_open(made: Sequence[Attempt], now: datetime) -> bool:
    asked = [attempt.delivered_at for attempt in made if attempt.redelivery]
    is_fresh = bool(asked) and now - max(asked) < PATIENCE
    return not is_fresh and len(made) < MOST_ATTEMPTS and not any(attempt.succeeded for attempt in made)


def _age(attempt: Attempt) -> tuple[datetime, int]:
    return attempt.delivered_at, attempt.id


HOOK = decoder_for(Hook)
HOOK_CONFIG = decoder_for(HookConfig)
DELIVERY = decoder_for(Attempt)
