"""How a source opens its receiver: with its webhook secrets, and nothing else of the environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from config.problems import ConfigError
from connectors.base import Connection, Delivery, Mention, Options, Receiver, ReceiverContext, WebhookSecrets
from connectors.errors import SourceError, Unavailable
from sync.build import ConnectionTypes, build_workspace, read_project_file
from sync.pull import PullLimits
from sync.source import Source, lacks_webhook_secret, receiving
from sync.store.connect import open_database

FILE = """
sources:
  github: {type: github, url: "https://github.example.com"}
projects:
  churn:
    scopes: {github: {repositories: ["example/churn"]}}
"""


def source_of(folder: Path, environ: Mapping[str, str]) -> Source:
    path = folder / "milepost.yaml"
    path.write_text(FILE)
    types = ConnectionTypes()
    with closing(open_database(f"sqlite:///{folder / 'milepost.db'}")) as database:
        file = read_project_file(path, types)
        built = build_workspace(file, types, environ, database, limits=PullLimits(), wait=PullLimits().wait)
        return built.sources["github"]


class Ear:
    """Keeps what it was opened with."""

    def __init__(self, context: ReceiverContext) -> None:
        self.context = context

    def verify(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        return Delivery(id=headers["id"], event="said", body=body)

    def parse(self, delivery: Delivery) -> Sequence[Mention]:
        return []

    def concerns(self, mention: Mention, scope: Options) -> bool:
        return True


def _keeps_the_protocol(ear: Ear) -> Receiver:
    return ear


def heard_by(source: Source, receiver: object) -> Source:
    connection: Connection = msgspec.structs.replace(source.connection, receiver=receiver)
    return msgspec.structs.replace(source, connection=connection)


def test_only_the_webhook_secrets_are_read(tmp_path: Path) -> None:
    """No credentials are set, and a variable that GitHub does not know is no matter here."""
    file = tmp_path / "previous"
    file.write_text("the one before\n")
    file.chmod(0o600)
    environ = {
        "MILEPOST_GITHUB__WEBHOOK_SECRET": "the present one",
        "MILEPOST_GITHUB__WEBHOOK_SECRET_PREVIOUS_FILE": str(file),
        "MILEPOST_GITHUB__TOKENN": "a typing error",
    }
    source = source_of(tmp_path, environ)
    receiver = receiving(heard_by(source, Ear))
    assert isinstance(receiver, Ear)
    assert receiver.context.name == "github"
    assert type(receiver.context.secrets) is WebhookSecrets
    assert receiver.context.secrets.webhook_secrets() == ["the present one", "the one before"]
    assert lacks_webhook_secret(heard_by(source, Ear), environ) is None
    with pytest.raises(ConfigError):
        source.secrets()


def test_a_source_without_a_secret_can_read_deliveries_and_is_told_that_it_proves_none(tmp_path: Path) -> None:
    empty = {"MILEPOST_GITHUB__WEBHOOK_SECRET": ""}
    source = heard_by(source_of(tmp_path, empty), Ear)
    receiver = receiving(source)
    assert isinstance(receiver, Ear)
    assert receiver.context.secrets.webhook_secrets() == []
    assert lacks_webhook_secret(source, {}) == "MILEPOST_GITHUB__WEBHOOK_SECRET is not set"
    assert lacks_webhook_secret(source, empty) == "MILEPOST_GITHUB__WEBHOOK_SECRET is empty"


def test_a_type_without_a_receiver_is_told_and_lacks_no_secret(tmp_path: Path) -> None:
    source = heard_by(source_of(tmp_path, {}), None)
    with pytest.raises(SourceError, match="a source of type github sends no webhooks"):
        receiving(source)
    assert lacks_webhook_secret(source, {}) is None


def test_an_unreadable_secret_is_a_problem_of_its_variable(tmp_path: Path) -> None:
    source = source_of(tmp_path, {"MILEPOST_GITHUB__WEBHOOK_SECRET_FILE": str(tmp_path / "nowhere")})
    with pytest.raises(ConfigError) as told:
        receiving(heard_by(source, Ear))
    assert [problem.path for problem in told.value.problems] == ["MILEPOST_GITHUB__WEBHOOK_SECRET_FILE"]


def test_a_receiver_that_cannot_be_opened_is_its_connectors_mistake(tmp_path: Path) -> None:
    def broken(context: ReceiverContext) -> Receiver:
        raise KeyError(context.name)

    with pytest.raises(Unavailable, match="opening its receiver ended in an unexpected KeyError"):
        receiving(heard_by(source_of(tmp_path, {}), broken))
