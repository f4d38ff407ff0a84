"""What botocore raises, as the errors of `connectors.errors`.

No text of AWS's or botocore's is quoted: a refused signature is explained with the request that was signed, session token included.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from botocore import exceptions as raised  # type: ignore[import-untyped]  # botocore ships no types
from botocore.retries.standard import ThrottledRetryableChecker  # type: ignore[import-untyped]  # botocore ships no types

from connectors.base import LONGEST_WAIT
from connectors.errors import AuthError, NotFound, RateLimited, SourceError, Unavailable
from connectors.rates import asked_wait

CREDENTIALS_FIX = (
    "give credentials as AWS's tools take them (AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, aws sso login, or the "
    "machine's role)"
)
PROFILE_FIX = "check the source's profile, or AWS_PROFILE; aws configure list-profiles names those that there are"
POLICY_FIX = "allow {action}, as the policy in docs/connectors.md does, then run milepost check"
NETWORK_FIX = "check region and endpoint_url, the network and the proxy settings"
SERVICE_FIX = "check region and endpoint_url (https://…), and run again later"

_GONE = re.compile(r"could not find|not found|does not exist|no such", re.IGNORECASE)
_CODE = re.compile(r"[A-Z][A-Za-z.]{2,60}")
_PROFILE = re.compile(r"[\w.@+-]{1,64}")
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "OptInRequired", "NotAuthorized", "UnauthorizedOperation"})
_UNKNOWN_WHO = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_ABSENT = frozenset({"ResourceNotFound", "ResourceNotFoundException", "NoSuchKey", "NoSuchBucket"})
_NO_CREDENTIALS = (
    raised.NoCredentialsError,
    raised.PartialCredentialsError,
    raised.CredentialRetrievalError,
    raised.TokenRetrievalError,
    raised.SSOError,
    raised.ConfigNotFound,
    raised.ConfigParseError,
    raised.MetadataRetrievalError,
    raised.InfiniteLoopConfigError,
    raised.InvalidConfigError,
    raised.RefreshWithMFAUnsupportedError,
)


def explained(source: str, call: str, error: Exception) -> SourceError:
    """`call` is the action and what is sent for it, such as `sagemaker:Search (POST /)`."""
    if isinstance(error, SourceError):
        return error
    if isinstance(error, raised.ClientError):
        return _refused(source, call, error)
    if isinstance(error, raised.ProfileNotFound):
        return AuthError(source, f"{call}: AWS's configuration files have no profile{_named(error)}", fix=PROFILE_FIX)
    if isinstance(error, _NO_CREDENTIALS):
        return AuthError(source, f"{call}: AWS's credentials cannot be found or renewed", fix=CREDENTIALS_FIX)
    if isinstance(error, raised.SSLError):
        return Unavailable(source, f"{call}: the certificate is not trusted", fix="name your CA bundle in AWS_CA_BUNDLE")
    if isinstance(error, raised.ProxyConnectionError | raised.InvalidProxiesConfigError):
        return Unavailable(source, f"{call}: the proxy refused", fix="check HTTPS_PROXY and NO_PROXY")
    if isinstance(error, raised.ConnectTimeoutError | raised.ReadTimeoutError):
        return Unavailable(source, f"{call}: no answer in time", fix=NETWORK_FIX)
    if isinstance(error, raised.ConnectionClosedError):
        return Unavailable(source, f"{call}: the connection broke", fix=NETWORK_FIX)
    if isinstance(error, raised.ConnectionError | raised.HTTPClientError):
        return Unavailable(source, f"{call}: no connection", fix=NETWORK_FIX)
    return Unavailable(source, f"{call}: the answer makes no sense ({type(error).__name__})", fix=SERVICE_FIX)


def says_gone(error: Exception) -> bool:
    """Whether AWS says that what was asked for does not exist. Most of SageMaker says so with a `ValidationException`."""
    if not isinstance(error, raised.ClientError):
        return False
    code, words = _code(error), str(error.response.get("Error", {}).get("Message", ""))
    return code in _ABSENT or (code in ("ValidationException", "ValidationError") and _GONE.search(words) is not None)


def is_denied(error: Exception) -> bool:
    """Whether AWS says that who asks may not have it."""
    return isinstance(error, raised.ClientError) and (_code(error) in _DENIED or _status(error) in (401, 403))


def _refused(source: str, call: str, error: raised.ClientError) -> SourceError:
    code, status = _code(error), _status(error)
    if error.operation_name == "AssumeRole":
        call = "sts:AssumeRole (POST /)"
    shown = f" ({code})" if _CODE.fullmatch(code) else ""
    what = f"{call} answered {status}{shown}"
    if status == 429 or code in ThrottledRetryableChecker._THROTTLED_ERROR_CODES:
        return _limited(source, what, error)
    if code in _UNKNOWN_WHO or status == 401:
        return AuthError(source, what, fix=CREDENTIALS_FIX)
    if code in _DENIED or status == 403:
        return AuthError(source, what, fix=POLICY_FIX.format(action=call.partition(" ")[0]))
    if code in _ABSENT or status in (404, 410):
        return NotFound(source, what, fix="check region and endpoint_url (https://…)")
    if status >= 500:
        return Unavailable(source, what, fix="the service has trouble; run again later")
    return Unavailable(source, what, fix=SERVICE_FIX)


def _limited(source: str, what: str, error: raised.ClientError) -> RateLimited:
    now = datetime.now(UTC)
    headers: dict[str, Any] = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    wait = asked_wait({"retry-after": str(headers.get("retry-after", ""))}, now)
    until = now + (LONGEST_WAIT if wait is None else wait)
    return RateLimited(
        source, f"{what}: throttled, to be asked again at {until:%Y-%m-%d %H:%M:%S} UTC", until=until, fix="run again then"
    )


def _named(error: raised.ProfileNotFound) -> str:
    """The profile that was asked for, unless something else stands where its name belongs."""
    name = str(error.kwargs.get("profile", ""))
    return f" {name!r}" if _PROFILE.fullmatch(name) else " of that name"


def _code(error: raised.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _status(error: raised.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
