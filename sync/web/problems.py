"""What a client of the API reads when something cannot be done: RFC 9457, with the fix beside what is wrong."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What is wrong, and what to do about it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(description="What is wrong, the same words each time.")
    status: int = Field(description="The status of the answer.", ge=400, le=599)
    detail: str | None = Field(description="What exactly is wrong with this request.")
    fix: str | None = Field(description="What to do about it.")


class Refused(Exception):
    """A request cannot be answered as it is. None of its texts quotes a secret."""

    def __init__(self, status: int, title: str, detail: str | None = None, *, fix: str | None = None, **headers: str) -> None:
        self.problem = Problem(title=title, status=status, detail=detail, fix=fix)
        self.headers: Mapping[str, str] = {name.replace("_", "-"): value for name, value in headers.items()}
        super().__init__(title)

    def response(self) -> Response:
        """The problem as RFC 9457 has it."""
        return Response(self.problem.model_dump_json(), self.problem.status, dict(self.headers), MEDIA_TYPE)


def not_found(what: str, fix: str | None = None) -> Refused:
    """404."""
    return Refused(404, "not found", what, fix=fix)


def invalid(what: str, fix: str | None = None) -> Refused:
    """422: a parameter is not as described."""
    return Refused(422, "invalid request", what, fix=fix)


def unavailable(what: str, fix: str | None = None) -> Refused:
    """503, to be tried again after five seconds."""
    return Refused(503, "not available now", what, fix=fix, retry_after="5")
