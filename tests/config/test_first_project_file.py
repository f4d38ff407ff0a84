"""What `milepost init` writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.project import ProjectFile, TypeModels
from config.schema import json_schema
from config.template import Answers, environment_variables, render_template
from config.yamlfile import parse_yaml
from sync.build import ConnectionTypes, project_file_schema, read_project_file

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
    named = [name for name, _ in environment_variables(JIRA)]
    assert named == ["MILEPOST_JIRA__USER", "MILEPOST_JIRA__TOKEN", "MILEPOST_JIRA__WEBHOOK_SECRET"]
    for answers in (Answers(), JIRA, GITHUB, MLFLOW):
        for name, what in environment_variables(answers):
            comments = [line for line in render_template(answers).splitlines() if line.startswith("#   ")]
            assert any(name in re.split(", |   ", line) for line in comments)
            assert what


@pytest.mark.parametrize("answers", [Answers(), JIRA, GITHUB, MLFLOW])
def test_its_examples_of_the_clouds_need_their_marks_taken_away_alone(answers: Answers, tmp_path: Path) -> None:
    """As the connectors themselves would have it, and as the schema that is written beside the file."""
    types = ConnectionTypes()
    text, marks = re.subn(r"^( *)# (aws-eu|azure-ml):", r"\1\2:", render_template(answers), flags=re.MULTILINE)
    path = tmp_path / "milepost.yaml"
    path.write_text(text, encoding="utf-8")
    file = read_project_file(path, types)

    assert marks == 4
    assert (file.sources["aws-eu"].type, file.sources["azure-ml"].type) == ("sagemaker", "azureml")
    assert {"aws-eu", "azure-ml"} <= file.projects[answers.project].scopes.keys()
    assert file.findings == ()
    jsonschema_rs.Draft202012Validator(project_file_schema(types)).validate(parse_yaml(text.encode(), "f").root.plain())


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
