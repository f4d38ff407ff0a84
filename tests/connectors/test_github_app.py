"""A GitHub App's installation as a source: its tokens end under way, and it sees and may do only what it was given."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from config.secrets import load_secrets
from connectors.base import Finding, SourceContext
from connectors.errors import AuthError
from connectors.github.options import GithubOptions, GithubScope, GithubSecrets
from connectors.github.publisher import GithubPublisher
from connectors.github.reader import GithubReader
from mappings.change import Change, Owned, Slot
from mappings.model import Entity, Ref
from sandbox.faults import answers
from sandbox.github import GitHub
from sandbox.server import Fault

REPO = "example/churn"
SCOPE = GithubScope(repositories=(REPO,))
OWNED = Owned(labels={"ml/model-ready": ("0e8a16", "ready")})


class Meter:
    def request(self, **_: object) -> None:
        """Not looked at here."""


@pytest.fixture(scope="module")
def keys() -> tuple[str, str]:
    """A private key and its public one, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return private.decode(), key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture
def hub() -> Iterator[GitHub]:
    with GitHub() as started:
        started.add_repository(REPO, private=True)
        yield started
        assert not [entry for entry in started.requests if entry.unknown_query]


def installed(hub: GitHub, keys: tuple[str, str], account: str = "example", **permissions: str) -> SourceContext:
    """What an App that is installed on `account` is opened with."""
    app, installation = hub.add_app("milepost", account, keys[1], permissions=permissions or None)
    return context_for(hub, keys[0], app, installation)


def context_for(hub: GitHub, private_key: str, app: int, installation: int) -> SourceContext:
    return SourceContext(
        name="github",
        options=GithubOptions(url=hub.url, write_pause=0),
        secrets=GithubSecrets.model_validate({"app_id": str(app), "installation_id": installation, "private_key": private_key}),
        owned=OWNED,
        meter=Meter(),
        stop=threading.Event(),
    )


def pulled(context: SourceContext, scope: GithubScope = SCOPE, stream: str = "issues") -> list[Entity]:
    reader = GithubReader(context)
    try:
        return [entity for batch in reader.pull(stream, scope, None) for entity in batch.entities]
    finally:
        reader.close()


def checked(context: SourceContext) -> list[Finding]:
    reader = GithubReader(context)
    try:
        return list(reader.check(SCOPE))
    finally:
        reader.close()


def tokens_made(hub: GitHub) -> int:
    return sum(entry.path.endswith("/access_tokens") and entry.status == 201 for entry in hub.requests)


def test_it_reads_and_writes_with_one_token_each(hub: GitHub, keys: tuple[str, str]) -> None:
    issue = hub.add_issue(REPO, "Churn model")
    context = installed(hub, keys)
    slot = Slot(Ref("github", "work_item", f"{hub.site.find(REPO).id}/{issue}"), "label", "ml/model-ready")
    assert [entity.ref for entity in pulled(context)] == [slot.target]
    change = Change(id="1", project="churn", slot=slot, action="add", before=None, after=True, key=f"{REPO}#1", container=REPO)
    publisher = GithubPublisher(context)
    assert [written.state for written in publisher.write([change])] == ["done"]
    assert publisher.read_slots([slot]) == {slot: True}
    publisher.close()
    assert tokens_made(hub) == 2


def test_an_hour_that_passes_in_the_middle_of_a_pull_costs_one_more_token_and_no_record(hub: GitHub, keys: tuple[str, str]) -> None:
    """This machine's clock is behind: only GitHub knows that the token has ended."""
    issues = {hub.add_issue(REPO, f"Issue {number}") for number in range(250)}
    reader = GithubReader(installed(hub, keys))
    pages = reader.pull("issues", SCOPE, None)
    found = list(next(pages).entities)
    for token in hub.access.tokens.values():
        token.expires_at = datetime.now(UTC) - timedelta(minutes=1)
    batches = list(pages)
    reader.close()
    found += [entity for batch in batches for entity in batch.entities]
    assert {int(entity.ref.id.partition("/")[2]) for entity in found} == issues
    assert batches[-1].complete
    assert tokens_made(hub) == 2


def test_a_token_is_renewed_before_it_ends(hub: GitHub, keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds are less than what a request may take: each one gets a token of its own."""
    monkeypatch.setattr("sandbox.github.operations.apps.TOKEN_LIFE", timedelta(seconds=10))
    for number in range(250):
        hub.add_issue(REPO, f"Issue {number}")
    assert len({entity.ref for entity in pulled(installed(hub, keys))}) == 250
    assert tokens_made(hub) > 2
    assert not [entry for entry in hub.requests if entry.status == 401]


def test_a_token_is_renewed_between_two_writes(hub: GitHub, keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.github.operations.apps.TOKEN_LIFE", timedelta(seconds=10))
    publisher = GithubPublisher(installed(hub, keys))
    home = hub.site.find(REPO).id
    for number in (hub.add_issue(REPO, "One"), hub.add_issue(REPO, "Two")):
        slot = Slot(Ref("github", "work_item", f"{home}/{number}"), "label", "ml/model-ready")
        key = f"{REPO}#{number}"
        change = Change(id=key, project="churn", slot=slot, action="add", before=None, after=True, key=key, container=REPO)
        assert [written.state for written in publisher.write([change])] == ["done"]
    publisher.close()
    assert tokens_made(hub) > 2
    assert not [entry for entry in hub.requests if entry.status == 401]


def test_the_key_comes_from_a_file(hub: GitHub, keys: tuple[str, str], tmp_path: Path) -> None:
    app, installation = hub.add_app("milepost", "example", keys[1])
    hub.add_issue(REPO, "Issue")
    file = tmp_path / "milepost.private-key.pem"
    file.write_text(keys[0], encoding="utf-8")
    file.chmod(0o600)
    environ = {
        "MILEPOST_GITHUB__APP_ID": str(app),
        "MILEPOST_GITHUB__INSTALLATION_ID": str(installation),
        "MILEPOST_GITHUB__PRIVATE_KEY_FILE": str(file),
    }
    secrets = load_secrets("github", GithubSecrets, environ)
    assert len(pulled(msgspec.structs.replace(context_for(hub, "", app, installation), secrets=secrets))) == 1


# -- what is wrong ----------------------------------------------------------------------------------------------------------------


def test_another_app_s_key_is_told(hub: GitHub, keys: tuple[str, str]) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    secret = other.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    app, installation = hub.add_app("milepost", "example", keys[1])
    with pytest.raises(AuthError) as refused:
        pulled(context_for(hub, secret, app, installation))
    assert refused.value.fix == "check MILEPOST_GITHUB__APP_ID and MILEPOST_GITHUB__PRIVATE_KEY: the key must be one of that App's"
    assert secret.splitlines()[1] not in str(refused.value)


def test_a_key_that_is_none_is_an_error_that_does_not_show_it(hub: GitHub, keys: tuple[str, str]) -> None:
    app, installation = hub.add_app("milepost", "example", keys[1])
    with pytest.raises(AuthError, match="PEM") as refused:
        pulled(context_for(hub, "not-a-key-but-secret", app, installation))
    assert "not-a-key-but-secret" not in str(refused.value)


def test_an_app_that_is_not_installed_there(hub: GitHub, keys: tuple[str, str]) -> None:
    app, installation = hub.add_app("milepost", "example", keys[1])
    with pytest.raises(AuthError, match="MILEPOST_GITHUB__INSTALLATION_ID: the App has no such installation"):
        pulled(context_for(hub, keys[0], app, installation + 1000))


def test_a_suspended_installation_says_who_must_do_what(hub: GitHub, keys: tuple[str, str]) -> None:
    context = installed(hub, keys)
    (app,) = hub.access.apps
    hub.suspend_app(app)
    with pytest.raises(AuthError, match=r"suspended.*an owner of the account must unsuspend"):
        pulled(context)
    (finding,) = checked(context)
    assert (finding.level, "unsuspend" in (finding.fix or "")) == ("error", True)


def test_an_installation_that_is_suspended_under_way_ends_the_pull(hub: GitHub, keys: tuple[str, str]) -> None:
    for number in range(250):
        hub.add_issue(REPO, f"Issue {number}")
    reader = GithubReader(installed(hub, keys))
    pages = reader.pull("issues", SCOPE, None)
    next(pages)
    (app,) = hub.access.apps
    hub.suspend_app(app)
    with pytest.raises(AuthError, match="unsuspend"):
        list(pages)
    reader.close()


@pytest.mark.parametrize(
    ("header", "granted"),
    [
        ("issues=read", "Issues: read"),
        ("issues=read,metadata=read; pull_requests=write", "Issues: read and Metadata: read, or Pull requests: write"),
    ],
)
def test_a_refusal_names_the_permission_to_grant(hub: GitHub, keys: tuple[str, str], header: str, granted: str) -> None:
    said = answers(403, {"message": "Resource not accessible by integration"}, {"X-Accepted-GitHub-Permissions": header})
    hub.faults.append(Fault(said, path="*/issues"))
    with pytest.raises(AuthError) as refused:
        pulled(installed(hub, keys))
    assert f"grant the token or App {granted}, and approve" in str(refused.value)


@pytest.mark.parametrize("header", ["", "<script>", "issues=", "=read", ";;,"])
def test_a_header_that_names_none_leaves_the_usual_words(hub: GitHub, keys: tuple[str, str], header: str) -> None:
    said = answers(403, {"message": "Resource not accessible by integration"}, {"X-Accepted-GitHub-Permissions": header})
    hub.faults.append(Fault(said, path="*/issues"))
    with pytest.raises(AuthError, match="check MILEPOST_GITHUB__APP_ID"):
        pulled(installed(hub, keys))


# -- what the check says ----------------------------------------------------------------------------------------------------------


def test_the_check_tells_identity_permissions_and_budget(hub: GitHub, keys: tuple[str, str]) -> None:
    findings = checked(installed(hub, keys))
    assert {finding.level for finding in findings} == {"ok"}
    texts = {finding.topic: finding.text for finding in findings}
    assert texts["identity"] == "signed in as the App milepost, installed on example; its tokens are renewed each hour"
    assert "of 5000 requests left" in texts["rate limit"]
    assert {finding.text for finding in findings if "permissions" in finding.text} == {
        "the installation's permissions: Metadata: read, Contents: read, Issues: write, Pull requests: write"
    }


def test_the_check_names_each_permission_that_is_lacking(hub: GitHub, keys: tuple[str, str]) -> None:
    findings = checked(installed(hub, keys, metadata="read", issues="read", pull_requests="write"))
    assert {finding.text: finding.fix for finding in findings if finding.level == "error"} == dict.fromkeys(
        ("the installation lacks Contents: read", "the installation lacks Issues: write"),
        "grant it under the App's permissions; an owner of example must then approve it",
    )


# -- what it sees -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("owner", ["example", "ada-example"], ids=["an organisation", "a person"])
def test_a_glob_means_what_the_installation_was_given(hub: GitHub, keys: tuple[str, str], owner: str) -> None:
    hub.add_user("ada-example")
    names = {f"{owner}/churn-{number}" for number in range(120)}
    for name in sorted(names):
        hub.add_repository(name, private=True)
        hub.define_label(name, "bug")
    hub.add_repository("stranger/churn-secret", private=True)
    found = pulled(installed(hub, keys, owner), GithubScope(repositories=(f"{owner.upper()}/churn-*",)), "labels")
    assert len(found) == len(names)
    listings = [entry for entry in hub.requests if entry.path == "/installation/repositories"]
    assert len(listings) == 2, "two pages, once for all streams"
