"""Reads online and batch endpoints, and of those that changed the deployments.

Deployments can be listed only endpoint by endpoint. Whether any of an endpoint's changed, one listing of Azure Resource Manager
tells for all of them; where that may not be read, each endpoint counts as changed.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from connectors.azureml.api import AzureApi
from connectors.azureml.cursor import EndpointsCursor
from connectors.base import Batch
from connectors.errors import AuthError, Cancelled, NotFound, RateLimited, Unavailable
from connectors.globs import matches
from mappings.azureml import Records, each
from mappings.azureml_endpoints import EndpointKind, endpoint_records, read_endpoint, state_of
from mappings.azureml_names import Site
from mappings.azureml_records import EndpointRecord
from mappings.decoding import decoder_for
from mappings.model import Entity

KINDS: Sequence[EndpointKind] = ("online", "batch")
_SETTLED = ("in_service", "failed", "stopped")


class _Listed(NamedTuple):
    record: EndpointRecord
    digest: str


def pull_endpoints(
    api: AzureApi, site: Site, globs: Sequence[str], cursor: EndpointsCursor | None, stop: threading.Event
) -> Iterator[Batch]:
    """The endpoints of the scope that changed since `cursor`; from None, all of them."""
    known = cursor.marks if cursor is not None else {}
    marks: dict[str, str] = {}
    changes = _DeploymentMarks(api)
    for kind in KINDS if globs else ():
        for page in api.collection(f"{kind}Endpoints"):
            entities: list[Entity] = []
            listed, rejected = each(
                page.value, "deployment", _listed_decoder, lambda raw: _Listed(read_endpoint(raw), _digest(raw))
            )
            for record, digest in (one for one in listed if is_in_scope(one.record.name, globs)):
                if stop.is_set():
                    raise Cancelled
                name = f"{kind}/{record.name.lower()}"
                mark = changes.mark(f"{kind}endpoints/{record.name}", digest)
                if mark is None or known.get(name) != mark:
                    found = read_deployments(api, site, kind, record)
                    entities += found.entities
                    rejected += found.rejected
                if mark is not None and state_of(record.properties.provisioning_state) in _SETTLED:
                    marks[name] = mark
            yield Batch(entities=entities, rejected=rejected)
    yield Batch(cursor=EndpointsCursor(marks=marks).encode(), complete=cursor is None)


def read_deployments(api: AzureApi, site: Site, kind: EndpointKind, endpoint: EndpointRecord) -> Records:
    """The endpoint with its deployments; nothing if it was deleted since it was listed."""
    try:
        deployments = [raw for page in api.collection(f"{kind}Endpoints", endpoint.name, "deployments") for raw in page.value]
    except NotFound:
        if api.single(f"{kind}Endpoints", endpoint.name) is not None:
            raise
        return Records([])
    return endpoint_records(site, kind, endpoint, deployments)


def is_in_scope(name: str, globs: Sequence[str]) -> bool:
    """Azure takes names of endpoints without regard to case."""
    return matches(name.lower(), [glob.lower() for glob in globs])


class _DeploymentMarks:
    """What tells whether an endpoint's deployments changed. Asked for once, when it is first needed."""

    def __init__(self, api: AzureApi) -> None:
        self._api = api
        self._by_endpoint: Mapping[str, Sequence[str]] | None = None

    def mark(self, endpoint: str, digest: str) -> str | None:
        """None where it cannot be told, or while one of them is under way."""
        if self._by_endpoint is None:
            self._by_endpoint = self._read()
        # Where none at all is listed, this cloud does not list them.
        said = self._by_endpoint.get(endpoint.lower(), ()) if self._by_endpoint else ("",)
        return _hash("\n".join([digest, *sorted(said)])) if all(said) else None

    def _read(self) -> Mapping[str, Sequence[str]]:
        start = f"{self._api.workspace}/".lower()
        found: dict[str, list[str]] = {}
        try:
            for one in self._api.deployment_marks():
                endpoint, _, deployment = one.id.lower().removeprefix(start).partition("/deployments/")
                if one.id.lower().startswith(start) and deployment:
                    settled = one.changed_time and state_of(one.provisioning_state) in _SETTLED
                    said = f"{deployment} {one.changed_time} {one.provisioning_state}" if settled else ""
                    found.setdefault(endpoint, []).append(said)
        except RateLimited:
            # To ask for each endpoint instead would be the wrong answer.
            raise
        except (AuthError, NotFound, Unavailable):
            return {}
        return found


def _digest(raw: msgspec.Raw) -> str:
    return _hash(bytes(raw).decode())


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


_listed_decoder = decoder_for(msgspec.Raw)
