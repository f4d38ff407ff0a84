"""The certificates to trust, as the environment names them."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache

import httpx


def trusted_certificates() -> ssl.SSLContext:
    """The SDKs that rest on requests honour `…_CA_BUNDLE`, httpx only `SSL_CERT_FILE`: one setting does for both. Raises `OSError`
    for what cannot be read."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    return _loaded(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"), bundle)


@lru_cache(maxsize=4)
def _loaded(file: str | None, folder: str | None, bundle: str | None) -> ssl.SSLContext:  # noqa: ARG001 - httpx looks for it itself
    """Shared by all clients: to load the certificates is most of what opening one costs."""
    if not bundle or file:
        return httpx.create_ssl_context()
    if os.path.isdir(bundle):  # noqa: PTH112 - the variable may hold any text, which Path would normalise
        return ssl.create_default_context(capath=bundle)
    return ssl.create_default_context(cafile=bundle)
