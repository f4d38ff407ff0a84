"""The `jira` client library, sending through our one HTTP client: it brings its knowledge of the API, not its own retries, timeouts
or credentials. Used for what is asked once, not once a record: server, account, permissions, fields, edit screens.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from io import BytesIO
from typing import Any, TypeVar

import httpx
import msgspec
from jira import JIRA, JIRAError
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

from connectors.errors import Unavailable
from connectors.http import decode
from connectors.jira.api import JiraApi
from mappings.decoding import convert_to

T = TypeVar("T")


class JiraSdk:
    """Typed answers of the library. Raises the errors of `connectors.errors` only. It sends through `api`: close that last."""

    def __init__(self, api: JiraApi) -> None:
        self._source = api.source
        self._api = api
        self._opened: JIRA | None = None

    def ask(self, question: Callable[[JIRA], Any], shape: type[T]) -> T:
        """The answer of one of the library's methods, typed. Raises `Unavailable` when it has another shape."""
        try:
            return convert_to(question(self._jira()), shape)
        except (msgspec.ValidationError, JIRAError, KeyError, TypeError, AttributeError) as error:
            raise Unavailable(self._source, "Jira answered something unexpected", fix="check the source's url") from error

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()  # type: ignore[no-untyped-call]  # the library leaves it untyped

    def _jira(self) -> JIRA:
        """Made for the first question: which version of the API there is depends on the deployment."""
        if self._opened is None:
            url = self._api.options.url
            options: dict[str, Any] = {"rest_api_version": self._api.deployment.version}
            self._opened = JIRA(server=url, options=options, max_retries=0, timeout=60, get_server_info=False)
            self._opened._session.mount(url, _ThroughOurs(self._api))
        return self._opened


class _ThroughOurs(BaseAdapter):
    """Sends the library's questions with our client, which adds the credentials and raises our errors. Nothing is written by it."""

    def __init__(self, api: JiraApi) -> None:
        super().__init__()
        self._api = api

    def send(self, request: PreparedRequest, *_options: Any, **_more: Any) -> Response:
        # Below the site's address: the client knows whether that is reached through the gateway.
        answer = self._api.send("GET", str(request.url).removeprefix(self._api.options.url))
        # Decoded here, so that the library never meets, and logs, what is no JSON.
        decode(self._api.source, answer, _ANYTHING)
        return _as_requests(request, answer)

    def close(self) -> None:
        """The client belongs to the API."""


def _as_requests(request: PreparedRequest, answer: httpx.Response) -> Response:
    response = Response()
    response.status_code = answer.status_code
    response.reason = HTTPStatus(answer.status_code).phrase
    response.url = str(request.url)
    response.request = request
    response.headers.update({"content-type": "application/json"})
    response.encoding = "utf-8"
    response.raw = BytesIO(answer.content)
    return response


_ANYTHING = msgspec.json.Decoder()
