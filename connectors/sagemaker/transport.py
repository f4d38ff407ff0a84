"""How a boto3 client sends and hears: counted, stoppable, within limits of size and time, and with the answer's bytes as they came.

boto3 signs, finds the endpoint, the proxy and the CA bundle, and reads errors. Answers of JSON services are handed on unread:
botocore would give up a whole page for one record that makes no sense, and makes objects that cost many times what typed decoding
does.
"""

from __future__ import annotations

import io
import time
from typing import Any

import msgspec
from botocore.exceptions import (  # type: ignore[import-untyped]  # botocore ships no types
    ConnectionClosedError,
    HTTPClientError,
    ReadTimeoutError,
)
from urllib3.exceptions import HTTPError
from urllib3.exceptions import ReadTimeoutError as SilentTooLong

from connectors.base import SourceContext
from connectors.bodies import LARGEST_ANSWER
from connectors.http import TooMuch
from connectors.sagemaker.retries import make_stoppable

BODY = "MilepostBody"
"""Where a call of a JSON service finds the answer's bytes."""

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 30.0
LONGEST_ANSWER = 120.0
"""Seconds: to connect, of silence, and for the whole body of one answer."""

_CHUNK = 2**16
_ERROR_FIELDS = ("__type", "code", "message", "Message")


def prepare(client: Any, context: SourceContext) -> Any:
    """The client, sending as this module says."""
    make_stoppable(client, context)
    wire = _Wire(context, client._endpoint.http_session)
    # Last, so that the limiter has let the request go.
    client.meta.events.register_last("before-send", wire.send)
    if client.meta.service_model.resolved_protocol == "json":
        client.meta.events.register(f"before-parse.{client.meta.service_model.service_id.hyphenize()}", _hand_on)
    return client


class _Wire:
    """Sends through botocore's own session, which knows proxy and certificates, and reads the body itself."""

    def __init__(self, context: SourceContext, session: Any) -> None:
        self._context = context
        self._session = session

    def send(self, request: Any, **_event: Any) -> Any:
        self._context.budget.take(self._context.stop)
        # A stream is left to us; botocore would read all of it, however long it is.
        request.stream_output = True
        try:
            response = self._session.send(request)
            body = self._body(request, response)
        finally:
            self._context.meter.request()
        response._content, response.raw = body, io.BytesIO(body)
        return response

    def _body(self, request: Any, response: Any) -> bytes:
        until = time.monotonic() + LONGEST_ANSWER
        chunks: list[bytes] = []
        size = 0
        try:
            # What is there at once: a read of so many bytes would wait for all of them.
            while chunk := response.raw.read1(_CHUNK, decode_content=False):
                chunks.append(chunk)
                size += len(chunk)
                if size > LARGEST_ANSWER:
                    what = f"{request.method} / answered more than {LARGEST_ANSWER // 2**20} MiB"
                    raise TooMuch(self._context.name, what, fix="check endpoint_url, and what stands in front of it")
                if time.monotonic() > until:
                    raise ReadTimeoutError(endpoint_url=request.url, error="the answer took too long")
        except SilentTooLong as error:
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
        except HTTPError as error:
            raise ConnectionClosedError(endpoint_url=request.url, request=request, error=error) from error
        except OSError as error:
            raise HTTPClientError(error=error) from error
        finally:
            response.raw.release_conn()
        announced = response.headers.get("content-length")
        if announced and announced.isdigit() and int(announced) != size and request.method != "HEAD":
            raise ConnectionClosedError(endpoint_url=request.url, request=request, error="the answer was cut short")
        return b"".join(chunks)


def _hand_on(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_event: Any) -> None:
    """Leaves botocore nothing of an answer to read, and of an error only what it can read."""
    if response_dict["status_code"] < 300:
        customized_response_dict[BODY] = response_dict["body"]
        response_dict["body"] = b"{}"
        return
    try:
        document: Any = msgspec.json.decode(response_dict["body"])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        document = {}
    said = document if isinstance(document, dict) else {}
    readable = {name: said[name] for name in _ERROR_FIELDS if isinstance(said.get(name), str)}
    response_dict["body"] = msgspec.json.encode(readable)
