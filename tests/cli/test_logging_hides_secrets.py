"""The last line of defence: whatever the environment keeps secret is not in a log line or traceback."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from config.settings import Settings
from sync.logging import configure_logging, without_secrets


@pytest.fixture(autouse=True)
def usual_logging() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:], logging.root.level = handlers, level


def test_values_of_variables_and_files_are_hidden_whole_by_line_and_as_quoted(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("first line of the key\nsecond line of it\n", encoding="utf-8")
    environ = {"MILEPOST_GITHUB__PRIVATE_KEY_FILE": str(secret), "MILEPOST_JIRA__TOKEN": "café\ttoken"}

    assert without_secrets("a first line of the key b", environ) == "a [hidden] b"
    assert without_secrets("second line of it", environ) == "[hidden]"
    assert without_secrets(f"header {'café	token'!r}", environ) == "header '[hidden]'"


@pytest.mark.parametrize("password", ["plain-password", "per%40cent"])
def test_the_databases_password_is_hidden_but_not_its_address(password: str) -> None:
    environ = {"MILEPOST_STORE__URL": f"postgresql+psycopg://me:{password}@db.example.com/milepost"}

    assert without_secrets(f"{password} per@cent at db.example.com", environ).endswith("at db.example.com")
    assert password not in without_secrets(f"{password}", environ)


def test_short_values_and_other_variables_stay() -> None:
    environ = {"MILEPOST_JIRA__USER": "me", "MILEPOST_CONFIG": "milepost.yaml", "HOME": "/somewhere"}

    assert without_secrets("me and milepost.yaml in /somewhere", environ) == "me and milepost.yaml in /somewhere"


def test_what_looks_like_a_token_is_hidden_wherever_it_came_from() -> None:
    assert without_secrets("ghp_" + "a1" * 18, {}) == "[hidden]"


def test_log_lines_are_json_on_standard_error_without_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILEPOST_JIRA__TOKEN", "hush-hush-hush")
    configure_logging(Settings(), verbose=1)
    try:
        raise ValueError("refused hush-hush-hush")
    except ValueError:
        structlog.get_logger("test").debug("sent hush-hush-hush", by="hush-hush-hush", exc_info=True)
    logging.getLogger("some.library").warning("header: %s", "hush-hush-hush")
    logging.getLogger("some.library").info("chatter")

    told = capsys.readouterr()
    lines = [json.loads(line) for line in told.err.splitlines()]

    assert told.out == ""
    assert "hush-hush" not in told.err
    assert [line["event"] for line in lines] == ["sent [hidden]", "header: [hidden]"]
    assert "ValueError: refused [hidden]" in lines[0]["exception"]
    assert all(line["timestamp"].endswith("Z") for line in lines)


def test_without_v_debug_lines_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(), verbose=0)
    structlog.get_logger("test").debug("details")
    structlog.get_logger("test").info("news")

    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["news"]
