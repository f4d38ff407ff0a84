"""What `check` says about a GitHub source, and the ways to sign in."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connectors.base import Finding, SourceContext
from connectors.errors import AuthError
from connectors.github.options import GithubOptions, GithubScope, GithubSecrets
from connectors.github.publisher import GithubPublisher
from connectors.github.reader import GithubReader
from mappings.change import Change, Owned, Slot
from mappings.model import Ref
from sandbox.faults import answers
from sandbox.github import DEFAULT_TOKEN, GitHub
from sandbox.server import Fault, Route

REPO = "example/churn"
OWNED = Owned(labels={"ml/model-ready": ("0e8a16", "ready")})
UNSEEN = Fault(answers(403, {"message": "Resource not accessible by integration"}), path="/user", times=100)


class Requests:
    def request(self, *, remaining: int | None = None, limit: int | None = None, resets_at: datetime | None = None) -> None:
        pass


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
    hub.add_token("other", login="ada-example", role="write", hourly_limit=40)
    reader = GithubReader(context_for(hub, token="other"))
    for _ in range(19):
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


# -- an Enterprise Server ---------------------------------------------------------------------------------------------------------


class EnterpriseServer(GitHub):
    """Serves the API below a path of its host."""

    @property
    def url(self) -> str:
        return f"{super().url}/api/v3"

    def routes(self) -> Sequence[Route]:
        return [replace(route, pattern=f"/api/v3{route.pattern}") for route in super().routes()]


def test_an_enterprise_server_is_read_page_by_page_and_written() -> None:
    with EnterpriseServer(page_window=200) as hub:
        hub.add_repository(REPO)
        issues = [hub.add_issue(REPO, f"Issue {n}") for n in range(250)]
        context = context_for(hub)
        reader, publisher = GithubReader(context), GithubPublisher(context)
        entities = [entity for batch in reader.pull("issues", GithubScope(repositories=(REPO,)), None) for entity in batch.entities]
        slot = Slot(Ref("github", "work_item", f"{hub.site.find(REPO).id}/{issues[0]}"), "label", "ml/model-ready")
        change = Change(
            id="1", project="churn", slot=slot, action="add", before=None, after=True, key=f"{REPO}#{issues[0]}", container=REPO
        )
        assert [written.state for written in publisher.write([change])] == ["done"]
        assert publisher.read_slots([slot]) == {slot: True}
        reader.close()
        publisher.close()
    assert len({entity.ref for entity in entities}) == 250


# -- a GitHub App -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def issue_tokens(hub: GitHub, value: str) -> None:
    ends = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    granted = answers(201, {"token": value, "expires_at": ends, "permissions": {"issues": "write"}})
    hub.faults.append(Fault(granted, method="POST", path="/app/installations/7/access_tokens", times=10))


def test_an_app_reads_and_writes_with_its_installation_s_token(hub: GitHub, private_key: str) -> None:
    hub.add_token("installation-token", login="milepost[bot]", role="write", kind="app", permissions={"issues": "write"})
    issue_tokens(hub, "installation-token")
    issue = hub.add_issue(REPO, "Churn model")
    context = context_for(hub, app_id="42", installation_id=7, private_key=private_key)
    reader, publisher = GithubReader(context), GithubPublisher(context)
    slot = Slot(Ref("github", "work_item", f"{hub.site.find(REPO).id}/{issue}"), "label", "ml/model-ready")
    entities = [entity for batch in reader.pull("issues", GithubScope(repositories=(REPO,)), None) for entity in batch.entities]
    assert [entity.ref for entity in entities] == [slot.target]
    assert publisher.read_slots([slot]) == {slot: None}
    reader.close()
    publisher.close()
    asked = [entry for entry in hub.requests if entry.path.startswith("/app/")]
    assert len(asked) == 2


def test_an_app_that_is_not_installed(hub: GitHub, private_key: str) -> None:
    reader = GithubReader(context_for(hub, app_id="42", installation_id=7, private_key=private_key))
    with pytest.raises(AuthError):
        list(reader.pull("issues", GithubScope(repositories=(REPO,)), None))
    reader.close()


def test_a_private_key_that_is_none_is_an_error_that_does_not_show_it(hub: GitHub) -> None:
    secret = "not-a-key-but-secret"
    reader = GithubReader(context_for(hub, app_id="42", installation_id=7, private_key=secret))
    with pytest.raises(AuthError) as refused:
        list(reader.pull("issues", GithubScope(repositories=(REPO,)), None))
    reader.close()
    assert secret not in str(refused.value)
