"""What GitHub's refusals say in their headers: which permission is missing, and where."""

from __future__ import annotations

import re

import httpx

_PERMISSION = re.compile(r"([a-z_]{1,40})=([a-z]{1,10})")


def advice(headers: httpx.Headers) -> str | None:
    """What to do about a 401 or 403, in the words of GitHub's own settings; None where the headers do not say."""
    if headers.get("x-github-sso", "").startswith("required"):
        return "authorise the token for the organisation's single sign-on, in its owner's settings under Personal access tokens"
    # Several ways are separated by semicolons; each one needs all of its permissions.
    ways = [_permissions(way) for way in headers.get("x-accepted-github-permissions", "").split(";")]
    named = [way for way in ways if way]
    return f"grant the token or App {', or '.join(named)}, and approve that where GitHub asks for it" if named else None


def _permissions(way: str) -> str:
    found = _PERMISSION.findall(way)
    return " and ".join(f"{name.replace('_', ' ').capitalize()}: {access}" for name, access in found)
