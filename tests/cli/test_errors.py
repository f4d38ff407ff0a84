"""What a user can cause: one clear message with the fix, never a traceback."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from sandbox.faults import Fault, answers
from sync.cli.errors import UsageProblem
from sync.cli.session import duration
from tests.cli.office import Office
from tests.cli.process import MILEPOST, Desk


def assert_plain(err: str) -> None:
    assert "Traceback" not in err
    assert "mistake of Milepost" not in err


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are tried again at once."""
    monkeypatch.setattr("connectors.http._BACKOFF", lambda _state: 0.0)


def test_a_missing_project_file(tmp_path: Path) -> None:
    ended = Desk(tmp_path).run("plan")

    assert (ended.code, ended.out) == (2, "")
    assert "milepost init" in ended.err
    assert_plain(ended.err)


def test_a_broken_project_file_names_line_and_column(tmp_path: Path) -> None:
    Desk(tmp_path).config.write_text("sources: [\n", encoding="utf-8")

    ended = Desk(tmp_path).call("plan")

    assert ended.code == 2
    assert "milepost.yaml:2:1: error" in ended.err
    assert_plain(ended.err)


def test_an_unknown_project(office: Office) -> None:
    ended = office.desk.call("plan", "--project", "opps")

    assert ended.code == 2
    assert "did you mean ops?" in ended.err


def test_an_unknown_project_to_unpublish(office: Office) -> None:
    ended = office.desk.call("unpublish", "--project", "opps")

    assert ended.code == 2
    assert "did you mean ops?" in ended.err


def test_a_missing_secret_names_the_variable_and_its_file(office: Office) -> None:
    ended = office.desk.call("pull", MILEPOST_JIRA__TOKEN=None)

    assert (ended.code, ended.out) == (2, "")
    assert "MILEPOST_JIRA__TOKEN: is not set" in ended.err
    assert "MILEPOST_JIRA__TOKEN_FILE" in ended.err


def test_a_wrong_secret(office: Office) -> None:
    ended = office.desk.call("check", MILEPOST_GITHUB__TOKEN="not-the-one")
    out = " ".join(ended.out.split())

    assert ended.code == 3
    assert "✗" in ended.out
    assert "MILEPOST_GITHUB__" in out
    assert "github will not work as it is" in out


@pytest.mark.usefixtures("impatient")
def test_an_unreachable_source(office: Office, closed_port: int) -> None:
    office.configure(jira=f"http://127.0.0.1:{closed_port}")

    ended = office.desk.call("check")

    assert ended.code == 3
    assert "no connection" in ended.out
    assert "✓  read" in ended.out
    assert_plain(ended.err)


@pytest.mark.usefixtures("impatient")
def test_a_source_that_goes_away_in_the_middle_of_a_run(office: Office) -> None:
    office.github.faults.append(Fault(answers(502), path="*/pulls", times=1_000))

    ended = office.desk.call("pull", "-o", "json")
    states = {one["stream"]: one["state"] for one in ended.json()["streams"] if one["source"] == "github"}

    assert ended.code == 3
    assert states["issues"] == "done"
    assert states["change_requests"] == "failed"
    assert_plain(ended.err)


def test_an_unreachable_database(office: Office, closed_port: int) -> None:
    ended = office.desk.call("plan", MILEPOST_STORE__URL=f"postgresql+psycopg://me:hush@127.0.0.1:{closed_port}/milepost")

    assert (ended.code, ended.out) == (1, "")
    assert "cannot be reached" in ended.err
    assert "hush" not in ended.err


def test_a_database_in_a_folder_that_is_not_there(office: Office) -> None:
    ended = office.desk.call("plan", MILEPOST_STORE__URL=f"sqlite:///{office.desk.folder}/nowhere/milepost.db")

    assert ended.code == 1
    assert "nowhere" in ended.err
    assert_plain(ended.err)


def test_a_relative_store_in_the_environment_starts_at_the_project_files_folder(office: Office, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    ended = Desk(elsewhere).run("db", "upgrade", "-c", str(office.desk.config), MILEPOST_STORE__URL="sqlite:///other.db")

    assert ended.code == 0
    assert (office.desk.folder / "other.db").is_file()
    assert list(elsewhere.iterdir()) == []


def test_places_that_cannot_be_written(office: Office) -> None:
    assert office.desk.call("pull").code == 0
    in_no_folder = office.desk.call("plan", "--out", "nowhere/plan.json")
    init = office.desk.call("init", "-c", "nowhere/milepost.yaml")

    assert (in_no_folder.code, init.code) == (2, 2)
    assert "nowhere/plan.json cannot be written" in in_no_folder.err
    assert "nowhere/milepost.yaml cannot be written" in init.err


def test_a_place_where_nobody_may_write(office: Office) -> None:
    ended = office.desk.call("pull", MILEPOST_STORE__URL="sqlite:////proc/milepost.db")

    assert (ended.code, ended.out) == (1, "")
    assert "/proc/milepost.db cannot be opened" in ended.err
    assert "writable" in ended.err


def test_init_overwrites_nothing_unasked(office: Office) -> None:
    before = office.desk.config.read_text(encoding="utf-8")

    ended = office.desk.call("init")

    assert ended.code == 2
    assert "--force" in ended.err
    assert office.desk.config.read_text(encoding="utf-8") == before


def test_a_subject_that_nothing_is_called(office: Office) -> None:
    for command in ("explain", "release"):
        ended = office.desk.call(command, "OPS-99")
        assert (ended.code, ended.out) == (2, "")
        assert "nothing known is called 'OPS-99'" in ended.err


def test_a_plan_file_that_is_not_there_or_is_no_plan(office: Office) -> None:
    (office.desk.folder / "letter.txt").write_text("Dear Ada", encoding="utf-8")

    missing, letter = office.desk.call("apply", "nowhere.json"), office.desk.call("apply", "letter.txt")

    assert (missing.code, letter.code) == (2, 2)
    assert "does not exist" in missing.err
    assert "is no saved plan" in letter.err


def test_a_project_file_given_as_a_plan_is_not_named_as_a_place_for_one(office: Office) -> None:
    ended = office.desk.call("apply", "milepost.yaml")

    assert ended.code == 2
    assert "milepost.yaml: is no saved plan" in ended.err
    assert "name a file that milepost plan --out wrote" in ended.err
    assert "--out milepost.yaml" not in ended.err


def test_a_plan_replaces_nothing_but_an_earlier_plan(office: Office) -> None:
    folder = office.desk.folder
    (folder / "letter.txt").write_text("Dear Ada", encoding="utf-8")
    (folder / "link.yaml").symlink_to(office.desk.config)
    (folder / "empty.json").touch()
    held = {path: path.read_bytes() for path in (office.desk.config, folder / "letter.txt")}

    for taken, said in (
        ("milepost.yaml", "is the project file"),
        ("link.yaml", "is the project file"),
        ("letter.txt", "is there already and is no saved plan"),
    ):
        ended = office.desk.call("plan", "--out", taken)
        assert (ended.code, ended.out) == (2, "")
        assert f"{taken} {said}" in ended.err
    for free in ("empty.json", "new.json", "new.json", "/dev/null"):
        assert office.desk.call("plan", "--out", free).code == 0

    assert {path: path.read_bytes() for path in held} == held
    assert (folder / "new.json").stat().st_size > 0


@pytest.mark.parametrize(("option", "command"), [("--wait", "plan"), ("--since", "log")])
def test_a_duration_that_is_none(office: Office, option: str, command: str) -> None:
    ended = office.desk.call(command, option, "a while")

    assert ended.code == 2
    assert f"{option}: 'a while' is no duration" in ended.err
    assert "fix: write a whole number with one unit: s, m, h, d or w" in ended.err


@pytest.mark.parametrize(
    ("option", "said", "meant"),
    [
        ("--since", "7days", "write it as --since 7d"),
        ("--since", "2 Weeks", "write it as --since 2w"),
        ("--since", "007d ", "write it as --since 7d"),
        ("--wait", "5min", "write it as --wait 5m"),
        ("--wait", "5", "say the unit: --wait 5s for seconds, 5m for minutes, 5h for hours, 5d for days"),
        ("--wait", "5 months", "write a whole number with one unit: s, m, h, d or w"),
        ("--wait", "0.5h", "write a whole number with one unit: s, m, h, d or w"),
        ("--wait", "-5s", "write a whole number with one unit: s, m, h, d or w"),
    ],
)
def test_a_fix_for_a_duration_keeps_its_length(option: str, said: str, meant: str) -> None:
    with pytest.raises(UsageProblem) as refused:
        duration(option, said)

    assert refused.value.fix == meant


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-o", "markdown", "check"), "'markdown' is not one of table, json"),
        (("-o", "xml", "plan"), "'xml' is not one of table, json, markdown"),
        (("status", "-o", "markdown"), "'markdown' is not one of table, json"),
        (("rules", "lint", "-o", "xml"), "'xml' is not one of table, json"),
        (("log", "--limit", "many"), "'many' is no whole number from 1 to 10,000"),
        (("log", "--limit", "0"), "'0' is no whole number from 1 to 10,000"),
    ],
)
def test_a_value_that_an_option_does_not_have(office: Office, arguments: tuple[str, ...], said: str) -> None:
    ended = office.desk.call(*arguments)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.count(said) == 1
    assert "Input should" not in ended.err
    assert "Value error" not in ended.err


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (("plan", "--project", "opps"), {}),
        (("log", "--since", "a while"), {}),
        (("pull",), {"MILEPOST_JIRA__TOKEN": None}),
        (("status",), {"MILEPOST_STORE__URL": "mysql://example/milepost"}),
        (("status",), {"MILEPOST_STORE__URL": "sqlite:///nowhere/milepost.db"}),
        (("status", "-c", "nowhere.yaml"), {}),
        (("status",), {"MILEPOST_LOG_LEVEL": "loud"}),
        (("apply", "milepost.yaml"), {}),
    ],
)
def test_every_error_is_called_one_once(office: Office, arguments: tuple[str, ...], variables: dict[str, str | None]) -> None:
    ended = office.desk.call(*arguments, **variables)

    assert ended.code in (1, 2, 5)
    assert ended.err.count("error:") == 1


_WITHOUT_JIRA = """
import importlib.metadata as metadata, sys
installed = metadata.distribution
def distribution(name):
    if name == "jira":
        raise metadata.PackageNotFoundError(name)
    return installed(name)
metadata.distribution = distribution
from sync.cli.main import main
main()
"""


def test_a_source_whose_extra_is_not_installed(office: Office) -> None:
    ended = office.desk.run("pull", program=(sys.executable, "-c", _WITHOUT_JIRA))

    assert (ended.code, ended.out) == (2, "")
    assert "sources of type jira need the package jira" in ended.err
    assert "milepost[jira]" in ended.err


def test_a_reader_that_leaves_early(office: Office) -> None:
    assert office.desk.call("sync").code == 0
    for arguments in (("log",), ("rules", "schema")):
        reading, writing = os.pipe()
        os.close(reading)
        with office.desk.start(*arguments, stdout=writing) as process:
            os.close(writing)
            _, err = process.communicate()
        assert (process.returncode, err) == (0, ""), arguments


def test_an_answer_that_cannot_be_written(office: Office) -> None:
    with Path("/dev/full").open("w") as full, office.desk.start("version", stdout=full.fileno()) as process:
        _, err = process.communicate()

    assert process.returncode == 1
    assert "No space left on device" in err
    assert_plain(err)


def test_a_mistake_of_ours_shows_its_traceback_only_when_asked(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.cli.commands.plan.run", lambda *_, **__: 1 / 0)

    quiet, loud = office.desk.call("plan"), office.desk.call("-v", "plan", "-v")

    assert (quiet.code, loud.code) == (1, 1)
    assert "Traceback" not in quiet.err
    assert "-vv" in quiet.err
    assert "ZeroDivisionError: division by zero" in loud.err


def test_a_terminal_that_cannot_show_every_character(office: Office) -> None:
    office.jira.edit("OPS-2", summary="Prévision → 返品")
    assert office.desk.call("pull").code == 0

    table = office.desk.run("plan", PYTHONIOENCODING="latin-1")
    document = office.desk.run("plan", "-o", "json", PYTHONIOENCODING="latin-1")

    assert table.code == 0
    assert "Prévision ? ??" in table.out
    assert document.json()["plans"][0]["changes"][0]["title"] == "Prévision → 返品"


def test_the_program_can_be_found() -> None:
    assert Path(MILEPOST).is_file()


def test_status_tells_a_source_that_failed_once_with_the_fix(office: Office) -> None:
    office.jira.token = "another by now"
    assert office.desk.call("pull").code == 3

    ended = office.desk.call("status")

    assert ended.code == 0
    text = " ".join(ended.out.split())
    assert "✗ jira could not be read; not all was ever read" in text
    assert text.count("401") == 1
    assert "MILEPOST_JIRA__" in text
