"""A workspace pulled into a store by the engine: what is new, what is gone, and what is kept when Azure fails halfway."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bench.azureml_world import fill_azureml, first_floors, quiet_floors
from bench.cloud_size import CloudSize
from connectors.azureml import CONNECTION
from connectors.azureml.options import AzureMLScope, AzureMLSecrets
from mappings.change import Owned
from mappings.model import Deployment, Entity, ModelVersion
from sandbox.azureml import documents
from sandbox.faults import Fault, answers
from sync.progress import StreamEvent, unwatched
from sync.pull import Pulled, PullLimits, Scope, Source, pull_all
from sync.store import entities
from sync.store.connect import Database

if TYPE_CHECKING:
    from tests.connectors.azureml.conftest import Lab

EVERYTHING = AzureMLScope(endpoints=("*",), models=("*",), experiments=("*",), data=("*",), monitors=("*",))


class Pulls:
    """Runs of the engine on one workspace."""

    def __init__(self, lab: Lab, database: Database) -> None:
        self.lab = lab
        self.database = database
        self.source = Source(
            name="azure-ml",
            connection=CONNECTION,
            options=lab.options(),
            secrets=AzureMLSecrets,
            owned=Owned(),
            scopes=(Scope(options=EVERYTHING, hash="a.b", label="churn"),),
        )

    def __call__(self, *, full_every: timedelta = timedelta(hours=24)) -> Pulled:
        return pull_all(
            self.database,
            [self.source],
            PullLimits(full_every=full_every, max_deletes=0.9, wait=timedelta()),
            run_id=uuid.uuid4().hex,
            report=unwatched,
            stop=threading.Event(),
        )["azure-ml"]

    def known(self) -> Mapping[str, Entity]:
        with self.database.read() as tx:
            return {one.ref.id: one for one in entities.load(tx, self.source.keys(self.source.scopes[0]))}


@pytest.fixture
def pulls(lab: Lab, database: Database) -> Pulls:
    for number in range(1, 41):
        lab.job(f"job-{number}", hours_ago=200 - number)
    lab.endpoint("churn-prod", {"blue": 90, "green": 10}, [lab.model(1, "job-1"), lab.model(2, "job-2")])
    lab.endpoint("churn-test", {"blue": 100}, [lab.model(2, "job-2")])
    lab.site.put("data/customers/versions/1", documents.data_version("azureml://datastores/store/paths/customers"))
    lab.monitor()
    lab.monitor_run("monday")
    return Pulls(lab, database)


def by_stream(pulled: Pulled) -> Mapping[str, StreamEvent]:
    return {event.stream: event for event in pulled.events}


def test_a_pull_without_news_changes_nothing_and_describes_nothing(pulls: Pulls) -> None:
    first = pulls()
    assert not first.failed
    known = pulls.known()
    assert len(known) == 41 + 2 + 1 + 2 + 1
    since = len(pulls.lab.site.requests)

    again = pulls()

    assert {stream: (event.changed, event.requests) for stream, event in by_stream(again).items()} == {
        "jobs": (0, 1),
        "models": (0, 2),
        "data": (0, 2),
        "endpoints": (0, 3),
        "monitors": (0, 2),
    }
    assert not [path for path in pulls.lab.asked(since=since) if path.endswith(("/deployments", "/children"))]
    assert pulls.known() == known


def test_of_many_no_more_is_asked_than_can_tell_that_nothing_changed(lab: Lab, database: Database) -> None:
    size = CloudSize(endpoints=40, versions=130, runs=260)
    fill_azureml(lab.site, size)
    pulls = Pulls(lab, database)
    first = pulls()
    assert not first.failed
    assert {stream: event.requests for stream, event in by_stream(first).items()} == first_floors(size)
    since = len(lab.site.requests)

    again = by_stream(pulls())

    assert {stream: (event.changed, event.requests) for stream, event in again.items()} == {
        stream: (0, floor) for stream, floor in quiet_floors(size).items()
    }
    assert not [path for path in lab.asked(since=since) if path.endswith(("/deployments", "/children"))]

    lab.site.put("onlineEndpoints/churn-007", documents.online_endpoint({"blue": 100}, state="Failed"))
    changed = by_stream(pulls())["endpoints"]
    assert (changed.changed, changed.requests) == (1, quiet_floors(size)["endpoints"] + 1)


def test_people_who_use_the_sdk_are_seen_by_the_next_pull(pulls: Pulls, ml_client: Any) -> None:
    pulls()
    client = ml_client()

    endpoint = client.online_endpoints.get("churn-prod")
    endpoint.traffic = {"blue": 40, "green": 60}
    client.online_endpoints.begin_create_or_update(endpoint).result()
    version = client.models.get("churn", "2")
    version.tags["approval"] = "approved"
    client.models.create_or_update(version)
    pulls()

    served, approved = pulls.known()["online/churn-prod"], pulls.known()["churn/2"]
    assert isinstance(served, Deployment)
    assert [(share.name, share.share) for share in served.models] == [("churn/1", 0.4), ("churn/2", 0.6)]
    assert isinstance(approved, ModelVersion)
    assert approved.approval == "approved"


def test_a_deleted_endpoint_is_gone_after_one_complete_listing(pulls: Pulls, ml_client: Any) -> None:
    pulls()
    ml_client().online_endpoints.begin_delete("churn-test").result()

    pulls()
    assert "online/churn-test" in pulls.known(), "no listing has shown yet that it is gone"
    gone = pulls(full_every=timedelta())

    assert by_stream(gone)["endpoints"].deleted == 1
    assert "online/churn-test" not in pulls.known()


@pytest.mark.parametrize("stream", ["jobs", "models", "data", "endpoints", "monitors"])
def test_what_was_known_stays_when_azure_fails_halfway(pulls: Pulls, stream: str) -> None:
    pulls()
    known = pulls.known()
    path = {
        "jobs": "*/jobs",
        "models": "*/models/churn/versions",
        "data": "*/data/customers/versions",
        "endpoints": "*/deployments",
        "monitors": "*/children",
    }[stream]
    pulls.lab.site.faults.append(Fault(answers(400, {"error": {"code": "Odd", "message": "no"}}), path=path, times=1))

    failed = pulls(full_every=timedelta())

    assert failed.failed
    assert by_stream(failed)[stream].state == "failed"
    assert pulls.known() == known
    assert not pulls(full_every=timedelta()).failed
    assert pulls.known() == known
