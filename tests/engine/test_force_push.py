"""A merge that a forced push took back: what was built from it is not ready any more, however the push was found out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import pytest

from mappings.model import Commit
from sync.outcome import ExitCode
from sync.results import RunResult
from sync.store import entities

if TYPE_CHECKING:
    from tests.engine.conftest import Office

REPO = "example/churn"
Ready: TypeAlias = "tuple[Office, str, str, Sequence[str]]"


@pytest.fixture
def ready(office: Office) -> Ready:
    """A ticket that is shown as ready, the merge that this rests on, and the commits that the branch had before."""
    base = [office.github.site.find(REPO).head or "", office.github.commit(REPO, "Base")]
    office.scopes["shelf"] = {"prefix": ""}
    office.projects["churn"]["release"] = {"alias": "champion"}
    ticket = office.ticket()
    sha, proposal = office.propose(ticket)
    merge = office.github.merge(REPO, proposal)
    office.train("churn", sha)
    office.sync()
    assert office.field(ticket) == "Model ready"
    return office, ticket, merge, base


def on_branch(office: Office, merge: str) -> list[bool]:
    with office.database.read() as tx:
        return [commit.on_default_branch for commit in entities.find(tx, merge) if isinstance(commit, Commit)]


def notices(result: RunResult) -> list[str]:
    return [one.text for pulled in result.pulled.values() for one in pulled.findings]


def push_back(office: Office, base: Sequence[str], *, forgotten: bool) -> None:
    office.github.force_push(REPO, "main", base)
    if forgotten:
        office.github.collect_garbage(REPO)


def test_readiness_is_withdrawn_when_two_heads_are_compared(ready: Ready) -> None:
    office, ticket, merge, base = ready
    push_back(office, base, forgotten=False)
    office.sync()
    assert office.field(ticket) is None
    assert on_branch(office, merge) == [False]


@pytest.mark.parametrize("forgotten", [False, True], ids=["still readable by its sha", "gone from the repository"])
def test_readiness_is_withdrawn_when_only_a_full_sweep_finds_it(ready: Ready, forgotten: bool) -> None:
    office, ticket, merge, base = ready
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    push_back(office, base, forgotten=forgotten)
    for _ in range(2):
        result = office.sync()
        assert (result.exit_code, notices(result)) == (ExitCode.DONE, [])
        assert office.field(ticket) is None
        assert on_branch(office, merge) == [False]
        assert office.property(ticket) is None, "false, and not unknown"


def test_a_dropped_merge_that_comes_back_makes_ready_again(ready: Ready) -> None:
    office, ticket, merge, base = ready
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    push_back(office, base, forgotten=False)
    office.sync()
    office.github.force_push(REPO, "main", [merge])
    office.sync()
    assert (office.field(ticket), on_branch(office, merge)) == ("Model ready", [True])


def test_a_history_rewritten_from_its_beginning_is_no_mass_deletion(ready: Ready) -> None:
    """More than `max_deletes` of the commits are dropped; that is what the branch says, and no loss of data."""
    office, ticket, merge, base = ready
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    push_back(office, base[:1], forgotten=True)
    assert office.sync().exit_code is ExitCode.DONE
    assert office.field(ticket) is None
    assert on_branch(office, base[1]) == on_branch(office, merge) == [False]
