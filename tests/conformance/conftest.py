"""Which of the suite's many cases are held on every change."""

from __future__ import annotations

import pytest

ALIKE = {
    "test_azureml": frozenset(("models", "data")),
    "test_jira_data_center": frozenset(("fields", "versions")),
    "test_sagemaker": frozenset(
        ("training_jobs", "processing_jobs", "transform_jobs", "pipelines", "experiments", "trials", "feature_groups", "executions")
    ),
}
"""By module, streams that are read as another one of their connector's is, or as they are in its other mode. With these connectors,
the slowest to hold to the suite, they are in the long proofs; and there alone memory is measured, with more records."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.stem in ALIKE and (item.name.startswith("test_ten_times") or ALIKE[item.path.stem] & _streams(item)):
            item.add_marker(pytest.mark.soak)


def _streams(item: pytest.Item) -> set[object]:
    params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return {params.get(name) for name in ("stream", "paged", "linked")}
