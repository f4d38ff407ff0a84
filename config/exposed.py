"""Finds secrets that stand in the project file, where they must not, and takes them out before anything else sees them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, SecretStr

from config.problems import Path, has_token, nearest
from config.variables import STORE_URL, variable

GONE = "[hidden]"

_SECRET_KEY = re.compile(
    r"(^|_)(token|passwd|password|passphrase|pwd|secret|secret_key|private_key|api_key|apikey|access_key|account_key|credentials?)$"
)
_WEB_CREDENTIALS = re.compile(
    r"(https?://)(?:[^/?#\s@]{0,1000}|[^/?#\s@:]{0,500}:(?!\d{0,5}(?:[/?#\s]|$))[^@\s]{0,1000})@", re.IGNORECASE
)
"""Any user part: before a web address even a lone user name is most often a token. A password may hold / or ?."""
_PASSWORD_IN_URL = re.compile(
    r"(?<![a-z0-9+.-])(?!https?://)([a-z][a-z0-9+.-]{0,60}://[^/?#\s@:]{0,500}):\S{1,1000}@", re.IGNORECASE
)
_SECRET_IN_QUERY = re.compile(
    r"([?&;](?:[\w.-]{0,60}(?:password|passwd|secret|token|signature|api_?key|access_?key)|sig|pwd)=)[^&#;\s]+", re.IGNORECASE
)
_NAMES_OF_METRICS = frozenset({"thresholds", "data", "drift", "performance", "bias"})


class Exposure:
    """Walks plain data. `clean` returns it without secrets, `found` then lists (path, message, fix) of each."""

    def __init__(self, secrets: Mapping[str, type[BaseModel] | None]) -> None:
        """`secrets` gives, by source name, the model of what the environment may hold for it, where known."""
        self.secrets = secrets
        self.found: list[tuple[Path, str, str]] = []

    def clean(self, value: Any, path: Path = ()) -> Any:
        if isinstance(value, dict):
            return {key: self.clean(inner, (*path, key)) for key, inner in value.items() if not self._is_secret(key, inner, path)}
        if isinstance(value, list):
            return [self.clean(inner, (*path, index)) for index, inner in enumerate(value)]
        return self._clean_text(value, path) if isinstance(value, str) else value

    def _is_secret(self, key: str, value: Any, path: Path) -> bool:
        if isinstance(value, dict | list | bool) or value in (None, ""):
            return False
        if path[:1] == ("statuses",) or (path[:1] == ("projects",) and path[2:3] and path[2] in _NAMES_OF_METRICS):
            return False
        if not _SECRET_KEY.search(key.lower().replace("-", "_")):
            return False
        self._report((*path, key), f"{key} is a secret and must not stand in this file", key)
        return True

    def _clean_text(self, text: str, path: Path) -> str:
        if has_token(text):
            self._report(path, "this looks like a token or a private key, which must not stand in this file", "token")
            return GONE
        if "://" not in text:
            return text
        bare = _PASSWORD_IN_URL.sub(r"\1@", _WEB_CREDENTIALS.sub(r"\1", text))
        bare = _SECRET_IN_QUERY.sub(rf"\1{GONE}", bare)
        if bare != text:
            self._report(path, "this URL holds credentials, which must not stand in this file", "token")
        return bare

    def _report(self, path: Path, message: str, key: str) -> None:
        self.found.append(
            (path, message, f"take it out of the file, replace that secret by a new one, and set {self._variable(path, key)}")
        )

    def _variable(self, path: Path, key: str) -> str:
        if path[:1] == ("store",):
            return STORE_URL
        source = next((part for part in path if isinstance(part, str) and part in self.secrets), None)
        if source is None:
            return f"the environment variable MILEPOST_<SOURCE>__{key.upper().replace('-', '_')}"
        return variable(source, self._field(source, key.lower().replace("-", "_")))

    def _field(self, source: str, key: str) -> str:
        """The field of the source's secrets that `key` was meant for; its first secret field where none is near."""
        model = self.secrets[source]
        if model is None or not model.model_fields:
            return key
        secret = [name for name, info in model.model_fields.items() if SecretStr in _alternatives(info.annotation)]
        return nearest(key, model.model_fields) or next(iter(secret), key)


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    return (annotation, *getattr(annotation, "__args__", ()))
