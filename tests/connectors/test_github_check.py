"""What `check` says about a GitHub source."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from connectors.base import Finding, SourceContext
from connectors.github.options import GithubOptions, GithubScope, GithubSecrets
from connectors.github.reader import GithubReader
from mappings.change import Owned
from sandbox.faults import Answer, answers
from sandbox.github import DEFAULT_TOKEN, GitHub
from sandbox.messages import Reply, Request
from sandbox.server import Fault

REPO = "example/churn"
OWNED = Owned(labels={"ml/model-ready": ("0e8a16", "ready")})
UNSEEN = Fault(answers(403, {"message": "Resource not accessible by integration"}), path="/user", times=100)


class Requests:
    def request(self, *, remaining: int | None = None, limit: int | None = None, resets_at: datetime | None = None) -> None:
        pass


def disabled(_request: Request, answer: Answer) -> Reply:
    reply = answer()
    return replace(reply, body={**msgspec.json.decode(reply.encoded()), "disabled": True})


@pytest.fixture
def hub() -> Iterator[GitHub]:
    with GitHub() as started:
        started.add_repository(REPO)
        yield started
        assert not [entry for entry in started.requests if entry.unknown_query]


def context_for(hub: GitHub, owned: Owned = OWNED, **secrets: object) -> SourceContext:
    return SourceContext(
        name="github",
        options=GithubOptions(url=hub.url, write_pause=0),
        secrets=GithubSecrets.model_validate(secrets or {"token": DEFAULT_TOKEN}),
        owned=owned,
        meter=Requests(),
        stop=threading.Event(),
    )


def checked(context: SourceContext, *repositories: str) -> list[Finding]:
    reader = GithubReader(context)
    try:
        return list(reader.check(GithubScope(repositories=repositories or (REPO,))))
    finally:
        reader.close()


def about(findings: list[Finding], topic: str) -> list[tuple[str, str]]:
    return [(finding.level, finding.text) for finding in findings if finding.topic == topic]


def test_all_is_well(hub: GitHub) -> None:
    findings = checked(context_for(hub))
    assert {finding.level for finding in findings} == {"ok"}
    assert {finding.topic for finding in findings} == {"identity", "token", "rate limit", "clock", "read", "write"}
    assert about(findings, "identity") == [("ok", "signed in as milepost-bot")]


@pytest.mark.parametrize(("role", "level"), [("read", "error"), ("triage", "warning"), ("write", "ok"), ("admin", "ok")])
def test_the_right_to_write_labels(hub: GitHub, role: str, level: str) -> None:
    hub.add_token("other", login="ada-example")
    with hub.lock:
        hub.access.granted[hub.site.user("ada-example", hub.now()).id, hub.site.find(REPO).id] = role  # type: ignore[assignment]  # a parameter
    assert [found for found, _ in about(checked(context_for(hub, token="other")), "write")] == [level]


def test_a_source_that_is_only_read_needs_no_right_to_write(hub: GitHub) -> None:
    assert about(checked(context_for(hub, Owned())), "write") == []


def test_an_archived_repository_is_told(hub: GitHub) -> None:
    hub.archive(REPO)
    ((level, text),) = about(checked(context_for(hub)), "write")
    assert (level, "archived" in text) == ("warning", True)


def test_what_a_scope_names_and_is_not_there(hub: GitHub) -> None:
    findings = checked(context_for(hub), REPO, "example/nowhere", "example/z*", "nobody/*")
    assert about(findings, "read") == [
        ("error", "example/nowhere: not there, or hidden from this account"),
        ("error", "nobody/*: not there, or hidden from this account"),
        ("warning", "example/z* matches no repository"),
        ("ok", "example/churn is readable"),
    ]


def test_a_classic_token_without_the_scope(hub: GitHub) -> None:
    hub.add_token("other", login="ada-example", role="write", scopes=["public_repo"])
    ((level, text),) = about(checked(context_for(hub, token="other")), "token")
    assert (level, "public_repo" in text) == ("warning", True)


@pytest.mark.parametrize(("days", "level"), [(3, "warning"), (90, "ok")])
def test_a_token_that_ends(hub: GitHub, days: int, level: str) -> None:
    ends = datetime.now(UTC) + timedelta(days=days, hours=1)
    hub.add_token("other", login="ada-example", role="write", kind="fine-grained", expires_at=ends)
    ((found, text),) = about(checked(context_for(hub, token="other")), "token")
    assert (found, f"in {days} days" in text) == (level, True)


def test_a_budget_that_is_nearly_spent(hub: GitHub) -> None:
    hub.add_token("other", login="ada-example", role="write", hourly_limit=39)
    reader = GithubReader(context_for(hub, token="other"))
    for _ in range(12):
        reader.check(GithubScope(repositories=(REPO,)))
    findings = list(reader.check(GithubScope(repositories=(REPO,))))
    reader.close()
    assert [level for level, _ in about(findings, "rate limit")] == ["warning"]


def test_a_clock_that_is_wrong(hub: GitHub) -> None:
    hub.clock = lambda: datetime.now(UTC) + timedelta(minutes=10)
    ((level, text),) = about(checked(context_for(hub)), "clock")
    assert (level, "behind GitHub's" in text) == ("warning", True)


def test_an_installation_has_no_user(hub: GitHub) -> None:
    hub.faults.append(UNSEEN)
    assert [level for level, _ in about(checked(context_for(hub)), "identity")] == ["info"]


def test_a_revoked_token_is_one_finding_and_no_crash(hub: GitHub) -> None:
    hub.revoke_token(DEFAULT_TOKEN)
    (finding,) = checked(context_for(hub))
    assert finding.level == "error"
    assert finding.fix is not None and "MILEPOST_GITHUB__" in finding.fix


def test_a_repository_that_github_disabled_is_told(hub: GitHub) -> None:
    hub.faults.append(Fault(disabled, path=f"/repos/{REPO}"))
    ((level, text),) = about(checked(context_for(hub)), "read")
    assert (level, "disabled by GitHub" in text) == ("error", True)


def test_a_server_without_this_version_of_the_api_is_told(hub: GitHub) -> None:
    hub.faults.append(Fault(answers(400, {"message": "The API version is not supported."}), path="/rate_limit"))
    (finding,) = checked(context_for(hub))
    assert (finding.level, "2022-11-28" in finding.text) == ("error", True)


def test_a_token_that_the_organisation_s_sign_on_does_not_know_is_told_what_to_do(hub: GitHub) -> None:
    headers = {"X-GitHub-SSO": "required; url=https://github.com/orgs/example/sso?authorization_request=AZSC"}
    hub.faults.append(
        Fault(answers(403, {"message": "Resource protected by organization SAML enforcement."}, headers), path="/repos/*")
    )
    findings = checked(context_for(hub))
    assert "single sign-on" in (findings[-1].fix or "")
    assert "AZSC" not in repr(findings)
