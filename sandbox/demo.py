"""The sandbox that `milepost demo` runs on: stand-ins on loopback, a real MLflow server, moto, and the world in them."""

from __future__ import annotations

import fcntl
import os
import secrets
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
    from sandbox.azureml import AzureMLSite
    from sandbox.world.cast import Cast

MARK = ".milepost-demo"
IRELAND, OREGON = "eu-west-1", "us-west-2"


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

    `folder` is a `claimed` one. What SDKs look for in the environment is there meanwhile: they cannot be told otherwise. Raises
    `ServerFailed` when MLflow does not start.
    """
    with ExitStack() as stack:
        # Matplotlib, which MLflow imports here and in its server, keeps its cache of fonts there instead of in the user's home.
        stack.enter_context(environment({"MPLCONFIGDIR": str(folder / "matplotlib")}))
        mlflow = stack.enter_context(server.launch(folder / "mlflow"))
        # What imports for seconds does so now, while the server starts.
        from sandbox.azureml import AzureMLSite
        from sandbox.azureml.certificate import loopback_tls
        from sandbox.mlflow.session import tracking
        from sandbox.sagemaker.server import AwsServer
        from sandbox.world import places, story
        from sandbox.world.cast import Cast
        from sandbox.world.project_file import project_file

        tls, authority = loopback_tls(folder)
        jira, github = stack.enter_context(JiraCloud()), stack.enter_context(GitHub())
        aws, azure = stack.enter_context(AwsServer()), stack.enter_context(AzureMLSite(tls=tls))
        clouds = {**_aws_account(folder / "aws.ini"), **_azure_identity(azure, authority)}
        stack.enter_context(environment(clouds))
        cast = Cast(jira, github, mlflow.url, aws.region(IRELAND), aws.region(OREGON), azure)
        places.prepare(jira, github)
        story.on_the_clouds(cast)
        with tracking(mlflow.url):
            pass
        mlflow.wait_until_ready()
        story.with_mlflow(cast)
        config = folder / "milepost.yaml"
        config.write_text(project_file(cast), encoding="utf-8")
        accounts = {"MILEPOST_JIRA__USER": jira.user, "MILEPOST_JIRA__TOKEN": jira.token, "MILEPOST_GITHUB__TOKEN": DEFAULT_TOKEN}
        yield Sandbox(cast, config, {**accounts, **_webhook_secrets(), **clouds})


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


def _webhook_secrets() -> Mapping[str, str]:
    """For whoever lets `milepost serve` take deliveries in the sandbox: one for each source, of this demo alone."""
    sources = ("JIRA", "GITHUB", "MLFLOW", "AWS_EU", "AWS_US", "AZURE_ML")
    return {f"MILEPOST_{source}__WEBHOOK_SECRET": secrets.token_hex(16) for source in sources}


def _aws_account(file: Path) -> Mapping[str, str]:
    """An account of nobody's, and a `file` of AWS's own in place of the user's, whose profiles are none of the demo's business."""
    file.write_text("[default]\n", encoding="utf-8")
    return {
        "AWS_ACCESS_KEY_ID": "testing-key-id",
        "AWS_SECRET_ACCESS_KEY": "testing-not-a-secret",
        "AWS_SESSION_TOKEN": "",
        "AWS_PROFILE": "default",
        "AWS_CONFIG_FILE": str(file),
        "AWS_SHARED_CREDENTIALS_FILE": str(file),
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _azure_identity(azure: AzureMLSite, authority: Path) -> Mapping[str, str]:
    """A managed identity, which alone is asked for tokens, and the certificate to trust."""
    return {
        **azure.identity_environment,
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        "AZURE_CLIENT_ID": "",
        "SSL_CERT_FILE": str(authority),
        "REQUESTS_CA_BUNDLE": str(authority),
    }


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """The process has these variables inside, and afterwards those that it had."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
