"""A run that was away for too long while it judged stores nothing over what another has stored since."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from sandbox.faults import Answer, Fault
from sandbox.messages import Reply, Request
from sync.apply import lease_name
from sync.outcome import ExitCode
from sync.store import leases
from sync.store.schema import episode, lease, verdict

if TYPE_CHECKING:
    from tests.engine.conftest import Office

NOWHERE = "0123456789abcdef0123456789abcdef01234567"


def is_overtaken(office: Office) -> None:
    """The lease of the run under way ends, and another run takes it."""
    with office.database.write() as tx:
        ended = {"expires_at": office.database.now(tx) - timedelta(seconds=1)}
        tx.execute(update(lease).where(lease.c.name == lease_name("churn")).values(ended))
    leases.acquire(
        office.database,
        lease_name("churn"),
        holder="another",
        ttl=timedelta(minutes=5),
        wait=timedelta(),
        stop=threading.Event(),
    )


@pytest.mark.parametrize("command", ["sync", "pull"])
def test_what_it_thinks_by_then_is_not_stored(office: Office, command: str) -> None:
    """It is away while a commit is looked up."""

    def overtaken(_: Request, answer: Answer) -> Reply:
        is_overtaken(office)
        return answer()

    office.scopes["shelf"] = {"prefix": ""}
    office.ticket("good")
    office.train("model", NOWHERE)
    office.github.faults.append(Fault(overtaken, path=f"*/commits/{NOWHERE}*"))

    result = office.sync() if command == "sync" else office.pull()

    assert result.exit_code is ExitCode.PARTIAL
    assert "apply:churn was lost" in str(result.projects[0].failed)
    assert office.writes == 0
    with office.database.read() as tx:
        assert tx.execute(select(verdict.c.rule)).all() == []
        assert tx.execute(select(episode.c.id)).all() == []
