"""The API as an application of its own, mounted under `/api/v1`: its own errors and description, and a token for everything."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Scope

from sync.store.errors import StoreError
from sync.store.tokens import Scope as Allowed
from sync.web.api.audit import audit_routes
from sync.web.api.inbox import inbox_routes
from sync.web.api.mistaken import wrong_method, wrong_parameter, wrong_path
from sync.web.api.projects import project_routes
from sync.web.api.runs import run_routes
from sync.web.api.statuses import status_routes
from sync.web.api.work_items import work_item_routes
from sync.web.auth import Authority, Guard, by_method
from sync.web.problems import MEDIA_TYPE, Problem, Refused, unavailable
from sync.workspace import Workspace

PLACE = "/api/v1"

_BEARER = HTTPBearer(auto_error=False, description="A token of milepost token create: read to look, operate to set work going.")


def build_api(workspace: Workspace, authority: Authority, *, wake: Callable[[], None] = lambda: None) -> ASGIApp:
    """The API over a workspace's store, for holders of a token. `wake` is called when somebody asked for work."""
    app = FastAPI(
        title="Milepost",
        summary="What an AI project's data, models and deployments are really doing, with the evidence.",
        version=version("milepost"),
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        dependencies=[Depends(_BEARER)],
    )
    for routes in (
        project_routes(workspace, wake),
        work_item_routes(workspace),
        status_routes(workspace),
        run_routes(workspace),
        audit_routes(workspace),
        inbox_routes(workspace, wake),
    ):
        app.include_router(routes)
    for kind, tell in _TOLD:
        app.add_exception_handler(kind, tell)
    app.openapi = partial(_described, app.openapi)  # type: ignore[method-assign]  # how FastAPI is told
    return Guard(app, authority, needed=partial(_needed, app))


def _needed(app: FastAPI, request: Scope) -> Allowed | None:
    """None for what no operation is: whoever has any token is told so, before another one is asked for."""
    is_one = any(route.matches(request)[0] is Match.FULL for route in app.routes)
    return by_method(request) if is_one else None


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return error.response()


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return wrong_parameter(request, error, PLACE).response()


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    match error.status_code:
        case 404:
            return wrong_path(request, PLACE).response()
        case 405:
            return wrong_method(request, error).response()
    return Refused(error.status_code, str(error.detail).lower(), fix=f"see {PLACE}/openapi.json").response()


async def _store(_: Request, __: Exception) -> Response:
    """The error names the place of the database, which is nobody's business here."""
    return unavailable("the store does not answer", "try again in a little while").response()


async def _mistake(_: Request, __: Exception) -> Response:
    return Refused(500, "a mistake of Milepost", fix="the log of the server has it: report it").response()


_TOLD: tuple[tuple[type[Exception], Any], ...] = (
    (Refused, _refused),
    (RequestValidationError, _invalid),
    (HTTPException, _http),
    (StoreError, _store),
    (Exception, _mistake),
)

_ERRORS = {
    "400": "The cursor is none of this list.",
    "401": "There is no valid token.",
    "403": "The token has not the scope.",
    "404": "There is no such thing.",
    "409": "It cannot be done as things are.",
    "422": "A parameter is not as described.",
    "503": "The store does not answer now, or too many ask at once. Try again after Retry-After.",
}


def _described(describe: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """FastAPI's description with our errors in it instead of its own."""
    document = describe()
    schemas = document["components"]["schemas"]
    if "Problem" in schemas:
        return document
    schemas["Problem"] = Problem.model_json_schema()
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    said = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path in document["paths"].values():
        for method, operation in path.items():
            operation["responses"] |= {status: {"description": text, "content": said} for status, text in _ERRORS.items()}
            if method == "get":
                operation["responses"]["304"] = {"description": "It is as If-None-Match says."}
    return document
