"""An office to sync: a Jira site, a GitHub and a shelf of models, a project file over them, and what people see there.

Two statuses of its own depend on a ticket's labels alone, so that a test changes a verdict by a label: `good` (favourable) and
`bad` (an alarm, whose changes by hand are kept).
"""

from __future__ import annotations

import functools
import json
import shutil
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import NameOID

from bench.good import GOOD
from config.project import ProjectFile
from connectors.base import Batch, Connection, Connector, Finding, Options, SourceContext
from connectors.errors import Unavailable
from mappings.change import Note
from mappings.model import Entity, Missing, ModelVersion, Ref, Run, RunStatus
from sandbox.faults import Fault, out_of_service
from sandbox.github import DEFAULT_TOKEN, GitHub
from sandbox.jira import JiraCloud
from sandbox.statuses import STATUSES as SHIPPED
from sync.build import ConnectionTypes, build_workspace, read_project_file
from sync.engine import Run as EngineRun
from sync.listings import ScopedProject
from sync.pull import PullLimits
from sync.results import RunResult
from sync.safety import Permission
from sync.savedplan import SavedPlan
from sync.store.connect import Database, open_database
from sync.workspace import Workspace

FIELD = "ML Status"
PROPERTY = "milepost.status"
REPO = "example/churn"

STATUSES: Sequence[Mapping[str, Any]] = (
    GOOD,
    {
        "id": "bad",
        "title": "Bad",
        "kind": "alarm",
        "rank": 30,
        "says": "somebody labelled it bad",
        "for": "work_item",
        "when": {"any": [{"subject": {"label": "bad"}}]},
        "label": "bad",
        "override": "until-episode-ends",
    },
)

OPTIONS = ("Good", "Bad", *SHIPPED)
"""What a field must offer to show every status."""

FAILING: Mapping[str, Any] = {
    "id": "failing",
    "title": "Bad",
    "kind": "alarm",
    "rank": 40,
    "says": "a run of it failed",
    "for": "work_item",
    "via": ["built_from", "registered_from"],
    "when": {"any": [{"run": {"status": "failed"}}]},
    "label": "failing",
    "override": "until-episode-ends",
}


class ShelfScope(Options):
    """All that stands on the shelf, or what has one of these prefixes."""

    prefix: str = ""


class Nothing(Options):
    """No options, no secrets."""


class Shelf:
    """A source whose facts a test puts there by hand, read by a connector that keeps the protocol.

    `before_page` is called with the reader's stop event and the number of each page that is about to be given, `before_read` with
    the refs that are asked for; both may raise. `unlisted` can be read but is in no listing, `unlisted_by` not in that of a stream;
    `unmatched` can be read and belongs to no scope; while `hidden`, nothing can be seen.
    """

    KINDS: ClassVar = frozenset({"run", "dataset", "model_version", "commit"})

    def __init__(self) -> None:
        self.things: dict[Ref, Entity] = {}
        self.page_size = 2
        self.pulls: list[str | None] = []
        self.reads: list[Ref] = []
        self.questions: list[Sequence[Ref]] = []
        self.before_page: Callable[[threading.Event, int], None] = lambda stop, page: None
        self.before_read: Callable[[Sequence[Ref]], None] = lambda refs: None
        self.unlisted: set[Ref] = set()
        self.unmatched: set[Ref] = set()
        self.unlisted_by: dict[str, set[Ref]] = {}
        self.hidden = False

    def put(self, *things: Entity) -> None:
        self.things.update({thing.ref: thing for thing in things})

    def lose(self) -> None:
        """No page of it can be read."""

        def away(stop: threading.Event, page: int) -> None:
            raise Unavailable("shelf", "is away")

        self.before_page = away

    def find(self) -> None:
        """Every page of it can be read."""
        self.before_page = lambda stop, page: None

    def connection(self, **changes: Any) -> Connection:
        said: dict[str, Any] = {
            "name": "shelf",
            "title": "A shelf",
            "options": Nothing,
            "scope": ShelfScope,
            "secrets": Nothing,
            "streams": {"things": self.KINDS},
            "reader": lambda context: ShelfReader(self, context),
        }
        return Connection(**{**said, **changes})


class ShelfReader:
    def __init__(self, shelf: Shelf, context: SourceContext) -> None:
        self._shelf = shelf
        self._context = context

    def check(self, scope: Options) -> Sequence[Finding]:
        return [Finding(level="ok", topic="access", text="the shelf stands")]

    def pull(self, stream: str, scope: Options, cursor: str | None) -> Iterator[Batch]:
        """The cursor is the last ref of the listing so far, or `end` once it is done."""
        assert isinstance(scope, ShelfScope)
        shelf = self._shelf
        shelf.pulls.append(cursor)
        seen = "" if cursor in (None, "end") else str(cursor)
        left = [thing for thing in self._all(scope) if str(thing.ref) > seen and thing.ref not in shelf.unlisted_by.get(stream, ())]
        pages = [left[at : at + shelf.page_size] for at in range(0, len(left), shelf.page_size)] or [[]]
        for number, page in enumerate(pages):
            shelf.before_page(self._context.stop, number)
            self._context.meter.request()
            last = page is pages[-1]
            yield Batch(
                entities=page, cursor="end" if last or cursor == "end" else str(page[-1].ref), complete=last and cursor != "end"
            )

    def read(self, refs: Sequence[Ref]) -> Sequence[Entity | Missing]:
        self._shelf.before_read(refs)
        self._shelf.reads.extend(refs)
        if self._shelf.hidden:
            return []
        return [self._shelf.things.get(ref) or Missing(ref=ref) for ref in refs]

    def outside(self, refs: Sequence[Ref], scope: Options) -> Collection[Ref]:
        """More than it was asked, as a connector may."""
        self._shelf.questions.append(refs)
        return self._shelf.unmatched

    def close(self) -> None:
        return None

    def _all(self, scope: ShelfScope) -> list[Entity]:
        things = sorted(self._shelf.things.values(), key=lambda thing: str(thing.ref))
        unlisted = self._shelf.unlisted | self._shelf.unmatched
        listed = [thing for thing in things if thing.ref.id.startswith(scope.prefix) and thing.ref not in unlisted]
        return [] if self._shelf.hidden else listed


class Types(ConnectionTypes):
    """The installed types, and `shelf`."""

    def __init__(self, connection: Connection) -> None:
        # What is installed stays as it is while tests run, and to look for it takes a seventh of an office's time.
        installed = _installed()._points
        self._points = {**installed, "shelf": installed["jira"]}
        self._loaded = {"shelf": connection}


@functools.cache
def _installed() -> ConnectionTypes:
    return ConnectionTypes()


class Office:
    """Everything that one test works with. `projects` and `top` are written into the project file by the next `workspace()`; the
    sources `without` are left out of it, and those of `beside` are added. `unknown_after` may be shorter than a file can say."""

    def __init__(self, database: Database, folder: Path, jira: JiraCloud, github: GitHub) -> None:
        self.database = database
        self.jira = jira
        self.github = github
        self.shelf = Shelf()
        self.connection = self.shelf.connection()
        self.path = folder / "milepost.yaml"
        self.stop = threading.Event()
        self.limits = PullLimits(wait=timedelta())
        self.without: set[str] = set()
        self.beside: dict[str, Mapping[str, Any]] = {}
        self.unknown_after: timedelta | None = None
        self._file: tuple[str, ProjectFile] | None = None
        self.scopes: dict[str, Any] = {"jira": {"projects": ["ML"]}, "github": {"repositories": [REPO]}}
        self.projects: dict[str, dict[str, Any]] = {"churn": {"scopes": self.scopes}}
        self.top: dict[str, Any] = {
            "publish": {"jira": {"field": FIELD}, "github": {"prefix": "ml/"}},
            "statuses": list(STATUSES),
        }
        jira.add_project("ML", "Machine learning")
        jira.add_field(FIELD, "select", options=OPTIONS)
        github.add_repository(REPO)

    # -- running ---------------------------------------------------------------------------------------------------------------

    def only_the_shelf(self) -> None:
        """The project file scopes nothing else."""
        self.projects = {"churn": {"scopes": {"shelf": {"prefix": ""}}}}

    def only_github(self) -> None:
        """The project file names no other source."""
        self.without = {"jira", "shelf"}
        self.projects = {"churn": {"scopes": {"github": {"repositories": [REPO]}}}}
        self.top["publish"] = {"github": {"prefix": "ml/"}}

    def judge_by_runs(self) -> None:
        """A ticket shows an alarm when a run of it failed, and nothing else; GitHub is left out."""
        self.without = {"github"}
        self.scopes = {"jira": {"projects": ["ML"]}, "shelf": {"prefix": ""}}
        self.projects = {"churn": {"scopes": self.scopes}}
        self.top = {"publish": {"jira": {"field": FIELD}}, "statuses": [FAILING]}

    def list_all_each_time(self) -> None:
        """So that what is gone or there again is noticed at once."""
        self.limits = msgspec.structs.replace(self.limits, full_every=timedelta())

    def lose_jira(self) -> None:
        """Its tickets cannot be listed."""
        self.jira.faults.append(Fault(out_of_service(), path="*/search/*", times=1_000))

    def rename(self, former: str = "churn", key: str = "loyalty") -> None:
        """The project file calls a project otherwise."""
        self.projects = {key if one == former else one: said for one, said in self.projects.items()}

    def workspace(self) -> Workspace:
        """As the project file is now."""
        sources = {
            "jira": {"type": "jira", "url": self.jira.url},
            "github": {"type": "github", "url": self.github.url, "write_pause": 0},
            "shelf": {"type": "shelf"},
            **self.beside,
        }
        document = {
            "sources": {name: said for name, said in sources.items() if name not in self.without},
            "projects": self.projects,
            **self.top,
        }
        types = Types(self.connection)
        file = self._read(json.dumps(document), types)
        environ = {
            "MILEPOST_JIRA__USER": self.jira.user,
            "MILEPOST_JIRA__TOKEN": self.jira.token,
            "MILEPOST_GITHUB__TOKEN": DEFAULT_TOKEN,
        }
        built = build_workspace(file, types, environ, self.database, limits=self.limits, wait=timedelta())
        if self.unknown_after is None:
            return built
        return msgspec.structs.replace(built, projects=[self._impatient(project, self.unknown_after) for project in built.projects])

    def _read(self, text: str, types: ConnectionTypes) -> ProjectFile:
        """What has not changed is not read again."""
        if self._file is None or self._file[0] != text:
            self.path.write_text(text, encoding="utf-8")
            self._file = (text, read_project_file(self.path, types))
        return self._file[1]

    @staticmethod
    def _impatient(project: ScopedProject, unknown_after: timedelta) -> ScopedProject:
        return msgspec.structs.replace(project, view=msgspec.structs.replace(project.view, unknown_after=unknown_after))

    def run(self, command: str = "sync", *only: str) -> EngineRun:
        """A run over the projects named, or all, that has done nothing yet."""
        workspace = self.workspace()
        return EngineRun(workspace, workspace.chosen(only), command, stop=self.stop)

    def sync(self, *only: str, **permission: bool) -> RunResult:
        run = self.run("sync", *only)
        run.pull()
        run.apply(Permission(**permission))
        return run.finish()

    def pull(self, *only: str) -> RunResult:
        run = self.run("pull", *only)
        run.pull()
        run.judge()
        return run.finish()

    def plan(self, *only: str, **permission: bool) -> RunResult:
        run = self.run("plan", *only)
        run.plan(Permission(**permission))
        return run.finish()

    def unpublish(self, *keys: str) -> RunResult:
        """Takes back what was published for these projects."""
        run = self.run("unpublish")
        run.unpublish(keys, write=True)
        return run.finish()

    def apply(self, saved: SavedPlan | None = None, **permission: bool) -> RunResult:
        run = self.run("apply")
        run.apply(Permission(**permission), saved)
        return run.finish()

    # -- what people see -------------------------------------------------------------------------------------------------------

    @property
    def writes(self) -> int:
        """How many requests may have changed something."""
        return len(self.jira.writes) + len(self.github.writes)

    def field(self, key: str, name: str = FIELD) -> str | None:
        """What the single-select field of an issue shows."""
        held = self.jira.get(key)["fields"][self._field_id(name)]
        return held["value"] if held else None

    def property(self, key: str) -> Any:
        return self.jira.get(key).get("properties", {}).get(PROPERTY)

    def labels(self, number: int, repo: str = REPO) -> set[str]:
        return set(self.github.labels_of(repo, number))

    def set_field(self, key: str, value: str | None, name: str = FIELD) -> None:
        """As a person does it."""
        self.jira.edit(key, fields={name: value})

    def ref(self, key: str) -> Ref:
        return Ref("jira", "work_item", str(self.jira.get(key)["id"]))

    def _field_id(self, name: str) -> str:
        return next(field.id for field in self.jira.fields.values() if field.name == name)

    # -- work ------------------------------------------------------------------------------------------------------------------

    def ticket(self, *labels: str, **system: Any) -> str:
        return self.jira.add_issue("ML", "A ticket", labels=list(labels), **system)

    def propose(self, ticket: str, repo: str = REPO) -> tuple[str, int]:
        """A branch with one commit for a ticket, and its pull request: the head's sha and the number."""
        branch = f"feature/{ticket.lower()}"
        sha = self.github.commit(repo, f"{ticket} Train", branch=branch)
        return sha, self.github.open_pull(repo, f"{ticket} Train", branch)

    def tries(self, name: str, ticket: str, status: RunStatus = "failed") -> None:
        """A run on the shelf that names a ticket."""
        self.shelf.put(a_run(name, status, tags={"milepost.issue": ticket}))

    def train(self, name: str, sha: str, *, aliases: tuple[str, ...] = ("champion",), **metrics: float) -> ModelVersion:
        """A finished run at a commit and the version registered from it, on the shelf."""
        run = Run(
            ref=Ref("shelf", "run", f"{name}-run"),
            run_id=f"{name}-run",
            experiment="training",
            status="finished",
            metrics=metrics,
            git_commit=sha,
            started_at=LONG_AGO,
            ended_at=LONG_AGO,
        )
        version = ModelVersion(
            ref=Ref("shelf", "model_version", f"{name}/1"),
            name=name,
            version="1",
            aliases=aliases,
            run=run.ref,
            created_at=LONG_AGO,
        )
        self.shelf.put(run, version)
        return version


LONG_AGO = datetime(2026, 1, 5, 9, tzinfo=UTC)


def a_run(name: str, status: RunStatus, **said: Any) -> Run:
    """A run that ended long ago."""
    ref = Ref("shelf", "run", name)
    return Run(ref=ref, run_id=name, experiment="training", status=status, started_at=LONG_AGO, ended_at=LONG_AGO, **said)


def notes_of(result: RunResult) -> list[Note]:
    """All that the plans of a run tell of."""
    return [note for run in result.projects if run.plan is not None for note in run.plan.notes]


def kinds(result: RunResult) -> list[str]:
    """Of what kind they are."""
    return [note.kind for note in notes_of(result)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The loop is the same on both databases, and what it keeps in which is proven by the store's own tests: a file that is about
    storing says so by the mark `both_databases`."""
    said = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    about_storing = metafunc.definition.get_closest_marker("both_databases") is not None
    if about_storing and "dialect" in metafunc.fixturenames and "dialect" not in said:
        metafunc.parametrize("dialect", ["sqlite", "postgresql"])


@pytest.fixture
def dialect() -> str:
    return "sqlite"


@pytest.fixture(scope="session")
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of one certificate. The stand-ins need none, and loading the usual hundreds takes half of a sync's time."""
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Example authority")])
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), LONG_AGO, LONG_AGO + timedelta(1))
    path = tmp_path_factory.mktemp("authority") / "bundle.pem"
    path.write_bytes(built.sign(key, None).public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture(autouse=True)
def _trust_one_authority(one_authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(one_authority))


@pytest.fixture
def jira() -> Iterator[JiraCloud]:
    with JiraCloud() as site:
        yield site


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as site:
        yield site


@pytest.fixture
def office(database: Database, tmp_path: Path, jira: JiraCloud, github: GitHub) -> Office:
    return Office(database, tmp_path, jira, github)


NewOffice: TypeAlias = Callable[[], AbstractContextManager[Office]]


@pytest.fixture(scope="session")
def new_office(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> NewOffice:
    """Opens an office on SQLite, for tests that need one after the other."""

    @contextmanager
    def opened() -> Iterator[Office]:
        folder = tmp_path_factory.mktemp("office")
        shutil.copyfile(sqlite_template, folder / "milepost.db")
        with closing(open_database(f"sqlite:///{folder / 'milepost.db'}")) as database, JiraCloud() as jira, GitHub() as github:
            yield Office(database, folder, jira, github)

    return opened


def _keeps_the_protocol(reader: ShelfReader) -> Connector:
    return reader
