"""SageMaker through the engine: what people do with boto3 is in the store after one pull, and stays there while AWS is away."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from bench.cloud_size import NAME, CloudSize
from bench.sagemaker_world import fill_sagemaker, quiet_floors
from config.textref import TextRef
from connectors.conformance.faults import refuses
from connectors.conformance.proxy import FaultProxy
from connectors.sagemaker import CONNECTION
from connectors.sagemaker.options import SageMakerOptions, SageMakerScope, SageMakerSecrets
from mappings.change import Owned
from mappings.model import Deployment, Entity, ModelVersion, Observation
from sandbox.sagemaker.server import AwsServer
from sync.known import Known
from sync.link import resolve
from sync.pull import Pulled, PullLimits, Scope, Source, pull_all
from sync.store import entities
from sync.store.connect import Database
from tests.connectors.aws import Office

SIZE = CloudSize(endpoints=24, versions=48, runs=96)
PAGE = 22
"""Only the monitors' processing jobs fit on one: moto cuts pages of those before it looks for what was asked for."""
CROWDED = "eu-north-1"


class Account:
    """A project's scope on SageMaker, pulled into a store."""

    def __init__(self, database: Database, proxy: FaultProxy, office: Office, scope: SageMakerScope) -> None:
        self.database = database
        self.office = office
        self.sagemaker = self.office.sagemaker
        self.proxy = proxy
        self.source = Source(
            name="aws",
            connection=CONNECTION,
            options=SageMakerOptions(region=office.region.name, endpoint_url=proxy.url),
            secrets=SageMakerSecrets,
            owned=Owned(),
            scopes=(Scope(options=scope, hash="a.b", label="churn"),),
        )

    def pull(self, *, anew: bool = False) -> Pulled:
        limits = PullLimits(full_every=timedelta() if anew else timedelta(days=1), max_deletes=0.9, wait=timedelta())
        pulled = pull_all(
            self.database,
            [self.source],
            limits,
            run_id=uuid.uuid4().hex,
            report=lambda event: None,
            stop=threading.Event(),
        )
        return pulled["aws"]

    def known(self) -> Mapping[str, Entity]:
        with self.database.read() as tx:
            return {one.ref.id: one for one in entities.load(tx, self.source.keys(self.source.scopes[0]))}

    def the(self, ident: str) -> Any:
        return self.known()[ident]


@pytest.fixture
def account(database: Database, aws_server: AwsServer) -> Iterator[Account]:
    office = Office(aws_server)
    with FaultProxy(aws_server.url) as proxy:
        yield Account(database, proxy, office, office.scope())


@pytest.fixture(scope="module")
def crowd(aws_server: AwsServer) -> Office:
    """A region of its own with more of everything than is told at once."""
    office = Office(aws_server, CROWDED)
    fill_sagemaker(office.region, SIZE)
    return office


@pytest.fixture
def crowded(database: Database, aws_server: AwsServer, crowd: Office) -> Iterator[Account]:
    """A project that reads all of that region, and has read it once."""
    everything = {name: [f"{NAME}-*"] for name in SageMakerScope.model_fields if name != "metrics"}
    with FaultProxy(aws_server.url) as proxy:
        proxy.reshape = lambda asked: asked.having("MaxResults", PAGE)
        account = Account(database, proxy, crowd, SageMakerScope.model_validate(everything))
        assert not account.pull().failed
        proxy.heal()
        yield account


def test_an_endpoint_an_approval_and_a_violation_are_there_after_one_pull(account: Account) -> None:
    office = account.office
    package = office.package()
    assert not account.pull().failed
    endpoint = office.endpoint([package])
    account.sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    schedule = office.monitor(endpoint)
    violation = {"feature_name": "age", "constraint_check_type": "baseline_drift_check"}
    office.region.run_monitor(schedule, "CompletedWithViolations", [violation])
    assert not account.pull().failed
    known = account.known()
    version, deployment = known[f"{office.name}/1"], known[endpoint]

    assert isinstance(version, ModelVersion)
    assert isinstance(deployment, Deployment)
    assert version.approval == "approved"
    assert [share.model for share in deployment.models] == [version.ref]
    drift = [one for one in known.values() if isinstance(one, Observation) and one.kind == "drift"]
    assert [(one.subject, one.outcome) for one in drift] == [(deployment.ref, "failed")]


def test_an_approval_alone_is_there_after_one_pull(account: Account) -> None:
    package = account.office.package()
    account.pull()
    account.sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Rejected")
    pulled = account.pull()

    assert account.the(f"{account.office.name}/1").approval == "rejected"
    assert {event.stream: event.changed for event in pulled.events if event.changed} == {"packages": 1}


def test_versions_and_jobs_are_named_in_links_like_those_of_other_sources(account: Account) -> None:
    name = account.office.name
    account.office.package()
    account.sagemaker.create_processing_job(
        ProcessingJobName=name,
        ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}},
        AppSpecification={"ImageUri": "example/evaluate"},
        RoleArn=account.office.role,
    )
    account.pull()
    known = Known(list(account.known().values()))

    for text, kind in ((f"aws:model/{name}/1", "model_version"), (f"aws:run/processing-job:{name}", "run")):
        found = resolve(str(TextRef.parse(text)), known)
        assert found is not None, text
        assert found.kind == kind


def test_a_pull_without_news_asks_once_a_stream_and_describes_nothing(account: Account) -> None:
    office = account.office
    package = office.package()
    for number in range(3):
        schedule = office.monitor(office.endpoint([package], suffix=f"-{number}"))
        office.region.run_monitor(schedule, "CompletedWithViolations", [{"feature_name": "age"}])
        office.region.alert(schedule, "InAlert")
    account.pull()
    account.proxy.heal()
    pulled = account.pull()
    asked = [request.headers.get("x-amz-target", "") for request in account.proxy.asked]

    assert {event.stream: event.requests for event in pulled.events} == {
        stream: 0 if stream == "metrics" else 1 for stream in CONNECTION.streams
    }
    assert not [target for target in asked if "Describe" in target]
    assert sum(event.changed for event in pulled.events) == 0


def test_a_pull_without_news_asks_once_a_stream_however_much_there_is(crowded: Account) -> None:
    pulled = crowded.pull()

    assert {event.stream: event.requests for event in pulled.events} == {**quiet_floors(), "metrics": 0}
    assert sum(event.changed for event in pulled.events) == 0
    assert len(crowded.proxy.asked) == sum(quiet_floors().values())


def test_of_many_only_what_changed_is_asked_for(crowded: Account) -> None:
    before = crowded.known()
    crowded.office.region.turn(f"{NAME}-007", "Failed", "no capacity")
    try:
        pulled = crowded.pull()
    finally:
        crowded.office.region.turn(f"{NAME}-007", "InService")

    assert {event.stream: event.requests for event in pulled.events if event.requests > 1} == {"endpoints": 6}
    assert {event.stream: event.changed for event in pulled.events if event.changed} == {"endpoints": 1}
    assert [one.ref.id for one in crowded.known().values() if one != before[one.ref.id]] == [f"{NAME}-007"]


def test_an_approval_among_many_is_there_after_one_pull(crowded: Account) -> None:
    arn = crowded.the(f"{NAME}-00/11").cloud_id
    assert crowded.the(f"{NAME}-00/11").approval == "pending"
    crowded.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    try:
        pulled = crowded.pull()
    finally:
        crowded.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="PendingManualApproval")

    assert crowded.the(f"{NAME}-00/11").approval == "approved"
    assert {event.stream: (event.requests, event.changed) for event in pulled.events if event.changed} == {"packages": (1, 1)}


def test_a_deleted_endpoint_is_gone_after_a_whole_listing(account: Account) -> None:
    kept, gone = (account.office.endpoint([account.office.package()], suffix=suffix) for suffix in ("-kept", "-gone"))
    account.pull()
    account.sagemaker.delete_endpoint(EndpointName=gone)
    pulled = account.pull(anew=True)
    known = account.known()

    assert not pulled.failed
    assert kept in known
    assert gone not in known


def test_what_is_known_stays_while_aws_is_away(account: Account) -> None:
    account.office.endpoint([account.office.package()])
    account.pull()
    before = account.known()
    account.proxy.fault(lambda _asked: True, refuses(403))
    denied = account.pull(anew=True)
    account.proxy.heal()

    assert denied.failed
    assert account.known() == before
    assert not account.pull().failed


def test_a_listing_that_breaks_in_the_middle_takes_nothing_away(account: Account) -> None:
    for number in range(5):
        account.office.endpoint([account.office.package()], suffix=f"-{number}")
    account.pull()
    before = account.known()
    account.proxy.reshape = lambda asked: asked.having("MaxResults", 2)
    listing = "SageMaker.ListEndpoints"
    account.proxy.fault(lambda asked: asked.headers.get("x-amz-target") == listing, refuses(500), after=1)
    broken = account.pull(anew=True)
    states = {event.stream: event.state for event in broken.events}

    assert states["endpoints"] == "failed"
    assert states["packages"] == "done"
    assert account.known() == before
