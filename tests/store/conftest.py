"""Entities and streams that the store's tests speak of; all people and projects are made up."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from sync.store.streams import StreamKey

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def noon() -> datetime:
    return NOON


@pytest.fixture
def later() -> Callable[[int], datetime]:
    """Noon and so many minutes."""
    return lambda minutes: NOON + timedelta(minutes=minutes)


@pytest.fixture
def fresh_key() -> Callable[[], StreamKey]:
    """A stream of a source of its own at each call: as good as an empty store."""
    numbers = itertools.count()
    return lambda: StreamKey(source=f"jira-{next(numbers)}", stream="issues", scope_hash="h", mapping_version=1)


@pytest.fixture
def key(fresh_key: Callable[[], StreamKey]) -> StreamKey:
    return fresh_key()
