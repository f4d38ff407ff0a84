"""While the store is away nothing is acknowledged, and the sender is told when to try again; afterwards all is well."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from sync.store.connect import open_database
from sync.store.migrate import revisions
from tests.cli.process import Desk
from tests.web.serving import Served, eventually, serving
from tests.web.signing import PROJECT_FILE, SECRETS, issue_payload


def away(url: str) -> AbstractContextManager[None]:
    """SQLite is locked by another program, PostgreSQL shuts us out and hangs up."""
    return _locked(url) if url.startswith("sqlite") else _shut_out(url)


@contextmanager
def _locked(url: str) -> Iterator[None]:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def _shut_out(url: str) -> Iterator[None]:
    address = make_url(url)
    server = address.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{address.database}" ALLOW_CONNECTIONS false')
        try:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [address.database])
            yield
        finally:
            admin.execute(f'ALTER DATABASE "{address.database}" ALLOW_CONNECTIONS true')


def test_nothing_is_acknowledged_that_is_not_stored(database_url: str, folder: Path) -> None:
    with serving(folder, database_url) as served:
        body = issue_payload(1)
        assert served.deliver(body, "before").status_code == 202
        with away(database_url):
            lost = served.deliver(body, "meanwhile")
            assert (lost.status_code, lost.headers["retry-after"].isdigit()) == (503, True)
            assert served.deliver(body, "forged", secret="another").status_code == 401
            assert served.client.get("/healthz").status_code == 200
            if database_url.startswith("postgresql"):  # SQLite can still be read
                assert readiness(served) == (503, "the database does not answer")
        eventually(lambda: served.deliver(body, "after").status_code in (200, 202))
        eventually(lambda: readiness(served) == (200, "ok"))

        # It may have been stored too late to be acknowledged: then the sender's next try is the known one.
        assert served.deliver(body, "meanwhile").status_code in (200, 202)
        assert set(served.stored()) == {"before", "meanwhile", "after"}

        _set_revision(database_url, "9999")
        assert readiness(served) == (503, f"the schema is 9999, this program needs {revisions()[-1]}")
        assert served.client.get("/healthz").status_code == 200


def readiness(served: Served) -> tuple[int, str]:
    answer = served.client.get("/readyz")
    return answer.status_code, answer.json()["checks"]["store"]


@pytest.mark.parametrize("revision", ["0003", "9999"])
def test_a_store_of_another_version_is_refused_at_the_start(revision: str, database_url: str, folder: Path) -> None:
    _set_revision(database_url, revision)
    desk = Desk(folder, {**SECRETS, "MILEPOST_STORE__URL": database_url})
    desk.config.write_text(PROJECT_FILE, encoding="utf-8")
    ended = desk.call("serve", "--port", "0")

    assert (ended.code, ended.out) == (1, "")
    assert ("milepost db upgrade" if revision == "0003" else "install the newer Milepost") in ended.err


def _set_revision(url: str, revision: str) -> None:
    with closing(open_database(url)) as database, database.write() as tx:
        tx.exec_driver_sql(f"UPDATE milepost_version SET version_num = '{revision}'")
