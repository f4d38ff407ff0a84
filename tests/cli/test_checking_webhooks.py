"""`milepost check` on webhooks that could not be proven, and on variables that belong to nothing."""

from __future__ import annotations

from typing import Any

from tests.cli.office import Office

BOTH = {"MILEPOST_GITHUB__WEBHOOK_SECRET": "one-of-github", "MILEPOST_JIRA__WEBHOOK_SECRET": "one-of-jira"}


def webhooks(answer: Any) -> dict[str, list[tuple[str, str]]]:
    return {
        source["source"]: [(one["level"], one["text"]) for one in source["findings"] if one["topic"] == "webhooks"]
        for source in answer["sources"]
    }


def test_a_source_without_a_secret_is_told_and_still_works(office: Office) -> None:
    ended = office.desk.call("check", "-o", "json", MILEPOST_JIRA__WEBHOOK_SECRET="")

    assert ended.code == 0
    assert webhooks(ended.json()) == {
        "jira": [("info", "MILEPOST_JIRA__WEBHOOK_SECRET is empty, so none are taken")],
        "github": [("info", "MILEPOST_GITHUB__WEBHOOK_SECRET is not set, so none are taken")],
    }
    assert "webhooks" in office.desk.call("check").out


def test_with_a_secret_there_is_nothing_to_tell(office: Office) -> None:
    assert webhooks(office.desk.call("check", "-o", "json", **BOTH).json()) == {"jira": [], "github": []}


def test_a_secret_that_cannot_be_read_is_told_once(office: Office) -> None:
    ended = office.desk.call("check", "-o", "json", MILEPOST_JIRA__WEBHOOK_SECRET_FILE="missing")

    assert ended.code == 3
    assert webhooks(ended.json())["jira"] == []
    assert "MILEPOST_JIRA__WEBHOOK_SECRET_FILE names a file that does not exist" in ended.out


def test_a_variable_that_belongs_to_nothing_is_a_warning(office: Office) -> None:
    ended = office.desk.call("check", MILEPOST_WOKRERS="3")

    assert ended.code == 0
    assert "MILEPOST_WOKRERS" in ended.err
    assert "belongs to no source and no setting" in ended.err
