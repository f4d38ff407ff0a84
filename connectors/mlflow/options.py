"""What the project file and the environment say about an MLflow source."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from connectors.base import Options, WebhookSecrets


def _tracking_address(url: str) -> str:
    """`url` without a slash at the end. Raises `ValueError` saying what to write instead."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme in ("databricks", "databricks-uc", "uc") or url in ("databricks", "databricks-uc"):
        raise ValueError("Databricks profiles are not supported; give the https address of an MLflow tracking server")
    if scheme in ("sqlite", "postgresql", "mysql", "mssql", "file", ""):
        raise ValueError(
            "a tracking store cannot be opened directly, only through a server: run `mlflow server --backend-store-uri …` "
            "and give its http address"
        )
    if scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an http or https address such as https://mlflow.example.com")
    if "@" in parts.netloc:
        raise ValueError(
            "no credentials in the address: they belong in MILEPOST_<SOURCE>__TOKEN, or in MILEPOST_<SOURCE>__USER and "
            "MILEPOST_<SOURCE>__PASSWORD"
        )
    if parts.query or parts.fragment:
        raise ValueError("the address must end before any ? or #")
    return url.rstrip("/")


class MlflowOptions(Options):
    """Where the tracking server is."""

    url: Annotated[str, AfterValidator(_tracking_address)] = Field(
        description="The address of the tracking server: http or https.", examples=["https://mlflow.example.com"]
    )


class MlflowSecrets(WebhookSecrets):
    """A bearer token, or user and password. Nothing for a server without sign-in."""

    token: SecretStr | None = None
    user: str | None = None
    password: SecretStr | None = None

    @model_validator(mode="after")
    def _one_way_to_sign_in(self) -> MlflowSecrets:
        if self.token is not None and (self.user is not None or self.password is not None):
            raise ValueError("give a token, or user and password, not both")
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together")
        return self


Globs = tuple[Annotated[str, Field(min_length=1)], ...]


class MlflowScope(Options):
    """What belongs to a project: names, in which `*`, `?` and `[…]` match as in file names, upper and lower case told apart."""

    experiments: Globs = Field((), description="Names of experiments whose runs are read; * and ? match.", examples=[["churn*"]])
    models: Globs = Field((), description="Names of registered models; * and ? match.", examples=[["churn-classifier"]])

    @model_validator(mode="after")
    def _names_something(self) -> MlflowScope:
        if not (self.experiments or self.models):
            raise ValueError("name experiments, models or both")
        return self
