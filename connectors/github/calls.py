"""Calls into PyGithub: its errors become ours, refused ones are waited for, reads are repeated, and all are counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TypeVar

import jwt
import requests
from github import Github, GithubException
from github.GithubException import BadAttributeException, RateLimitExceededException

from connectors.base import LONGEST_WAIT, SourceContext
from connectors.bodies import LARGEST_ANSWER, TooLarge, TooSlow
from connectors.errors import AuthError, Cancelled, NotFound, RateLimited, SourceError, Unavailable
from connectors.http import LONGEST_ANSWER
from connectors.rates import asked_wait, read_reset
from mappings.redaction import redacted

T = TypeVar("T")

_ATTEMPTS = 4
_FIRST_PAUSE = timedelta(seconds=0.5)


class Refused(SourceError):
    """GitHub understood and will not do it: `said` is its reason."""

    def __init__(self, source: str, message: str, *, status: int, said: str) -> None:
        self.status = status
        self.said = said
        super().__init__(source, message)


class Calls:
    """A set stop event ends every wait, and refuses every further call, with `Cancelled`."""

    def __init__(self, context: SourceContext, sdk: Github) -> None:
        self._context = context
        self._sdk = sdk

    def read(self, what: str, call: Callable[[], T]) -> T:
        """Repeated after trouble on the way, a few times."""
        for attempt in count(1):
            try:
                return self.write(what, call)
            except RateLimited:
                raise
            except Unavailable:
                if attempt == _ATTEMPTS:
                    raise
            self._wait(_FIRST_PAUSE * 2**attempt)
        raise AssertionError("count() does not end")

    def write(self, what: str, call: Callable[[], T]) -> T:
        """Repeated only after GitHub refused it for its rate: then nothing was done."""
        for attempt in count(1):
            try:
                return self._once(what, call)
            except RateLimited as limited:
                wait = max(limited.until - datetime.now(UTC), timedelta(0))
                if attempt == _ATTEMPTS or wait > LONGEST_WAIT:
                    raise
            self._wait(wait)
        raise AssertionError("count() does not end")

    def _once(self, what: str, call: Callable[[], T]) -> T:
        self._context.budget.take(self._context.stop)
        try:
            with translated(self._context, what):
                return call()
        finally:
            self._report()

    def _report(self) -> None:
        remaining, limit = self._sdk.requester.rate_limiting
        if limit < 0:
            self._context.meter.request()
            return
        reset = read_reset(str(self._sdk.requester.rate_limiting_resettime))
        self._context.meter.request(remaining=remaining, limit=limit, resets_at=reset)

    def _wait(self, pause: timedelta) -> None:
        if self._context.stop.wait(pause.total_seconds()):
            raise Cancelled


@contextmanager
def translated(context: SourceContext, what: str) -> Iterator[None]:
    """Raises our errors for PyGithub's: `AuthError`, `NotFound`, `RateLimited`, `Refused`, `Unavailable`. None quotes a request."""
    source = context.name
    try:
        yield
    except GithubException as error:
        raise _translate(context, what, error) from error
    except (TooLarge, TooSlow) as error:
        limit = f"{LARGEST_ANSWER // 2**20} MiB" if isinstance(error, TooLarge) else f"{LONGEST_ANSWER.total_seconds():.0f} s"
        raise Unavailable(
            source, f"{what}: an answer of more than {limit}", fix="check the source's url, and the network"
        ) from error
    except requests.RequestException as error:
        untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
        fix = "name your CA bundle in SSL_CERT_FILE" if untrusted else "check the source's url, the network and the proxy"
        raise Unavailable(source, f"{what}: the connection failed", fix=fix) from error
    except jwt.PyJWTError as error:
        raise AuthError(
            source, f"{what}: the App's private key cannot be used", fix="give the PEM file that GitHub made"
        ) from error
    except (BadAttributeException, AssertionError, AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        # PyGithub asserts that answers stay on its host, and trips over answers that are no GitHub's.
        raise Unavailable(source, f"{what}: GitHub's answer made no sense", fix="check the source's url") from error


def _translate(context: SourceContext, what: str, error: GithubException) -> SourceError:
    source = context.name
    status, said, headers = error.status, _said(context, error.data), error.headers or {}
    what = f"{what}: GitHub answered {status}"
    if _is_rate_limit(error):
        wait = asked_wait(headers, now := datetime.now(UTC))
        if wait is not None:
            context.budget.pause(wait)
        until = now + (wait if wait is not None else LONGEST_WAIT)
        return RateLimited(source, f"{what}: rate limit until {until:%Y-%m-%d %H:%M:%S} UTC", until=until, fix="run again then")
    if status == 401:
        return AuthError(source, f"{what}: {said}", fix=context.credentials_fix())
    if status in (404, 410):
        return NotFound(source, what, fix="check that it exists and that the account may see it")
    if status >= 500:
        return Unavailable(source, what, fix="GitHub has trouble; run again later")
    return Refused(source, f"{what}: {said}", status=status, said=said)


def _is_rate_limit(error: GithubException) -> bool:
    if error.status == 429 or isinstance(error, RateLimitExceededException):
        return True
    headers = error.headers or {}
    return error.status == 403 and ("retry-after" in headers or headers.get("x-ratelimit-remaining") == "0")


def _said(context: SourceContext, data: object) -> str:
    """GitHub's own words, shortened, and without our token where they quote it."""
    if not isinstance(data, dict):
        return "without a reason"
    problems = data.get("errors")
    texts = [str(data.get("message", ""))]
    for problem in problems if isinstance(problems, list) else []:
        text = problem.get("message") or problem.get("code") if isinstance(problem, dict) else problem
        texts.append(str(text))
    said = "; ".join(text for text in texts if text)
    token = context.secrets.token.get_secret_value().strip() if context.secrets.token else ""
    said = said.replace(token, "***") if token else said
    # An installation's own tokens change hourly; they are known by their form.
    return redacted(said.encode(errors="replace")).decode()[:300] or "without a reason"
