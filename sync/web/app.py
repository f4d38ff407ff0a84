"""The HTTP service, put together from its parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp


def build_app(parts: Iterable[Sequence[BaseRoute]], mounted: Mapping[str, ASGIApp] = {}) -> Starlette:
    """Answers what `parts` answer and, at and below their paths, the applications that are `mounted`; and nothing else.

    It is bare Starlette: to find a route costs FastAPI more than it costs us to prove a delivery.
    """
    routes = [route for part in parts for route in part]
    for path, application in mounted.items():
        routes += [Mount(path, application), Route(path, application)]  # nothing is mounted at the path itself
    app = Starlette(routes=routes, exception_handlers={HTTPException: _in_json})
    app.router.redirect_slashes = False
    return app


async def _in_json(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return Response(msgspec.json.encode({"detail": error.detail}), error.status_code, error.headers, "application/json")
