"""SageMaker's connector between it and AWS: throttling, credentials, roles, certificates, proxies, and what errors never say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]  # boto3 ships no types
import pytest

from connectors.conformance.faults import refuses
from connectors.conformance.proxy import Answer, Asked, FaultProxy, Forward
from connectors.errors import AuthError, Cancelled, NotFound, RateLimited, SourceError, Unavailable
from connectors.sagemaker.retries import ATTEMPTS
from connectors.sagemaker.session import ROLE_SESSION
from sandbox.sagemaker.server import ACCOUNT, AwsServer
from tests.connectors.aws import Office
from tests.connectors.clockless import Clockless

SECRET = "testing-not-a-secret"
OTHER_ACCOUNT = "111122223333"


@pytest.fixture
def office(aws_server: AwsServer) -> Office:
    return Office(aws_server)


@pytest.fixture
def proxy(aws_server: AwsServer) -> Iterator[FaultProxy]:
    with FaultProxy(aws_server.url) as between:
        yield between


def aws_says(code: str, status: int = 400, message: str = "no", **headers: str) -> Any:
    def effect(_asked: Asked, _forward: Forward) -> Answer:
        body = json.dumps({"__type": f"com.amazonaws.sagemaker#{code}", "message": message}).encode()
        return Answer(status, body, {"content-type": "application/x-amz-json-1.1", **headers})

    return effect


def pulled(office: Office, stream: str = "packages", stop: threading.Event | None = None, **options: Any) -> Sequence[Any]:
    with office.reader(stop or Clockless(), **options) as reader:
        return [entity for batch in reader.pull(stream, office.scope(), None) for entity in batch.entities]


class TestThrottling:
    @pytest.mark.parametrize("code", ["ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException"])
    def test_throttling_that_lasts_is_a_rate_limit(self, office: Office, proxy: FaultProxy, code: str) -> None:
        proxy.fault(lambda _asked: True, aws_says(code))
        with pytest.raises(RateLimited, match="sagemaker:Search") as caught:
            pulled(office, endpoint_url=proxy.url)

        assert len(proxy.asked) == ATTEMPTS
        assert datetime.now(UTC) < caught.value.until < datetime.now(UTC) + timedelta(minutes=2)

    def test_throttling_that_passes_is_waited_out(self, office: Office, proxy: FaultProxy) -> None:
        office.package()
        stop = Clockless()
        proxy.fault(lambda _asked: True, aws_says("ThrottlingException"), times=2)

        assert len(pulled(office, stop=stop, endpoint_url=proxy.url)) == 1
        assert len(proxy.asked) == 3
        # One before each attempt, and what adaptive retries hold each request back once AWS throttles.
        assert len(stop.waits) >= 4

    def test_requests_after_throttling_keep_a_distance(self, office: Office, proxy: FaultProxy) -> None:
        for _ in range(3):
            office.package()
        stop = Clockless()
        proxy.reshape = lambda asked: asked.having("MaxResults", 1)
        proxy.fault(lambda _asked: True, aws_says("ThrottlingException"), times=1)
        pulled(office, stop=stop, endpoint_url=proxy.url)

        assert len([wait for wait in stop.waits if wait > 0.5]) >= 2

    def test_a_stop_ends_the_wait(self, office: Office, proxy: FaultProxy) -> None:
        class Stopped(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                self.set()
                return True

        proxy.fault(lambda _asked: True, aws_says("ThrottlingException"))
        with pytest.raises(Cancelled):
            pulled(office, stop=Stopped(), endpoint_url=proxy.url)
        assert len(proxy.asked) == 1

    def test_a_server_that_fails_for_a_moment_costs_nothing(self, office: Office, proxy: FaultProxy) -> None:
        office.package()
        proxy.fault(lambda _asked: True, aws_says("InternalFailure", 500), times=1)

        assert len(pulled(office, endpoint_url=proxy.url)) == 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            ("AccessDeniedException", AuthError),
            ("ExpiredTokenException", AuthError),
            ("UnrecognizedClientException", AuthError),
            ("InvalidSignatureException", AuthError),
            ("ResourceNotFound", NotFound),
            ("ValidationException", Unavailable),
            ("SomethingNew", Unavailable),
        ],
    )
    def test_what_aws_refuses_is_the_error_that_says_what_to_do(
        self, office: Office, proxy: FaultProxy, code: str, kind: type[SourceError]
    ) -> None:
        proxy.fault(lambda _asked: True, aws_says(code))
        with pytest.raises(kind) as caught:
            pulled(office, endpoint_url=proxy.url)

        assert code in str(caught.value)
        assert caught.value.fix

    def test_no_word_of_a_refusal_is_quoted(self, office: Office, proxy: FaultProxy) -> None:
        """A refused signature is explained with the request that was signed, session token and all."""
        canary = "canary-session-token-77aa"
        proxy.fault(lambda _asked: True, aws_says("SignatureDoesNotMatch", 403, f"x-amz-security-token:{canary}"))
        with pytest.raises(AuthError) as caught:
            pulled(office, endpoint_url=proxy.url)

        assert canary not in f"{caught.value!r}{caught.value.__cause__!r}"
        assert caught.value.__suppress_context__

    def test_a_code_that_is_none_is_not_shown(self, office: Office, proxy: FaultProxy) -> None:
        proxy.fault(lambda _asked: True, aws_says(SECRET, 403))
        with pytest.raises(AuthError) as caught:
            pulled(office, endpoint_url=proxy.url)

        assert SECRET not in str(caught.value)

    def test_a_denied_report_does_not_end_the_pull(self, office: Office, proxy: FaultProxy) -> None:
        schedule = office.monitor(office.endpoint([office.package()]))
        office.region.run_monitor(schedule, "CompletedWithViolations", [{"feature_name": "age"}])
        proxy.fault(lambda asked: asked.path.endswith("constraint_violations.json"), refuses(403))

        found = pulled(office, "executions", endpoint_url=proxy.url)
        assert {one.detail for one in found} == {"the violations report could not be read"}

    def test_an_endpoint_that_may_not_be_described_is_never_missing(self, office: Office, proxy: FaultProxy) -> None:
        office.endpoint([office.package()])
        (found,) = office.pull("endpoints")
        proxy.fault(lambda _asked: True, aws_says("AccessDeniedException", 400, "does not exist, or not found"))
        with office.reader(Clockless(), endpoint_url=proxy.url) as reader, pytest.raises(AuthError):
            reader.read([found.ref])


class TestCredentials:
    def test_without_any_it_says_how_to_give_them(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(AuthError, match="AWS_PROFILE"):
            pulled(office)
        with office.reader() as reader:
            findings = reader.check(office.scope())
        assert [finding.level for finding in findings] == ["error"]

    def test_a_profile_that_is_not_there_is_told(self, office: Office) -> None:
        with pytest.raises(AuthError, match="no profile 'nobody'") as caught:
            pulled(office, profile="nobody")
        assert "aws configure list-profiles" in str(caught.value.fix)

    def test_what_is_no_name_of_a_profile_is_not_shown(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_PROFILE", f"key={SECRET}\n")
        with pytest.raises(AuthError, match="no profile of that name") as caught:
            pulled(office)
        assert SECRET not in str(caught.value)

    def test_a_profile_gives_the_credentials(
        self, office: Office, proxy: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "credentials").write_text("[lab]\naws_access_key_id = key-of-the-lab\naws_secret_access_key = x\n")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
        pulled(office, profile="lab", endpoint_url=proxy.url)

        assert "Credential=key-of-the-lab/" in proxy.asked[0].headers["authorization"]

    def test_a_role_is_assumed_once_and_reads_its_own_account(self, aws_server: AwsServer, proxy: FaultProxy) -> None:
        here, there = Office(aws_server), Office(aws_server)
        role = f"arn:aws:iam::{OTHER_ACCOUNT}:role/milepost-reader"
        with closing(here.region.client("sts")) as sts:
            taken = sts.assume_role(RoleArn=role, RoleSessionName="owner")["Credentials"]
        there.sagemaker = boto3.client(
            "sagemaker",
            region_name="eu-west-1",
            endpoint_url=aws_server.url,
            aws_access_key_id=taken["AccessKeyId"],
            aws_secret_access_key=taken["SecretAccessKey"],
            aws_session_token=taken["SessionToken"],
        )
        arn = there.package()
        options = {"role_arn": role, "external_id": "milepost-42", "endpoint_url": proxy.url}
        with there.reader(Clockless(), **options) as reader:
            pulls = [reader.pull("packages", there.scope(), None) for _ in range(2)]
            found: list[Any] = [one for pull in pulls for batch in pull for one in batch.entities]
        assumed = [asked for asked in proxy.asked if b"Action=AssumeRole" in asked.body]

        assert f":{OTHER_ACCOUNT}:" in arn
        assert {one.cloud_id for one in found} == {arn}
        assert pulled(there) == []
        assert len(assumed) == 1
        assert b"ExternalId=milepost-42" in assumed[0].body
        assert f"RoleSessionName={ROLE_SESSION}".encode() in assumed[0].body
        assert there.meter.requests == len(proxy.asked) + 1

    def test_a_role_that_may_not_be_assumed_is_named(self, office: Office, proxy: FaultProxy) -> None:
        said = (
            b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: x is not authorized</Message></Error></ErrorResponse>"
        )
        proxy.fault(
            lambda asked: b"AssumeRole" in asked.body, lambda _asked, _forward: Answer(403, said, {"content-type": "text/xml"})
        )
        role = f"arn:aws:iam::{OTHER_ACCOUNT}:role/milepost-reader"
        with pytest.raises(AuthError, match="sts:AssumeRole"):
            pulled(office, role_arn=role, endpoint_url=proxy.url)

    def test_whoever_asks_names_the_account(self, office: Office, proxy: FaultProxy) -> None:
        """A user of IAM has an ARN of IAM's; one that names no account would make everything look gone."""
        office.package()
        (found,) = office.pull("packages")

        def named(arn: bytes) -> Any:
            return lambda _asked, forward: replace(
                forward(), body=re.sub(rb"<Arn>.*</Arn>", b"<Arn>" + arn + b"</Arn>", forward().body)
            )

        proxy.fault(lambda asked: b"GetCallerIdentity" in asked.body, named(f"arn:aws:iam::{ACCOUNT}:user/ada".encode()))
        with office.reader(endpoint_url=proxy.url) as reader:
            assert list(reader.read([found.ref])) == [found]
        proxy.heal()
        proxy.fault(lambda asked: b"GetCallerIdentity" in asked.body, named(b"somebody"))
        with office.reader(endpoint_url=proxy.url) as reader, pytest.raises(Unavailable, match="account"):
            reader.read([found.ref])

    def test_two_regions_are_two_worlds(self, aws_server: AwsServer) -> None:
        here = Office(aws_server, "eu-west-1")
        here.package()

        assert len(pulled(here)) == 1
        assert pulled(here, region="us-east-1") == []


class TestRegions:
    def test_a_misspelt_region_that_does_not_answer_is_told_with_near_ones(self, office: Office) -> None:
        with office.reader(Clockless(), region="eu-wset-1", endpoint_url="http://127.0.0.1:9") as reader:
            warning, error = reader.check(office.scope())

        assert (warning.level, warning.topic) == ("warning", "region")
        assert "'eu-wset-1'" in warning.text
        assert "eu-west-1" in (warning.fix or "")
        assert (error.level, error.topic) == ("error", "account")

    def test_a_region_that_answers_may_be_newer_than_the_client(self, office: Office) -> None:
        with office.reader(Clockless(), region="eu-newest-1") as reader:
            findings = reader.check(office.scope())

        assert [finding.level for finding in findings if finding.topic == "region"] == ["ok"]

    def test_a_region_that_is_known_is_not_doubted(self, office: Office) -> None:
        with office.reader(Clockless(), region="us-gov-west-1", endpoint_url="http://127.0.0.1:9") as reader:
            (error,) = reader.check(office.scope())

        assert error.topic == "account"


class TestWays:
    def test_the_proxy_of_the_environment_is_used(self, office: Office, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
        office.package()
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        found = pulled(office, endpoint_url="http://aws.example.com")

        assert len(found) == 1
        assert proxy.asked[0].headers["host"] == "aws.example.com"

    def test_a_proxy_that_is_not_there_is_told_without_its_password(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", f"http://ada:{SECRET}@127.0.0.1:9")
        monkeypatch.delenv("NO_PROXY", raising=False)
        with pytest.raises(Unavailable) as caught:
            pulled(office, endpoint_url="http://aws.example.com")

        assert SECRET not in str(caught.value)

    def test_nobody_there_is_told_after_a_few_attempts(self, office: Office) -> None:
        with pytest.raises(Unavailable, match="no connection"):
            pulled(office, endpoint_url="http://127.0.0.1:9")
        assert office.meter.requests == ATTEMPTS

    @pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
    def test_a_ca_bundle_that_cannot_be_read_is_told(
        self, office: Office, proxy: FaultProxy, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(variable, str(tmp_path / "nowhere.pem"))
        with pytest.raises(Unavailable):
            pulled(office, endpoint_url=proxy.url.replace("http://", "https://"))
        assert not proxy.asked


def test_the_sdk_is_imported_only_when_a_source_is_opened() -> None:
    look = "import sys, connectors.sagemaker; print(sorted({'boto3', 'botocore', 'urllib3'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_nothing_of_the_credentials_is_in_any_error(office: Office, proxy: FaultProxy) -> None:
    for status in (400, 401, 403, 404, 429, 500):
        proxy.heal()
        proxy.fault(lambda _asked: True, refuses(status, quoting=[SECRET]))
        with pytest.raises(SourceError) as caught:
            pulled(office, endpoint_url=proxy.url)
        assert SECRET not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
        assert "testing-key-id" not in str(caught.value)
