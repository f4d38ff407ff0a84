"""The JSON Schema by which editors complete the project file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema_rs
import pytest

from config.project import TypeModels
from config.schema import DIALECT, json_schema
from config.yamlfile import parse_yaml


@pytest.fixture
def validator(types: Mapping[str, TypeModels]) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(json_schema(types))


def as_data(text: str) -> Any:
    return parse_yaml(text.encode(), "milepost.yaml").root.plain()


def test_it_is_a_valid_schema_of_its_dialect(types: Mapping[str, TypeModels]) -> None:
    schema = json_schema(types)
    assert schema["$schema"] == DIALECT
    jsonschema_rs.meta.validate(schema)
    jsonschema_rs.meta.validate(json_schema({}))


def test_it_accepts_the_full_example(validator: jsonschema_rs.Draft202012Validator, full_example: str, small: str) -> None:
    assert validator.is_valid(as_data(full_example))
    assert validator.is_valid(as_data(small))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("fresh_within: 26h", "fresh_withn: 26h"),
        ("fresh_within: 26h", "fresh_within: 26"),
        ("risk_class: limited", "risk_class: hgih"),
        ("type: jira", "type: jra"),
        ("type: jira, ", ""),
        ("type: jira, ", "type: jira, deploymnt: cloud, "),
        ("region: eu-west-1", "regoin: eu-west-1"),
        ("region: eu-west-1", "region: eu-west-1, rate: 4000"),
        ("region: eu-west-1", "region: eu-west-1, rate: 0/h"),
        ("region: eu-west-1", "region: eu-west-1, pull: hourly"),
        ("region: eu-west-1", "region: eu-west-1, pul: '0 * * * *'"),
        ("  jira:     {type", "  Jira_1:     {type"),
        ("{projects: [CHURN]}", "{projcts: [CHURN]}"),
        ('{repositories: ["example/churn*"], ', '{repositories: "example/churn*", '),
        ("{val_auc: {gte: 0.85}}", "{val_auc: {gte: high}}"),
        ("{val_auc: {gte: 0.85}}", "{val_auc: {}}"),
        ("{val_auc: {gte: 0.85}}", "{val_auc: {get: 0.85}}"),
        ('quality: "data_quality.*"', "quality: 3"),
        ("max_changes: 0.3", "max_changes: 30"),
        ("links: []", "links: [{source: x, relation: blocks, target: 'jira:ML-1'}]"),
        ('{prefix: "ml/"}', '{prefx: "ml/"}'),
        ("statuses: []", "statuses: [{open_after: 3}]"),
        ("statuses: []", "statuses: [{id: drift-alert, open_aftr: 3}]"),
    ],
)
def test_it_rejects_typing_errors(validator: jsonschema_rs.Draft202012Validator, full_example: str, right: str, wrong: str) -> None:
    assert right in full_example
    assert validator.is_valid(as_data(full_example))
    assert not validator.is_valid(as_data(full_example.replace(right, wrong)))


@pytest.mark.parametrize(
    ("right", "also_right"),
    [
        ("statuses: []", "statuses: [{id: drift-alert, open_after: 3}]"),
        ("links: []", "links: [{source: 'mlflow:run/1', relation: implements, target: 'jira:ML-1', note: why}]"),
        ('quality: "data_quality.*"', 'quality: {"dq.*": {lte: 0.1}}'),
        ("links: []", "publish: {jira: false, github: {prefix: x/}}"),
        ("region: eu-west-1", "region: eu-west-1, rate: 900/m, pull: '*/5 6-20 * * MON-fri'"),
    ],
)
def test_it_accepts_what_the_loader_accepts(
    validator: jsonschema_rs.Draft202012Validator, full_example: str, right: str, also_right: str
) -> None:
    assert validator.is_valid(as_data(full_example.replace(right, also_right)))


def test_every_key_is_explained(types: Mapping[str, TypeModels]) -> None:
    schema = json_schema(types)
    ours = ["ProjectBody", "Data", "Drift", "Retrain", "Release", "Safety", "Retention", "Store", "DeclaredLink", "Bound"]
    parts = {"": schema, **{name: schema["$defs"][name] for name in ours}}
    for name, part in parts.items():
        for key, said in part["properties"].items():
            assert "description" in said or "description" in schema["$defs"][said["$ref"].removeprefix("#/$defs/")], (name, key)


def test_defaults_are_what_may_be_written(types: Mapping[str, TypeModels], validator: jsonschema_rs.Draft202012Validator) -> None:
    schema = json_schema(types)
    for part in (schema, *schema["$defs"].values()):
        for key, said in part.get("properties", {}).items():
            if "default" in said:
                single = jsonschema_rs.Draft202012Validator({**said, "$defs": schema["$defs"]})
                assert single.is_valid(said["default"]), (key, said)


def test_models_of_one_name_do_not_collide() -> None:
    from pydantic import BaseModel, ConfigDict

    def of(field: str) -> type[BaseModel]:
        model = type("Scope", (BaseModel,), {"__annotations__": {field: str}, "model_config": ConfigDict(extra="forbid")})
        assert issubclass(model, BaseModel)
        return model

    one, other = of("one"), of("other")
    other.__module__ = "elsewhere"
    schema = json_schema({"a": TypeModels(options=one, scope=one), "b": TypeModels(options=other, scope=other)})
    valid = jsonschema_rs.Draft202012Validator(schema)
    file = {"sources": {"x": {"type": "b", "other": "t"}}, "projects": {"p": {"scopes": {"x": {"other": "t"}}}}}
    assert valid.is_valid(file)
    assert not valid.is_valid({**file, "sources": {"x": {"type": "b", "one": "t"}}})
