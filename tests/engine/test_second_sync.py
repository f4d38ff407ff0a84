"""Whatever people do, a second sync finds nothing to do: it plans no change and writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.outcome import ExitCode

if TYPE_CHECKING:
    from tests.engine.conftest import NewOffice, Office

REPO = "example/churn"
LABELS = ("good", "bad", "data")
VALUES = ("Good", "Bad", "Unknown", None)


class World:
    """A few tickets, issues and pull requests, and doings that are named by small numbers."""

    def __init__(self, office: Office) -> None:
        self.office = office
        office.jira.add_project("OTHER", "Another project")
        self.tickets = [office.ticket("bad"), office.ticket("good"), office.ticket()]
        self.pulls = [office.propose(ticket)[1] for ticket in self.tickets[:2]]
        self.issues = [office.github.add_issue(REPO, "An issue", labels=["bad"])]

    def label_ticket(self, which: int, value: int) -> None:
        self.office.jira.edit(self._ticket(which), labels=LABELS[: value % 4])

    def set_field(self, which: int, value: int) -> None:
        self.office.set_field(self._ticket(which), VALUES[value % len(VALUES)])

    def transition(self, which: int, value: int) -> None:
        self.office.jira.transition(self._ticket(which), ("To Do", "In Progress", "Done")[value % 3])

    def block(self, which: int, value: int) -> None:
        if which % len(self.tickets) != value % len(self.tickets):
            self.office.jira.link(self._ticket(which), "Blocks", self._ticket(value))

    def move(self, which: int, value: int) -> None:
        index = which % len(self.tickets)
        self.tickets[index] = self.office.jira.move(self.tickets[index], ("OTHER", "ML")[value % 2])

    def put_label(self, which: int, value: int) -> None:
        self.office.github.add_label(REPO, self._number(which), ("ml/bad", "ml/good", "bad", "good")[value % 4])

    def drop_label(self, which: int, value: int) -> None:
        number, name = self._number(which), ("ml/bad", "ml/good", "bad", "good")[value % 4]
        if name in self.office.labels(number):
            self.office.github.remove_label(REPO, number, name)

    def merge(self, which: int, value: int) -> None:
        if self.pulls:
            self.office.github.merge(REPO, self.pulls.pop(which % len(self.pulls)), ("merge", "squash", "rebase")[value % 3])

    def add(self, which: int, value: int) -> None:
        self.tickets.append(self.office.ticket(*LABELS[: value % 4]))
        self.issues.append(self.office.github.add_issue(REPO, "Another", labels=list(LABELS[: which % 4])))

    def delete_issue(self, which: int, value: int) -> None:
        if len(self.issues) > 1:
            self.office.github.delete_issue(REPO, self.issues.pop(which % len(self.issues)))

    def _ticket(self, which: int) -> str:
        return self.tickets[which % len(self.tickets)]

    def _number(self, which: int) -> int:
        numbers = [*self.issues, *self.pulls]
        return numbers[which % len(numbers)]


DOINGS: tuple[Callable[[World, int, int], None], ...] = (
    World.label_ticket,
    World.set_field,
    World.transition,
    World.block,
    World.move,
    World.put_label,
    World.drop_label,
    World.merge,
    World.add,
    World.delete_issue,
)

doing = st.tuples(st.sampled_from(DOINGS), st.integers(0, 5), st.integers(0, 11))
days = st.lists(st.lists(doing, min_size=1, max_size=5), min_size=1, max_size=3)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(days)
def test_a_second_sync_finds_nothing_to_do(new_office: NewOffice, days: list[list[tuple[Any, int, int]]]) -> None:
    with new_office() as office:
        world = World(office)
        for doings in days:
            for do, which, value in doings:
                do(world, which, value)
            assert office.sync(force=True).exit_code is ExitCode.DONE
            written = office.writes
            again = office.sync(force=True)
            assert again.exit_code is ExitCode.DONE
            assert [change for run in again.projects if run.plan is not None for change in run.plan.changes] == []
            assert office.writes == written
