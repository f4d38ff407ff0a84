"""Secrets stay where they are: after every command, no canary is in an output, the database, a plan, or anything else written."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from sandbox.github import GitHub
from sandbox.jira import JiraCloud
from tests.cli.office import Office, furnish
from tests.cli.process import Desk, Ended

USER = "canary-user-5f0c@example.com"
TOKENS = {"jira": "canary-jira-token-81d2", "github": "canary-github-token-77aa", "mlflow": "canary-mlflow-token-90ef"}
PASSWORD = "canary/database:password-3b1e"
"""Has to be percent-encoded in an address."""

_ENCODED = "canary%2Fdatabase%3Apassword-3b1e"
CANARIES = [
    USER,
    *TOKENS.values(),
    PASSWORD,
    _ENCODED,
    *(base64.b64encode(f"{USER}:{token}".encode()).decode() for token in TOKENS.values()),
]
COMMANDS = (
    "check",
    "check -o json",
    "pull -vv",
    "pull --full -o json",
    "plan -vv",
    "plan --out plan.json -o json",
    "sync -vv",
    "status --all",
    "status -o json",
    "explain OPS-2",
    "explain OPS-2 -o json",
    "log",
    "log -o json",
    "rules lint",
    "db status",
)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Office]:
    """An office whose secrets are canaries, in variables and in files; its MLflow is a site that lets nobody in."""
    with JiraCloud() as jira, GitHub(token=TOKENS["github"]) as github:
        jira.user, jira.token = USER, TOKENS["jira"]
        folder, vault = tmp_path / "work", tmp_path / "vault"
        folder.mkdir()
        vault.mkdir()
        furnish(jira, github, folder)
        environ = {"MILEPOST_JIRA__USER": USER, **_in_files(vault)}
        yield Office(jira, github, Desk(folder, environ))


def _in_files(vault: Path) -> Mapping[str, str]:
    for name, token in TOKENS.items():
        (vault / name).write_text(f"{token}\n", encoding="utf-8")
        (vault / name).chmod(0o600)
    return {f"MILEPOST_{name.upper()}__TOKEN_FILE": str(vault / name) for name in TOKENS}


def test_no_command_shows_or_stores_a_secret(guarded: Office) -> None:
    guarded.configure(sources=f'  mlflow: {{type: mlflow, url: "{guarded.github.url}"}}')
    desk = guarded.desk
    first = desk.run("sync", "--initial", "-vv")
    with closing(sqlite3.connect(desk.folder / "milepost.db")) as reader:
        reader.execute("SELECT count(*) FROM run")  # a reader keeps the write-ahead log from being folded in at the end
        ended = [first, *(desk.call(*command.split()) for command in COMMANDS)]
        assert (desk.folder / "milepost.db-wal").stat().st_size > 0
        written = _everything_in(desk.folder)

    assert {one.code for one in ended} <= {0, 3}
    assert "2 written" in first.out
    assert {"milepost.db", "milepost.db-wal", "plan.json"} <= set(written)
    assert _found_in(ended, written) == []


def test_refused_credentials_are_not_repeated(guarded: Office) -> None:
    guarded.jira.token = guarded.jira.token + "-revoked"
    guarded.github.access.tokens.clear()
    desk = guarded.desk
    ended = [desk.run("pull", "-vv"), desk.call("check", "-vv"), desk.call("status"), desk.call("log")]

    assert ended[0].code == 3
    assert "401" in ended[0].out
    assert _found_in(ended, _everything_in(desk.folder)) == []


def test_a_token_that_no_header_can_carry_is_not_quoted(guarded: Office) -> None:
    token = TOKENS["github"] + "\nX-Injected: 1"
    ended = guarded.desk.run("pull", "-vv", MILEPOST_GITHUB__TOKEN=token, MILEPOST_GITHUB__TOKEN_FILE=None)

    assert ended.code in (2, 3)
    assert "Injected" not in ended.err + ended.out
    assert _found_in([ended], _everything_in(guarded.desk.folder)) == []


def test_the_databases_password_is_not_in_an_error(guarded: Office) -> None:
    ended = [
        guarded.desk.call("plan", "-vv", MILEPOST_STORE__URL=f"postgresql+psycopg://me:{_ENCODED}@127.0.0.1:9/milepost"),
        guarded.desk.call("plan", "-vv", MILEPOST_STORE__URL=f"postgresql+psycopg://me:{_ENCODED}@127.0.0.1:none/milepost"),
    ]

    assert {one.code for one in ended} == {1, 2}
    assert _found_in(ended, _everything_in(guarded.desk.folder)) == []


def _everything_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _found_in(ended: list[Ended], written: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Every canary that got out, with where it is."""
    places = {f"output {number}": (one.out + one.err).encode() for number, one in enumerate(ended)} | dict(written)
    return [(canary, where) for where, content in places.items() for canary in CANARIES if canary.encode() in content]
