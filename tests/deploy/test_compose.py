"""The compose file: hardened containers, commands that exist, and no secret in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import psycopg
import pytest

from tests.deploy.commandline import accepted
from tests.deploy.conftest import DEPLOY
from tests.deploy.kustomize import documents

PATH = DEPLOY / "compose.yaml"
OURS = {"migrate": "milepost db upgrade", "receiver": "milepost serve", "worker": "milepost worker"}


@pytest.fixture(scope="module")
def services() -> Mapping[str, Any]:
    (document,) = documents(PATH)
    assert document.keys() == {"name", "x-milepost", "services", "volumes"}
    services: Mapping[str, Any] = document["services"]
    return services


def test_each_role_runs_a_command_that_exists(services: Mapping[str, Any]) -> None:
    assert services.keys() == {"database", *OURS}
    for name, command in OURS.items():
        assert accepted(services[name]["command"]) == command
        assert services[name]["build"] == {"context": "..", "dockerfile": "deploy/Dockerfile"}
    assert (PATH.parent / ".." / "deploy" / "Dockerfile").is_file()


def test_the_database_is_of_the_version_that_the_tests_run(services: Mapping[str, Any], postgresql_server: str) -> None:
    with psycopg.connect(postgresql_server) as connection:
        version = connection.info.server_version // 10_000
    page = (DEPLOY.parent / "docs" / "deployment.md").read_text(encoding="utf-8")

    assert services["database"]["image"].startswith(f"postgres:{version}.")
    assert version >= 18, "whose image keeps its data below this folder, one for each version"
    assert services["database"]["volumes"] == ["database:/var/lib/postgresql"]
    assert re.findall(r"tested\s+with\s+version\s+(\d+)", page) == [str(version)]


def test_every_container_is_hardened(services: Mapping[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service
        assert service["mem_limit"]
        assert not service["image"].endswith(":latest")
        assert ":" in service["image"]
    assert services["database"]["user"] == "postgres"


def test_nothing_is_open_but_the_receiver_on_loopback(services: Mapping[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports == {"receiver": ["127.0.0.1:8080:8080"]}
    asked = services["receiver"]["healthcheck"]["test"][-1]
    compile(asked, "healthcheck", "exec")
    assert "/readyz" in asked


def test_secrets_come_from_the_environment_alone(services: Mapping[str, Any], known_variables: frozenset[str]) -> None:
    for name in OURS:
        environment: Mapping[str, str | None] = services[name]["environment"]
        assert environment.keys() <= known_variables
        assert {key: value for key, value in environment.items() if value is not None}.keys() <= {
            "MILEPOST_STORE__URL",
            "MILEPOST_EXECUTOR",
        }
        assert re.search(r":\$\{POSTGRES_PASSWORD:\?\}@database/", environment["MILEPOST_STORE__URL"] or "")
    assert services["database"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")


def test_the_receiver_knows_no_credentials_and_the_worker_no_webhook_secret(services: Mapping[str, Any]) -> None:
    secrets = {name: [key for key in services[name]["environment"] if key.count("__") and "STORE" not in key] for name in OURS}
    assert secrets["migrate"] == []
    assert secrets["receiver"]
    assert all(key.endswith("WEBHOOK_SECRET") for key in secrets["receiver"])
    assert secrets["worker"]
    assert not any("WEBHOOK" in key for key in secrets["worker"])


def test_the_store_is_there_before_what_needs_it(services: Mapping[str, Any]) -> None:
    assert services["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    for name in ("receiver", "worker"):
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
        assert services[name]["restart"] == "unless-stopped"
        assert int(services[name]["stop_grace_period"].removesuffix("s")) >= 15
