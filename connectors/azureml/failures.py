"""What Azure Resource Manager says is not there: the code of its 404 tells which part of the address is wrong."""

from __future__ import annotations

import re

import httpx
import msgspec

from connectors.azureml.permissions import PROVIDER
from connectors.errors import NotFound
from connectors.http import describe
from mappings.decoding import decode_as

UNSEEN_FIX = "check that it exists and that the identity may read it"

_ADDRESS = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    rf"(?:/providers/{re.escape(PROVIDER)}/(?P<kind>workspaces|registries)/(?P<name>[^/]+)(?P<rest>/.*)?|/resources)"
)
_CODE = re.compile(r"[A-Z][A-Za-z]{2,60}")


class _Error(msgspec.Struct):
    code: str = ""


class _Refusal(msgspec.Struct):
    error: _Error


def found(source: str, response: httpx.Response) -> httpx.Response:
    """The answer, unless it is a 404. Raises `NotFound` with what is missing and the key of the project file that names it."""
    if response.status_code != 404:
        return response
    code = _code(response)
    address = _ADDRESS.fullmatch(response.request.url.path)
    named = _named(code, address) if address is not None else None
    if named is not None:
        what, fix = named
        raise NotFound(source, f"{what} (Azure says {code})", fix=fix)
    shown = f" ({code})" if code else ""
    raise NotFound(source, f"{describe(response.request)} answered 404{shown}", fix=UNSEEN_FIX)


def _named(code: str, address: re.Match[str]) -> tuple[str, str] | None:
    """What is missing, and the fix; None where the code is not about the subscription, the group, the workspace or registry."""
    subscription, group, kind, name = address.group("subscription", "group", "kind", "name")
    whose = "the registry's " if kind == "registries" else ""
    if code == "SubscriptionNotFound":
        fix = f"check {whose}subscription and cloud, and that the identity belongs to the subscription's tenant"
        return f"there is no subscription {subscription}", fix
    if code == "ResourceGroupNotFound":
        return f"subscription {subscription} has no resource group {group!r}", f"check {whose}resource_group and subscription"
    # Further down it may be the endpoint or the model that is not there.
    if name and code in ("ResourceNotFound", "ParentResourceNotFound") and (address["rest"] or "").count("/") <= 1:
        if kind == "registries":
            what = f"resource group {group!r} has no registry {name!r}"
            return what, "check the registry's name, and its resource_group where that is not the workspace's"
        return f"resource group {group!r} has no workspace {name!r}", "check workspace and resource_group"
    return None


def _code(response: httpx.Response) -> str:
    """Azure's own word for it, if it is one."""
    try:
        code = decode_as(response.content, _Refusal).error.code
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ""
    return code if _CODE.fullmatch(code) else ""
