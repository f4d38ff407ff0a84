"""GitHub Apps on the stand-in, as PyGithub signs for them: tokens that work, expire, and may not do everything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from github import Auth, GithubException, GithubIntegration

from sandbox.github import GitHub

REPO = "example/churn"


@pytest.fixture(scope="module")
def keys() -> tuple[str, str]:
    """A private key and its public one, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@pytest.fixture
def site() -> Iterator[GitHub]:
    with GitHub() as stand_in:
        stand_in.add_repository(REPO, private=True)
        stand_in.add_repository("stranger/secret", private=True)
        stand_in.add_issue(REPO, "Model drifts")
        yield stand_in


def test_an_installation_token_labels_issues_of_its_account_only(site: GitHub, keys: tuple[str, str]) -> None:
    app, installation = site.add_app("milepost", "example", keys[1])
    with GithubIntegration(auth=Auth.AppAuth(app, keys[0]), base_url=site.url) as integration:
        assert integration.get_app().slug == "milepost"
        assert integration.get_repo_installation("example", "churn").id == installation
        assert integration.get_org_installation("example").app_id == app
        with integration.get_github_for_installation(installation) as github:
            github.get_repo(REPO).get_issue(1).add_to_labels("ml/drift-alert")
            assert site.labels_of(REPO, 1) == ["ml/drift-alert"]
            with pytest.raises(GithubException) as hidden:
                github.get_repo("stranger/secret")
            assert hidden.value.status == 404
            with pytest.raises(GithubException, match="Resource not accessible by integration"):
                github.get_user().login  # noqa: B018  # reading it asks the server
        found = integration.get_app_installation(installation).get_repos()
        assert [repository.full_name for repository in found] == [REPO]


def test_an_app_that_may_only_read_may_not_label(site: GitHub, keys: tuple[str, str]) -> None:
    app, installation = site.add_app("reader", "example", keys[1], permissions={"metadata": "read", "issues": "read"})
    with (
        GithubIntegration(auth=Auth.AppAuth(app, keys[0]), base_url=site.url) as integration,
        integration.get_github_for_installation(installation) as github,
        pytest.raises(GithubException, match="Resource not accessible by integration"),
    ):
        github.get_repo(REPO).get_issue(1).add_to_labels("x")
    assert site.labels_of(REPO, 1) == []


def test_an_installation_token_ends_after_an_hour(site: GitHub, keys: tuple[str, str]) -> None:
    app, installation = site.add_app("milepost", "example", keys[1])
    with GithubIntegration(auth=Auth.AppAuth(app, keys[0]), base_url=site.url) as integration:
        token = integration.get_access_token(installation).token
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{site.url}/repos/{REPO}", headers=headers).status_code == 200
    assert httpx.get(f"{site.url}/installation/repositories", headers=headers).json()["total_count"] == 1
    later = datetime.now(UTC) + timedelta(hours=2)
    site.clock = lambda: later
    assert httpx.get(f"{site.url}/repos/{REPO}", headers=headers).status_code == 401


@pytest.mark.parametrize("minutes", [-1, 30])
def test_a_signature_of_another_time_is_refused(site: GitHub, keys: tuple[str, str], minutes: int) -> None:
    app, _ = site.add_app("milepost", "example", keys[1])
    expires = datetime.now(UTC) + timedelta(minutes=minutes)
    signed = jwt.encode({"iss": str(app), "exp": int(expires.timestamp())}, keys[0], algorithm="RS256")
    answer = httpx.get(f"{site.url}/app", headers={"Authorization": f"Bearer {signed}"})
    assert (answer.status_code, "exp" in answer.json()["message"]) == (401, True)


def test_a_signature_by_another_key_or_none_is_refused(site: GitHub, keys: tuple[str, str]) -> None:
    app, installation = site.add_app("milepost", "example", keys[1])
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    soon = int((datetime.now(UTC) + timedelta(minutes=5)).timestamp())
    forged = jwt.encode({"iss": str(app), "exp": soon}, other, algorithm="RS256")
    unsigned = jwt.encode({"iss": str(app), "exp": soon}, None, algorithm="none")  # type: ignore[arg-type]  # an unsigned token has no key
    for value in (f"Bearer {forged}", f"Bearer {unsigned}", "Bearer nonsense", "Basic xyz", ""):
        answer = httpx.post(f"{site.url}/app/installations/{installation}/access_tokens", headers={"Authorization": value})
        assert answer.status_code == 401
