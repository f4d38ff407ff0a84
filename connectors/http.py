"""The one HTTP client factory: timeouts, retries, rate limits, proxy and CA bundle from the environment, no secret in an error.

What an answer becomes, by what the caller does next:

- a status in `accept`: the response;
- 429, or a 403 that is a rate limit: waited for if that takes no longer than `LONGEST_WAIT`, else `RateLimited`;
- 401, and every other 403: `AuthError`;
- 404, 410: `NotFound`;
- 5xx, no connection, a broken answer: tried again where the request may be repeated, then `Unavailable`;
- a body that is longer on its way than `LONGEST_ANSWER`: a broken answer; one larger than `LARGEST_ANSWER`: `TooMuch`, at once;
- a redirect to another host, any other status: `Unavailable` at once. Repeating would not help, and what rests on the answer is
  unknown. A caller that can say more about a 400 or 409 accepts it.

A set stop event ends every wait, and refuses every further request, with `Cancelled`. Each try of each request is taken from the
context's budget before it is sent, and how long a source asks to wait is told there.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from socket import gaierror
from typing import Any, TypeVar

import httpx
import msgspec
import tenacity

from connectors.base import LONGEST_WAIT, SourceContext
from connectors.bodies import ENCODINGS, LARGEST_ANSWER, TooLarge, TooSlow, read_whole
from connectors.certificates import trusted_certificates
from connectors.errors import AuthError, Cancelled, NotFound, RateLimited, SourceError, Unavailable
from connectors.rates import Budget, asked_wait, is_rate_limit, read_budget
from mappings.redaction import redacted

T = TypeVar("T")

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
"""How long one request may be silent. A lease that protects a write must outlast it."""

LONGEST_ANSWER = timedelta(minutes=2)
"""How long the body of one answer may be on its way, though it is never silent."""

_ATTEMPTS = 5
_MAX_REDIRECTS = 5
_REFUSALS = {401: "the credentials are not accepted, or have expired", 403: "the account may not do that"}
_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
_BACKOFF = tenacity.wait_exponential(multiplier=0.5, max=20.0) + tenacity.wait_random(0.0, 0.5)


def open_client(
    context: SourceContext,
    base_url: str,
    *,
    auth: httpx.Auth | None = None,
    headers: Mapping[str, str] = {},
    budget: Callable[[httpx.Headers], Budget | None] = read_budget,
    advice: Callable[[httpx.Headers], str | None] | None = None,
) -> Client:
    """A client for `base_url` alone; relative addresses are appended to its path. Close it. One instance serves one thread.

    `budget` reads the rate budget from an answer's headers for the meter, `advice` from those of a 401 or 403 what to do about it
    if that is more than to check the credentials. Raises `Unavailable` when the proxy or CA bundle that the environment names
    cannot be used.
    """
    try:
        client = httpx.Client(
            base_url=base_url,
            auth=auth,
            headers={"user-agent": "milepost", "accept": "application/json", "accept-encoding": ENCODINGS, **headers},
            timeout=TIMEOUT,
            follow_redirects=False,
            trust_env=True,
            verify=trusted_certificates(),
        )
    except OSError as error:
        raise Unavailable(context.name, "the CA bundle cannot be read", fix="check SSL_CERT_FILE and REQUESTS_CA_BUNDLE") from error
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        # Not quoted: a proxy's address may hold a password.
        raise Unavailable(
            context.name, "the proxy or url cannot be used", fix="check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY"
        ) from error
    return Client(context, client, budget, advice)


class TooMuch(Unavailable):
    """One answer is larger than `LARGEST_ANSWER`. Where less can be asked for at once, do that."""


class Client:
    """Sends requests to one host. Credentials never go to another one."""

    def __init__(
        self,
        context: SourceContext,
        client: httpx.Client,
        budget: Callable[[httpx.Headers], Budget | None],
        advice: Callable[[httpx.Headers], str | None] | None,
    ) -> None:
        self._source = context.name
        self._credentials_fix = context.credentials_fix()
        self._stop = context.stop
        self._meter = context.meter
        self._shared = context.budget
        self._watch = context.watch
        self._client = client
        self._budget = budget
        self._advice = advice
        self._origin = _origin(client.base_url)
        self._retrying = tenacity.Retrying(
            sleep=self._sleep,
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=_pause,
            retry=tenacity.retry_if_exception_type(_TryAgain),
            reraise=True,
        )

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        accept: Collection[int] = (200,),
    ) -> httpx.Response:
        """`request("GET", …)`."""
        return self.request("GET", url, params=params, headers=headers, accept=accept)

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        accept: Collection[int] = (200,),
        repeatable: bool | None = None,
    ) -> httpx.Response:
        """The answer, read to its end, if its status is in `accept`; else one of the errors that this module's head names.

        `repeatable` says whether sending the request twice is harmless; by default GET, HEAD, PUT and DELETE are. A request
        that never reached the source, or that it refused for its rate, is repeated in any case. Raises `Cancelled`.
        """
        request = self._build(method, url, params, json, headers)
        again = method in _REPEATABLE if repeatable is None else repeatable
        try:
            return self._retrying(self._attempt, request, accept, again)
        except _TryAgain as exhausted:
            raise exhausted.error from exhausted.__cause__

    def close(self) -> None:
        """Closes the connections. Harmless to repeat."""
        self._client.close()

    def _build(
        self, method: str, url: str, params: Mapping[str, Any] | None, json: Any, headers: Mapping[str, str] | None
    ) -> httpx.Request:
        content = None
        if json is not None:
            content = msgspec.json.encode(json)
            headers = {"content-type": "application/json", **(headers or {})}
        try:
            request = self._client.build_request(method, url, params=params, content=content, headers=headers)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise Unavailable(self._source, f"{method}: an address or header that cannot be sent") from error
        if _origin(request.url) != self._origin:
            raise Unavailable(
                self._source,
                f"refused to send credentials to {_name_of(request.url)}",
                fix=f"only {_name_of(self._client.base_url)} is configured as this source's url",
            )
        return request

    def _attempt(self, request: httpx.Request, accept: Collection[int], again: bool) -> httpx.Response:
        response = self._send(request, again)
        for _ in range(_MAX_REDIRECTS):
            if not response.has_redirect_location or response.status_code in accept:
                return self._judge(response, accept, again)
            response = self._send(self._redirected(response), again)
        raise Unavailable(self._source, f"{describe(request)}: too many redirects", fix="check the source's url")

    def _send(self, request: httpx.Request, again: bool) -> httpx.Response:
        self._shared.take(self._stop)
        try:
            with self._watch(request.method, request.url.host, request.url.path) as answered:
                response = read_whole(self._client.send(request, stream=True), LONGEST_ANSWER)
                answered(response.status_code)
        except (httpx.LocalProtocolError, UnicodeError) as error:
            # The error's own text would quote the header, and with it the secret.
            raise AuthError(
                self._source, "the credentials hold characters that no HTTP header can carry", fix=self._credentials_fix
            ) from error
        except TooLarge as error:
            self._meter.request()
            what = f"{describe(request)} answered more than {LARGEST_ANSWER // 2**20} MiB"
            raise TooMuch(self._source, what, fix="check the source's url, and what stands in front of the source") from error
        except (httpx.RequestError, httpx.StreamError, TooSlow) as error:
            self._meter.request()
            raise self._broken(request, error, again) from error
        budget = self._budget(response.headers)
        if budget is None:
            self._meter.request()
        else:
            self._meter.request(remaining=budget.remaining, limit=budget.limit, resets_at=budget.resets_at)
        return response

    def _broken(self, request: httpx.Request, error: Exception, again: bool) -> Exception:
        what = f"{describe(request)}: {_words_for(error, request.url)}"
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return Unavailable(self._source, what, fix="name your CA bundle in SSL_CERT_FILE")
        failure = Unavailable(self._source, what, fix="check the source's url, the network and the proxy settings")
        never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        return _TryAgain(failure) if again or never_sent else failure

    def _judge(self, response: httpx.Response, accept: Collection[int], again: bool) -> httpx.Response:
        status = response.status_code
        if status in accept:
            return response
        what = f"{describe(response.request)} answered {status}"
        if is_rate_limit(response):
            raise self._limited(response, what)
        if status in _REFUSALS:
            advised = self._advice(response.headers) if self._advice is not None else None
            raise AuthError(self._source, f"{what}: {_REFUSALS[status]}", fix=advised or self._credentials_fix)
        if status in (404, 410):
            raise NotFound(self._source, what, fix="check that it exists and that the account may see it")
        if status >= 500:
            raise self._failing(response, what, again)
        raise Unavailable(self._source, what, fix="check the source's url and version")

    def _limited(self, response: httpx.Response, what: str) -> Exception:
        now = datetime.now(UTC)
        wait = asked_wait(response.headers, now)
        if wait is not None:
            self._shared.pause(wait)
        until = now + (wait if wait is not None else LONGEST_WAIT)
        failure = RateLimited(
            self._source,
            f"{what}: rate limit, asked to wait until {until:%Y-%m-%d %H:%M:%S} UTC",
            until=until,
            fix="run again then",
        )
        return failure if wait is not None and wait > LONGEST_WAIT else _TryAgain(failure, wait)

    def _failing(self, response: httpx.Response, what: str, again: bool) -> Exception:
        failure = Unavailable(self._source, what, fix="the source has trouble; run again later")
        if not again:
            return failure
        wait = asked_wait({"retry-after": response.headers.get("retry-after", "")}, datetime.now(UTC))
        return failure if wait is not None and wait > LONGEST_WAIT else _TryAgain(failure, wait)

    def _redirected(self, response: httpx.Response) -> httpx.Request:
        """The request to make next. Only a redirect that keeps host, port and method is followed."""
        request = response.next_request
        asked = response.request
        if request is None or _origin(request.url) != self._origin:
            where = _name_of(request.url) if request is not None else "nowhere"
            raise Unavailable(
                self._source, f"{describe(asked)} was redirected to {where}", fix="check the source's url and credentials"
            )
        if request.method != asked.method or (request.method not in ("GET", "HEAD") and response.status_code not in (307, 308)):
            raise Unavailable(self._source, f"{describe(asked)} was redirected", fix="check the source's url")
        return request

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Cancelled


class _TryAgain(Exception):
    """Inside this module only: `error` stands unless another attempt succeeds, after `wait` or our own backoff."""

    def __init__(self, error: SourceError, wait: timedelta | None = None) -> None:
        self.error = error
        self.wait = wait
        super().__init__(str(error))


def _pause(state: tenacity.RetryCallState) -> float:
    failure = state.outcome.exception() if state.outcome is not None else None
    if isinstance(failure, _TryAgain) and failure.wait is not None:
        # A little more than asked for, so that many clients do not come back in the same instant.
        return failure.wait.total_seconds() * random.uniform(1.0, 1.05)  # noqa: S311 - no secret rests on it
    return _BACKOFF(state)


def decode(source: str, response: httpx.Response, decoder: msgspec.json.Decoder[T]) -> T:
    """The answer's body as `decoder` types it. Raises `Unavailable`, quoting nothing of the body, when it is no such JSON."""
    try:
        return decoder.decode(response.content)
    except msgspec.ValidationError as error:
        _, at, path = str(error).rpartition(" - at ")
        problem = "answered JSON of an unexpected shape" + (f" at {path}" if at else "")
        cause: Exception = error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        cause = error
        media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type == "text/html":
            problem = "answered a web page instead of JSON"
        else:
            problem = "answered something that is no complete JSON"
    raise Unavailable(
        source,
        f"{describe(response.request)} {problem}",
        fix="check the source's url, and whether a proxy or a login page stands in front",
    ) from cause


def quotable(request: httpx.Request, text: str) -> str:
    """What a source said of this request, without the credentials that it carried: some sources quote them."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    secrets = [credentials]
    if scheme.lower() == "basic":
        secrets.append(base64.b64decode(credentials).decode(errors="replace").partition(":")[2])
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return redacted(text.encode(errors="replace")).decode()


def describe(request: httpx.Request) -> str:
    """Method and path. The query is left out: it may hold secrets or personal data."""
    return f"{request.method} {request.url.path}"


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"https": 443, "http": 80}.get(url.scheme)


def _name_of(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.host}" + (f":{url.port}" if url.port else "")


def _words_for(error: Exception, url: httpx.URL) -> str:
    match error:
        case httpx.TimeoutException():
            return "no answer in time"
        case TooSlow():
            return f"the answer was not there whole after {LONGEST_ANSWER.total_seconds():.0f} s"
        case httpx.ProxyError():
            return "the proxy refused"
        case httpx.ConnectError():
            return f"no connection to {_name_of(url)}{_cause_of(error)}"
        case httpx.UnsupportedProtocol():
            return "the address is no http or https address"
        case httpx.DecodingError():
            return "the answer could not be decompressed"
        case _:
            return "the connection broke"


def _cause_of(error: BaseException | None) -> str:
    """What the system says of a connection that could not be made."""
    while error is not None:
        if isinstance(error, gaierror):
            return ": no such host"
        if isinstance(error, OSError) and error.strerror:
            return f": {error.strerror.lower()}"
        error = error.__cause__ or error.__context__
    return ""
