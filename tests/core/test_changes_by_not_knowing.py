"""Which changes follow from not knowing, by what the slot held and what it is to hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pytest

from mappings.change import Value
from mappings.model import Ref
from sync.derive import Standing
from sync.display import Shown, Wanted
from sync.unknowns import gives_up, knows_again
from tests.core.worlds import NOW, rule

State = Literal["on", "off", "unknown"]


def shown(name: str, state: State) -> Shown:
    truth = {"on": True, "off": False, "unknown": None}[state]
    standing = Standing(rule=name, subject=Ref("jira", "work_item", "1"), truth=truth, known=truth is not False, since=NOW)
    one = rule(id=name, title=name.capitalize(), kind="favourable", when={"any": [{"subject": {"label": name}}]}, says=name)
    return Shown(rule=one, standing=standing, state=state)


def document(*states: tuple[str, State]) -> dict[str, Any]:
    return {"version": 1, "statuses": [{"id": name, "state": state} for name, state in states]}


LOST = [shown("ready", "unknown")]
FALSE = [shown("ready", "off")]
KNOWN = [shown("ready", "on")]


@pytest.mark.parametrize(
    ("before", "after", "entries", "expected"),
    [
        (True, None, LOST, (True, False)),
        (True, None, FALSE, (False, False)),
        (None, True, KNOWN, (False, False)),
        ("Ready", "Unknown", LOST, (True, False)),
        ("Ready", None, FALSE, (False, False)),
        ("Another", "Unknown", LOST, (False, False)),
        ("Unknown", "Ready", KNOWN, (False, True)),
        ("Unknown", None, FALSE, (False, True)),
        (None, "Unknown", LOST, (False, False)),
        (["Busy", "Ready"], ["Busy", "Unknown"], LOST, (True, False)),
        (["Busy", "Ready"], ["Unknown"], LOST, (False, False)),
        (["Busy", "Unknown"], ["Busy", "Ready"], KNOWN, (False, True)),
        (["Busy", "Unknown"], ["Ready"], KNOWN, (False, False)),
        (["Busy"], ["Busy", "Ready"], KNOWN, (False, False)),
        (document(("ready", "on")), document(("ready", "unknown")), LOST, (True, False)),
        (document(("ready", "on")), None, FALSE, (False, False)),
        (document(("ready", "unknown")), document(("ready", "on")), KNOWN, (False, True)),
        (document(("ready", "on")), document(("ready", "on")), KNOWN, (False, False)),
        ({"statuses": "somebody's"}, document(("ready", "on")), KNOWN, (False, False)),
    ],
)
def test_what_a_change_follows_from(before: Value, after: Value, entries: Sequence[Shown], expected: tuple[bool, bool]) -> None:
    want = Wanted(value=after, shown=tuple(entries))
    assert (gives_up(before, want), knows_again(before, want)) == expected
