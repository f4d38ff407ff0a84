"""What `milepost init` writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.project import ProjectFile, TypeModels
from config.schema import json_schema
from config.template import Answers, environment_variables, render_template
from config.yamlfile import parse_yaml

Load = Callable[[str], ProjectFile]

JIRA = Answers(
    project="fraud", name='Fraud "2": #1', timezone="Europe/Vienna", jira_url="https://example.atlassian.net", jira_project="FR"
)
GITHUB = Answers(project="null", repositories=("example/a", "example/b*"))
MLFLOW = Answers(mlflow_url="https://mlflow.example.com", models=("m",))


@pytest.mark.parametrize("answers", [Answers(), JIRA, GITHUB, MLFLOW])
def test_it_loads_without_a_finding_and_fits_the_schema(load: Load, types: Mapping[str, TypeModels], answers: Answers) -> None:
    text = render_template(answers)
    assert load(text).findings == ()
    jsonschema_rs.Draft202012Validator(json_schema(types)).validate(parse_yaml(text.encode(), "f").root.plain())
    lines = text.splitlines()
    assert lines[0] == "# yaml-language-server: $schema=./milepost.schema.json"
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 120


def test_it_holds_what_was_answered(load: Load) -> None:
    file = load(render_template(JIRA))
    assert list(file.sources) == ["jira"]
    fraud = file.projects["fraud"]
    assert (fraud.name, fraud.timezone) == ('Fraud "2": #1', "Europe/Vienna")
    assert fraud.scopes["jira"].model_dump()["projects"] == ("FR",)
    assert list(load(render_template(GITHUB)).projects) == ["null"]


def test_it_names_the_variables_to_set() -> None:
    assert [name for name, _ in environment_variables(JIRA)] == ["MILEPOST_JIRA__USER", "MILEPOST_JIRA__TOKEN"]
    for answers in (Answers(), JIRA, GITHUB, MLFLOW):
        for name, what in environment_variables(answers):
            assert f"#   {name}" in render_template(answers)
            assert what


texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\u2028\u2029\ufffe\uffff"), min_size=1, max_size=40
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(name=texts.filter(lambda text: text.strip() != ""), scope=texts)
def test_no_answer_changes_the_shape_of_the_file(name: str, scope: str) -> None:
    text = render_template(Answers(name=name, jira_url="https://example.atlassian.net", jira_project=scope))
    data = parse_yaml(text.encode(), "f").root.plain()
    assert data["projects"]["churn"]["name"] == name
    assert data["projects"]["churn"]["scopes"] == {"jira": {"projects": [scope]}}
