"""The run history of a workspace: the steps of a job, which Azure Resource Manager does not list.

It is another service, whose address the workspace tells. The token goes there only if that is an address of the same cloud.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlsplit

import msgspec

from connectors.azureml.api import AzureApi
from connectors.azureml.clouds import Cloud
from connectors.azureml.credential import SIGN_IN_FIX
from connectors.azureml.listing import pages
from connectors.base import SourceContext
from connectors.errors import AuthError, Cancelled, NotFound, Unavailable
from connectors.http import Client, decode, open_client
from mappings.azureml import texts
from mappings.azureml_records import Texts
from mappings.decoding import decoder_for

API_VERSION = "v1.0"
NO_JOB = "milepost-check"
MOST_LISTINGS = 40
"""Of the steps of one job. A monitor has a few steps for each of its signals; what has more is not judged by its steps."""


class _Discovery(msgspec.Struct):
    api: str


class _Properties(msgspec.Struct, rename="camel"):
    discovery_url: str | None = None


class _Workspace(msgspec.Struct):
    properties: _Properties


class _Step(msgspec.Struct, rename="camel"):
    run_id: str
    tags: Texts = None


_discovery_decoder = decoder_for(_Discovery)
_workspace_decoder = decoder_for(_Workspace)
_step_decoder = decoder_for(_Step, strict=False)


class RunHistory:
    """Of one workspace. Its address is asked for with the first question."""

    def __init__(self, context: SourceContext, api: AzureApi) -> None:
        self._context = context
        self._api = api
        self._client: Client | None = None
        self._is_closed_to_us = False

    def close(self) -> None:
        """Harmless to repeat."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def can_be_read(self) -> bool:
        """Asks for the steps of a job that cannot be."""
        if self._is_closed_to_us:
            return False
        try:
            client = self._client = self._client or self._open()
            client.get(self._address(NO_JOB), params={"api-version": API_VERSION}, accept=(200, 404))
        except (AuthError, NotFound):
            return False
        return True

    def steps(self, job: str) -> Sequence[Mapping[str, str]] | None:
        """The tags of every step of a job, steps of steps as well; None where they cannot be told, or not be read."""
        if self._is_closed_to_us:
            return None
        try:
            client = self._client = self._client or self._open()
            return self._descendants(client, job)
        except NotFound:
            self._is_closed_to_us = self._client is None
            return None
        except AuthError:
            self._is_closed_to_us = True
            return None

    def _open(self) -> Client:
        """Raises `NotFound` for an address that is none of this cloud's."""
        source, services = self._context.name, self._api.services
        workspace = decode(source, self._api.prove_access(), _workspace_decoder)
        discovery = workspace.properties.discovery_url or ""
        address = self._discovered(discovery) if _is_of(services, discovery) else ""
        if not _is_of(services, address):
            raise NotFound(source, "the workspace names no run history of its cloud", fix="check the source's cloud")
        return open_client(self._context, address, auth=self._api.auth, advice=lambda _headers: SIGN_IN_FIX)

    def _discovered(self, url: str) -> str:
        parts = urlsplit(url)
        asked = open_client(self._context, f"{parts.scheme}://{parts.netloc}")
        try:
            return decode(self._context.name, asked.get(parts.path or "/"), _discovery_decoder).api
        finally:
            asked.close()

    def _descendants(self, client: Client, job: str) -> Sequence[Mapping[str, str]] | None:
        found: list[Mapping[str, str]] = []
        waiting, seen = deque([job]), {job}
        for _ in range(MOST_LISTINGS):
            if self._context.stop.is_set():
                raise Cancelled
            if not waiting:
                return found
            for step in self._children(client, waiting.popleft()):
                if step.run_id not in seen:
                    seen.add(step.run_id)
                    waiting.append(step.run_id)
                    found.append(texts(step.tags))
        return None

    def _address(self, job: str) -> str:
        return f"/history/{API_VERSION}{self._api.workspace}/runs/{quote(job, safe='')}/children"

    def _children(self, client: Client, job: str) -> Sequence[_Step]:
        path = self._address(job)
        raws = [raw for page in pages(self._context.name, client, path, {"api-version": API_VERSION}) for raw in page.value]
        try:
            return [_step_decoder.decode(raw) for raw in raws]
        except (msgspec.DecodeError, UnicodeError) as error:
            raise Unavailable(self._context.name, f"{path} holds a step that makes no sense", fix="run again later") from error


def _is_of(services: Cloud, address: str) -> bool:
    """Whether an address is one of the cloud's, so that a token may go there."""
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").lower()
    except ValueError:
        return False
    own = urlsplit(services.resource_manager)
    if (parts.scheme, parts.netloc.lower()) == (own.scheme, own.netloc.lower()):
        return True
    return parts.scheme == "https" and (host == services.domain or host.endswith(f".{services.domain}"))
