"""Which of the suite's many cases are held on every change."""

from __future__ import annotations

import pytest

ALIKE = {
    "test_sagemaker": frozenset(
        ("training_jobs", "processing_jobs", "transform_jobs", "pipelines", "experiments", "trials", "feature_groups", "executions")
    )
}
"""Streams that are read as another one of their connector's is: they are held to the suite in the long proofs."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if ALIKE.get(item.path.stem, frozenset()).intersection(params.get(name) for name in ("stream", "paged", "linked")):
            item.add_marker(pytest.mark.soak)
