"""A server without webhook secrets: it says which are missing, and whether it is of any use."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest

from sandbox.github import DEFAULT_TOKEN
from sync.web.reception import Reception
from tests.web.serving import serving
from tests.web.signing import PREVIOUS, SECRETS, SIGNERS, github_headers, issue_payload

EMPTY = dict.fromkeys([*SECRETS, "MILEPOST_GITHUB__WEBHOOK_SECRET_PREVIOUS"], "")

GITHUB_ALONE = """\
sources:
  github: {type: github, url: "https://github.invalid/api/v3"}
projects:
  ops:
    scopes: {github: {repositories: [example/ops]}}
"""


def test_the_missing_secret_comes_before_all_else_that_a_delivery_lacks(sqlite_template: Path, folder: Path) -> None:
    shutil.copyfile(sqlite_template, folder / "milepost.db")
    with serving(folder, f"sqlite:///{folder / 'milepost.db'}", **EMPTY) as served:
        foreign = {"content-type": "application/json", "authorization": "Bearer of-something-else"}
        answers = [served.post(b"{}", foreign, source).status_code for source in SIGNERS]
        ready = served.client.get("/readyz")

    assert answers == [401] * len(SIGNERS)
    refused = {line["source"]: line for line in served.lines() if line["event"] == "delivery.unsigned"}
    told = {line["source"]: line["error"] for line in served.lines() if line["event"] == "serve.no_secret"}
    for source in SIGNERS:
        name = f"MILEPOST_{source.upper()}__WEBHOOK_SECRET"
        assert f"{name} is not set or empty" in refused[source]["error"]
        assert refused[source]["fix"].startswith(f"set {name}, ")
        assert told[source] == f"{name} is empty, so every delivery of {source} is refused"
    assert "MILEPOST_SILENT__WEBHOOK_SECRET is not set" in told["silent"]
    assert ready.status_code == 503
    assert ready.json()["checks"]["webhooks"] == "none; no secret: github, silent, jira, mlflow, aws, azure"


def test_with_workers_it_is_of_use_without_any(sqlite_template: Path, folder: Path) -> None:
    shutil.copyfile(sqlite_template, folder / "milepost.db")
    environ = {**EMPTY, "MILEPOST_GITHUB__TOKEN": DEFAULT_TOKEN}
    with serving(folder, f"sqlite:///{folder / 'milepost.db'}", "--workers", "1", text=GITHUB_ALONE, **environ) as served:
        ready: httpx.Response = served.client.get("/readyz")

    assert ready.status_code == 200
    assert ready.json()["checks"] == {"store": "ok", "webhooks": "none; no secret: github", "workers": "ok"}


@pytest.mark.parametrize(
    ("taken", "refused", "said"),
    [
        (["github"], [], "ok"),
        ([], [], "ok"),
        (["github"], ["jira", "mlflow"], "github; no secret: jira, mlflow"),
    ],
)
def test_what_is_taken_is_told_and_is_enough(taken: list[str], refused: list[str], said: str) -> None:
    reception = Reception(taken=taken, refused=refused)

    assert str(reception) == said
    assert reception.why_not_ready(works=False) is None


def test_a_previous_secret_alone_is_one(sqlite_template: Path, folder: Path) -> None:
    shutil.copyfile(sqlite_template, folder / "milepost.db")
    body = issue_payload(1)
    environ = {**EMPTY, "MILEPOST_GITHUB__WEBHOOK_SECRET_PREVIOUS": PREVIOUS}
    with serving(folder, f"sqlite:///{folder / 'milepost.db'}", text=GITHUB_ALONE, **environ) as served:
        assert served.client.get("/readyz").json()["checks"]["webhooks"] == "ok"
        assert served.post(body, github_headers(body, "one", secret=PREVIOUS)).status_code == 202
