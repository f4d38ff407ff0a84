"""What an editor shows beside the keys of a source: each one says what it means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from threading import Event
from typing import Any

import pytest

from config.variables import variable
from connectors.base import SourceContext
from mappings.change import Owned
from sync.build import ConnectionTypes, project_file_schema
from sync.source import Gauge


def definitions_behind(schema: Mapping[str, Any], section: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The parts of the schema that a mapping by source may hold."""
    values = section["additionalProperties"]
    for one in (*values.get("oneOf", ()), *values.get("anyOf", ())):
        if "$ref" in one:
            name = one["$ref"].removeprefix("#/$defs/")
            yield name, schema["$defs"][name]


def test_every_key_of_every_installed_type_is_described() -> None:
    types = ConnectionTypes()
    schema = project_file_schema(types)
    project = schema["$defs"]["ProjectBody"]["properties"]
    sections = (schema["properties"]["sources"], schema["properties"]["publish"], project["scopes"], project["publish"])

    parts = {name: part for section in sections for name, part in definitions_behind(schema, section)}
    keys = [(name, key, said.get("description", "")) for name, part in parts.items() for key, said in part["properties"].items()]

    assert {f"source-{name}" for name in types} <= parts.keys()
    assert len(parts) >= 2 * len(types)
    assert [(name, key) for name, key, description in keys if not description.strip().endswith(".")] == []


@pytest.mark.parametrize("source", ["jira", "azure-ml", "a-b-c"])
def test_a_source_names_its_variables_as_the_environment_is_read(source: str) -> None:
    secrets = ConnectionTypes().connection("jira").secrets.model_validate({"user": "bot@example.com", "token": "x"})
    context = SourceContext(name=source, options=None, secrets=secrets, owned=Owned(), meter=Gauge(), stop=Event())

    assert context.variable("webhook_secret") == variable(source, "webhook_secret")
    assert context.credentials_fix().startswith(f"check {variable(source, 'user')} and {variable(source, 'token')}, and")


def test_a_source_without_credentials_names_what_could_be_set() -> None:
    secrets = ConnectionTypes().connection("mlflow").secrets()
    context = SourceContext(name="lab", options=None, secrets=secrets, owned=Owned(), meter=Gauge(), stop=Event())

    assert context.credentials_fix() == "set MILEPOST_LAB__TOKEN or MILEPOST_LAB__USER or MILEPOST_LAB__PASSWORD"
