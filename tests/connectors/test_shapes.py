"""What is wrong with a text that has a shape of its own is told by an example, and editors know the shape."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from connectors.azureml.options import AzureMLOptions
from connectors.sagemaker.options import SageMakerOptions

REGION = "eu-west-1"
ROLE = "arn:aws:iam::111122223333:role/milepost-reader"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
AZURE = {"resource_group": "ml", "workspace": "churn"}


@pytest.mark.parametrize(
    ("model", "said", "key", "wrong", "example"),
    [
        (SageMakerOptions, {}, "region", "Ireland", REGION),
        (SageMakerOptions, {}, "region", f"{REGION}\n", REGION),
        (SageMakerOptions, {"region": REGION}, "role_arn", "milepost-reader", ROLE),
        (AzureMLOptions, AZURE, "subscription", "my-subscription", SUBSCRIPTION),
    ],
)
def test_a_text_of_another_shape_is_refused_with_an_example(
    model: type[BaseModel], said: dict[str, Any], key: str, wrong: str, example: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        model.model_validate({**said, key: wrong})
    (error,) = raised.value.errors()

    assert error["loc"] == (key,)
    assert f"such as {example}" in error["msg"]
    assert "^" not in error["msg"]
    assert getattr(model.model_validate({**said, key: example}), key) == example


@pytest.mark.parametrize(
    ("model", "key"), [(SageMakerOptions, "region"), (SageMakerOptions, "role_arn"), (AzureMLOptions, "subscription")]
)
def test_the_schema_holds_the_shape(model: type[BaseModel], key: str) -> None:
    described = TypeAdapter(model).json_schema()["properties"][key]
    (text,) = (one for one in described.get("anyOf", [described]) if one["type"] == "string")

    assert text["pattern"].startswith("^")
