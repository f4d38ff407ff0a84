"""Two project files on one store that name the same scopes by different keys: what they do to each other is told."""

from __future__ import annotations

from tests.cli.office import Office

TOLD = "goes by {} again, as it did less than a day ago"


def words(text: str) -> str:
    return " ".join(text.split())


def rename(office: Office, former: str, key: str) -> None:
    text = office.desk.config.read_text(encoding="utf-8")
    office.desk.config.write_text(text.replace(f"  {former}:\n", f"  {key}:\n"), encoding="utf-8")


def test_a_key_that_comes_back_at_once_is_a_notice_and_no_failure(office: Office) -> None:
    assert office.desk.call("sync").code == 0
    rename(office, "ops", "operations")
    once = office.desk.call("sync")
    rename(office, "operations", "ops")
    looked = office.desk.call("plan")
    twice = office.desk.run("sync")
    after = office.desk.call("sync", "-o", "json")

    assert (once.code, twice.code, after.code) == (0, 0, 0)
    assert "again, as it did" not in once.out + looked.out
    assert f"! project operations {TOLD.format('ops')}: two project files with the same scopes on one store" in words(twice.out)
    assert after.json()["notices"] == []


def test_a_rename_that_was_planned_first_and_tried_twice_is_none_to_and_fro(office: Office) -> None:
    assert office.desk.call("sync").code == 0
    rename(office, "ops", "operations")
    assert office.desk.call("plan").code == 0

    assert office.desk.run("pull", "-o", "json").json()["notices"] == []
    assert office.desk.call("sync", "-o", "json").json()["notices"] == []
