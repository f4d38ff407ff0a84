"""What can go wrong on purpose: effects wrapped around a stand-in's answer, and which requests they meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from sandbox.messages import ConnectionDropped, Reply, Request

Answer = Callable[[], Reply]
Effect = Callable[[Request, Answer], Reply]
"""Takes the request and the way to the real answer, which changes state only when it is called."""


@dataclass(slots=True)
class Fault:
    """`effect` meets the next `times` requests whose method and path match; `path` is a glob over the path as it was sent.

    `after` lets that many matching requests pass first.
    """

    effect: Effect
    method: str = "*"
    path: str = "*"
    times: int = 1
    after: int = 0

    def matches(self, request: Request) -> bool:
        return self.times > 0 and fnmatchcase(request.method, self.method) and fnmatchcase(request.path, self.path)


def answers(status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Effect:
    """This answer instead of the real one; nothing is changed."""
    return lambda _request, _answer: Reply(status, body, headers or {})


def asks_to_wait(seconds: float | str, *, status: int = 429, headers: Mapping[str, str] | None = None, body: Any = None) -> Effect:
    """A `Retry-After`, in seconds or as an HTTP date."""
    return answers(status, body, {"Retry-After": str(seconds), **(headers or {})})


def out_of_service() -> Effect:
    """Down for an hour, and says so: a client need not try again before."""
    return asks_to_wait(3600, status=503)


def html_page(status: int = 502) -> Effect:
    """What a proxy or gateway says when the service behind it does not."""
    page = b"<!DOCTYPE html><html><head><title>Bad gateway</title></head><body><h1>Something went wrong</h1></body></html>"
    return lambda _request, _answer: Reply(status, page, content_type="text/html; charset=utf-8")


def delays(seconds: float) -> Effect:
    """The request is carried out, the real answer comes late: a client that stops waiting cannot know."""

    def effect(_request: Request, answer: Answer) -> Reply:
        return replace(answer(), delay=seconds)

    return effect


def resets() -> Effect:
    """The connection is reset before anything is done."""

    def effect(_request: Request, _answer: Answer) -> Reply:
        raise ConnectionDropped

    return effect


def loses_answer() -> Effect:
    """The request is carried out, then the connection is reset: the client cannot know."""

    def effect(_request: Request, answer: Answer) -> Reply:
        answer()
        raise ConnectionDropped

    return effect


def truncates() -> Effect:
    """The real answer's headers and half of its body, then the end."""

    def effect(_request: Request, answer: Answer) -> Reply:
        return replace(answer(), truncated=True)

    return effect


def take(faults: list[Fault], request: Request) -> Fault | None:
    """The first fault that meets this request, counted down; spent ones leave the list."""
    for fault in faults:
        if not fault.matches(request):
            continue
        if fault.after > 0:
            fault.after -= 1
            continue
        fault.times -= 1
        if fault.times == 0:
            faults.remove(fault)
        return fault
    return None
