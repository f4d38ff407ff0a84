"""Deliveries as each type of source sends them, with the secret that its webhook was given."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

SECRET = "example-webhook-secret-4c1e"
PREVIOUS = "example-webhook-secret-of-last-year"

REPOSITORY = "example/ops"


def issue_payload(number: int = 1, repository: str = REPOSITORY, **more: Any) -> bytes:
    """An event of GitHub's on an issue."""
    issue = {"id": 5_000 + number, "number": number, "title": "Retrain the model", "state": "open"}
    return json.dumps(
        {"action": "edited", "issue": issue, "repository": {"id": 12, "full_name": repository}, **more}, separators=(",", ":")
    ).encode()


def github_headers(body: bytes, ident: str, *, event: str = "issues", secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, "sha256").hexdigest()
    return {
        "content-type": "application/json",
        "x-github-delivery": ident,
        "x-github-event": event,
        "x-hub-signature-256": f"sha256={digest}",
    }


def jira_headers(body: bytes, ident: str) -> dict[str, str]:
    digest = hmac.new(SECRET.encode(), body, "sha256").hexdigest()
    return {"x-hub-signature": f"sha256={digest}", "x-atlassian-webhook-identifier": ident}


def mlflow_headers(body: bytes, ident: str) -> dict[str, str]:
    sent = str(int(time.time()))
    digest = hmac.new(SECRET.encode(), b".".join((ident.encode(), sent.encode(), body)), "sha256").digest()
    return {
        "x-mlflow-delivery-id": ident,
        "x-mlflow-timestamp": sent,
        "x-mlflow-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def cloud_headers(_: bytes, __: str) -> dict[str, str]:
    return {"x-milepost-secret": SECRET}


SIGNERS: Mapping[str, Callable[[bytes, str], dict[str, str]]] = {
    "github": github_headers,
    "jira": jira_headers,
    "mlflow": mlflow_headers,
    "aws": cloud_headers,
    "azure": cloud_headers,
}
"""By the name of the source in the tests' project file."""

SECRETS = {f"MILEPOST_{name.upper()}__WEBHOOK_SECRET": SECRET for name in SIGNERS}
"""No other secret: who only receives needs none."""

PROJECT_FILE = f"""\
sources:
  github: {{type: github, url: "https://github.example.com/api/v3"}}
  silent: {{type: github, url: "https://code.example.com/api/v3"}}
  jira: {{type: jira, url: "https://example.atlassian.net"}}
  mlflow: {{type: mlflow, url: "https://mlflow.example.com"}}
  aws: {{type: sagemaker, region: eu-west-1}}
  azure:
    type: azureml
    subscription: 00000000-0000-0000-0000-000000000001
    resource_group: example
    workspace: example
projects:
  ops:
    scopes:
      github: {{repositories: [{REPOSITORY}]}}
      silent: {{repositories: [example/other]}}
      jira: {{projects: [OPS]}}
      mlflow: {{models: ["*"]}}
      aws: {{endpoints: ["*"], model_package_groups: ["*"]}}
      azure: {{endpoints: ["*"], models: ["*"]}}
"""
