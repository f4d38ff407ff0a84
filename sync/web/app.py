"""The HTTP service, put together from its parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from starlette.routing import Route
from starlette.types import ASGIApp


def build_app(parts: Iterable[APIRouter], mounted: Mapping[str, ASGIApp] = {}) -> FastAPI:
    """Answers what `parts` answer and, at and below their paths, the applications that are `mounted`; and nothing else: no pages
    about itself, and no path that is only nearly right."""
    app = FastAPI(
        title="Milepost",
        version=version("milepost"),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    for part in parts:
        app.include_router(part)
    for path, application in mounted.items():
        app.mount(path, application)
        app.router.routes.append(Route(path, application))  # nothing is mounted at the path itself
    return app
