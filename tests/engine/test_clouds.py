"""The whole loop over each cloud: what people do there with its own tools is shown in Jira and on GitHub by the next sync, and what
cannot be read takes nothing back. `tests/crash` loses clouds in the middle of a pull."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from connectors.conformance.proxy import FaultProxy
from sandbox.azureml.certificate import loopback_tls
from sandbox.sagemaker.server import AwsServer
from sync.outcome import ExitCode
from sync.store import verdicts
from sync.store.schema import episode
from tests.connectors.clouds import CLOUDS, AzureML, Cloud, SageMaker, Unhurried, workspace

if TYPE_CHECKING:
    from tests.engine.conftest import Office

REPO = "example/churn"
READY, SERVED = {"model-ready"}, {"model-ready", "deployed"}


@pytest.fixture(scope="module")
def azure_tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    return loopback_tls(tmp_path_factory.mktemp("azure"))


@pytest.fixture(params=CLOUDS)
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    if request.param == "azureml":
        with workspace(request.getfixturevalue("azure_tls")) as site:
            yield AzureML(site)
    else:
        server: AwsServer = request.getfixturevalue("aws_server")
        with FaultProxy(server.url) as proxy:
            yield SageMaker(server, proxy)


class Work:
    """A ticket whose pull request is merged, a version made at its commit, and an open pull request that goes on with it."""

    def __init__(self, office: Office, cloud: Cloud) -> None:
        self.office = office
        self.cloud = cloud
        office.stop = Unhurried()
        office.beside[cloud.name] = cloud.source
        office.scopes[cloud.name] = dict(cloud.scope)
        office.without = {"shelf"}
        self.ticket = office.ticket()
        self.sha, number = office.propose(self.ticket)
        office.github.merge(REPO, number, "merge")
        branch = f"{self.ticket}-next"
        office.github.commit(REPO, "Next", branch=branch)
        self.pull = office.github.open_pull(REPO, f"{self.ticket} Next", branch)
        self.version = cloud.register(commit=self.sha)

    def sync(self, code: ExitCode = ExitCode.DONE) -> int:
        """One run; how many requests wrote something."""
        before = self.office.writes
        result = self.office.sync(force=True)
        assert result.exit_code is code, result.pulled
        return self.office.writes - before

    def sync_with_a_whole_listing(self) -> int:
        self.office.list_all_each_time()
        return self.sync()

    def shown(self) -> tuple[str | None, set[str], set[str]]:
        """The field and what the property holds of the ticket, and the labels on the pull request, without their prefix."""
        said: dict[str, Any] = self.office.property(self.ticket) or {"statuses": []}
        labels = {label.removeprefix("ml/") for label in self.office.labels(self.pull)}
        return self.office.field(self.ticket), {one["id"] for one in said["statuses"]}, labels

    def unknown(self) -> set[str]:
        """The rules of which it is not known whether they are true of the ticket."""
        with self.office.database.read() as tx:
            ticket = str(self.office.ref(self.ticket))
            return {one.rule for one in verdicts.load(tx, "churn") if one.truth is None and str(one.subject) == ticket}

    def open_episodes(self) -> set[str]:
        with self.office.database.read() as tx:
            return set(tx.execute(select(episode.c.rule).where(episode.c.closed_at.is_(None))).scalars())

    def episodes(self, rule: str) -> list[bool]:
        """Of each, whether it is open."""
        with self.office.database.read() as tx:
            found = tx.execute(select(episode.c.closed_at).where(episode.c.rule == rule).order_by(episode.c.opened_at))
            return [closed is None for closed in found.scalars()]


@pytest.fixture
def work(office: Office, cloud: Cloud) -> Work:
    work = Work(office, cloud)
    work.sync()
    assert work.shown() == (None, set(), set())
    return work


@pytest.fixture
def served(work: Work) -> Work:
    """All is well: the version is approved and answers everybody."""
    work.cloud.decide(work.version, approve=True)
    work.cloud.serve({work.version: 100})
    work.sync()
    assert work.shown() == ("Deployed", SERVED, SERVED)
    return work


def test_an_approval_alone_is_shown_and_so_is_its_end(work: Work) -> None:
    work.cloud.decide(work.version, approve=True)
    assert work.sync() > 0
    assert work.shown() == ("Model ready", READY, READY)

    work.cloud.decide(work.version, approve=False)
    assert work.sync() > 0
    assert work.shown() == (None, set(), set())
    assert work.episodes("model-ready") == [False]
    assert work.sync() == 0


def test_a_canary_that_takes_over(work: Work) -> None:
    """What an endpoint serves beside the other version is shown at once, and so is a change of the traffic alone."""
    cloud = work.cloud
    other = cloud.register()
    cloud.decide(work.version, approve=True)
    cloud.serve({other: 100})
    work.sync()
    assert work.shown() == ("Model ready", READY, READY)
    cloud.serve({other: 90, work.version: 10})
    assert work.sync() > 0
    assert work.shown() == ("Model ready", {*READY, "canary"}, {*READY, "canary"})

    cloud.shift({other: 0, work.version: 100})
    assert work.sync() > 0
    assert work.shown() == ("Deployed", SERVED, SERVED)
    assert work.episodes("canary") == [False]
    assert work.sync() == 0


@pytest.mark.parametrize("cloud", ["azureml"], indirect=True)
def test_a_stage_alone_is_shown_and_so_is_its_end(office: Office, cloud: AzureML) -> None:
    office.projects["churn"]["release"] = {"alias": "Production"}
    work = Work(office, cloud)
    cloud.need_no_approval(work.version)
    work.sync()
    cloud.stage(work.version, "Production")
    work.sync()
    assert work.shown() == ("Model ready", READY, READY)

    cloud.stage(work.version, "Archived")
    work.sync()
    assert work.shown() == (None, set(), set())


def test_what_is_deleted_is_gone_after_a_whole_listing_and_its_statuses_close(served: Work) -> None:
    """Of two versions one may go at once."""
    served.cloud.register()
    served.cloud.delete_endpoint()
    assert served.sync_with_a_whole_listing() > 0
    assert served.shown() == ("Model ready", READY, READY)
    assert served.episodes("deployed") == [False]
    assert served.open_episodes() == READY

    served.cloud.delete_version(served.version)
    assert served.sync_with_a_whole_listing() > 0
    assert served.shown() == (None, set(), set())
    assert served.open_episodes() == set()
    assert served.sync() == 0


def test_endpoints_that_cannot_be_listed_are_unknown_and_nothing_is_withdrawn(served: Work) -> None:
    served.office.list_all_each_time()
    for how in ("denied", "broken", "expired"):
        served.cloud.refuse(how)
        assert served.sync(ExitCode.PARTIAL) == 0, how
        assert served.shown() == ("Deployed", SERVED, SERVED), how
        assert served.open_episodes() == SERVED, how
        assert "deployed" in served.unknown(), how
        served.cloud.come_back()
    assert served.sync() == 0
    assert served.unknown() == set()
