"""Takes secrets out of payloads and texts that are kept for a person to look at."""

from __future__ import annotations

import re

REDACTED = b"***"

_SECRETS = re.compile(
    rb"gh[pousr]_[A-Za-z0-9]{16,255}"  # GitHub's tokens
    rb"|github_pat_[A-Za-z0-9_]{16,255}"
    rb"|glpat-[A-Za-z0-9_-]{16,255}"  # GitLab's
    rb"|ATATT[A-Za-z0-9_=-]{16,255}"  # Atlassian's
    rb"|A(?:KIA|SIA)[A-Z0-9]{16}"  # AWS access keys
    rb"|mp_[0-9a-f]{12}_[A-Za-z0-9_-]{43}"  # our own
    rb"|eyJ[A-Za-z0-9_-]{8,4096}\.eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,4096}"  # JSON web tokens
)
_SECRET_FIELDS = re.compile(
    rb'("[a-z_]{0,64}(?:token|secret|password|passwd|api_?key|private_key|authorization)"\s{0,8}:\s{0,8})"(?:[^"\\]|\\.)*+"',
    re.IGNORECASE,
)
_SIGNATURE = re.compile(rb"((?:[?&]sig|AccountKey)=)[A-Za-z0-9%+/=_-]{8,512}")  # Azure's shared access signatures and storage keys
_USERINFO = re.compile(rb"(://)[^/@\s\"]{1,512}@")
_CREDENTIALS = re.compile(r"(?i)\b(https?://)[^/\s@\"'<>]{1,512}@")


def redacted(payload: bytes) -> bytes:
    """The payload with what is or may be a secret replaced by `***`: known token formats, fields whose name ends in one of the
    usual words, signatures, user and password in addresses. JSON stays JSON."""
    payload = _SECRET_FIELDS.sub(rb'\1"' + REDACTED + rb'"', payload)
    payload = _SECRETS.sub(REDACTED, payload)
    payload = _SIGNATURE.sub(rb"\1" + REDACTED, payload)
    return _USERINFO.sub(rb"\1" + REDACTED + b"@", payload)


def without_credentials(text: str) -> str:
    """A text that is shown or kept, without user and password in its web addresses. Other schemes may mean something by an `@`."""
    return _CREDENTIALS.sub(r"\1", text) if "://" in text else text
