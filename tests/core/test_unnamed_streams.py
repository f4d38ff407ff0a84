"""A stream of whose things a scope names none is listed whole and shows nothing: nothing follows from that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from connectors import azureml, mlflow, sagemaker
from connectors.base import Connection
from connectors.sagemaker.streams import STREAMS
from mappings.change import Owned
from sync.freshness import StreamFacts
from sync.listings import Listings, ScopedProject, stream_facts
from sync.source import Scope, Source
from sync.store.streams import StreamKey, StreamState
from tests.core.worlds import DAY, NOW, World

CONNECTIONS = (azureml.CONNECTION, mlflow.CONNECTION, sagemaker.CONNECTION)
EVERY = pytest.mark.parametrize("connection", CONNECTIONS, ids=lambda one: one.name)


def facts_of(connection: Connection, fields: Mapping[str, Any], *, formerly: str | None = None) -> dict[str, StreamFacts]:
    """What is known of the streams of a source that was listed whole, by stream. `formerly` was read under another scope, and this
    one not yet."""
    options = connection.scope.model_validate(fields)
    scope = Scope(options=options, hash="now.", label="scope")
    source = Source(
        name="cloud",
        connection=connection,
        options=connection.options.model_construct(),
        secrets=connection.secrets.model_construct,
        owned=Owned(),
        scopes=(scope,),
    )
    keys = source.keys(scope)
    listings = Listings(
        present={("cloud", key.stream): key for key in keys},
        former={("cloud", key.stream): _before(key) for key in keys if key.stream == formerly},
        elsewhere=(),
        states={
            key: StreamState(id=number, key=key, complete_at=NOW, pulled_at=NOW)
            for number, key in enumerate(keys)
            if key.stream != formerly
        },
    )
    project = ScopedProject(view=World().project, rules=(), scopes=((source, scope),), fresh_within=DAY)
    return {one.stream: one for one in stream_facts(project, listings, {})}


def _before(key: StreamKey) -> StreamKey:
    return StreamKey(source=key.source, stream=key.stream, scope_hash="before.", mapping_version=key.mapping_version)


@EVERY
def test_every_stream_says_what_names_its_things(connection: Connection) -> None:
    assert connection.wanted_by.keys() == connection.streams.keys()
    assert set().union(*connection.wanted_by.values()) == connection.scope.model_fields.keys()


def test_sagemaker_is_asked_for_what_its_streams_answer_to() -> None:
    assert {stream: frozenset({field}) for stream, (field, _) in STREAMS.items()} == sagemaker.CONNECTION.wanted_by


@pytest.mark.parametrize(
    ("connection", "fields", "streams"),
    [
        (sagemaker.CONNECTION, {"model_package_groups": ["churn"]}, {"packages"}),
        (sagemaker.CONNECTION, {"endpoints": ["churn"]}, {"endpoints", "executions", "alerts"}),
        (azureml.CONNECTION, {"models": ["churn"]}, {"models", "monitors"}),
        (azureml.CONNECTION, {"experiments": ["churn"]}, {"jobs"}),
        (mlflow.CONNECTION, {"models": ["churn"]}, {"models"}),
    ],
)
def test_only_what_a_scope_names_adds_anything(connection: Connection, fields: Mapping[str, Any], streams: set[str]) -> None:
    assert facts_of(connection, fields).keys() == streams


def test_what_was_named_before_counts_until_the_scope_was_read_as_it_is_now() -> None:
    found = facts_of(sagemaker.CONNECTION, {"model_package_groups": ["churn"]}, formerly="endpoints")
    assert found.keys() == {"packages", "endpoints"}
    assert found["endpoints"].rescoped and not found["endpoints"].complete


@pytest.mark.parametrize(
    ("connection", "fields"),
    [(sagemaker.CONNECTION, {"model_package_groups": ["churn"]}), (azureml.CONNECTION, {"models": ["churn"]})],
    ids=["sagemaker", "azureml"],
)
def test_a_cloud_that_only_registers_models_does_not_tell_what_serves(connection: Connection, fields: Mapping[str, Any]) -> None:
    world = World()
    item, _, _, version = world.whole()
    world.change_of(version, tags={"drift.psi": "0.9"})
    world.set_project(risk_class="limited", retrain_every=2 * DAY)
    rules = (("drift-alert", item), ("retrain-due", item), ("compliance-gap", version))
    assert [world.truth(rule, subject) for rule, subject in rules] == [True, True, True]
    world.streams.update({("cloud", stream): one for stream, one in facts_of(connection, fields).items()})
    assert [world.truth(rule, subject) for rule, subject in rules] == [True, True, True]
