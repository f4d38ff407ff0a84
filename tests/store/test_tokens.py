"""Bearer tokens: only their holders know them, and only valid ones are recognised."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from sync.store import tokens
from sync.store.connect import Database
from sync.store.schema import metadata, token
from sync.store.tokens import Issued

Later = Callable[[int], datetime]


@pytest.fixture
def issued(database: Database, noon: datetime) -> Issued:
    with database.write() as tx:
        return tokens.issue(tx, "dashboard", ["read"], noon, expires_at=noon + timedelta(days=90))


def _is_recognised(database: Database, text: str, at: datetime) -> bool:
    with database.read() as tx:
        return tokens.recognise(tx, text, at) is not None


def test_a_token_is_recognised_with_its_scopes(database: Database, issued: Issued, later: Later) -> None:
    with database.read() as tx:
        found = tokens.recognise(tx, issued.text, later(1))

    assert found == issued.token
    assert found.scopes == ("read",)
    assert tokens.id_of(issued.text) == issued.token.id


def test_nothing_that_is_stored_holds_the_token(database: Database, issued: Issued) -> None:
    secret = issued.text.removeprefix(f"mp_{issued.token.id}_")[:20]
    with database.read() as tx:
        stored = [str(value) for table in metadata.sorted_tables for row in tx.execute(select(table)) for value in row]
        length = tx.execute(select(token.c.digest)).scalar_one()

    assert stored
    assert len(length) == 32
    assert not any(secret in one for one in stored)


def test_two_tokens_have_nothing_in_common_but_their_shape(database: Database, noon: datetime) -> None:
    with database.write() as tx:
        texts = [tokens.issue(tx, f"client {number}", ["read"], noon).text for number in range(20)]

    assert len({tokens.id_of(text) for text in texts}) == len({text.split("_", 2)[2] for text in texts}) == 20


@given(at=st.integers(0, 58), to=st.characters(min_codepoint=33, max_codepoint=126))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_token_with_one_other_character_is_none(at: int, to: str, database: Database, issued: Issued, noon: datetime) -> None:
    changed = issued.text[:at] + to + issued.text[at + 1 :]

    # The last character of 43 carries four bits that no byte of the secret uses: another one is still another text.
    assert _is_recognised(database, changed, noon) is (changed == issued.text)


@pytest.mark.parametrize("length", [0, 3, 15, 16, 40, 58])
def test_a_truncated_token_is_none(length: int, database: Database, issued: Issued, noon: datetime) -> None:
    assert not _is_recognised(database, issued.text[:length], noon)
    assert not _is_recognised(database, issued.text + "A" * (59 - length), noon)


@given(text=st.text(max_size=80))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_is_a_token_by_chance(text: str, database: Database, issued: Issued, noon: datetime) -> None:
    assert not _is_recognised(database, text, noon)
    assert not _is_recognised(database, f"mp_{issued.token.id}_{text}", noon)


def test_a_token_is_over_when_it_expires_and_when_it_is_revoked(database: Database, issued: Issued, noon: datetime) -> None:
    end = noon + timedelta(days=90)
    assert _is_recognised(database, issued.text, end - timedelta(microseconds=1))
    assert not _is_recognised(database, issued.text, end)

    with database.write() as tx:
        ended = tokens.revoke(tx, "dashboard", noon)
    assert [one.id for one in ended] == [issued.token.id]
    assert not _is_recognised(database, issued.text, noon)


def test_an_id_is_revoked_before_a_name_and_an_unknown_one_is_told(database: Database, issued: Issued, noon: datetime) -> None:
    with database.write() as tx:
        namesake = tokens.issue(tx, issued.token.id, ["operate"], noon)
        ended = tokens.revoke(tx, issued.token.id, noon)
        with pytest.raises(KeyError):
            tokens.revoke(tx, "nobody", noon)

    assert [one.id for one in ended] == [issued.token.id]
    assert _is_recognised(database, namesake.text, noon)


def test_a_name_may_be_used_again_when_its_token_is_over(database: Database, issued: Issued, noon: datetime) -> None:
    with database.write() as tx:
        with pytest.raises(ValueError, match="'dashboard'"):
            tokens.issue(tx, "dashboard", ["read"], noon)
        tokens.revoke(tx, "dashboard", noon)
        again = tokens.issue(tx, "dashboard", ["read"], noon)

    assert _is_recognised(database, again.text, noon)
    assert not _is_recognised(database, issued.text, noon)


def test_use_is_written_at_most_once_a_minute(database: Database, issued: Issued, later: Later, noon: datetime) -> None:
    seen = []
    for moment in (noon, noon + timedelta(seconds=59), later(1), later(1), later(5)):
        with database.write() as tx:
            tokens.note_use(tx, issued.token.id, moment)
            seen.append(tokens.every(tx)[0].used_at)

    assert seen == [noon, noon, later(1), later(1), later(5)]


def test_whatever_is_asked_for_a_hash_is_compared_in_constant_time(
    database: Database, issued: Issued, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[int, int]] = []
    honest = hmac.compare_digest

    def watched(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return honest(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    asked = (issued.text, issued.text[:-1] + "-", "mp_0123456789ab_" + "A" * 43, "", "Bearer", "é" * 59)
    for text in asked:
        _is_recognised(database, text, noon)

    assert compared == [(32, 32)] * len(asked)
