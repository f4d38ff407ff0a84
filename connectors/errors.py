"""Errors named by what the caller does next. Every message names the source, the object and the fix; none holds a secret."""

from __future__ import annotations

from datetime import datetime


class SourceError(Exception):
    """Base of all errors a source can cause. `source` is its name in the project file, `fix` what a person can do about it."""

    def __init__(self, source: str, message: str, *, fix: str | None = None) -> None:
        self.source = source
        self.message = message
        self.fix = fix
        super().__init__(f"{source}: {message}" + (f"; {fix}" if fix else ""))


class AuthError(SourceError):
    """The credentials are missing, wrong or too weak: stop this source and tell a person."""


class Unavailable(SourceError):
    """The source could not be reached or gave no sense: try again later; what rests on it becomes unknown."""


class RateLimited(Unavailable):
    """The source asked to wait. `until` is when it may be asked again (UTC)."""

    def __init__(self, source: str, message: str, *, until: datetime, fix: str | None = None) -> None:
        super().__init__(source, message, fix=fix)
        self.until = until


class NotFound(SourceError):
    """The object a scope names is not there, or is hidden from these credentials: the scope cannot be read."""


class BadRecord(SourceError):
    """One record could not be translated: quarantine it and go on."""


class Conflict(SourceError):
    """The remote value is not what the plan was made against: this change is not made."""


class BadSignature(SourceError):
    """A webhook delivery is not from who it claims to be: answer 401, store nothing."""


class Cancelled(Exception):
    """The stop event was set: leave between batches, resumable."""
