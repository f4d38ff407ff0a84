"""A secret in the project file is an error that names the right variable, and is repeated nowhere."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.problems import ConfigError, Problem
from config.project import ProjectFile

Load = Callable[[str], ProjectFile]
Problems = Callable[[str], list[Problem]]

CANARY = "c4n4ry/S3cret?x"


def everything_said(load: Load, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text)
    error = caught.value
    assert error.__context__ is None
    return "\n".join([str(error), repr(error), repr(error.problems), "".join(traceback.format_exception(error))])


@pytest.mark.parametrize(
    ("source", "column", "path", "variable"),
    [
        ("jira: {type: jira, url: u, token: '@'}", 37, "sources.jira.token", "MILEPOST_JIRA__TOKEN"),
        ("jira: {type: jira, url: u, api-token: '@'}", 41, "sources.jira.api-token", "MILEPOST_JIRA__TOKEN"),
        ("jira: {type: jira, url: u, password: '@'}", 40, "sources.jira.password", "MILEPOST_JIRA__TOKEN"),
        ("jira: {type: jira, url: u, webhook_secret: '@'}", 46, "sources.jira.webhook_secret", "MILEPOST_JIRA__WEBHOOK_SECRET"),
        ("hub-eu: {type: github, private_key: '@'}", 39, "sources.hub-eu.private_key", "MILEPOST_HUB_EU__PRIVATE_KEY"),
        ("jira: {type: jira, url: 'https://me:@@example.com'}", 27, "sources.jira.url", "MILEPOST_JIRA__TOKEN"),
        ("jira: {type: jira, url: 'https://@@example.com/a'}", 27, "sources.jira.url", "MILEPOST_JIRA__TOKEN"),
        ("jira: {type: jira, url: 'https://example.com/?token=@'}", 27, "sources.jira.url", "MILEPOST_JIRA__TOKEN"),
        ("ml: {type: mlflow, url: u, token: '@'}", 37, "sources.ml.token", "MILEPOST_ML__TOKEN"),
        ("x: {type: unheard-of, token: '@'}", 32, "sources.x.token", "MILEPOST_X__TOKEN"),
    ],
)
def test_a_secret_of_a_source(
    load: Load, problems: Problems, small: str, source: str, column: int, path: str, variable: str
) -> None:
    canary = CANARY if "https" not in source else "c4n4ryS3cret"
    text = f"sources:\n  {source.replace('@', canary, 1)}\nprojects: {{}}\n"
    found = [problem for problem in problems(text) if "must not stand in this file" in problem.message]
    assert [(p.line, p.column, p.path) for p in found] == [(2, column, path)]
    assert (found[0].fix or "").endswith(f"set {variable}")
    assert canary not in everything_said(load, text)


@pytest.mark.parametrize(
    ("line", "variable"),
    [
        ("store: {url: 'postgresql+psycopg://milepost:@@db.example.com/m'}", "MILEPOST_STORE__URL"),
        ("store: {url: 'postgresql://db.example.com/m?user=a&password=@'}", "MILEPOST_STORE__URL"),
        ("store: {url: 'sqlite:///m.db', password: '@'}", "MILEPOST_STORE__URL"),
        ("publish: {jira: {token: '@'}}", "MILEPOST_JIRA__TOKEN"),
        ("access_key: '@'", "MILEPOST_<SOURCE>__ACCESS_KEY"),
        ("secret: 4711471147114711", "MILEPOST_<SOURCE>__SECRET"),
    ],
)
def test_a_secret_elsewhere(load: Load, problems: Problems, small: str, line: str, variable: str) -> None:
    text = f"{small}{line.replace('@', CANARY, 1)}\n"
    (problem,) = problems(text)
    assert problem.line == 9
    assert (problem.fix or "").endswith(variable)
    said = everything_said(load, text)
    assert CANARY not in said
    assert "4711471147114711" not in said


def test_what_is_shaped_like_a_token_is_found_and_hidden_anywhere(load: Load, problems: Problems, small: str) -> None:
    tokens = ("ghp_" + "a1B2" * 9, "github_pat_" + "x9" * 20, "ATATT3x" + "Q_-=" * 8, "AKIA" + "ABCD1234" * 2)
    for token in tokens:
        for line in (f"    owners: [{token}]", f"    {token}: 1", f"    risk_class: {token}", f"statuses: [{{id: {token}}}]"):
            text = f"{small}{line}\n"
            assert problems(text)[0].line == 9
            assert token not in everything_said(load, text)
    key = "-----BEGIN RSA PRIVATE KEY-----"
    assert "must not stand in this file" in problems(f"{small}    name: '{key} c4n4ry'\n")[0].message


def test_what_only_looks_like_one_is_left_alone(problems: Problems, small: str) -> None:
    text = (
        "sources:\n"
        "  jira: {type: jira, url: 'https://example.atlassian.net:8443/a@b'}\n"
        "  github: {type: github}\n"
        "projects:\n"
        "  token:\n"
        '    scopes: {jira: {jql: \'reporter = "ada@example.com" AND text ~ "a:b@c"\'}}\n'
        "    thresholds: {bleu_per_token: {gte: 0.4}}\n"
        "    drift: {metrics: {secret: {lte: 0.4}}}\n"
        "store: {url: 'postgresql+psycopg://milepost@db.example.com/m'}\n"
    )
    assert problems(text) == []
    (problem,) = problems(f"{small}    thresholds: {{bleu_per_token: 0.4}}\n")
    assert "expected a limit" in problem.message


secrets = st.text(st.characters(codec="ascii", categories=("L", "N"), include_characters="-_.!$&+,;=%/"), min_size=8, max_size=40)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=secrets.map(lambda text: "Zq7" + text), key=st.sampled_from(["token", "password", "API_KEY", "client-secret"]))
def test_no_secret_is_ever_repeated(load: Load, small: str, secret: str, key: str) -> None:
    places = (
        f"    {key}: '{secret}'\n",
        f"{key}: ['x', '{secret}']\n{key}: 3\n",
        f"store: {{url: 'postgresql://u:{secret}@h/d'}}\n",
        f"fresh_withn: '{secret}'\n",
        f"    scopes: {{x: '{secret}'}}\n",
    )
    for place in places:
        assert secret not in everything_said(load, small + place)
