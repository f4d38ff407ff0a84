"""The HTTP service, put together from its parts."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version

from fastapi import APIRouter, FastAPI


def build_app(parts: Iterable[APIRouter]) -> FastAPI:
    """Answers what `parts` answer, and nothing else: no pages about itself, and no path that is only nearly right."""
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
    return app
