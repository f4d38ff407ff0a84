"""The API keeps to its own description, whatever is sent: no answer is a mistake of ours, and none is of another shape."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
import schemathesis
from httpx import ASGITransport, AsyncClient, Response
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import APIOperation, GenerationMode
from schemathesis import Case as AnyCase
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance
from starlette.applications import Starlette

from sync.web.api.app import PLACE
from tests.web.api.conftest import Ask, World

BASE = f"http://milepost.example{PLACE}"
EXAMPLES = 3
"""Of each operation, on each database, of what the description allows and again of what it does not."""

Case: TypeAlias = AnyCase[Any]
Send: TypeAlias = Callable[[Case, str | None], Response]


@pytest.fixture
def send(app: Starlette) -> Iterator[Send]:
    """Sends what was made up, in one event loop."""
    transport = ASGITransport(app, raise_app_exceptions=False)
    with asyncio.Runner() as runner:
        client = AsyncClient(transport=transport)

        def sent(case: Case, token: str | None) -> Response:
            said: dict[str, Any] = case.as_transport_kwargs(base_url=BASE)
            known = {"method", "url", "params", "content", "data", "json"}
            headers = {name: value for name, value in said["headers"].items() if name.lower() != "authorization"}
            if token is not None:
                headers["authorization"] = f"Bearer {token}"
            more = {name: value for name, value in said.items() if name in known and value is not None}
            return runner.run(client.request(**more, headers=headers))

        yield sent
        runner.run(client.aclose())


@pytest.fixture
def description(ask: Ask, world: World) -> dict[str, Any]:
    world.run()
    world.wrote("CHURN-1")
    world.receive(3, dead=True)
    document: dict[str, Any] = ask("/openapi.json").json()
    return document


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
def test_every_answer_is_as_described(mode: GenerationMode, description: dict[str, Any], send: Send, world: World) -> None:
    token, tried = world.token(name="fuzzer"), set()
    for operation in _operations(_with_a_token(description)):

        @given(case=operation.as_strategy(mode))
        @settings(
            max_examples=EXAMPLES,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def holds(case: Case) -> None:
            answered = send(case, token)
            tried.add(case.operation.label)
            assert answered.status_code < 500, answered.text
            # No schema can say which cursors there are.
            unknown = answered.status_code == 400 and "cursor" in (case.query or {})
            case.validate_response(answered, excluded_checks=[positive_data_acceptance] if unknown else [])

        holds()

    assert len(tried) == sum(len(path) for path in description["paths"].values())


def _operations(description: dict[str, Any]) -> list[APIOperation[Any, Any, Any, Any]]:
    found = list(schemathesis.openapi.from_dict(description).get_all_operations())
    return [one.ok() for one in found if isinstance(one, Ok)]


def _with_a_token(description: dict[str, Any]) -> dict[str, Any]:
    """The description for who sends a token each time, so that this is no part of what is made up."""
    document = copy.deepcopy(description)
    for path in document["paths"].values():
        for operation in path.values():
            del operation["security"]
    return document


def test_nothing_is_answered_without_a_token(description: dict[str, Any], send: Send) -> None:
    for operation in _operations(description):

        @given(case=operation.as_strategy())
        @settings(max_examples=2, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        def refused(case: Case) -> None:
            answered = send(case, None)
            assert answered.status_code == 401
            case.validate_response(answered, excluded_checks=[ignored_auth])

        refused()


def test_the_description_is_whole(description: dict[str, Any]) -> None:
    operations = [operation for path in description["paths"].values() for operation in path.values()]
    names = description["components"]["schemas"]
    referred = {name for name in names if f'"#/components/schemas/{name}"' in str(description).replace("'", '"')}

    assert description["servers"] == [{"url": PLACE}]
    assert set(names) - referred == set()
    assert "HTTPValidationError" not in names
    assert description["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    for operation in operations:
        assert operation["security"] == [{"HTTPBearer": []}]
        assert operation["summary"]
        assert {"401", "403", "404", "422", "503"} <= operation["responses"].keys()
        (done,) = (status for status in operation["responses"] if status.startswith("2"))
        assert "$ref" in operation["responses"][done]["content"]["application/json"]["schema"]
