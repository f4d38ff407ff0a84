"""Whatever the file holds, the loader answers with a project file or with a `ConfigError`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from config.problems import ConfigError
from config.project import ProjectFile
from config.yamlfile import parse_yaml

Load = Callable[[str], ProjectFile]

WORDS = """
store url sources type jira github mlflow region projects churn name risk_class timezone watch scopes repositories
exclude experiments models release alias thresholds gte lt data labels quality fresh_within drift metrics retrain
every links source relation target owners publish statuses id when any for safety max_changes max_additions retention
audit token << 0
"""
keys = st.sampled_from(WORDS.split()) | st.text(max_size=5)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        ["jira", "github", "30d", "a/b", "jira:ML-1", "https://u:p@h", "sqlite://", "Europe/Berlin", "drift-alert", "*"]
    )
)
trees = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=25)
plausible = st.fixed_dictionaries(
    {},
    optional={
        "store": st.fixed_dictionaries({}, optional={"url": trees}) | trees,
        "sources": st.dictionaries(keys, st.fixed_dictionaries({"type": scalars}, optional={"url": trees}) | trees, max_size=3)
        | trees,
        "projects": st.dictionaries(
            keys,
            st.fixed_dictionaries(
                {},
                optional=dict.fromkeys(("scopes", "watch", "thresholds", "data", "drift", "links", "publish", "owners"), trees),
            )
            | trees,
            max_size=3,
        )
        | trees,
        "publish": trees,
        "statuses": st.lists(st.fixed_dictionaries({"id": scalars}, optional={"when": trees, "via": trees}) | trees, max_size=3)
        | trees,
        "safety": trees,
        "fresh_within": scalars,
    },
)


def check_it_survives(load: Load, text: str) -> None:
    try:
        file = load(text)
    except ConfigError as error:
        assert error.problems
        assert all(problem.message and problem.file for problem in error.problems)
        assert str(error).count("\n") == len(error.problems) - 1
        assert any(problem.level == "error" for problem in error.problems)
    else:
        assert isinstance(file, ProjectFile)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(tree=plausible | trees)
@example(tree={"sources": {"github": {"type": "github"}}, "projects": {"a": {"scopes": {"github": {"repositories": ["a/b"]}}}}})
def test_no_tree_crashes_it(load: Load, tree: Any) -> None:
    check_it_survives(load, json.dumps(tree, ensure_ascii=True))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from("ab1:-#?&*!|>%@`'\"{}[],<\n \t~.\\x"), max_size=60))
def test_no_syntax_crashes_it(load: Load, text: str) -> None:
    check_it_survives(load, text)


@given(raw=st.binary(max_size=200))
def test_no_bytes_crash_the_reader(raw: bytes) -> None:
    try:
        document = parse_yaml(raw, "f.yaml")
    except ConfigError as error:
        assert len(error.problems) >= 1
    else:
        assert isinstance(document.root.plain(), dict)
