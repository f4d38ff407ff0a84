"""How GitHub words its refusals. Each function makes the `Refusal` to raise."""

from __future__ import annotations

from typing import Any

from sandbox.messages import Refusal, Reply

CONTENT_TYPE = "application/json; charset=utf-8"
DOCS = "https://docs.github.com/rest"


def refusal(status: int, message: str, *, headers: dict[str, str] | None = None, docs: str = DOCS, **more: Any) -> Refusal:
    """An answer of the schema `basic-error`, with whatever else it holds."""
    body = {"message": message, **more, "documentation_url": docs, "status": str(status)}
    return Refusal(Reply(status, body, headers or {}, CONTENT_TYPE))


def not_found() -> Refusal:
    """Also what hides a private repository from who may not see it."""
    return refusal(404, "Not Found")


def gone(message: str) -> Refusal:
    return refusal(410, message)


def invalid(resource: str, field: str, code: str, **more: Any) -> Refusal:
    """The schema `validation-error` with one error."""
    return refusal(422, "Validation Failed", errors=[{"resource": resource, "code": code, "field": field, **more}])


def too_long(resource: str, field: str, limit: int) -> Refusal:
    return invalid(resource, field, "custom", message=f"{field} is too long (maximum is {limit} characters)")


def no_commit(ref: str) -> Refusal:
    return refusal(422, f"No commit found for SHA: {ref}")


def moved(location: str) -> Refusal:
    """Where a renamed repository or a transferred issue is now."""
    return refusal(301, "Moved Permanently", headers={"Location": location}, url=location)


def page_too_far() -> Refusal:
    message = (
        "Pagination with the page parameter is not supported for large datasets, please use cursor based pagination (after/before)"
    )
    return refusal(422, message)
