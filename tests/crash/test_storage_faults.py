"""What goes wrong below the store: one clear error with its fix, exit code 1, nothing half-written, a next run that is right."""

from __future__ import annotations

import socket
import sqlite3
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from sandbox.faults import Fault
from sync.store.connect import StoreError, open_database
from tests.cli.gate import Gate
from tests.cli.process import MILEPOST, PATIENCE, Ended
from tests.crash.plant import Plant

HINDERED = str(Path(__file__).with_name("hindered.py"))


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


def sync(plant: Plant, *hindrance: str) -> Ended:
    return plant.office.desk.run(
        "sync", "--wait", "0s", program=(sys.executable, HINDERED, *hindrance) if hindrance else (MILEPOST,)
    )


def file_of(plant: Plant) -> Path:
    return Path(plant.url.removeprefix("sqlite:///"))


def assert_told(ended: Ended, *said: str) -> None:
    """One error and its fix on standard error, nothing on standard output."""
    assert (ended.code, ended.out) == (1, ""), ended
    told = [line for line in ended.err.splitlines() if not line.startswith("{")]
    print(*told, sep="\n")
    assert [line.partition(":")[0].strip() for line in told] == ["error", "fix"], ended.err
    for part in said:
        assert part in ended.err


def assert_the_next_run_is_right(plant: Plant) -> None:
    plant.leave_in_peace()
    plant.let_time_pass()
    ended = plant.office.desk.call("sync", "--wait", "0s")
    assert (ended.code, "Traceback" in ended.err) == (0, False), ended
    plant.assert_done()


@pytest.mark.soak  # some thirty runs; one that ends early for want of space is looked at below
def test_the_disk_fills_up_wherever_it_may(plant_on_file: Plant) -> None:
    """A little more room each time, until everything has found its place."""
    plant = plant_on_file
    with closing(sqlite3.connect(file_of(plant), isolation_level=None)) as file:
        for statement in ("PRAGMA journal_mode = DELETE", "PRAGMA page_size = 512", "VACUUM"):
            file.execute(statement)
        (pages,) = file.execute("PRAGMA page_count").fetchone()
    failures = 0
    for room in range(0, 1_000, 15):
        ended = sync(plant, "pragma", f"max_page_count = {pages + room}")
        if ended.code == 0:
            break
        assert_told(ended, "the disk that holds", "is full", "free some space")
        failures += 1
        plant.let_time_pass()

    print(f"after {failures} failures")
    assert failures > 1
    plant.assert_done()


def test_a_file_may_grow_no_more(plant_on_file: Plant) -> None:
    ended = sync(plant_on_file, "file-size", "100000")

    assert_told(ended, "the disk that holds", "check its free space")
    assert plant_on_file.written() == {}
    assert_the_next_run_is_right(plant_on_file)


def test_a_read_only_file(plant_on_file: Plant) -> None:
    file = file_of(plant_on_file)
    file.chmod(0o444)
    ended = sync(plant_on_file, "permissions", "obeyed")
    file.chmod(0o644)

    assert_told(ended, "is read-only", "make the file and its directory writable")
    assert plant_on_file.written() == {}
    assert_the_next_run_is_right(plant_on_file)


@pytest.mark.parametrize("exists", [True, False], ids=["with-a-store", "without-one"])
def test_a_read_only_folder(plant_on_file: Plant, exists: bool) -> None:
    file = file_of(plant_on_file)
    if not exists:
        for one in file.parent.iterdir():
            one.unlink()
    file.parent.chmod(0o555)
    ended = sync(plant_on_file, "permissions", "obeyed")
    file.parent.chmod(0o755)

    assert_told(ended, "milepost.db", "directory", "writable")
    assert plant_on_file.written() == {}
    assert plant_on_file.office.desk.call("sync", "--wait", "0s").code == 0
    plant_on_file.assert_done()


def test_another_process_locks_the_file(plant_on_file: Plant) -> None:
    with closing(sqlite3.connect(file_of(plant_on_file), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        ended = sync(plant_on_file, "pragma", "busy_timeout = 100")

    assert_told(ended, "is locked by another process", "wait until the other command is done")
    assert plant_on_file.written() == {}
    assert_the_next_run_is_right(plant_on_file)


def test_another_process_locks_the_file_while_a_write_is_under_way(plant_on_file: Plant, gate: Gate) -> None:
    """The write is made, and its result finds no place."""
    plant = plant_on_file
    plant.jira.faults.append(Fault(gate, method="PUT", after=2))
    with closing(sqlite3.connect(file_of(plant), isolation_level=None, check_same_thread=False)) as other:

        def lock() -> None:
            gate.met.wait(PATIENCE)
            other.execute("BEGIN EXCLUSIVE")
            gate.opened.set()

        with _beside(lock):
            ended = sync(plant, "pragma", "busy_timeout = 100")

    assert_told(ended, "is locked by another process")
    assert sum(plant.written().values()) > 0
    assert_the_next_run_is_right(plant)


def test_a_file_that_is_no_database(plant_on_file: Plant) -> None:
    file = file_of(plant_on_file)
    kept = file.read_bytes()
    file.write_bytes(b"These are the notes of the last meeting. " * 1_000)
    ended = sync(plant_on_file)
    assert_told(ended, "is no SQLite database", "name another file in store.url")
    assert plant_on_file.written() == {}

    file.write_bytes(kept)
    assert_the_next_run_is_right(plant_on_file)


@pytest.mark.parametrize("much", [0.1, 0.5, 1.0], ids="{:.0%}".format)
def test_a_damaged_file(plant_on_file: Plant, much: float) -> None:
    """The disk has lost some of its pages, or all but the first."""
    file = file_of(plant_on_file)
    assert plant_on_file.office.desk.call("pull").code == 0
    with closing(sqlite3.connect(file)) as whole:
        whole.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = file.read_bytes()
    size = 16384
    pages = len(kept) // size
    lost = range(1, max(2, int(pages * much)))
    file.write_bytes(b"".join(b"\xa5" * size if page in lost else kept[page * size : (page + 1) * size] for page in range(pages)))
    ended = sync(plant_on_file)
    assert_told(ended, "is damaged", "restore it from a backup")
    assert plant_on_file.written() == {}

    for one in file.parent.iterdir():
        one.unlink()
    file.write_bytes(kept)
    assert_the_next_run_is_right(plant_on_file)


# -- PostgreSQL ------------------------------------------------------------------------------------------------------------------


@contextmanager
def _beside(work: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join()


class Server:
    """The server of one database, as its administrator has it in hand."""

    def __init__(self, address: str, plant: Plant) -> None:
        self.address = address
        self.name = str(make_url(plant.url).database)

    def lose(self) -> None:
        """Ends all connections and takes no new ones."""
        self._do(f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS false")
        self.end_connections()

    def end_connections(self) -> None:
        self._do(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.name}'")

    def find(self) -> None:
        self._do(f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS true")

    def _do(self, statement: str) -> None:
        with psycopg.connect(self.address, autocommit=True) as admin:
            admin.execute(statement)


on_the_server = pytest.mark.parametrize("dialect", ["postgresql"])


@pytest.fixture
def server(postgresql_server: str, plant: Plant) -> Server:
    return Server(postgresql_server, plant)


@on_the_server
def test_the_server_takes_no_connections(plant: Plant, server: Server) -> None:
    server.lose()
    ended = sync(plant)
    server.find()

    assert_told(ended, "is shutting down or starting", "try again when it is up")
    assert plant.written() == {}
    assert_the_next_run_is_right(plant)


@on_the_server
@pytest.mark.parametrize("where", [{"path": "*/search/jql"}, {"path": "*/commits"}, {"method": "PUT", "after": 2}], ids=str)
def test_the_server_is_lost_in_the_middle_of_a_run(plant: Plant, server: Server, gate: Gate, where: dict[str, object]) -> None:
    for site in (plant.jira, plant.github):
        site.faults.append(Fault(gate, **where))  # type: ignore[arg-type]

    def lose() -> None:
        gate.met.wait(PATIENCE)
        server.lose()
        gate.opened.set()

    with _beside(lose):
        ended = sync(plant)
    server.find()

    assert_told(ended, "PostgreSQL database")
    assert_the_next_run_is_right(plant)


@on_the_server
def test_the_server_starts_anew_in_the_middle_of_a_run(plant: Plant, server: Server, gate: Gate) -> None:
    """Connections that were ended in between are made anew, and nobody notices."""
    plant.jira.faults.append(Fault(gate, method="PUT", after=2))

    def restart() -> None:
        gate.met.wait(PATIENCE)
        server.end_connections()
        gate.opened.set()

    with _beside(restart):
        ended = sync(plant)

    assert ended.code == 0, ended
    plant.assert_done()


REFUSALS = {
    "the database system is starting up": ("57P03", "is shutting down or starting"),
    "the database system is in recovery mode": ("57P03", "is shutting down or starting"),
    "sorry, too many clients already": ("53300", "is out of resources"),
    'too many connections for role "ada"': ("53300", "is out of resources"),
    'role "ada" is not permitted to log in': ("28000", "refuses the user or password"),
    'permission denied for database "plant"': ("42501", "does not permit what Milepost needs"),
    'database "plant" does not exist': ("3D000", "does not exist"),
}


@pytest.mark.parametrize("text", REFUSALS)
def test_a_server_that_refuses_connections_says_why(text: str) -> None:
    """What the server itself would answer, as PostgreSQL's protocol has it."""
    state, said = REFUSALS[text]
    fields = b"".join(f"{key}{value}\0".encode() for key, value in (("S", "FATAL"), ("C", state), ("M", text))) + b"\0"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1_024)
                connection.sendall(b"E" + struct.pack("!i", len(fields) + 4) + fields)

        url = f"postgresql://ada@127.0.0.1:{listener.getsockname()[1]}/plant?sslmode=disable"
        with _beside(refuse), closing(open_database(url)) as database, pytest.raises(StoreError, match=said), database.read():
            pass
