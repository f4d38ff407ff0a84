"""The sandbox that `milepost demo` runs on: two stand-ins on loopback, a real MLflow server, and the world in them."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.github import DEFAULT_TOKEN, GitHub
from sandbox.jira import JiraCloud
from sandbox.mlflow import server

if TYPE_CHECKING:
    from sandbox.world import Cast

MARK = ".milepost-demo"
_PLOTS = "MPLCONFIGDIR"


class FolderTaken(Exception):
    """The folder for the demo's files holds something that is not a demo's, or a demo that still runs. The message says which."""


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox. `config` is a project file that works while it runs, `environ` the secrets that it needs."""

    cast: Cast
    config: Path
    environ: Mapping[str, str]


@contextmanager
def running(folder: Path) -> Iterator[Sandbox]:
    """Starts everything, lets the people of the world work, and stops everything at the end.

    `folder` is a `claimed` one. Raises `ServerFailed` when MLflow does not start.
    """
    with ExitStack() as stack:
        stack.enter_context(_plots_cached_in(folder / "matplotlib"))
        mlflow = stack.enter_context(server.launch(folder / "mlflow"))
        jira, github = stack.enter_context(JiraCloud()), stack.enter_context(GitHub())
        # What imports for seconds does so now, while the server starts.
        from sandbox import world
        from sandbox.mlflow.session import tracking

        world.people_set_up(jira, github)
        with tracking(mlflow.url):
            pass
        mlflow.wait_until_ready()
        cast = world.Cast(jira, github, mlflow.url)
        for doing in world.people_work(cast):
            doing()
        config = folder / "milepost.yaml"
        config.write_text(_project_file(cast, world.FIELD), encoding="utf-8")
        yield Sandbox(
            cast,
            config,
            {"MILEPOST_JIRA__USER": jira.user, "MILEPOST_JIRA__TOKEN": jira.token, "MILEPOST_GITHUB__TOKEN": DEFAULT_TOKEN},
        )


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """The folder, made or emptied of an earlier demo's files, and locked for as long as the demo runs; a kill unlocks it as well.

    Raises `FolderTaken`, and `OSError` for a folder that cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / MARK
    if not mark.exists() and any(folder.iterdir()):
        raise FolderTaken(f"{folder} holds other files")
    with mark.open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderTaken(f"another demo runs in {folder}") from None
        lock.truncate(0)
        lock.write("Files of milepost demo. The next demo empties this folder.\n")
        lock.flush()
        for child in folder.iterdir():
            if child.is_dir() and not child.is_symlink():
                shutil.rmtree(child)
            elif child != mark:
                child.unlink()
        yield


@contextmanager
def _plots_cached_in(folder: Path) -> Iterator[None]:
    """Matplotlib, which MLflow imports here and in its server, keeps its cache of fonts there instead of in the user's home."""
    before = os.environ.get(_PLOTS)
    os.environ[_PLOTS] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_PLOTS]
        else:
            os.environ[_PLOTS] = before


_PROJECTS = (
    ("churn", "Churn prediction", "churn-classifier", "val_auc: {gte: 0.75}"),
    ("loan", "Loan default", "loan-default", "val_auc: {gte: 0.7}"),
    ("demand", "Demand forecast", "*-forecast", "val_r2: {gte: 0.5}"),
    ("triage", "Document triage", "document-triage", "val_accuracy: {gte: 0.7}"),
)


def _project_file(cast: Cast, field: str) -> str:
    """The demo's configuration: what a person would write, with the sandbox's addresses."""
    lines = [
        "# yaml-language-server: $schema=./milepost.schema.json",
        "# The demo's project file. Its addresses answer while `milepost demo --hold` runs.",
        "# To go on with your own: put your sites' addresses under sources, your names under scopes, and run milepost check.",
        'store: {url: "sqlite:///milepost.db"}',
        "sources:",
        f'  jira: {{type: jira, url: "{cast.jira.url}"}}',
        f'  github: {{type: github, url: "{cast.github.url}", write_pause: 0}}',
        f'  mlflow: {{type: mlflow, url: "{cast.mlflow_url}"}}',
        "projects:",
    ]
    for key, name, models, threshold in _PROJECTS:
        lines += [
            f"  {key}:",
            f"    name: {name}",
            "    timezone: Europe/Berlin",
            f"    watch: {{jira: {key.upper()}-1}}",
            "    scopes:",
            f"      jira: {{projects: [{key.upper()}]}}",
            f"      github: {{repositories: [example/{key}]}}",
            f'      mlflow: {{experiments: ["{key}-*"], models: ["{models}"]}}',
            "    release: {alias: champion}",
            f"    thresholds: {{{threshold}}}",
            '    data: {labels: [data], components: [Data], quality: "data_quality.status", fresh_within: 30d}',
            '    drift: {metrics: {"drift.psi": {lte: 0.2}}}',
        ]
    lines += ["publish:", f'  jira: {{field: "{field}"}}', '  github: {prefix: "ml/"}', ""]
    return "\n".join(lines)
