"""Secrets and settings from the environment and from the files that it names."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, SecretStr, field_validator, model_validator

from config.problems import ConfigError, Problem
from config.project import ProjectFile
from config.secrets import check_environment, check_secrets, load_secrets
from config.settings import effective_store_url, load_settings
from config.variables import prefix

Load = Callable[[str], ProjectFile]

CANARY = "c4n4ry-S3cret"


class Secrets(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str | None = None
    token: SecretStr
    app_id: int | None = None


def errors_of(environ: Mapping[str, str], model: type[BaseModel] = Secrets) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load_secrets("jira", model, environ)
    error = caught.value
    assert error.__context__ is None
    said = f"{error}{error!r}{error.problems!r}{''.join(traceback.format_exception(error))}"
    assert CANARY not in said
    return [problem for problem in error.problems if problem.level == "error"]


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{CANARY}\n")
    path.chmod(0o600)
    return path


def test_variables_become_the_connectors_secrets() -> None:
    environ = {"MILEPOST_AZURE_ML__TOKEN": CANARY, "MILEPOST_AZURE_ML__APP_ID": "42", "MILEPOST_JIRA__TOKEN": "other", "PATH": "x"}
    secrets = load_secrets("azure-ml", Secrets, environ)
    assert isinstance(secrets, Secrets)
    assert (secrets.token.get_secret_value(), secrets.app_id, secrets.user) == (CANARY, 42, None)
    assert CANARY not in repr(secrets) + str(secrets)
    assert prefix("azure-ml") == "MILEPOST_AZURE_ML__"


def test_a_file_stands_for_its_content_without_the_last_line_end(secret_file: Path) -> None:
    environ = {"MILEPOST_JIRA__TOKEN_FILE": str(secret_file)}
    secrets = load_secrets("jira", Secrets, environ)
    assert isinstance(secrets, Secrets)
    assert secrets.token.get_secret_value() == CANARY
    assert check_secrets("jira", Secrets, environ) == []

    secret_file.write_bytes(b"\xef\xbb\xbf-----BEGIN-----\r\nabc\r\n-----END-----\r\n")
    secrets = load_secrets("jira", Secrets, environ)
    assert isinstance(secrets, Secrets)
    assert secrets.token.get_secret_value() == "-----BEGIN-----\r\nabc\r\n-----END-----"


def test_a_link_as_kubernetes_makes_them_is_followed(tmp_path: Path, secret_file: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(secret_file)
    secrets = load_secrets("jira", Secrets, {"MILEPOST_JIRA__TOKEN_FILE": str(link)})
    assert isinstance(secrets, Secrets)
    assert secrets.token.get_secret_value() == CANARY


def test_what_is_wrong_with_a_file_is_said_without_its_content(tmp_path: Path, secret_file: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    contents = {
        "empty": b"\n",
        "blank": b"  \n",
        "binary": CANARY.encode() + b"\xff",
        "nul": CANARY.encode() + b"\x00",
        "big": b"x" * 70_000,
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    for name, says in (
        ("missing", "does not exist"),
        ("token/x", "cannot be read"),
        ("", "no regular file"),
        ("fifo", "no regular file"),
        ("empty", "an empty file"),
        ("blank", "an empty file"),
        ("binary", "not UTF-8 text"),
        ("nul", "not UTF-8 text"),
        ("big", "more than 65,536 bytes"),
        ("a\x00b", "cannot be read"),
    ):
        (problem,) = errors_of({"MILEPOST_JIRA__TOKEN_FILE": f"{tmp_path}/{name}"})
        assert problem.path == "MILEPOST_JIRA__TOKEN_FILE"
        assert says in problem.message
        assert problem.fix


def test_an_unreadable_file_is_an_error(secret_file: Path) -> None:
    secret_file.chmod(0)
    environ = {"MILEPOST_JIRA__TOKEN_FILE": str(secret_file)}
    if os.geteuid() == 0:  # the superuser reads everything: then the file counts, and nobody else may read it
        assert check_secrets("jira", Secrets, environ) == []
    else:
        assert "cannot be read" in errors_of(environ)[0].message


def test_a_file_that_all_may_read_is_a_warning(secret_file: Path) -> None:
    secret_file.chmod(0o644)
    environ = {"MILEPOST_JIRA__TOKEN_FILE": str(secret_file)}
    (problem,) = check_secrets("jira", Secrets, environ)
    assert (problem.level, problem.path) == ("warning", "MILEPOST_JIRA__TOKEN_FILE")
    assert "every account may read" in problem.message
    assert isinstance(load_secrets("jira", Secrets, environ), Secrets)


def test_both_the_value_and_the_file_is_an_error(secret_file: Path) -> None:
    (problem,) = errors_of({"MILEPOST_JIRA__TOKEN": CANARY, "MILEPOST_JIRA__TOKEN_FILE": str(secret_file)})
    assert problem.path == "MILEPOST_JIRA__TOKEN"
    assert "MILEPOST_JIRA__TOKEN_FILE as well" in problem.message


@pytest.mark.parametrize("nothing", ["", " ", "\n"])
def test_an_empty_variable_counts_as_not_set(secret_file: Path, nothing: str) -> None:
    (problem,) = errors_of({"MILEPOST_JIRA__TOKEN": nothing})
    assert (problem.path, problem.message) == ("MILEPOST_JIRA__TOKEN", "is empty")
    (problem,) = errors_of({})
    assert (problem.path, problem.message) == ("MILEPOST_JIRA__TOKEN", "is not set")
    environ = {"MILEPOST_JIRA__TOKEN": nothing, "MILEPOST_JIRA__TOKEN_FILE": str(secret_file)}
    assert isinstance(load_secrets("jira", Secrets, environ), Secrets)
    assert [(p.level, p.path) for p in check_secrets("jira", Secrets, environ)] == [("warning", "MILEPOST_JIRA__TOKEN")]


def test_a_wrong_name_or_value_names_the_variable() -> None:
    (problem,) = errors_of({"MILEPOST_JIRA__TOKN": CANARY, "MILEPOST_JIRA__TOKEN": CANARY})
    assert problem.path == "MILEPOST_JIRA__TOKN"
    assert "did you mean MILEPOST_JIRA__TOKEN?" in (problem.fix or "")
    (problem,) = errors_of({"MILEPOST_JIRA__TOKEN": CANARY, "MILEPOST_JIRA__APP_ID": CANARY})
    assert problem.path == "MILEPOST_JIRA__APP_ID"
    assert problem.message == "expected a whole number, found a text"


def test_a_validator_that_repeats_the_secret_is_silenced() -> None:
    class Talkative(BaseModel):
        token: SecretStr
        user: str = ""

        @field_validator("user")
        @classmethod
        def _user(cls, value: str) -> str:
            raise ValueError(f"bad user {value!r}")

        @model_validator(mode="after")
        def _both(self) -> Talkative:
            raise ValueError(f"{self.token.get_secret_value()!r} will not do")

    (problem,) = errors_of({"MILEPOST_JIRA__TOKEN": "x", "MILEPOST_JIRA__USER": f"{CANARY}\n{CANARY}2"}, Talkative)
    assert (problem.path, "bad user" in problem.message) == ("MILEPOST_JIRA__USER", True)
    (problem,) = errors_of({"MILEPOST_JIRA__TOKEN": CANARY}, Talkative)
    assert problem.message == "'[hidden]' will not do"


def test_variables_of_no_source_are_told_with_what_was_meant() -> None:
    environ = {
        "MILEPOST_JIRRA__TOKEN": "x",
        "MILEPOST_LOGLEVEL": "x",
        "MILEPOST_OTHER__THING_OF_ANOTHER_FILE": "x",
        "MILEPOST_JIRA__TOKEN_FILE": "x",
        "MILEPOST_JIRA__TOKN": "checked with its source",
        "MILEPOST_STORE__URL_FILE": "x",
        "MILEPOST_CONFIG": "x",
        "MILEPOST_WOKRERS": "3",
        "MILEPOST_PORT": "tcp://10.0.0.1:80",
        "MILEPOST_RECEIVER_SERVICE_HOST": "10.0.0.1",
        "MILEPOST_RECEIVER_SERVICE_PORT_HTTP": "80",
        "MILEPOST_RECEIVER_PORT_80_TCP_ADDR": "10.0.0.1",
        "OTHER__TOKEN": "x",
    }
    found = {problem.path: problem for problem in check_environment({"jira": Secrets}, environ)}
    assert found.keys() == {
        *("MILEPOST_JIRRA__TOKEN", "MILEPOST_LOGLEVEL", "MILEPOST_OTHER__THING_OF_ANOTHER_FILE", "MILEPOST_WOKRERS")
    }
    assert found["MILEPOST_WOKRERS"].fix == "unset it"
    assert found["MILEPOST_JIRRA__TOKEN"].fix == "did you mean MILEPOST_JIRA__TOKEN?"
    assert found["MILEPOST_LOGLEVEL"].fix == "did you mean MILEPOST_LOG_LEVEL?"
    assert {problem.level for problem in found.values()} == {"warning"}


@given(st.dictionaries(st.sampled_from(["USER", "TOKEN", "APP_ID", "TOKEN_FILE", "X"]), st.text(max_size=30)))
def test_no_environment_crashes_or_leaks(variables: dict[str, str]) -> None:
    environ = {f"MILEPOST_JIRA__{name}": value + CANARY for name, value in variables.items()}
    try:
        secrets = load_secrets("jira", Secrets, environ)
    except ConfigError as error:
        assert CANARY not in f"{error}{error!r}"
    else:
        assert isinstance(secrets, Secrets)
        assert secrets.token.get_secret_value() == environ["MILEPOST_JIRA__TOKEN"]


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in [name for name in os.environ if name.startswith("MILEPOST_")]:
        monkeypatch.delenv(name)
    return monkeypatch


def test_settings_have_defaults_and_are_read_anew_each_time(clean: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    assert (settings.config, settings.log_level, settings.log_format, settings.store_url) == (
        Path("milepost.yaml"),
        "info",
        "auto",
        None,
    )
    clean.setenv("MILEPOST_CONFIG", "other.yaml")
    clean.setenv("MILEPOST_LOG_LEVEL", "DEBUG")
    clean.setenv("MILEPOST_LOG_FORMAT", "json")
    clean.setenv("MILEPOST_PORT", "tcp://10.0.0.1:80")
    settings = load_settings()
    assert (settings.config, settings.log_level, settings.log_format) == (Path("other.yaml"), "debug", "json")


def test_no_dotenv_file_is_looked_for(clean: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MILEPOST_LOG_LEVEL=debug\n")
    clean.chdir(tmp_path)
    assert load_settings().log_level == "info"


def test_a_wrong_setting_names_its_variable(clean: pytest.MonkeyPatch) -> None:
    clean.setenv("MILEPOST_LOG_LEVEL", "debgu")
    clean.setenv("MILEPOST_STORE__URL", f"mysql://u:{CANARY}@h/d")
    with pytest.raises(ConfigError) as caught:
        load_settings()
    by_path = {problem.path: problem for problem in caught.value.problems}
    assert by_path.keys() == {"MILEPOST_LOG_LEVEL", "MILEPOST_STORE__URL"}
    assert by_path["MILEPOST_LOG_LEVEL"].fix == "did you mean debug?"
    assert "does not support" in by_path["MILEPOST_STORE__URL"].message
    assert CANARY not in str(caught.value) + repr(caught.value)


def test_the_environment_overrules_the_files_store(clean: pytest.MonkeyPatch, load: Load, small: str, tmp_path: Path) -> None:
    file = load(small)
    assert effective_store_url(load_settings(), file).get_secret_value() == f"sqlite:///{tmp_path}/milepost.db"
    secret = tmp_path / "url"
    secret.write_text(f"postgresql://milepost:{CANARY}@db.example.com/m\n")
    secret.chmod(0o600)
    clean.setenv("MILEPOST_STORE__URL_FILE", str(secret))
    settings = load_settings()
    assert effective_store_url(settings, file).get_secret_value() == f"postgresql+psycopg://milepost:{CANARY}@db.example.com/m"
    assert CANARY not in repr(settings) + str(settings)
    clean.setenv("MILEPOST_STORE__URL", "sqlite:///x.db")
    with pytest.raises(ConfigError, match="as well"):
        load_settings()
    clean.delenv("MILEPOST_STORE__URL_FILE")
    assert effective_store_url(load_settings(), file).get_secret_value() == f"sqlite:///{tmp_path}/x.db"
