"""Whether a set of changes is safe to make: limits on one run and on a rolling day."""

from __future__ import annotations

import msgspec
import pytest

from mappings.change import Action, Change, Limits, Memory, Plan, Slot, given_up, grouped, refuse
from mappings.model import Ref
from tests.core.worlds import NOW


def plan(*, add: int = 0, update: int = 0, remove: int = 0, published: int = 0, uncounted: int = 0) -> Plan:
    actions: list[Action] = [*["add"] * add, *["update"] * update, *["remove"] * remove, *["update"] * uncounted]  # type: ignore[list-item]
    changes = [
        Change(
            id=str(number),
            project="churn",
            slot=Slot(Ref("jira", "work_item", str(number // 2)), "field", f"f{number % 2}"),
            action=action,
            before=None,
            after=None,
            key=f"ML-{number}",
            container="ML",
            counts=number < add + update + remove,
        )
        for number, action in enumerate(actions)
    ]
    return Plan(
        project="churn", made_at=NOW, facts_as_of=None, config_hash="", verdict_hash="", changes=tuple(changes), published=published
    )


@pytest.mark.parametrize(
    ("made", "recent", "refused"),
    [
        (plan(), 0, None),
        (plan(add=200), 0, None),
        (plan(add=201), 0, "201 additions in one run"),
        (plan(update=10), 0, None),
        (plan(update=11), 0, "11 updates and removals within 24 hours"),
        (plan(update=6, remove=5, published=37), 0, None),
        (plan(update=6, remove=5, published=36), 0, "30% of the 36 published values"),
        (plan(remove=1, published=100), 30, "31 updates and removals"),
        (plan(remove=1, published=100), 29, None),
        (plan(remove=1), 9, None),
        (plan(remove=1), 10, "11 updates and removals"),
        (plan(add=5, published=10), 500, None),
        (plan(published=10), 500, None),
        (plan(uncounted=500), 0, None),
        (plan(uncounted=5, published=10), 500, None),
    ],
)
def test_the_limits(made: Plan, recent: int, refused: str | None) -> None:
    why = refuse(made, Limits(), recent_changes=recent)
    if refused is None:
        assert why is None
    else:
        assert why is not None
        assert refused in why
        assert ("--initial" in why) == ("additions" in refused)
        assert why.startswith("project churn: ")


@pytest.mark.parametrize(
    ("made", "earlier", "refused"),
    [
        (plan(add=1), 199, None),
        (plan(add=1), 200, "201 additions in one run (200 of them for other projects)"),
        (plan(update=1), 500, None),
    ],
)
def test_additions_for_other_projects_of_the_run_count(made: Plan, earlier: int, refused: str | None) -> None:
    why = refuse(made, Limits(), recent_changes=0, earlier_additions=earlier)
    assert why is None if refused is None else refused in str(why)


def test_many_small_runs_are_one_large_one() -> None:
    recent = 0
    while refuse(plan(remove=4, published=100), Limits(), recent_changes=recent) is None:
        recent += 4
    assert recent == 28


def test_other_limits_may_be_set() -> None:
    strict = Limits(max_changes=0.0, max_additions=0, always_allowed=0)
    assert refuse(plan(add=1, published=9), strict, recent_changes=0) is not None
    assert refuse(plan(update=1, published=9), strict, recent_changes=0) is not None
    assert refuse(plan(published=9), strict, recent_changes=9) is None


def test_of_a_refused_plan_only_what_is_no_longer_known_is_left() -> None:
    made = plan(update=3)
    first, *others = made.changes
    memory = Memory(kind="adopted", slot=first.slot, value="Good")
    made = msgspec.structs.replace(made, changes=(msgspec.structs.replace(first, gives_up=True), *others), memories=(memory,))
    assert [change.id for change in given_up(made).changes] == [first.id]
    assert given_up(made).memories == ()


def test_changes_are_grouped_by_target_in_their_order() -> None:
    groups = grouped(plan(add=4).changes)
    assert [[change.id for change in group] for group in groups.values()] == [["0", "1"], ["2", "3"]]
