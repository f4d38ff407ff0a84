"""Opening a database: transactions keep their promises, and what goes wrong is said with its fix and without a password."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import IntegrityError

from sync.store.connect import Database, open_database
from sync.store.errors import StoreError

INSERT = text("INSERT INTO milepost_version (version_num) VALUES (:value)")
ROWS = text("SELECT version_num FROM milepost_version ORDER BY version_num")


def rows(database: Database) -> list[str]:
    with database.read() as tx:
        return list(tx.execute(ROWS).scalars())


@contextmanager
def opened(url: str, patience: timedelta = timedelta(milliseconds=50)) -> Iterator[Database]:
    database = open_database(url, patience=patience)
    try:
        yield database
    finally:
        database.close()


def test_what_a_write_raises_in_is_undone(database: Database) -> None:
    before = rows(database)
    with pytest.raises(KeyError), database.write() as tx:
        tx.execute(INSERT, {"value": "x"})
        raise KeyError
    assert rows(database) == before


def test_a_reader_sees_one_moment(database: Database) -> None:
    with database.read() as reader:
        before = list(reader.execute(ROWS).scalars())
        with database.write() as writer:
            writer.execute(INSERT, {"value": "x"})
        assert list(reader.execute(ROWS).scalars()) == before
    assert rows(database) == [*before, "x"]


def test_a_read_transaction_cannot_write_and_a_later_write_can(database: Database) -> None:
    with pytest.raises(StoreError, match="read-only"), database.read() as tx:
        tx.execute(INSERT, {"value": "x"})
    with database.write() as tx:
        tx.execute(INSERT, {"value": "x"})
    assert "x" in rows(database)


def test_a_write_within_a_write_is_told_at_once_on_sqlite(database: Database) -> None:
    if database.dialect == "sqlite":
        with database.write(), pytest.raises(RuntimeError, match="this thread"), database.write():
            pass
    with database.write() as tx:
        assert tx.execute(text("SELECT 1")).scalar_one() == 1


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_an_interrupt_after_a_long_transaction_keeps_nobody_waiting(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), database.write():
        time.sleep(0.01)
        monkeypatch.setattr(time, "sleep", interrupted)
    monkeypatch.undo()
    with database.write() as tx:
        tx.execute(INSERT, {"value": "x"})
    assert "x" in rows(database)


def test_many_threads_write_without_losing_anything(database: Database) -> None:
    def write(number: int) -> None:
        for turn in range(10):
            with database.write() as tx:
                tx.execute(INSERT, {"value": f"{number}-{turn}"})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows(database)) == 61


def test_the_time_is_the_databases_and_moves_within_a_transaction(database: Database) -> None:
    with database.read() as tx:
        first = database.now(tx)
        while database.now(tx) == first:
            pass
        assert database.now(tx) > first
    assert first.tzinfo is UTC
    assert abs(datetime.now(UTC) - first) < timedelta(minutes=5)


def test_a_mistake_of_ours_stays_what_it_is(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as tx:
        tx.execute(INSERT, {"value": "x"})
        tx.execute(INSERT, {"value": "x"})


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "no database address"),
        ("not a url", "no database address"),
        ("postgresql://user:hunter2@host:port/x", "no database address"),
        ("mysql://user:hunter2@host/x", "mysql"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///file:x.db?mode=ro&uri=true", "names no file"),
        ("sqlite:////nowhere/at/all/x.db", "/nowhere/at/all does not exist"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused_with_examples(url: str, says: str) -> None:
    with pytest.raises(StoreError, match=says) as caught:
        open_database(url)
    assert caught.value.fix
    assert "hunter2" not in str(caught.value)


def test_a_directory_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a directory"):
        open_database(f"sqlite:///{tmp_path}")


def test_a_file_of_something_else_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no database at all " * 100)
    with opened(f"sqlite:///{path}") as database, pytest.raises(StoreError, match="is no SQLite database"), database.read():
        pass


def test_a_damaged_database_says_so(tmp_path: Path) -> None:
    path = tmp_path / "milepost.db"
    with opened(f"sqlite:///{path}") as database, database.write() as tx:
        tx.execute(text("CREATE TABLE notes (line text)"))
        tx.execute(text("INSERT INTO notes VALUES (:line)"), [{"line": "x" * 5_000}] * 50)
    content = bytearray(path.read_bytes())
    content[16_384:] = b"\xff" * (len(content) - 16_384)
    path.write_bytes(bytes(content))
    with opened(f"sqlite:///{path}") as database, pytest.raises(StoreError, match="is damaged"), database.read() as tx:
        tx.execute(text("SELECT count(line) FROM notes")).scalar_one()


def test_a_database_locked_by_another_process_says_so(tmp_path: Path) -> None:
    path = tmp_path / "milepost.db"
    with opened(f"sqlite:///{path}") as database:
        with database.write() as tx:
            tx.execute(text("CREATE TABLE notes (line text)"))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked by another process"), database.write():
            pass
        other.execute("ROLLBACK")
        other.close()
        with database.write() as tx:
            tx.execute(text("INSERT INTO notes VALUES ('x')"))


def test_a_full_disk_says_so_and_undoes_the_transaction(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'milepost.db'}") as database:
        with database.write() as tx:
            tx.execute(text("CREATE TABLE notes (line text)"))
        with pytest.raises(StoreError, match="is full"), database.write() as tx:
            tx.execute(text("PRAGMA max_page_count = 5"))
            tx.execute(text("INSERT INTO notes VALUES (:line)"), [{"line": "x" * 50_000}] * 10)
        with database.write() as tx:
            assert tx.execute(text("SELECT count(*) FROM notes")).scalar_one() == 0


def test_a_table_locked_on_the_server_says_so(postgresql_server: str) -> None:
    url = make_url(postgresql_server).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    with opened(url) as one, opened(url) as two, one.write() as tx:
        tx.execute(text("SELECT pg_advisory_xact_lock(7)"))
        with pytest.raises(StoreError, match="locked by another process"), two.write() as other:
            other.execute(text("SELECT pg_advisory_xact_lock(7)"))


def test_a_server_that_is_not_there_says_so_without_the_password() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"postgresql://ada:hunter2@127.0.0.1:{port}/milepost"
    cannot = f"milepost on 127.0.0.1:{port} cannot be reached"
    with opened(url) as database, pytest.raises(StoreError, match=cannot) as caught, database.read():
        pass
    assert "store.url" in caught.value.fix
    assert "hunter2" not in f"{caught.value} {database}"


def test_a_missing_database_and_a_missing_user_are_told_apart(postgresql_server: str) -> None:
    server = make_url(postgresql_server)
    nowhere = server.set(database="nowhere").render_as_string(hide_password=False)
    stranger = server.set(username="stranger").render_as_string(hide_password=False)
    with opened(nowhere) as database, pytest.raises(StoreError, match=r"nowhere on .* does not exist"), database.read():
        pass
    with opened(stranger) as database, pytest.raises(StoreError, match="refuses the user or password"), database.read():
        pass


def test_a_server_that_went_away_in_between_is_reached_again(database_url: str, postgresql_server: str) -> None:
    with opened(database_url) as database:
        with database.read() as tx:
            if database.dialect == "postgresql":
                tx.execute(text("SELECT pg_backend_pid()"))
        if database.dialect == "postgresql":
            with opened(make_url(postgresql_server).render_as_string(hide_password=False)) as admin, admin.write() as tx:
                name = make_url(database_url).database
                tx.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name})
        assert len(rows(database)) == 1


@pytest.mark.parametrize(("asked", "timeout"), [({}, "15000"), ({"tcp_user_timeout": "4000"}, "4000")])
def test_a_server_that_falls_silent_is_noticed_unless_the_address_says_otherwise(
    postgresql_server: str, asked: dict[str, str], timeout: str
) -> None:
    """What the driver was told: that a host is gone without a word cannot be played on one machine."""
    address = make_url(postgresql_server).update_query_dict(asked).render_as_string(hide_password=False)
    with opened(address) as database, database.read() as tx:
        driver = tx.connection.driver_connection
        assert driver is not None
        told = driver.info.get_parameters()
    assert (told["keepalives_idle"], told["tcp_user_timeout"]) == ("10", timeout)
