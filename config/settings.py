"""The settings of one process, from the environment alone. Read when called, never at import; no `.env` file is looked for."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.explain import Invalid, explain
from config.problems import ConfigError, Problem, quoted
from config.project import ProjectFile
from config.storeurl import anchored_store_url, checked_store_url
from config.variables import STORE_URL, read_variable


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _checked_url(value: Any) -> Any:
    return checked_store_url(value) if isinstance(value, str) else value


def _checked_executor(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", value):
        raise Invalid(f"{quoted(value)} is no name of a worker", "use at most 100 letters, digits, dots, dashes and underscores")
    return value


class Settings(BaseSettings):
    """`store_url` overrules the project file's, and may hold a password. `log_format` auto: console on a terminal, else JSON.
    `executor` is the name of this worker; None for one after its host."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    store_url: Annotated[SecretStr | None, BeforeValidator(_checked_url)] = Field(None, validation_alias=STORE_URL)
    config: Path = Field(Path("milepost.yaml"), validation_alias="MILEPOST_CONFIG")
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = Field(
        "info", validation_alias="MILEPOST_LOG_LEVEL"
    )
    log_format: Annotated[Literal["auto", "console", "json"], BeforeValidator(_lower)] = Field(
        "auto", validation_alias="MILEPOST_LOG_FORMAT"
    )
    executor: Annotated[str | None, BeforeValidator(_checked_executor)] = Field(None, validation_alias="MILEPOST_EXECUTOR")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library passes it by name
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, _VariablesAndFiles(settings_cls))


KNOWN_VARIABLES = frozenset(str(field.validation_alias) for field in Settings.model_fields.values())
"""The variables that are Milepost's own; each may have `_FILE` appended."""


class _VariablesAndFiles(PydanticBaseSettingsSource):
    """The process's environment, where a variable may instead name a file. Raises `ConfigError` for a file that cannot be read."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - the library's
        name = str(field.validation_alias)
        found = read_variable(name, os.environ)
        errors = [problem for problem in found.problems if problem.level == "error"]
        if errors:
            raise ConfigError(errors)
        return found.value, name, False

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        read = (self.get_field_value(field, name) for name, field in fields.items())
        return {key: value for value, key, _ in read if value is not None}


def load_settings() -> Settings:
    """What the environment says now. Raises `ConfigError`, whose problems name the variables."""
    try:
        return Settings()
    except ValidationError as error:
        details = error.errors(include_url=False)
    problems = []
    for detail in details:
        name = str(detail["loc"][0]) if detail["loc"] else "MILEPOST_…"
        explained = explain(detail, Settings, detail["input"])
        problems.append(Problem(path=name, message=explained.message, fix=explained.fix))
    raise ConfigError(problems)


def effective_store_url(settings: Settings, project_file: ProjectFile) -> SecretStr:
    """The store's URL: the environment's, else the project file's. A relative SQLite path starts at the project file's folder."""
    if settings.store_url is None:
        return SecretStr(project_file.store.url)
    return SecretStr(anchored_store_url(settings.store_url.get_secret_value(), project_file.path.parent))
