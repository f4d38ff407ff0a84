"""PyGithub's connections, with the limits that every other request has: how large an answer may be, and how long on its way."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import requests
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from connectors import bodies, http

_PIECE = 65_536


def keep_within_limits() -> None:
    """PyGithub takes the classes of its connections for the whole process. It would then make a connection for each request, were
    it not told to go on as before."""
    Requester.injectConnectionClasses(_PlainConnection, _TlsConnection)
    Requester._Requester__persist = True  # type: ignore[attr-defined]  # there is no other way to say so


class _PlainConnection(HTTPRequestsConnectionClass):
    def __init__(self, *address: Any, **options: Any) -> None:
        super().__init__(*address, **options)
        self.session.mount("http://", _WithinLimits(max_retries=self.retry))


class _TlsConnection(HTTPSRequestsConnectionClass):
    def __init__(self, *address: Any, **options: Any) -> None:
        super().__init__(*address, **options)
        self.session.mount("https://", _WithinLimits(max_retries=self.retry))


class _WithinLimits(HTTPAdapter):
    """Raises `TooLarge` and `TooSlow` beside what requests raises."""

    def send(self, request: requests.PreparedRequest, stream: bool = False, *options: Any, **more: Any) -> requests.Response:  # noqa: ARG002 - requests' signature
        request.headers["Accept-Encoding"] = bodies.ENCODINGS
        answer = super().send(request, True, *options, **more)
        try:
            content = bodies.whole(_pieces(answer), answer.headers.pop("Content-Encoding", None), http.LONGEST_ANSWER)
        except (HTTPError, bodies.Undecodable) as error:
            raise requests.ConnectionError(error, request=request) from error
        finally:
            answer.close()
        answer.raw = BytesIO(content)
        return answer


def _pieces(answer: requests.Response) -> Iterator[bytes]:
    """As they come: a read of so many bytes would wait for all of them."""
    while piece := answer.raw.read1(_PIECE, decode_content=False):
        yield piece
