"""What is wrong in the address of a workspace or registry is told by its key in the project file, in `check` and in pulls."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from connectors.azureml.options import AzureMLScope
from connectors.errors import NotFound
from sandbox.azureml import documents
from sandbox.azureml.site import GROUP, SUBSCRIPTION, WORKSPACE
from sandbox.faults import Fault, answers, html_page

if TYPE_CHECKING:
    from tests.connectors.azureml.conftest import Lab

OTHER = "99999999-1111-2222-3333-444444444444"
EVERYWHERE = AzureMLScope(endpoints=("*",), models=("*",), experiments=("*",), data=("*",), monitors=("*",))


def says(lab: Lab, code: str, path: str = "/subscriptions/*") -> None:
    refused = {"error": {"code": code, "message": "It could not be found."}}
    lab.site.faults.append(Fault(answers(404, refused), path=path, times=1000))


def told(lab: Lab, stream: str = "models", **options: Any) -> str:
    """What both `check` and a pull say, which is the same."""
    with closing(lab.reader(**options)) as reader:
        (error,) = (one for one in reader.check(EVERYWHERE) if one.level == "error")
        with pytest.raises(NotFound) as raised:
            list(reader.pull(stream, EVERYWHERE, None))
    assert (error.text, error.fix) == (raised.value.message, raised.value.fix)
    return f"{error.text}; {error.fix}"


@pytest.mark.parametrize("stream", ["jobs", "models", "data", "endpoints", "monitors"])
def test_a_wrong_workspace_is_named(lab: Lab, stream: str) -> None:
    said = told(lab, stream, workspace="no-such-lab")

    assert said.startswith(
        f"resource group {GROUP!r} has no workspace 'no-such-lab' (Azure says ResourceNotFound); check workspace"
    )


def test_a_wrong_resource_group_is_named(lab: Lab) -> None:
    said = told(lab, resource_group="no-such-group")

    assert said.startswith(f"subscription {SUBSCRIPTION} has no resource group 'no-such-group'")
    assert "check resource_group" in said


def test_a_wrong_subscription_is_named(lab: Lab) -> None:
    says(lab, "SubscriptionNotFound")
    said = told(lab, subscription=OTHER)

    assert said.startswith(f"there is no subscription {OTHER}")
    assert "check subscription" in said


def test_a_workspace_that_azure_calls_the_parent_is_named(lab: Lab) -> None:
    says(lab, "ParentResourceNotFound")

    assert f"has no workspace {WORKSPACE!r}" in told(lab)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"name": "no-such-registry"}, f"resource group {GROUP!r} has no registry 'no-such-registry'"),
        ({"name": "shared", "resource_group": "no-such-group"}, "has no resource group 'no-such-group'"),
    ],
)
def test_a_wrong_registry_is_told_from_a_wrong_workspace(lab: Lab, wrong: dict[str, str], expected: str) -> None:
    said = told(lab, registries=[wrong])

    assert expected in said
    assert "the registry's" in said
    assert "check workspace" not in said


def test_what_is_missing_further_down_is_not_taken_for_the_workspace(lab: Lab) -> None:
    lab.site.put("models/churn/versions/1", documents.model_version())
    says(lab, "ResourceNotFound", "*/models/churn/versions")
    with pytest.raises(NotFound) as raised:
        lab.pull("models")

    assert raised.value.message.endswith("/models/churn/versions answered 404 (ResourceNotFound)")


@pytest.mark.parametrize("answer", [html_page(404), answers(404, {"error": "gone"}), answers(404, {"error": {"code": "no code"}})])
def test_a_404_that_is_not_azures_says_what_was_asked(lab: Lab, answer: Any) -> None:
    lab.site.faults.append(Fault(answer, path="/subscriptions/*", times=1000))
    with closing(lab.reader()) as reader:
        (error,) = reader.check(EVERYWHERE)

    assert error.text.startswith("GET /subscriptions/")
    assert error.text.endswith(" answered 404")
    assert error.fix
