"""Whatever happens, and whatever was remembered before: a second plan is empty, no favourable status appears that is not true, and
none outlives its truth, and nothing is touched that is not owned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mappings.change import Change, Owned, Slot, Value
from mappings.model import Ref
from sync.compare import Held, Pushed
from sync.derive import Standing
from tests.core.worlds import NOW, Desk, World, rule

RULES = [
    rule(id=name, title=name.capitalize(), kind=kind, rank=rank, when={"any": [{"subject": {"label": name}}]}, says=f"it is {name}")
    for name, kind, rank in (("bad", "alarm", 80), ("good", "favourable", 50), ("fine", "favourable", 30), ("busy", "neutral", 20))
]
BY_TITLE = {one.title: one for one in RULES}
BY_LABEL = {f"ml/{one.label}": one for one in RULES}
LABELS = {label: one.id for label, one in BY_LABEL.items()}
OWNED = Owned(labels=dict.fromkeys(LABELS, ("d1242f", "")), field="ML Status", options=(*BY_TITLE, "Unknown"), property="milepost")
SLOTS = [("field", "ML Status"), ("property", "milepost"), *(("label", label) for label in LABELS)]
STRANGE = [("field", "Other"), ("label", "ml/other"), ("label", "urgent"), ("property", "other")]
KEYS = ("ML-1", "ML-2")

titles = st.sampled_from([*BY_TITLE, "Unknown", "Mine"])
episodes = st.sampled_from([None, "gone"])


def values(kind: str, *, several: bool) -> st.SearchStrategy[Value]:
    """What a person, or somebody before us, may have left in a slot."""
    match kind:
        case "label":
            return st.sampled_from([None, True])
        case "property":
            return st.sampled_from([None, {}, {"statuses": "?"}, {"statuses": [{"id": "good", "state": "on"}, 7]}])
    return st.none() | (st.lists(titles, min_size=1, unique=True).map(sorted) if several else titles)


class Life:
    """Two tickets whose labels are their truths, each with every kind of slot, and a desk with any memory."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.several = draw(st.booleans())
        self.world, self.desk = World(), Desk()
        self.world.jira_field(schema_type="array" if self.several else "option")
        self.world.set_project(owned={"jira": OWNED}, label_rules={"jira": LABELS})
        self.items = [self.world.item(key) for key in KEYS]
        self.standings: Sequence[Standing] = ()
        for slot in self.slots(SLOTS + STRANGE):
            self.desk.edit(slot, draw(values(slot.kind, several=self.several)))
        for slot in self.slots(SLOTS):
            if draw(st.integers(0, 3)) == 0:
                self.desk.pushed[slot] = Pushed(value=draw(values(slot.kind, several=self.several)), episode=draw(episodes))
            if draw(st.integers(0, 5)) == 0:
                kind = draw(st.sampled_from(["override", "contested", "conflict"]))
                self.desk.held[slot] = Held(kind=kind, value=draw(values(slot.kind, several=self.several)), episode=draw(episodes))
            if draw(st.booleans()):
                self.desk.settled.add(("jira", "ML", slot.kind, slot.name))

    def slots(self, places: Sequence[tuple[str, str]]) -> list[Slot]:
        return [Slot(item.ref, kind, name) for item in self.items for kind, name in places]  # type: ignore[arg-type]

    def live(self) -> None:
        """Time passes, truths change or are not known, people edit, targets come and go."""
        self.world.pass_time(self.draw(st.sampled_from([timedelta(hours=1), timedelta(hours=12), timedelta(days=3)])))
        self.world.set_stream("jira", "issues", failed=self.draw(st.sampled_from([None, None, "down"])))
        for item in self.items:
            labels = self.draw(st.lists(st.sampled_from([one.id for one in RULES]), unique=True).map(tuple))
            closed = (
                {"status_category": "done", "closed_at": NOW} if self.draw(st.integers(0, 4)) == 0 else {"status_category": "todo"}
            )
            self.world.change_of(item, labels=labels, editable=self.draw(st.integers(0, 4)) > 0, **closed)
        for slot in self.draw(st.lists(st.sampled_from(self.slots(SLOTS)), max_size=3)):
            self.desk.edit(slot, self.draw(values(slot.kind, several=self.several)))
        self.desk.foreign = frozenset({self.items[1].ref} if self.draw(st.integers(0, 4)) == 0 else ())
        self.world.missing = {self.items[1].ref} if self.draw(st.integers(0, 4)) == 0 else set()
        self.standings = self.world.derive(RULES, self.standings).standings

    def plan_twice(self) -> None:
        strange = {slot: self.desk.actual.get(slot) for slot in self.slots(STRANGE)}
        plan = self.desk.plan(self.world, self.standings, rules=RULES, adopt=self.draw(st.booleans()))
        for change in plan.changes:
            self._check(change)
        self.desk.apply(plan, self.world)
        again = self.desk.plan(self.world, self.standings, rules=RULES)
        assert (again.changes, again.memories) == ((), ())
        assert {slot: self.desk.actual.get(slot) for slot in strange} == strange
        for slot in self.slots(SLOTS):
            self._check_that_no_good_news_is_old(slot)

    def _check_that_no_good_news_is_old(self, slot: Slot) -> None:
        """Not even on a ticket that is lost: only what a person has to decide, and what nobody can edit, may stay."""
        held = self.desk.held.get(slot)
        decided = held is not None and held.kind in ("contested", "conflict")
        if decided or slot.target in self.desk.foreign or not self.world.entities[slot.target].editable:  # type: ignore[attr-defined]
            return
        held_on = {
            one.rule
            for one in self.standings
            if one.subject == slot.target
            and one.known
            and (one.unknown_since is None or self.world.now - one.unknown_since < self.world.project.unknown_after)
        }
        favourable = {one.id for one in RULES if one.kind == "favourable"}
        assert shown(slot, self.desk.actual.get(slot)) & favourable <= held_on

    def _check(self, change: Change) -> None:
        assert OWNED.covers(change.slot)
        assert change.slot.target not in self.desk.foreign
        assert self.world.entities[change.slot.target].editable  # type: ignore[attr-defined]
        assert change.before == self.desk.actual.get(change.slot) != change.after
        newly = shown(change.slot, change.after) - shown(change.slot, change.before)
        truths = {one.rule: one.truth for one in self.standings if one.subject == change.slot.target}
        for one in RULES:
            if one.id in newly and one.kind == "favourable":
                assert truths.get(one.id) is True, (one.id, change)


def shown(slot: Slot, value: Value) -> set[str]:
    """The ids of the statuses that a slot shows."""
    match value:
        case True:
            return {BY_LABEL[slot.name].id}
        case str():
            return {BY_TITLE[value].id} & set(LABELS.values()) if value in BY_TITLE else set()
        case list():
            return {BY_TITLE[one].id for one in value if one in BY_TITLE}
        case dict():
            statuses = value.get("statuses")
            found = statuses if isinstance(statuses, list) else []
            return {one["id"] for one in found if isinstance(one, dict) and one.get("state") == "on"}
    return set()


@settings(
    max_examples=80,
    deadline=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.data())
def test_plans_settle_tell_no_false_good_news_and_touch_only_what_is_owned(data: st.DataObject) -> None:
    life = Life(data.draw)
    for _ in range(data.draw(st.integers(1, 5))):
        life.live()
        life.plan_twice()


def test_nothing_happens_where_there_is_nothing() -> None:
    world, desk = World(), Desk()
    plan = desk.plan(world, [], rules=RULES)
    assert (plan.changes, plan.notes, plan.memories, plan.published) == ((), (), (), 0)
    desk.actual[Slot(Ref("jira", "work_item", "gone"), "label", "ml/bad")] = True
    assert desk.plan(world, [], rules=RULES).changes == ()
