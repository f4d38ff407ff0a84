"""A kill at any moment: the next run ends where an uninterrupted one would have, and repeats no visible write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import pytest
from sqlalchemy import delete, select, update

from config.project import Retention
from sandbox.faults import Fault, loses_answer
from sync.outcome import ExitCode
from sync.retention import apply_daily
from sync.store import audit, outbox, publishing
from sync.store.connect import Connection, Database
from sync.store.schema import lease, run

pytestmark = pytest.mark.both_databases

if TYPE_CHECKING:
    from tests.engine.conftest import Office

REPO = "example/churn"
KEEP = Retention()
Moment = Literal["before", "after"]


class Killed(BaseException):
    """As good as a kill: nothing of ours catches it."""


class Mortal(Database):
    """A database whose process dies right before or after its `number`-th commit; afterwards it does nothing at all."""

    def __init__(self, living: Database, number: int, moment: Moment) -> None:
        self.__dict__.update(vars(living))
        self.number = number
        self.moment = moment
        self.commits = 0

    @contextmanager
    def write(self) -> Iterator[Connection]:
        if self.commits >= self.number:
            raise Killed
        with super().write() as tx:
            yield tx
            if self.commits + 1 == self.number and self.moment == "before":
                self.commits += 1
                raise Killed
        self.commits += 1
        if self.commits == self.number:
            raise Killed


def let_time_pass(office: Office) -> None:
    """The dead run's leases end."""
    with office.database.write() as tx:
        tx.execute(update(lease).values(expires_at=office.database.now(tx) - timedelta(seconds=1)))


def people_change_their_minds(office: Office, ticket: str, number: int, *, to: str) -> None:
    before = {"good": "bad", "bad": "good"}[to]
    office.jira.edit(ticket, labels=[to])
    office.github.remove_label(REPO, number, before)
    office.github.add_label(REPO, number, to)


def apply_until(office: Office, number: int, moment: Moment) -> bool:
    """Whether the run was killed before it was through."""
    living = office.database
    office.database = Mortal(living, number, moment)
    try:
        office.apply(force=True)
    except Killed:
        return True
    finally:
        office.database = living
    return False


def written(office: Office) -> int:
    with office.database.read() as tx:
        return sum(1 for entry in audit.read(tx) if entry.kind == "write")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_at_any_commit_is_made_good_by_the_next_run(office: Office, moment: Moment, dialect: str) -> None:
    """Each change of mind asks for four writes: the field, the property, one label off and one on."""
    ticket = office.ticket("bad")
    number = office.github.add_issue(REPO, "Drift", labels=["bad"])
    office.sync()
    people_change_their_minds(office, ticket, number, to="good")
    assert office.sync().exit_code is ExitCode.DONE
    # Every moment once, on the other database some: the paths are the same.
    step = 4 if dialect == "postgresql" else 1 if moment == "before" else 2
    for point in range(1, 1_000, step):
        to = {"Good": "bad", "Bad": "good"}[str(office.field(ticket))]
        people_change_their_minds(office, ticket, number, to=to)
        office.pull()
        requests, audited = office.writes, written(office)
        killed = apply_until(office, point, moment)
        let_time_pass(office)
        assert office.sync(force=True).exit_code is ExitCode.DONE, point
        assert (office.field(ticket), office.labels(number)) == (to.title(), {to, f"ml/{to}"}), point
        assert [status["id"] for status in office.property(ticket)["statuses"]] == [to], point
        assert office.writes - requests == 4, point
        assert written(office) - audited == 4, point
        if not killed:
            break
    assert point > 10


def test_a_kill_right_after_a_lost_answer_repeats_no_write(office: Office) -> None:
    ticket = office.ticket("bad")
    office.pull()
    office.jira.faults.append(Fault(loses_answer(), method="PUT"))
    for point in range(1, 20):
        if not apply_until(office, point, "before"):
            break
        let_time_pass(office)
    assert office.sync().exit_code is ExitCode.DONE
    assert office.field(ticket) == "Bad"
    assert written(office) == 2


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_while_retention_is_put_into_effect_leaves_nothing_that_is_held(office: Office, moment: Moment) -> None:
    """It is done once a day: whoever comes next does not take its lease again."""
    for point in range(1, 100):
        mortal = Mortal(office.database, point, moment)
        with suppress(Killed):
            apply_daily(mortal, KEEP, holder=f"run {point}", stop=office.stop)
        let_time_pass(office)
        apply_daily(office.database, KEEP, holder="next run", stop=office.stop)
        with office.database.write() as tx:
            assert tx.execute(select(lease.c.holder).where(lease.c.holder.is_not(None))).scalars().all() == [], point
            tx.execute(delete(run))  # so that it is due once more
        if mortal.commits < point:
            break
    assert 10 < point < 100


def test_what_a_killed_run_had_sent_is_settled_under_the_new_key_of_a_renamed_project(office: Office) -> None:
    ticket = office.ticket("bad")
    office.sync()
    office.jira.edit(ticket, labels=["good"])
    office.pull()

    def sending() -> bool:
        with office.database.read() as tx:
            return any(row.state == "sending" for row in outbox.unfinished(tx, "churn"))

    before = written(office)
    for point in range(1, 20):
        assert apply_until(office, point, "before")
        let_time_pass(office)
        if sending() and office.field(ticket) == "Good":
            break
    office.rename()
    assert office.sync().exit_code is ExitCode.DONE
    assert office.field(ticket) == "Good"
    assert written(office) - before == 2
    with office.database.read() as tx:
        assert outbox.unfinished(tx, "churn") == outbox.unfinished(tx, "loyalty") == []
        assert publishing.projects(tx) == ["loyalty"]
        assert {entry.project for entry in audit.read(tx)} == {"loyalty"}
