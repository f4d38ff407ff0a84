"""An Enterprise Server as a source: the API is below a path of its host, and an older one says less."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest
from pydantic import ValidationError

from connectors.base import SourceContext
from connectors.github.options import GithubOptions, GithubScope, GithubSecrets
from connectors.github.publisher import GithubPublisher
from connectors.github.reader import GithubReader
from mappings.change import Change, Owned, Slot
from mappings.model import Ref
from sandbox.faults import answers
from sandbox.github import DEFAULT_TOKEN, GitHub
from sandbox.messages import Reply, Request
from sandbox.server import Fault, Route

REPO = "example/churn"
SCOPE = GithubScope(repositories=("example/*",))
OWNED = Owned(labels={"ml/model-ready": ("0e8a16", "ready")})


class Meter:
    def request(self, **_: object) -> None:
        """Not looked at here."""


class EnterpriseServer(GitHub):
    """Serves the API below a path of its host."""

    @property
    def url(self) -> str:
        return f"{super().url}/api/v3"

    def routes(self) -> Sequence[Route]:
        return [replace(route, pattern=f"/api/v3{route.pattern}") for route in super().routes()]


class OlderServer(EnterpriseServer):
    """Before 3.9 a server knows no versions of the API, and without rate limits, which are off at first, it sends no headers of
    them and answers 404 to who asks for them."""

    def common_headers(self, request: Request, reply: Reply) -> Mapping[str, str]:
        dropped = ("x-ratelimit", "x-github-api-version", "x-oauth-scopes", "x-accepted")
        found = super().common_headers(request, reply)
        return {name: value for name, value in found.items() if not name.lower().startswith(dropped)}


@pytest.fixture(params=[EnterpriseServer, OlderServer], ids=["today's", "an older one"])
def hub(request: pytest.FixtureRequest) -> Iterator[GitHub]:
    with request.param(page_window=200) as started:
        started.add_repository(REPO)
        if isinstance(started, OlderServer):
            unlimited = answers(404, {"message": "Rate limiting is not enabled."})
            started.faults.append(Fault(unlimited, path="*/rate_limit", times=100))
        yield started


def context_for(hub: GitHub) -> SourceContext:
    return SourceContext(
        name="github",
        options=GithubOptions(url=hub.url, write_pause=0),
        secrets=GithubSecrets.model_validate({"token": DEFAULT_TOKEN}),
        owned=OWNED,
        meter=Meter(),
        stop=threading.Event(),
    )


def test_it_is_read_page_by_page_and_written(hub: GitHub) -> None:
    issues = [hub.add_issue(REPO, f"Issue {n}") for n in range(250)]
    reader, publisher = GithubReader(context_for(hub)), GithubPublisher(context_for(hub))
    entities = [entity for batch in reader.pull("issues", SCOPE, None) for entity in batch.entities]
    slot = Slot(Ref("github", "work_item", f"{hub.site.find(REPO).id}/{issues[0]}"), "label", "ml/model-ready")
    key = f"{REPO}#{issues[0]}"
    change = Change(id="1", project="churn", slot=slot, action="add", before=None, after=True, key=key, container=REPO)
    assert [written.state for written in publisher.write([change])] == ["done"]
    assert publisher.read_slots([slot]) == {slot: True}
    reader.close()
    publisher.close()
    assert len({entity.ref for entity in entities}) == 250


def test_the_check_tells_its_version(hub: GitHub) -> None:
    meta = {"verifiable_password_authentication": True, "installed_version": "3.8.4"}
    hub.faults.append(Fault(answers(200, meta), path="*/meta"))
    reader = GithubReader(context_for(hub))
    findings = {finding.topic: (finding.level, finding.text) for finding in reader.check(SCOPE)}
    reader.close()
    assert findings["server"] == ("ok", f"GitHub Enterprise Server 3.8.4 at {hub.url}")
    assert {level for level, _ in findings.values()} <= {"ok", "info"}
    assert ("rate limit" in findings) and (findings["rate limit"][1] == "GitHub names none") is isinstance(hub, OlderServer)


def test_one_that_keeps_its_version_to_itself_is_checked_as_well(hub: GitHub) -> None:
    hub.faults.append(Fault(answers(404, {"message": "Not Found"}), path="*/meta"))
    reader = GithubReader(context_for(hub))
    findings = list(reader.check(SCOPE))
    reader.close()
    assert {finding.level for finding in findings} <= {"ok", "info"}
    assert "server" not in {finding.topic for finding in findings}


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://github.example.com", "https://github.example.com/api/v3"),
        ("https://github.example.com/", "https://github.example.com/api/v3"),
        ("https://github.example.com:8443", "https://github.example.com:8443/api/v3"),
        ("https://github.example.com/api/v3/", "https://github.example.com/api/v3"),
        ("https://gateway.example.com/github/api/v3", "https://gateway.example.com/github/api/v3"),
        ("https://api.github.com/", "https://api.github.com"),
        ("https://api.example.ghe.com", "https://api.example.ghe.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_the_address_is_completed(given: str, used: str) -> None:
    assert GithubOptions(url=given).url == used


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ("https://github.com", "use https://api.github.com"),
        ("https://example.ghe.com", "use https://api.example.ghe.com"),
        ("https://github.example.com/api", "use https://github.example.com/api/v3"),
    ],
)
def test_an_address_that_is_another_one_is_refused_with_the_right_one(given: str, advice: str) -> None:
    with pytest.raises(ValidationError, match=advice):
        GithubOptions(url=given)
