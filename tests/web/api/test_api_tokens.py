"""Nothing of the API is open without a valid token of the right scope."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import timedelta

from sync.store import tokens
from tests.web.api.conftest import Ask, World

PATHS = ("/projects", "/statuses?limit=0", "/openapi.json", "/nothing-here", "/", "")
NO_TOKENS: Sequence[Mapping[str, str | bytes]] = (
    {},
    {"authorization": ""},
    {"authorization": "Bearer"},
    {"authorization": "Bearer  "},
    {"authorization": "Bearer nonsense"},
    {"authorization": "Bearer mp_0123456789ab_" + "A" * 43},
    {"authorization": "Basic bXA6bXA="},
    {"authorization": b"Bearer \xff\xfe"},
    {"authorization": "Bearer " + "x" * 5_000},
)


def test_no_path_answers_without_a_token(ask: Ask) -> None:
    for path, said in itertools.product(PATHS, NO_TOKENS):
        answered = ask(path, token=None, headers=said)

        assert answered.status_code == 401, (path, said)
        assert answered.headers["www-authenticate"].startswith('Bearer realm="milepost"')
        assert answered.headers["content-type"] == "application/problem+json"
        assert answered.json()["fix"]


def test_a_wrong_truncated_expired_or_revoked_token_is_told_apart_from_none(ask: Ask, world: World) -> None:
    good, short = world.token("read", name="good"), world.token("read", name="short", expires_in=timedelta(milliseconds=-1))
    assert ask("/projects", token=good).status_code == 200

    with world.database.write() as tx:
        tokens.revoke(tx, "good", world.database.now(tx))
    for token in (good, short, good[:-1], good + "A", good.upper()):
        answered = ask("/projects", token=token)
        assert answered.status_code == 401
        assert 'error="invalid_token"' in answered.headers["www-authenticate"]
        assert answered.json()["title"] == "the token is not valid"
    assert ask("/projects", token=None).json()["title"] == "a token is needed"


def test_each_scope_allows_its_own_alone(ask: Ask, world: World) -> None:
    read, operate = world.token("read", name="r"), world.token("operate", name="o")

    assert ask("/projects", token=read).status_code == 200
    assert ask("/projects/churn/sync", "POST", token=operate).status_code == 202
    for path, method, token, needed in (
        ("/projects/churn/sync", "POST", read, "operate"),
        ("/projects", "GET", operate, "read"),
    ):
        answered = ask(path, method, token=token)
        assert answered.status_code == 403
        assert f'scope="{needed}"' in answered.headers["www-authenticate"]
        assert f"--scope {needed}" in answered.json()["fix"]
    assert world.woken == 1


def test_what_no_operation_is_is_told_before_a_scope_is_asked_for(ask: Ask, world: World) -> None:
    read, operate = world.token("read", name="r"), world.token("operate", name="o")

    for token in (read, operate):
        assert ask("/projects", "DELETE", token=token).status_code == 405
        assert ask("/projects/churn/sync", token=token).status_code == 405
        assert ask("/nothing-here", "POST", token=token).status_code == 404


def test_use_is_noted_once_a_minute(ask: Ask, world: World) -> None:
    text = world.token("read", name="watched")
    used = []
    for _ in range(3):
        assert ask("/projects", token=text).status_code == 200
        with world.database.read() as tx:
            used.append(next(one.used_at for one in tokens.every(tx) if one.name == "watched"))

    assert used[0] is not None
    assert len(set(used)) == 1


def test_every_answer_says_how_to_treat_it(ask: Ask) -> None:
    for answered in (
        ask("/projects"),
        ask("/projects", token=None),
        ask("/nothing"),
        ask("/statuses?limit=0"),
        ask("/openapi.json"),
    ):
        assert answered.headers["cache-control"] == "no-store"
        assert answered.headers["x-content-type-options"] == "nosniff"
        assert answered.headers["content-security-policy"].startswith("default-src 'none'")
