"""The walk-through's connector, as the page has it: built, installed by its entry point, held to the suite and synced with."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from connectors.conformance import serving
from mappings.model import Ref
from sandbox.jira import JiraCloud
from sandbox.mlflow.server import RunningServer
from sandbox.statuses import STATUSES
from tests.cli.process import Desk, Ended

PAGE = "docs/write-a-connector.md"
MOST_LINES = 200
FILES = {"acme_reports/reader.py", "acme_reports/__init__.py", "pyproject.toml", "tests/test_conformance.py"}

Blocks = Callable[[str, str], Sequence[str]]


@dataclass(frozen=True)
class Package:
    """The folder that the page's files are in, and the one that the package was installed into."""

    folder: Path
    installed: Path

    def desk(self, folder: Path, **environ: str) -> Desk:
        return Desk(folder, {"PYTHONPATH": str(self.installed), **environ})


@pytest.fixture(scope="module")
def files(documents: Mapping[str, str]) -> Mapping[str, str]:
    """The files of the package, by their names."""
    found = re.findall(r"^\*\*`([\w./]+)`\*\*.*?^```\w+\n(.*?)^```$", documents[PAGE], flags=re.MULTILINE | re.DOTALL)
    return dict(found)


@pytest.fixture(scope="module")
def package(files: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Package:
    made = Package(tmp_path_factory.mktemp("acme-reports"), tmp_path_factory.mktemp("installed"))
    for name, text in files.items():
        path = made.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    _ends_well(sys.executable, "-m", "hatchling", "build", "-t", "wheel", folder=made.folder)
    (wheel,) = (made.folder / "dist").iterdir()
    _install(wheel, made.installed)
    return made


def _install(wheel: Path, target: Path) -> None:
    """By uv; where there is none, by unpacking the wheel, which is all that installing one of plain Python comes to."""
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.is_file() else shutil.which("uv")
    if uv is None:
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(target)
        return
    aims = ("--python", sys.executable, "--target", str(target))
    _ends_well(uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--no-config", *aims, str(wheel), folder=target)


def _ends_well(*command: str, folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def suite(package: Package, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The page's test module, for the service in it."""
    monkeypatch.syspath_prepend(package.installed)
    spec = importlib.util.spec_from_file_location("acme_reports_suite", package.folder / "tests" / "test_conformance.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_reports"]:
        del sys.modules[name]


def test_the_whole_connector_is_short(files: Mapping[str, str]) -> None:
    lines = [line for text in files.values() for line in text.splitlines()]

    assert set(files) == FILES
    assert len(lines) <= MOST_LINES


def test_its_type_is_known_once_it_is_installed(package: Package, tmp_path: Path) -> None:
    ended = package.desk(tmp_path).run("version")

    assert ended.code == 0, ended.err
    assert "reports" in ended.out
    assert "reports" not in Desk(tmp_path).run("version").out


def test_it_passes_the_conformance_suite(package: Package, documents: Mapping[str, str]) -> None:
    line = 'python -m pytest -m "not soak"'
    assert line in documents[PAGE]

    ended = package.desk(package.folder).run(
        *("-m", "pytest", "-m", "not soak", "-q", "-W", "error", "-p", "no:cacheprovider", "-p", "no:xdist"),
        program=(sys.executable,),
        PYTEST_ADDOPTS=None,
        PYTEST_XDIST_WORKER=None,
        PYTEST_XDIST_WORKER_COUNT=None,
    )

    assert ended.code == 0, ended.out
    summary = re.search(r"^(\d+) passed, 1 deselected in", ended.out, flags=re.MULTILINE)
    assert summary is not None, ended.out
    assert int(summary[1]) > 80


def test_the_answer_of_the_page_is_what_the_connector_reads(
    suite: ModuleType, documents: Mapping[str, str], blocks: Blocks, tmp_path: Path
) -> None:
    reader = importlib.import_module("acme_reports.reader")
    (shown,) = blocks(documents[PAGE], "json")
    suite.ReportsSource().add("reports", 1)
    with serving(suite.Service) as url:
        answer = httpx.get(f"{url}/reports", headers={"authorization": "Bearer not-a-real-token"}, trust_env=False).json()

    ours, theirs = json.loads(shown), answer
    assert ours.keys() == theirs.keys() == set(reader.Page.__struct_fields__)
    assert ours["reports"][0].keys() == theirs["reports"][0].keys() == set(reader.Report.__struct_fields__)


def test_it_syncs(
    package: Package,
    suite: ModuleType,
    mlflow_server: RunningServer,
    documents: Mapping[str, str],
    blocks: Blocks,
    tmp_path: Path,
) -> None:
    (text,) = blocks(documents[PAGE], "yaml")
    _register_model(mlflow_server, "churn")
    reports = suite.ReportsSource()
    reports.add("reports", 2)
    suite.Service.reports[-1]["score"] = 0.71
    with JiraCloud() as jira, serving(suite.Service) as service:
        jira.add_project("CHURN", "Churn prediction")
        watch = jira.add_issue("CHURN", "Watch")
        field = jira.add_field("ML Status", "select", options=("Below par", *STATUSES))
        for written, real in (("example.atlassian.net", jira.url), ("mlflow.example.com", mlflow_server.url)):
            text = text.replace(f"https://{written}", real)
        (tmp_path / "milepost.yaml").write_text(text.replace("https://reports.example.com", service), encoding="utf-8")
        desk = package.desk(
            tmp_path,
            MILEPOST_JIRA__USER=jira.user,
            MILEPOST_JIRA__TOKEN=jira.token,
            MILEPOST_REPORTS__TOKEN="not-a-real-token",
        )

        checked, first = desk.run("check"), desk.run("sync")
        writes = len(jira.writes)
        second = desk.run("sync")

        _done(checked, first, second)
        assert "can be read" in checked.out
        issue = jira.issue(watch)
        assert issue is not None
        assert jira.documents().value(issue, jira.fields[field])["value"] == "Below par"
        assert writes > 0
        assert len(jira.writes) == writes

        reports.remove(Ref("reports", "observation", str(len(suite.Service.reports))))
        third = desk.run("pull", "--full")
        _done(third)
        assert re.search(r"^reports +reports +1 +0 +1 ", third.out, flags=re.MULTILINE), third.out  # records, changed, gone
        _done(desk.run("sync"))
        assert len(jira.writes) == writes, "what was observed is history: that its report is gone does not undo it"


def _done(*commands: Ended) -> None:
    for ended in commands:
        assert ended.code == 0, ended.out + ended.err


def _register_model(server: RunningServer, name: str) -> None:
    """A model with its first version. The reports speak of that one, whichever else tests register."""
    with httpx.Client(base_url=f"{server.url}/api/2.0/mlflow/", timeout=30, trust_env=False) as client:
        client.post("registered-models/create", json={"name": name})
        made = client.post("model-versions/create", json={"name": name, "source": "s3://bucket/model"})
        assert made.status_code == 200, made.text
