"""kill -9 in the middle of a load: whatever was acknowledged is in the inbox, once."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from bench.intake_load import Load, Told
from tests.web.serving import serving, stored_in
from tests.web.signing import REPOSITORY, SECRET


def killed_under_load(folder: Path, url: str, rate: float, seconds: float, enough: int, prefix: str) -> Told:
    """What the senders were told. The server is killed as soon as `enough` deliveries of this prefix are stored."""
    with serving(folder, url) as served:
        load = Load(address=served.address, secret=SECRET, repository=REPOSITORY, rate=rate, seconds=seconds, prefix=prefix)
        command = [sys.executable, "-m", "bench.intake_load"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as sending:
            assert sending.stdin is not None
            sending.stdin.write(msgspec.json.encode(load))
            sending.stdin.close()
            while sum(name.startswith(prefix) for name in served.stored()) < enough:
                assert sending.poll() is None, "the load was over before the kill"
                time.sleep(0.01)
            served.process.kill()
            assert served.process.wait() != 0
            assert sending.stdout is not None
            return msgspec.json.decode(sending.stdout.read(), type=Told)


def test_no_acknowledged_delivery_is_lost(database_url: str, folder: Path) -> None:
    told = killed_under_load(folder, database_url, rate=250, seconds=2.0, enough=100, prefix="killed")

    assert told.unanswered > 0
    assert set(told.statuses) == {202}
    assert len(told.acknowledged) > 0
    assert set(told.acknowledged) <= set(stored_in(database_url))


@pytest.mark.soak
def test_no_acknowledged_delivery_is_lost_over_several_kills_at_full_load(database_url: str, folder: Path) -> None:
    acknowledged: set[str] = set()
    for number in range(3):
        told = killed_under_load(folder, database_url, rate=500, seconds=3.0, enough=400 + 200 * number, prefix=f"kill-{number}")
        assert told.unanswered > 0
        acknowledged.update(told.acknowledged)

    assert len(acknowledged) > 1_000
    assert acknowledged <= set(stored_in(database_url))
