"""`milepost` as a process that kills itself right before or after its n-th committed write transaction.

Called as `mortal.py <n> before|after <arguments of milepost…>`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sync.cli.main import main
from sync.store.connect import Connection, Database


def die_at(number: int, moment: str) -> None:
    """Counts the transactions of every thread that are to be committed; reads are not counted."""
    lock = threading.Lock()
    commits = 0
    transaction = Database.write

    @contextmanager
    def write(self: Database) -> Iterator[Connection]:
        nonlocal commits
        with transaction(self) as tx:
            yield tx
            with lock:
                commits += 1
                is_last = commits == number
            if is_last and moment == "before":
                os.kill(os.getpid(), signal.SIGKILL)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)

    Database.write = write  # type: ignore[method-assign]  # there is no other way in


if __name__ == "__main__":
    die_at(int(sys.argv[1]), sys.argv[2])
    main(sys.argv[3:])
