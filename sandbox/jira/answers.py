"""Shapes that all operations share: errors as Jira words them, pages, and the reading of parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from sandbox.jira.model import Issue
from sandbox.jira.state import State
from sandbox.messages import Refusal, Reply, Request

NO_ISSUE = "Issue does not exist or you do not have permission to see it."
BAD_PAYLOAD = "Invalid request payload. Refer to the REST API documentation and try again."


def errors(*messages: str, fields: dict[str, str] | None = None, status: int = 400) -> Reply:
    """Jira's error collection."""
    return Reply(status, {"errorMessages": list(messages), "errors": fields or {}})


def refuse(*messages: str, status: int = 400) -> Refusal:
    return Refusal(errors(*messages, status=status))


def issue_of(state: State, request: Request) -> Issue:
    issue = state.visible_issue(request.params["issueIdOrKey"])
    if issue is None:
        raise refuse(NO_ISSUE, status=404)
    return issue


def body_object(request: Request) -> dict[str, Any]:
    body = request.json()
    if not isinstance(body, dict):
        raise refuse(BAD_PAYLOAD)
    return body


def number(request: Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not text.removeprefix("-").isdecimal():
        raise refuse(f"Failed to convert value '{text}' of parameter '{name}' to a number.", status=404)
    return int(text)


def yes(request: Request, name: str) -> bool:
    return request.query.get(name, "").lower() == "true"


def names(request: Request, name: str) -> list[str]:
    """A list parameter: repeated, comma-separated, or both."""
    return [part.strip() for value in request.query_lists.get(name, []) for part in value.split(",") if part.strip()]


def page(state: State, request: Request, entries: Sequence[Any], *, most: int) -> dict[str, Any]:
    """One page of `entries` as `startAt` and `maxResults` ask, with the address of the next."""
    start = max(number(request, "startAt", 0), 0)
    size = min(max(number(request, "maxResults", 50), 1), most)
    here = f"{state.site()}{request.path}"
    last = start + size >= len(entries)
    answer = {
        "self": f"{here}?{urlencode({'maxResults': size, 'startAt': start})}",
        "maxResults": size,
        "startAt": start,
        "total": len(entries),
        "isLast": last,
        "values": entries[start : start + size],
    }
    return answer if last else answer | {"nextPage": f"{here}?{urlencode({'maxResults': size, 'startAt': start + size})}"}
