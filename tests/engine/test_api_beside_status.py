"""The API tells from what is stored what `milepost status` tells when it judges anew: what people are told, and where it shows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from httpx import ASGITransport, AsyncClient

from sync.cli.render_status import look_at, status_documents
from sync.store import tokens
from sync.web.api.app import build_api
from sync.web.auth import Authority

if TYPE_CHECKING:
    from tests.engine.conftest import Office

WORDS = ("rule", "subject", "name", "truth", "state", "told_on", "shown_on", "since", "says")


def by_the_api(office: Office) -> list[dict[str, Any]]:
    workspace = office.workspace()
    with office.database.write() as tx:
        token = tokens.issue(tx, "test", ["read"], office.database.now(tx)).text
    api = build_api(workspace, Authority(office.database))

    async def asked() -> Any:
        async with AsyncClient(transport=ASGITransport(api), base_url="http://milepost.example") as client:
            return (await client.get("/statuses?limit=200", headers={"authorization": f"Bearer {token}"})).json()

    return _in_order(asyncio.run(asked())["items"])


def by_judging(office: Office) -> list[dict[str, Any]]:
    workspace = office.workspace()
    looks = [look_at(office.database, project, workspace.projects) for project in workspace.projects]
    return _in_order([one for project in status_documents(looks, everything=True) for one in project["statuses"]])


def _in_order(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As JSON has it."""
    said = [{word: one[word] for word in WORDS} for one in found]
    as_json: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(said))
    return sorted(as_json, key=lambda one: (one["rule"], one["subject"]))


def test_what_a_ticket_and_its_pull_request_show_is_told_alike(office: Office) -> None:
    good, plain = office.ticket("good"), office.ticket()
    _, number = office.propose(good)
    office.sync(initial=True)
    told = by_the_api(office)

    assert told == by_judging(office)
    (one,) = [one for one in told if (one["rule"], one["name"]) == ("good", good)]
    assert (one["state"], one["told_on"]) == ("on", [good, f"example/churn#{number}"])
    assert one["shown_on"] == one["told_on"]
    (other,) = [one for one in told if (one["rule"], one["name"]) == ("good", plain)]
    assert (other["state"], other["told_on"], other["shown_on"]) == ("off", [], [])


def test_what_is_not_known_is_on_only_where_it_shows_from_before(office: Office) -> None:
    good = office.ticket("good")
    office.sync(initial=True)
    office.lose_jira()
    office.sync()
    told = by_the_api(office)

    assert told == by_judging(office)
    (one,) = [one for one in told if (one["rule"], one["name"]) == ("good", good)]
    assert (one["truth"], one["state"], one["shown_on"]) == (None, "on", [good])
