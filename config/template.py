"""The project file that `milepost init` writes."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from config.project import KEY_PATTERN
from config.variables import variable

_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
"""What some YAML readers take for something else than a text."""

_CLOUD_SOURCES = (
    "  # aws-eu: {type: sagemaker, region: eu-west-1}",
    "  # azure-ml: {type: azureml, subscription: 00000000-0000-0000-0000-000000000000, resource_group: ml, workspace: churn}",
)
_CLOUD_SCOPES = (
    '      # aws-eu: {endpoints: ["churn-*"], model_package_groups: [churn]}',
    '      # azure-ml: {endpoints: ["churn-*"], models: [churn-classifier]}',
)


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What `milepost init` knows. A system without its part (`jira_url`, `repositories`, `mlflow_url`) is left out; with none of
    them the file shows Jira, GitHub and MLflow at plainly fictional addresses, to be edited. The clouds stand there as comments."""

    project: str = "churn"
    name: str = ""
    timezone: str = "UTC"
    jira_url: str | None = None
    jira_project: str | None = None
    github_url: str = "https://api.github.com"
    repositories: Sequence[str] = ()
    mlflow_url: str | None = None
    experiments: Sequence[str] = ()
    models: Sequence[str] = ()


EXAMPLE = Answers(
    name="Churn prediction",
    jira_url="https://example.atlassian.net",
    jira_project="CHURN",
    repositories=("example/churn*",),
    mlflow_url="https://mlflow.example.com",
    experiments=("churn*",),
    models=("churn-classifier",),
)


def render_template(answers: Answers = EXAMPLE) -> str:
    """A valid, commented `milepost.yaml` of at most 40 lines. Every answer is quoted, so that none can change the file's shape."""
    chosen = _with_a_system(answers)
    lines = [
        "# yaml-language-server: $schema=./milepost.schema.json",
        "# Secrets come from the environment, never from this file. Set:",
        *(f"#   {name}" for name, _ in _credentials(chosen)),
        "# And for milepost serve, the secrets of the webhooks:",
        f"#   {', '.join(name for name, _ in _webhook_secrets(chosen))}",
        "# Amazon SageMaker and Azure Machine Learning sign in as AWS's and Azure's own tools do: see docs/connectors.md.",
        'store: {url: "sqlite:///milepost.db"}   # or postgresql+psycopg://…; with a password in MILEPOST_STORE__URL',
        'sources:                                # each by a name of your own; optional: rate: "4000/h", pull: "*/10 * * * *"',
        *_sources(chosen),
        *_CLOUD_SOURCES,
        "projects:",
        f"  {_key(chosen.project)}:",
        f"    name: {_text(chosen.name or chosen.project)}",
        "    # risk_class: limited               # minimal | limited | high",
        f"    timezone: {_text(chosen.timezone)}",
        *_watch(chosen),
        "    scopes:                             # what belongs to the project",
        *_scopes(chosen),
        *_CLOUD_SCOPES,
        "    release: {alias: champion}          # the alias of the released model version",
        "    thresholds: {val_auc: {gte: 0.85}}  # what a run's metrics must meet",
        '    data: {labels: [data], quality: "data_quality.*", fresh_within: 30d}',
        '    drift: {metrics: {"drift.*": {lte: 0.2}}}',
        "    retrain: {every: 90d}               # when a model is due for training",
        "    # tags: {ticket: [work-item]}       # further tags of runs and models that name their tickets",
        *_publish(chosen),
        "fresh_within: 26h                       # a source read longer ago than this is unknown",
        "unknown_after: 24h                      # how long a shown value outlives its facts",
        "safety: {max_changes: 0.3, max_additions: 200, max_deletes: 0.2}",
    ]
    return "\n".join(lines) + "\n"


def environment_variables(answers: Answers = EXAMPLE) -> Sequence[tuple[str, str]]:
    """The variables to set for that file, each with what it holds. Each may instead be given as `<name>_FILE`."""
    chosen = _with_a_system(answers)
    return [*_credentials(chosen), *_webhook_secrets(chosen)]


def _credentials(chosen: Answers) -> list[tuple[str, str]]:
    variables: list[tuple[str, str]] = []
    if chosen.jira_url:
        variables += [(variable("jira", "user"), "the account's e-mail address; not for a personal access token")]
        variables += [(variable("jira", "token"), "an API token of that account, or a personal access token (Data Center)")]
    if chosen.repositories:
        variables += [(variable("github", "token"), "a token that may read the repositories and write labels")]
    if chosen.mlflow_url:
        variables += [(variable("mlflow", "token"), "a token of the tracking server, if it asks for one")]
    return variables


def _webhook_secrets(chosen: Answers) -> list[tuple[str, str]]:
    systems = {"jira": chosen.jira_url, "github": chosen.repositories, "mlflow": chosen.mlflow_url}
    what = "the secret of its webhook, for milepost serve alone"
    return [(variable(source, "webhook_secret"), what) for source, is_there in systems.items() if is_there]


def _with_a_system(answers: Answers) -> Answers:
    if answers.jira_url or answers.repositories or answers.mlflow_url:
        return answers
    example = {
        name: getattr(EXAMPLE, name) for name in ("jira_url", "jira_project", "repositories", "mlflow_url", "experiments", "models")
    }
    return msgspec.structs.replace(answers, **example)


def _sources(answers: Answers) -> list[str]:
    lines: list[str] = []
    if answers.jira_url:
        lines.append(f"  jira: {{type: jira, url: {_text(answers.jira_url)}}}")
    if answers.repositories:
        lines.append(f"  github: {{type: github, url: {_text(answers.github_url)}}}")
    if answers.mlflow_url:
        lines.append(f"  mlflow: {{type: mlflow, url: {_text(answers.mlflow_url)}}}")
    return lines


def _scopes(answers: Answers) -> list[str]:
    lines: list[str] = []
    if answers.jira_url:
        lines.append(f"      jira: {{projects: {_list([answers.jira_project or answers.project.upper()])}}}")
    if answers.repositories:
        lines.append(f"      github: {{repositories: {_list(answers.repositories)}}}")
    if answers.mlflow_url:
        models = f", models: {_list(answers.models)}" if answers.models else ""
        lines.append(f"      mlflow: {{experiments: {_list(answers.experiments or (answers.project + '*',))}{models}}}")
    return lines


def _watch(answers: Answers) -> list[str]:
    if not answers.jira_url:
        return []
    return ["    # watch: {jira: CHURN-1}            # the ticket that receives what concerns no open ticket"]


def _publish(answers: Answers) -> list[str]:
    lines: list[str] = []
    if answers.jira_url:
        lines.append('  jira: {field: "ML Status"}            # the field must exist; milepost check says so')
    if answers.repositories:
        lines.append('  github: {prefix: "ml/"}               # labels such as ml/model-ready')
    return ["publish:                                # where statuses are shown", *lines] if lines else []


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(_text(value) for value in values)}]"


def _key(value: str) -> str:
    plain = re.fullmatch(KEY_PATTERN, value) and value.lower() not in _WORDS
    return value if plain else _text(value)


def _text(value: str) -> str:
    """A double-quoted YAML text on one line."""
    return '"' + re.sub(r'["\\]|[^ -~\u00a0-\ud7ff\ue000-\ufffd]|[\u2028\u2029\ufeff]', _escaped, value) + '"'


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    if character in ('"', "\\"):
        return "\\" + character
    return f"\\U{ord(character):08x}"
