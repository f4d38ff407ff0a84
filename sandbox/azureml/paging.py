"""Pages as Azure Resource Manager cuts them: a `nextLink` whose `$skip` is an opaque token, and as much as it likes on a page."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import islice
from urllib.parse import quote, urlencode

from sandbox.azureml.refusals import refuse
from sandbox.azureml.resources import Resource
from sandbox.messages import Request

PAGE = 30
_NEWEST_FIRST = frozenset({"jobs", "versions"})


def page_of(
    resources: Sequence[Resource], collection: str, request: Request, url: str, shown: Callable[[Resource], bool] = lambda _: True
) -> tuple[list[Resource], str | None]:
    """The page that is asked for and the address of the next one. `resources` are in the order of their making."""
    sign = -1 if collection in _NEWEST_FIRST else 1
    ordered = resources[::sign]
    size = _size(request)
    start = 0
    if (token := request.query.get("$skip")) is not None:
        start = bisect_left(ordered, sign * _serial(token) + 1, key=lambda one: sign * one.serial)
    page = list(islice((one for one in islice(ordered, start, None) if shown(one)), size + 1))
    if len(page) <= size:
        return page, None
    page.pop()
    query = {name: value for name, value in request.query.items() if name != "$skip"}
    return page, f"{url}{quote(request.path, safe='/%')}?{urlencode({**query, '$skip': _token(page[-1].serial)})}"


def _size(request: Request) -> int:
    said = request.query.get("$top") or request.query.get("count") or str(PAGE)
    if not said.isdigit() or int(said) == 0:
        raise refuse(400, "BadArgument", "the number of items on a page must be a positive number")
    return min(int(said), 1000)


def _token(serial: int) -> str:
    return base64.urlsafe_b64encode(f"after {serial}".encode()).decode()


def _serial(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token).decode().removeprefix("after "))
    except (binascii.Error, ValueError):
        raise refuse(400, "BadArgument", "the continuation token is malformed") from None
