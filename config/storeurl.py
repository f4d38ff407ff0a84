"""The address of the store: which databases it may name, and where a relative SQLite path starts."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from config.explain import Invalid
from config.problems import suggestion

_SCHEMES = ("sqlite", "postgresql+psycopg")
_SYNONYMS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg", "sqlite+pysqlite": "sqlite"}
_EXAMPLES = "write sqlite:///milepost.db or postgresql+psycopg://user@host/name"


def checked_store_url(url: str) -> str:
    """The URL with its scheme spelt as SQLAlchemy needs it. Raises `ValueError`; no message repeats the URL."""
    scheme, separator, rest = url.partition("://")
    if not separator or "\n" in url:
        raise Invalid("is no database URL", _EXAMPLES)
    scheme = _SYNONYMS.get(scheme, scheme)
    if scheme not in _SCHEMES:
        raise Invalid("names a database that Milepost does not support", f"{suggestion(scheme, _SCHEMES)}; {_EXAMPLES}")
    if scheme == "sqlite":
        _check_sqlite(rest)
    else:
        _check_postgresql(f"{scheme}://{rest}")
    return f"{scheme}://{rest}"


def anchored_store_url(url: str, folder: Path) -> str:
    """A checked URL whose SQLite path does not depend on the current directory: a relative one starts at `folder`."""
    scheme, _, rest = url.partition("://")
    if scheme != "sqlite":
        return url
    path, question, query = rest.removeprefix("/").partition("?")
    return f"sqlite:///{(folder.absolute() / path).as_posix()}{question}{query}"


def _check_sqlite(rest: str) -> None:
    path = rest.partition("?")[0]
    if path in ("", "/", "/:memory:"):
        raise Invalid("names a database in memory, which would forget what was published", "write sqlite:///milepost.db")
    if not path.startswith("/"):
        raise Invalid("has two slashes where SQLite needs three", "write sqlite:///milepost.db, or sqlite:////data/milepost.db")
    if path.startswith("/file:") or path.endswith("/"):
        raise Invalid("must name a file by its path", "write sqlite:///milepost.db")


def _check_postgresql(url: str) -> None:
    try:
        parts = urlsplit(url)
        complete = bool(parts.hostname or "host=" in parts.query) and len(parts.path) > 1
        valid = parts.port is None or parts.port > 0
    except ValueError:
        complete = valid = False
    if not (complete and valid):
        raise Invalid("must name a host and a database", "write postgresql+psycopg://user@host:5432/name")
