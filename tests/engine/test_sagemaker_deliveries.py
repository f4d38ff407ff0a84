"""Events of SageMaker on their way: proven, stored, and what they name read again from the stand-in."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from connectors.conformance.proxy import FaultProxy
from connectors.sagemaker.options import SageMakerSecrets
from mappings.model import Deployment, ModelVersion
from sandbox.sagemaker.server import AwsServer
from sync.intake import Taken, take_in
from sync.source import receiving
from sync.store import due, entities, inbox
from sync.store.connect import Database
from sync.store.inbox import Arrival
from tests.connectors.aws import Office
from tests.engine.test_sagemaker_pulls import Account

SECRET = "what-eventbridge-sends-along"


class Events:
    """EventBridge, as far as this account's deliveries go."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def send(self, detail_type: str, *arns: str, **detail: Any) -> Taken:
        """The event comes in, and what waits is taken in."""
        region = self.account.office.region.name
        event = {
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": "aws.sagemaker",
            "account": "123456789012",
            "region": region,
            "resources": list(arns),
            "detail": detail,
        }
        source = self.account.source
        receiver = receiving(source)
        delivery = receiver.verify({"x-milepost-secret": SECRET}, json.dumps(event).encode())
        arrival = Arrival(source=source.name, delivery=delivery.id, event=delivery.event, body=delivery.body)
        database = self.account.database
        with database.write() as tx:
            assert inbox.accept(tx, [arrival], database.now(tx)) == [True]
        return take_in(database, source, [], run_id=uuid.uuid4().hex, stop=threading.Event())

    def due_streams(self) -> set[str]:
        with self.account.database.read() as tx:
            return {one.stream for one in due.marked_streams(tx)}

    def missing(self) -> set[str]:
        source = self.account.source
        with self.account.database.read() as tx:
            return {ref.id for ref in entities.missing(tx, source.keys(source.scopes[0]))}


@pytest.fixture
def account(database: Database, aws_server: AwsServer) -> Iterator[Account]:
    office = Office(aws_server)
    with FaultProxy(aws_server.url) as proxy:
        account = Account(database, proxy, office, office.scope())
        secrets = SageMakerSecrets.model_validate({"webhook_secret": SECRET})
        account.source = msgspec.structs.replace(account.source, webhook_secrets=lambda: secrets)
        yield account


@pytest.fixture
def events(account: Account) -> Events:
    return Events(account)


def test_an_approval_is_stored_as_soon_as_its_event_comes(account: Account, events: Events) -> None:
    package = account.office.package()
    assert not account.pull().failed
    account.sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")

    taken = events.send("SageMaker Model Package State Change", package, ModelApprovalStatus="Rejected")

    assert (taken.done, taken.read) == (1, 1)
    version = account.the(f"{account.office.name}/1")
    assert isinstance(version, ModelVersion)
    assert version.approval == "approved", "what is there counts, whatever the event says of it"


def test_a_new_endpoint_joins_and_one_that_is_deleted_is_missing(account: Account, events: Events) -> None:
    assert not account.pull().failed
    name = account.office.endpoint([account.office.package()])
    arn = account.sagemaker.describe_endpoint(EndpointName=name)["EndpointArn"]

    assert events.send("SageMaker Endpoint State Change", arn, EndpointStatus="IN_SERVICE").done == 1
    assert isinstance(account.the(name), Deployment)

    account.sagemaker.delete_endpoint(EndpointName=name)
    assert events.send("SageMaker Endpoint State Change", arn, EndpointStatus="DELETING").done == 1
    assert name in account.known(), "an event's word is no proof that it is gone"
    assert events.missing() == {name}


def test_a_monitors_schedule_has_its_streams_listed(account: Account, events: Events) -> None:
    assert not account.pull().failed
    arn = f"arn:aws:sagemaker:{account.office.region.name}:123456789012:monitoring-schedule/drift"

    assert events.send("SageMaker Monitoring Schedule State Change", arn, EndpointName=account.office.name).done == 1
    assert events.due_streams() == {"executions", "alerts"}


def test_what_no_scope_holds_is_dropped_without_a_request(account: Account, events: Events) -> None:
    assert not account.pull().failed
    account.proxy.heal()
    arn = f"arn:aws:sagemaker:{account.office.region.name}:123456789012:endpoint/of-others"

    assert events.send("SageMaker Endpoint State Change", arn).dropped == 1
    assert account.proxy.asked == []
