"""Events of Azure Machine Learning on their way: proven, stored, and what they name read again or listed anew."""

from __future__ import annotations

import json
import threading
import uuid
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from connectors.azureml.options import AzureMLSecrets
from mappings.model import ModelVersion
from sandbox.azureml.site import GROUP, SUBSCRIPTION, WORKSPACE
from sync.intake import Taken, take_in
from sync.source import receiving
from sync.store import due, inbox
from sync.store.connect import Database
from sync.store.inbox import Arrival
from tests.connectors.azureml.test_azureml_pulled import Pulls

if TYPE_CHECKING:
    from tests.connectors.azureml.conftest import Lab

SECRET = "what-event-grid-sends-along"
TOPIC = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/{WORKSPACE}"
).upper()


@pytest.fixture
def dialect() -> str:
    """What a delivery makes to be read has nothing to do with where it is stored."""
    return "sqlite"


@pytest.fixture
def pulls(lab: Lab, database: Database) -> Pulls:
    lab.job("job-1")
    lab.endpoint("churn-prod", {"blue": 100}, [lab.model(1, "job-1")])
    pulls = Pulls(lab, database)
    secrets = AzureMLSecrets.model_validate({"webhook_secret": SECRET})
    pulls.source = msgspec.structs.replace(pulls.source, webhook_secrets=lambda: secrets)
    assert not pulls().failed
    return pulls


def deliver(pulls: Pulls, kind: str, subject: str, **data: Any) -> Taken:
    """The event comes in, and what waits is taken in."""
    event = {
        "id": str(uuid.uuid4()),
        "topic": TOPIC,
        "subject": subject,
        "eventType": f"Microsoft.MachineLearningServices.{kind}",
        "data": data,
    }
    delivery = receiving(pulls.source).verify({"x-milepost-secret": SECRET}, json.dumps([event]).encode())
    arrival = Arrival(source=pulls.source.name, delivery=delivery.id, event=delivery.event, body=delivery.body)
    with pulls.database.write() as tx:
        assert inbox.accept(tx, [arrival], pulls.database.now(tx)) == [True]
    return take_in(pulls.database, pulls.source, [], run_id=uuid.uuid4().hex, stop=threading.Event())


def due_streams(pulls: Pulls) -> set[str]:
    with pulls.database.read() as tx:
        return {one.stream for one in due.marked_streams(tx)}


def test_a_new_version_is_stored_as_soon_as_its_event_comes(pulls: Pulls) -> None:
    pulls.lab.model(2, "job-1", tags={"milepost.approval": "approved"})

    taken = deliver(pulls, "ModelRegistered", "models/churn:2", ModelName="churn", ModelVersion=2, ModelTags={})

    assert (taken.done, taken.read) == (1, 1)
    version = pulls.known()["churn/2"]
    assert isinstance(version, ModelVersion)
    assert version.approval == "approved"


@pytest.mark.parametrize(
    ("status", "listed"),
    [("Running", {"jobs"}), ("Failed", {"jobs", "monitors"}), ("Completed", {"jobs", "monitors"})],
)
def test_a_run_has_the_jobs_listed_and_one_that_has_ended_the_monitors_too(pulls: Pulls, status: str, listed: set[str]) -> None:
    since = len(pulls.lab.site.requests)
    subject = "experiments/1f/runs/job-1"
    taken = deliver(pulls, "RunStatusChanged", subject, experimentName="churn-training", runId="job-1", runStatus=status)

    assert taken.done == 1
    assert due_streams(pulls) == listed
    assert pulls.lab.asked(since=since) == [], "what is listed is asked for later, once for many"


def test_a_deployed_model_has_the_endpoints_listed(pulls: Pulls) -> None:
    assert deliver(pulls, "ModelDeployed", "endpoints/churn-prod", ServiceName="churn-prod").done == 1
    assert due_streams(pulls) == {"endpoints"}


def test_another_kind_of_event_changes_nothing(pulls: Pulls) -> None:
    assert deliver(pulls, "DatasetDriftDetected", "datadrift/1/runs/2").dropped == 1
    assert due_streams(pulls) == set()
