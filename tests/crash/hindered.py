"""`milepost` as a process that something is in the way of, as on a full or a badly mounted disk.

Called as `hindered.py <how> <by how much> <arguments of milepost…>`:

- `pragma <text>`: each connection to SQLite gets it, such as `max_page_count = 20`;
- `file-size <bytes>`: no file may grow beyond it;
- `attempts <number>`: so often a request is tried, instead of five times with waits between them;
- `permissions obeyed`: they count for root as well;
- `sleep <seconds>`: so long it was away, by its own clock, when SIGCONT wakes it up.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2


def give_each_connection(pragma: str) -> None:
    from sqlalchemy import event
    from sqlalchemy.pool import Pool

    def prepare(connection: Any, _: Any) -> None:
        connection.execute(f"PRAGMA {pragma}")

    event.listen(Pool, "connect", prepare)


def try_only(attempts: int) -> None:
    from connectors import http
    from connectors.sagemaker import retries, session

    http._ATTEMPTS = retries.ATTEMPTS = session.ATTEMPTS = attempts  # type: ignore[attr-defined]  # imported there


def obey_permissions() -> None:
    """Root's right to ignore them is lost by the next program."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
            if libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "this right cannot be given up")


def sleep_long(seconds: float) -> None:
    monotonic, gettime = time.monotonic, time.clock_gettime

    def wake(*_: object) -> None:
        time.monotonic = lambda: monotonic() + seconds
        time.clock_gettime = lambda clock: gettime(clock) + seconds

    signal.signal(signal.SIGCONT, wake)


def main(how: str, amount: str, arguments: list[str]) -> None:
    match how:
        case "pragma":
            give_each_connection(amount)
        case "file-size":
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(amount), int(amount)))
        case "attempts":
            try_only(int(amount))
        case "permissions":
            obey_permissions()
            milepost = str(Path(sys.executable).with_name("milepost"))
            os.execv(milepost, [milepost, *arguments])
        case "sleep":
            sleep_long(float(amount))
    from sync.cli.main import main as milepost_main

    milepost_main(arguments)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
