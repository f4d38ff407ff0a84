"""The calls of AWS's APIs that Milepost makes. Each is in `ACTIONS`, and the policy in the documentation allows exactly these."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from botocore import xform_name  # type: ignore[import-untyped]  # botocore ships no types
from botocore.exceptions import ClientError  # type: ignore[import-untyped]  # botocore ships no types

from connectors.base import SourceContext
from connectors.errors import Cancelled, SourceError, Unavailable
from connectors.rates import read_http_date
from connectors.sagemaker.failures import SERVICE_FIX, explained, is_denied, says_gone
from connectors.sagemaker.session import Clients
from connectors.sagemaker.transport import BODY
from mappings.decoding import decode_as, decoder_for

PAGE = 100
"""The most that SageMaker gives at once."""

ACTIONS: Mapping[str, str] = {
    "sagemaker:DescribeEndpoint": "endpoints",
    "sagemaker:DescribeEndpointConfig": "endpoints",
    "sagemaker:DescribeExperiment": "experiments",
    "sagemaker:DescribeFeatureGroup": "feature groups",
    "sagemaker:DescribeModel": "endpoints",
    "sagemaker:DescribeModelPackage": "model packages",
    "sagemaker:DescribePipelineExecution": "pipeline executions",
    "sagemaker:DescribeProcessingJob": "processing jobs, violations reports",
    "sagemaker:DescribeTrainingJob": "training jobs",
    "sagemaker:DescribeTransformJob": "transform jobs",
    "sagemaker:DescribeTrialComponent": "trial components",
    "sagemaker:ListEndpoints": "endpoints",
    "sagemaker:ListMonitoringAlertHistory": "monitoring alerts",
    "sagemaker:ListMonitoringExecutions": "monitoring executions",
    "sagemaker:ListMonitoringSchedules": "monitoring alerts",
    "sagemaker:ListProcessingJobs": "processing jobs",
    "sagemaker:ListTags": "endpoints",
    "sagemaker:ListTransformJobs": "transform jobs",
    "sagemaker:Search": "model packages, training jobs, pipeline executions, experiments, trial components, feature groups",
    "s3:GetObject": "violations reports",
    "cloudwatch:ListMetrics": "metrics",
    "cloudwatch:GetMetricData": "metrics",
    "sts:GetCallerIdentity": "milepost check",
    "sts:AssumeRole": "role_arn",
}
"""Each action, and what it is for."""

R = TypeVar("R")
T = TypeVar("T")

_PAGE = decoder_for(dict[str, msgspec.Raw])
_LIST = decoder_for(list[msgspec.Raw])
_TOKEN = decoder_for(str | None)
_OF_ANY_PAGE = frozenset({"NextToken", "TotalHits"})


class Page(msgspec.Struct, frozen=True):
    """`answered_at`: in seconds since 1970, by the service's clock, if it said so."""

    records: Sequence[msgspec.Raw]
    token: str | None
    answered_at: int | None = None


class _Answer(msgspec.Struct, frozen=True):
    body: bytes
    at: int | None


class AwsApi:
    """Typed calls in one account and region. Raises the errors of `connectors.errors`."""

    def __init__(self, context: SourceContext) -> None:
        self.source = context.name
        self._clients = Clients(context)
        self._stop = context.stop

    def close(self) -> None:
        self._clients.close()

    def page(self, action: str, field: str, **asked: Any) -> Page:
        """A page of a listing whose records are in `field`."""
        answer = self._called(action, asked)
        try:
            found = _PAGE.decode(answer.body)
            if field in found:
                return Page(_LIST.decode(found[field]), _TOKEN.decode(found.get("NextToken", b"null")) or None, answer.at)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise self._senseless(action) from error
        # Search leaves an empty list out; a listing must have its own.
        if field == "Results" and found and found.keys() <= _OF_ANY_PAGE:
            return Page((), _TOKEN.decode(found.get("NextToken", b"null")) or None, answer.at)
        raise self._senseless(action)

    def pages(self, action: str, field: str, **asked: Any) -> Iterator[Page]:
        """All pages. Raises `Unavailable` when they lead back to one that was there."""
        seen: set[str] = set()
        token: str | None = None
        while True:
            page = self.page(action, field, **asked, **({"NextToken": token} if token else {}))
            yield page
            token = page.token
            if token is None:
                return
            self.check_token(action, token, seen)

    def check_token(self, action: str, token: str, seen: set[str]) -> None:
        """Raises `Unavailable` when a listing leads back to a page that it has given: it would never end."""
        if token in seen:
            what = f"{_described(action)} gives the same pages again and again"
            raise Unavailable(self.source, what, fix="check what stands in front of AWS")
        seen.add(token)

    def record(self, action: str, shape: type[T], **asked: Any) -> T | None:
        """What one object is described as; None where AWS says that it does not exist."""
        body = self.described(action, **asked)
        if body is None:
            return None
        try:
            return decode_as(body, shape, strict=False)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise self._senseless(action) from error

    def described(self, action: str, **asked: Any) -> msgspec.Raw | None:
        """The description of one object as it came; None where AWS says that it does not exist."""
        try:
            return msgspec.Raw(self._sent(action, asked).body)
        except ClientError as error:
            if says_gone(error):
                return None
            raise explained(self.source, _described(action), error) from None

    def file(self, address: str) -> bytes | None:
        """The object at an `s3://` address; None where it is not there or may not be read."""
        # Not as a URL: a key may hold any character.
        bucket, _, key = address.removeprefix("s3://").partition("/")
        if not address.startswith("s3://") or not bucket or not key:
            return None
        what = "s3:GetObject (GET /bucket/key)"
        try:
            answer: Any = self._tried(what, lambda: self._clients.client("s3").get_object(Bucket=bucket, Key=key))
            return self._tried(what, lambda: bytes(answer["Body"].read()))
        except ClientError as error:
            if says_gone(error) or is_denied(error):
                return None
            raise explained(self.source, what, error) from None

    def caller(self) -> str:
        """The ARN of who asks."""
        what = "sts:GetCallerIdentity (POST /)"
        try:
            answer: Any = self._tried(what, lambda: self._clients.client("sts").get_caller_identity())
        except ClientError as error:
            raise explained(self.source, what, error) from None
        return str(answer.get("Arn", ""))

    def _called(self, action: str, asked: Mapping[str, Any]) -> _Answer:
        try:
            return self._sent(action, asked)
        except ClientError as error:
            raise explained(self.source, _described(action), error) from None

    def _sent(self, action: str, asked: Mapping[str, Any]) -> _Answer:
        service, _, operation = action.partition(":")

        def send() -> _Answer:
            answer = getattr(self._clients.client(service), xform_name(operation))(**asked)
            at = read_http_date(answer["ResponseMetadata"]["HTTPHeaders"].get("date"))
            return _Answer(bytes(answer[BODY]), int(at.timestamp()) if at is not None else None)

        return self._tried(_described(action), send)

    def _tried(self, what: str, send: Callable[[], R]) -> R:
        """Lets pass what AWS itself refuses; everything else becomes an error that the engine knows."""
        if self._stop.is_set():
            raise Cancelled
        try:
            return send()
        except (Cancelled, SourceError, ClientError):
            raise
        except Exception as error:
            # botocore's readers of answers raise whatever a hostile one makes them. The cause is left out: it quotes the answer.
            raise explained(self.source, what, error) from None

    def _senseless(self, action: str) -> Unavailable:
        return Unavailable(self.source, f"{_described(action)} answered something that is none of SageMaker's", fix=SERVICE_FIX)


def _described(action: str) -> str:
    return f"{action} (POST /)"
