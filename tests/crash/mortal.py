"""`milepost` as a process that kills itself right before or after its n-th committed write transaction.

Called as `mortal.py <n> before|after <arguments of milepost…>`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.default import DefaultDialect

from sync.cli.main import main


def die_at(number: int, moment: str) -> None:
    """Counts the commits of every thread; reads are not counted."""
    lock = threading.Lock()
    commits = 0
    doomed = False

    def before(tx: Connection) -> None:
        nonlocal commits, doomed
        if not tx.get_execution_options().get("milepost_writes"):
            return
        with lock:
            commits += 1
            if commits == number:
                if moment == "before":
                    os.kill(os.getpid(), signal.SIGKILL)
                doomed = True

    commit = DefaultDialect.do_commit

    def after(dialect: DefaultDialect, connection: Any) -> None:
        commit(dialect, connection)  # type: ignore[no-untyped-call]  # SQLAlchemy does not say
        if doomed:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "commit", before)
    DefaultDialect.do_commit = after  # type: ignore[method-assign]  # SQLAlchemy has no event after a commit


if __name__ == "__main__":
    die_at(int(sys.argv[1]), sys.argv[2])
    main(sys.argv[3:])
