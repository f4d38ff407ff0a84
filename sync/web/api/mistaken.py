"""What is wrong with a request and what would be right, from the API's own description: never in a library's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from config.problems import nearest, quoted, suggestion
from sync.web.problems import Refused, invalid, not_found


def wrong_parameter(request: Request, error: RequestValidationError, place: str) -> Refused:
    """422 that names the parameter and what it takes."""
    first = error.errors()[0]
    known = {str(one["name"]): one for one in _parameters(request)}
    name = str(first["loc"][-1])
    if first["type"] == "extra_forbidden":
        return invalid(f"there is no parameter {quoted(name)} here", suggestion(name, known))
    if name not in known:
        return invalid("the request is not as described", f"see {place}/openapi.json")
    takes = f"{name} takes {_taken(known[name])}"
    if first["type"] == "missing":
        return invalid(f"{name} is missing", takes)
    return invalid(f"{name} cannot be {quoted(str(first['input']))}", takes)


def wrong_path(request: Request, place: str) -> Refused:
    """404 that names the paths that begin nearly so."""
    path, known = str(request.scope["path"]), _paths(request.app)
    meant = nearest(_beginning(path.removeprefix(place)), map(_beginning, known))
    near = [f"{place}{one}" for one in known if (_beginning(one) == meant if meant else "{" not in one)]
    fix = f"{'did you mean' if meant else 'ask for'} {' or '.join(near)}; {place}/openapi.json describes all"
    return not_found(f"there is no path {quoted(path)}", fix)


def wrong_method(request: Request, error: HTTPException) -> Refused:
    """405 that names the right method."""
    allowed = (error.headers or {}).get("Allow", "")
    what = f"{quoted(str(request.scope['path']))} does not take {quoted(request.method)}"
    return Refused(405, "method not allowed", what, fix=f"use {allowed}", allow=allowed)


def _beginning(path: str) -> str:
    """The first part of a path below the place of the API."""
    return path.lstrip("/").partition("/")[0]


def _parameters(request: Request) -> Sequence[Mapping[str, Any]]:
    """Those of the operation that was asked for."""
    route = request.scope.get("route")
    operation = _paths(request.app).get(getattr(route, "path_format", ""), {}).get(request.method.lower(), {})
    found: Sequence[Mapping[str, Any]] = operation.get("parameters", ())
    return found


def _paths(app: FastAPI) -> Mapping[str, Mapping[str, Any]]:
    found: Mapping[str, Mapping[str, Any]] = app.openapi()["paths"]
    return found


def _taken(parameter: Mapping[str, Any]) -> str:
    """One of a few words, else what the description says."""
    choices = list(_choices(parameter["schema"]))
    if choices:
        return f"one of {', '.join(choices)}"
    said = str(parameter["description"])
    return said[0].lower() + said[1:].removesuffix(".")


def _choices(schema: Mapping[str, Any]) -> Iterable[str]:
    for one in (schema, *schema.get("anyOf", ())):
        yield from map(str, one.get("enum", ()))
