"""One running server for each database, for what breaks nothing; others are started by the tests that break them."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from tests.web.serving import Served, serving
from tests.web.within import Client, opened


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("sqlite_template"), folder / "milepost.db")
        with serving(folder, f"sqlite:///{folder / 'milepost.db'}") as server:
            yield server
    else:
        with _database_of_its_own(request.getfixturevalue("postgresql_template")) as url, serving(folder, url) as server:
            yield server


@contextmanager
def _database_of_its_own(server: str) -> Iterator[str]:
    """As long as its server runs."""
    name = f"served_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE milepost_template")
        try:
            address = make_url(server).set(drivername="postgresql+psycopg", database=name)
            yield address.render_as_string(hide_password=False)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a server of the test's own works."""
    made = tmp_path / "server"
    made.mkdir()
    return made


@pytest.fixture(scope="session")
def client(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("within")
    shutil.copyfile(sqlite_template, folder / "milepost.db")
    with opened(folder, f"sqlite:///{folder / 'milepost.db'}") as client:
        yield client
