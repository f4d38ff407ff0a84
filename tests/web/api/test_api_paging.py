"""Walking the pages of a list gives all of it: what comes meanwhile makes nothing be left out or told twice."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mappings.model import Ref
from sync.web.api.paging import Number, Text, Window, begin_after
from sync.web.problems import Refused
from tests.web.api.conftest import Ask, World, standing, ticket


def _walked(ask: Ask, path: str, limit: int, meanwhile: Callable[[int], None] = lambda _: None) -> list[Any]:
    """Every item of a list, page by page; `meanwhile` happens after each page."""
    found: list[Any] = []
    cursor: str | None = None
    for number in range(200):
        answered = ask(f"{path}{'&' if '?' in path else '?'}limit={limit}{f'&cursor={cursor}' if cursor else ''}")
        assert answered.status_code == 200, answered.text
        page = answered.json()
        assert len(page["items"]) <= limit
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found
        assert len(page["items"]) == limit
        meanwhile(number)
    pytest.fail("the pages have no end")


@pytest.fixture
def full(world: World) -> World:
    """Lists that are longer than a page."""
    for number in range(9):
        world.run("pull" if number % 2 else "sync")
        world.wrote(f"CHURN-{number}", minutes=-number)
    world.receive(9, dead=True)
    return world


LISTS = {"/projects": "project", "/statuses": "subject", "/work-items": "ref", "/runs": "run", "/audit": "key", "/inbox": "id"}


def test_pages_of_any_size_are_the_whole_list(ask: Ask, full: World) -> None:
    for path in (*LISTS, "/statuses?project=churn&truth=false", "/runs?command=pull"):
        whole = ask(f"{path}{'&' if '?' in path else '?'}limit=200").json()
        assert whole["next"] is None
        assert len(whole["items"]) >= 2
        for limit in (1, 2, 3, len(whole["items"]), 200):
            assert _walked(ask, path, limit) == whole["items"], (path, limit)


@given(limit=st.integers(2, 5), news=st.lists(st.sampled_from(["run", "audit", "inbox", "ticket", "verdict"]), max_size=4))
@settings(max_examples=3, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_comes_meanwhile_disturbs_no_walk(limit: int, news: list[str], ask: Ask, full: World) -> None:
    world, serial = full, iter(range(10_000))

    def happen(page: int) -> None:
        for one in news if page < 3 else ():
            number = next(serial)
            match one:
                case "run":
                    world.run()
                case "audit":
                    world.wrote(f"NEW-{number}", minutes=number)
                case "inbox":
                    world.receive(1, dead=True)
                case "ticket":
                    world.put("fraud", *(ticket(2 * some, "FRAUD") for some in range(1, number + 2)))
                case "verdict":
                    verdicts = [standing("model-ready", Ref("jira", "work_item", f"FRAUD-{some:04}")) for some in range(number + 1)]
                    world.judge("fraud", [*verdicts, standing("model-ready", Ref("jira", "work_item", "FRAUD-0001"))])

    for path, key in LISTS.items():
        before = [(one[key], one.get("rule")) for one in ask(f"{path}?limit=200").json()["items"]]
        walked = [(one[key], one.get("rule")) for one in _walked(ask, path, limit, happen)]

        assert len(set(walked)) == len(walked), path
        assert [one for one in walked if one in set(before)] == [one for one in before if one in set(walked)]
        assert set(before) - set(walked) <= {one for one in before if one[1] is not None and "FRAUD" in str(one[0])}, path


def _cursor(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_cursor_of_another_list_or_of_nobodys_making_is_refused(ask: Ask) -> None:
    mine = ask("/statuses?limit=1").json()["next"]
    forged = [
        mine,
        _cursor(["runs", 7]),
        _cursor(["runs", "\x00"]),
        _cursor(["runs", "\ud800"]),
        _cursor(["runs", None]),
        _cursor(["audit", 2**63]),
        _cursor(["audit", -1]),
        _cursor(["audit", True]),
        _cursor({"runs": "x"}),
        _cursor(["runs", "x", "y"]),
        "_",
        "A",
        "-" * 400,
    ]
    for path in ("/runs", "/audit"):
        for cursor in forged:
            answered = ask(f"{path}?cursor={cursor}")
            assert answered.status_code == 400, (path, cursor)
            assert "next" in answered.json()["fix"]


@given(cursor=st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", min_size=1, max_size=80))
def test_no_text_is_read_as_anything_but_a_cursor(cursor: str) -> None:
    for key in (Text, Number, tuple[Text, Text]):
        with pytest.raises(Refused):
            begin_after(Window(cursor=cursor), "audit", key)


@given(last=st.tuples(st.text(min_size=1, max_size=60), st.integers(0, 2**63 - 1)))
def test_what_a_cursor_holds_comes_back(last: tuple[str, int]) -> None:
    text, number = last
    try:
        encoded = msgspec.json.encode(("audit", [text, number]))
    except UnicodeEncodeError:
        return
    window = Window(cursor=base64.urlsafe_b64encode(encoded).rstrip(b"=").decode())
    if "\0" in text:
        with pytest.raises(Refused):
            begin_after(window, "audit", tuple[Text, Number])
    else:
        assert begin_after(window, "audit", tuple[Text, Number]) == last
