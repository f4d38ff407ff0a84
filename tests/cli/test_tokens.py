"""`milepost token`: a token is shown once, then only told of."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.store import tokens
from sync.store.connect import open_database
from tests.cli.process import Desk

FILE = """
sources: {jira: {type: jira, url: "https://example.atlassian.net"}}
projects: {ops: {scopes: {jira: {projects: [OPS]}}}}
"""


@pytest.fixture
def desk(tmp_path: Path, sqlite_template: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.config.write_text(FILE, encoding="utf-8")
    (tmp_path / "milepost.db").write_bytes(sqlite_template.read_bytes())
    return desk


def test_a_token_is_made_shown_once_and_works_until_it_is_revoked(desk: Desk) -> None:
    made = desk.call("token", "create", "ci-dashboard", "--scope", "operate", "--scope", "read", "--expires", "90d", "-o", "json")
    document = made.json()
    listed = desk.call("token", "list")
    listed_json = desk.call("token", "list", "-o", "json")
    worked = _is_recognised(desk, document["token"])
    revoked = desk.call("token", "revoke", "ci-dashboard")
    after = desk.call("token", "list")

    assert made.code == listed.code == revoked.code == 0
    assert (document["scopes"], document["valid"], document["used_at"]) == (["read", "operate"], True, None)
    assert document["expires_at"] > document["created_at"]
    assert worked
    assert not _is_recognised(desk, document["token"])
    assert "ci-dashboard" in listed.out
    assert listed_json.json()["tokens"] == [{key: value for key, value in document.items() if key != "token"}]
    secret = document["token"].split("_", 2)[2]
    assert all(secret not in one.out + one.err for one in (listed, listed_json, revoked, after))
    assert "revoked just now" in after.out


def test_a_token_for_people_stands_alone_on_a_line(desk: Desk) -> None:
    made = desk.call("token", "create", "laptop")
    first, *rest = made.out.splitlines()

    assert _is_recognised(desk, first)
    assert "may read" in " ".join(rest)
    assert "is not shown again" in " ".join(rest)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "a/b"), "no name for a token"),
        (("create", ""), "no name for a token"),
        (("create", "x", "--scope", "write"), "is not one of read, operate"),
        (("create", "x", "--expires", "0s"), "over at once"),
        (("create", "x", "--expires", "soon"), "--expires: 'soon' is no duration\n  fix: write a whole number with one unit"),
        (("create", "x", "--expires", "99999d"), "fix: give a shorter one"),
        (("create", "x", "--expires", "3"), "3d for days"),
        (("revoke", "nobody"), "there is no token 'nobody'"),
        (("revoke", "nobody"), "fix: milepost token list shows them"),
    ],
)
def test_what_cannot_be_is_told_with_a_fix(desk: Desk, arguments: tuple[str, ...], said: str) -> None:
    ended = desk.call("token", *arguments)

    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""


def test_a_token_that_is_not_known_is_told_with_the_nearest_alone(desk: Desk) -> None:
    for name in ("ci-dashboard", "laptop"):
        assert desk.call("token", "create", name).code == 0
    near, far = desk.call("token", "revoke", "ci-dashbord"), desk.call("token", "revoke", "nope")

    assert (near.code, far.code) == (2, 2)
    assert "did you mean ci-dashboard? milepost token list shows them" in near.err
    assert "laptop" not in near.err + far.err
    assert "milepost token list shows them" in far.err


def test_help_shows_how_a_duration_is_written(desk: Desk) -> None:
    shown = " ".join(desk.call("token", "create", "--help").out.split())

    assert "--expires DURATION" in shown
    assert "such as 90d" in shown


def test_a_valid_name_is_not_given_twice_and_a_pasted_token_is_not_repeated(desk: Desk) -> None:
    text = desk.call("token", "create", "laptop").out.splitlines()[0]
    twice = desk.call("token", "create", "laptop")
    pasted = desk.call("token", "revoke", text)
    again = desk.call("token", "revoke", "laptop")
    unknown = desk.call("token", "revoke", text[:-8])
    forever = desk.call("token", "create", "laptop", "--expires", "3650d", "-o", "json")

    assert (twice.code, pasted.code, again.code, unknown.code, forever.code) == (2, 0, 0, 2, 0)
    assert "already" in twice.err
    assert "is revoked" in pasted.out
    assert "was over already" in again.out
    secret = text.split("_", 2)[2][:20]
    assert not any(secret in one.out + one.err for one in (twice, pasted, again, unknown))


def _is_recognised(desk: Desk, text: str) -> bool:
    database = open_database(f"sqlite:///{desk.folder / 'milepost.db'}")
    try:
        with database.read() as tx:
            return tokens.recognise(tx, text, database.now(tx)) is not None
    finally:
        database.close()
