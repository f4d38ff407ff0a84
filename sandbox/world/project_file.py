"""The demo's configuration: what a person would write, with the sandbox's addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sandbox.azureml.site import GROUP, SUBSCRIPTION, WORKSPACE
from sandbox.world.cast import Cast
from sandbox.world.places import FIELD, PROJECTS

_OWN: Mapping[str, Sequence[str]] = {
    "churn": (
        "    scopes:",
        "      jira: {projects: [CHURN]}",
        "      github: {repositories: [example/churn]}",
        '      aws-eu: {endpoints: ["churn-*"], model_package_groups: ["*churn*"], training_jobs: ["churn-*"]}',
        "    thresholds: {val_auc: {gte: 0.75}}",
    ),
    "loan": (
        "    scopes:",
        "      jira: {projects: [LOAN]}",
        "      github: {repositories: [example/loan]}",
        '      mlflow: {experiments: ["loan-*"], models: [loan-default]}',
        "    release: {alias: champion}",
        "    thresholds: {val_auc: {gte: 0.7}}",
        '    data: {quality: "data_quality.status", fresh_within: 30d}',
        '    drift: {metrics: {"drift.psi": {lte: 0.2}}}',
        "    performance: {baselines: {live.auc: {metric: val_auc, tolerance: 0.03}}}",
    ),
    "demand": (
        "    scopes:",
        "      jira: {projects: [DEMAND]}",
        "      github: {repositories: [example/demand]}",
        '      mlflow: {experiments: ["demand-*"], models: ["*-forecast"]}',
        '      azure-ml: {endpoints: ["demand-*"], models: ["*-forecast"], experiments: ["demand-*"], data: ["demand-*"]}',
        "    thresholds: {val_r2: {gte: 0.5}}",
        '    data: {labels: [data], components: [Data], quality: "data_quality.status"}',
        "    retrain: {every: 90d}",
    ),
    "hiring": (
        "    risk_class: high",
        "    scopes:",
        "      jira: {projects: [HIRING]}",
        "      github: {repositories: [example/hiring]}",
        '      aws-eu: {endpoints: ["hiring-*"], model_package_groups: [candidate-ranking], training_jobs: ["hiring-*"]}',
        "    thresholds: {val_auc: {gte: 0.7}}",
        "    compliance: {oversight: Ada Example}",
    ),
    "triage": (
        "    risk_class: minimal",
        "    scopes:",
        "      jira: {projects: [TRIAGE]}",
        "      github: {repositories: [example/triage]}",
        '      mlflow: {experiments: ["triage-*"], models: [document-triage]}',
        '      aws-us: {endpoints: ["triage-*"], model_package_groups: [letter-triage], training_jobs: ["triage-*"]}',
        "    release: {alias: champion}",
        "    thresholds: {val_accuracy: {gte: 0.7}}",
        '    drift: {metrics: {"drift.psi": {lte: 0.2}}}',
        "    retrain: {every: 90d}",
    ),
}
"""By project, what only it says."""


def project_file(cast: Cast) -> str:
    azure = f'subscription: {SUBSCRIPTION}, resource_group: {GROUP}, workspace: {WORKSPACE}, resource_manager: "{cast.azure.url}"'
    lines = [
        "# yaml-language-server: $schema=./milepost.schema.json",
        "# The demo's project file. Its addresses answer while `milepost demo --hold` runs.",
        "# To go on with your own: put your sites' addresses under sources, your names under scopes, and run milepost check.",
        'store: {url: "sqlite:///milepost.db"}',
        "sources:",
        f'  jira: {{type: jira, url: "{cast.jira.url}"}}',
        f'  github: {{type: github, url: "{cast.github.url}", write_pause: 0}}',
        f'  mlflow: {{type: mlflow, url: "{cast.mlflow_url}"}}',
        f'  aws-eu: {{type: sagemaker, region: {cast.ireland.name}, endpoint_url: "{cast.ireland.url}"}}',
        f'  aws-us: {{type: sagemaker, region: {cast.oregon.name}, endpoint_url: "{cast.oregon.url}"}}',
        f"  azure-ml: {{type: azureml, {azure}}}",
        "projects:",
    ]
    for key, name in PROJECTS.items():
        lines += [
            f"  {key}:",
            f"    name: {name}",
            "    timezone: Europe/Berlin",
            f"    watch: {{jira: {key.upper()}-1}}",
            *_OWN[key],
        ]
    return "\n".join([*lines, "publish:", f'  jira: {{field: "{FIELD}"}}', '  github: {prefix: "ml/"}', ""])
