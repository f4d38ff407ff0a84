"""Types of source as connectors offer them, spelt out here so that these tests rest on the configuration alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from config.load import load_project_file
from config.problems import ConfigError, Problem
from config.project import ProjectFile, TypeModels

Load = Callable[[str], ProjectFile]
Problems = Callable[[str], list[Problem]]


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class JiraOptions(Closed):
    url: str
    deployment: Literal["cloud", "data-center"] | None = None


class JiraScope(Closed):
    projects: tuple[str, ...] = ()
    jql: str | None = None


class JiraPublish(Closed):
    field: str | None = None
    labels: bool = True


class JiraSecrets(Closed):
    user: str | None = None
    token: SecretStr | None = None
    webhook_secret: SecretStr | None = None


class GithubOptions(Closed):
    type: Literal["github"] = "github"
    url: str = "https://api.github.com"


class GithubScope(Closed):
    repositories: tuple[str, ...] = Field(min_length=1)
    exclude: tuple[str, ...] = ()


class GithubPublish(Closed):
    prefix: str = "ml/"


class GithubSecrets(Closed):
    token: SecretStr | None = None
    app_id: int | None = None
    private_key: SecretStr | None = None


class MlflowOptions(Closed):
    url: str


class MlflowScope(Closed):
    experiments: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


class SagemakerOptions(Closed):
    region: str
    endpoint_url: str | None = None


class SagemakerScope(Closed):
    endpoints: tuple[str, ...] = ()
    model_package_groups: tuple[str, ...] = ()


class AzureOptions(Closed):
    subscription: str
    resource_group: str
    workspace: str


TYPES: Mapping[str, TypeModels] = {
    "jira": TypeModels(options=JiraOptions, scope=JiraScope, publish=JiraPublish, secrets=JiraSecrets),
    "github": TypeModels(options=GithubOptions, scope=GithubScope, publish=GithubPublish, secrets=GithubSecrets),
    "mlflow": TypeModels(options=MlflowOptions, scope=MlflowScope),
    "sagemaker": TypeModels(options=SagemakerOptions, scope=SagemakerScope),
    "azureml": TypeModels(options=AzureOptions, scope=SagemakerScope),
}

FULL_EXAMPLE = """\
# yaml-language-server: $schema=./milepost.schema.json
store: {url: "sqlite:///milepost.db"}             # or postgresql+psycopg://…; a password belongs in MILEPOST_STORE__URL
sources:                                           # a name of your own each, [a-z][a-z0-9-]*; several of one type are fine
  jira:     {type: jira, url: "https://example.atlassian.net"}      # deployment: cloud | data-center (else asked)
  github:   {type: github, url: "https://api.github.com"}
  mlflow:   {type: mlflow, url: "https://mlflow.example.com"}
  aws-eu:   {type: sagemaker, region: eu-west-1}                     # endpoint_url, role_arn
  azure-ml: {type: azureml, subscription: "…", resource_group: "…", workspace: "…"}
projects:
  churn:
    name: Churn prediction
    risk_class: limited                            # minimal | limited | high
    timezone: Europe/Berlin
    watch: {jira: CHURN-1}                         # what concerns no open ticket goes here
    scopes:
      jira:     {projects: [CHURN]}                # or jql
      github:   {repositories: ["example/churn*"], exclude: ["example/churn-old"]}
      mlflow:   {experiments: ["churn*"], models: [churn-classifier]}
      aws-eu:   {endpoints: ["churn-*"], model_package_groups: [churn]}
    release: {alias: champion}
    thresholds: {val_auc: {gte: 0.85}}
    data: {labels: [data], components: [Data], quality: "data_quality.*", fresh_within: 30d}   # which tickets, tags and metrics
    drift: {metrics: {"drift.*": {lte: 0.2}}}
    retrain: {every: 90d}
    links: []                                      # declared by hand
publish:                                           # by source name; a project may override
  jira:   {field: "ML Status"}
  github: {prefix: "ml/"}
statuses: []                                       # overrides and additions, as in mappings/statuses.yaml
fresh_within: 26h
unknown_after: 24h
safety: {max_changes: 0.3, max_additions: 200, max_deletes: 0.2}
retention: {audit: 400d, personal_data: 400d}
"""

SMALL = """\
sources:
  jira: {type: jira, url: "https://example.atlassian.net"}
  github: {type: github}
  mlflow: {type: mlflow, url: "https://mlflow.example.com"}
projects:
  churn:
    scopes:
      jira: {projects: [CHURN]}
"""
"""The least valid file; tests append lines from line 9 on, inside the project or at the top level."""


@pytest.fixture
def types() -> Mapping[str, TypeModels]:
    return TYPES


@pytest.fixture
def full_example() -> str:
    return FULL_EXAMPLE


@pytest.fixture
def small() -> str:
    return SMALL


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load_text(text: str) -> ProjectFile:
        path = tmp_path / "milepost.yaml"
        path.write_text(text, encoding="utf-8")
        return load_project_file(path, types=TYPES)

    return load_text


@pytest.fixture
def problems(load: Load) -> Problems:
    """All problems of a text, errors and warnings, in file order."""

    def problems_of(text: str) -> list[Problem]:
        try:
            return list(load(text).findings)
        except ConfigError as error:
            return list(error.problems)

    return problems_of
