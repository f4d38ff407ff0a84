"""Leaving when asked: SIGTERM and Ctrl-C set an event that long work looks at, and are obeyed in any case within seconds."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sync.outcome import ExitCode

GRACE = 4.0
"""Seconds that work has to end by itself. What it waits for may not answer; the store loses nothing when it is cut off."""

STOPPED = "Stopped. Run the same command again to go on where it was.\n"
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set. Work that has not ended `GRACE` seconds later, or at a second Ctrl-C, is cut off.

    Whoever was waiting for another run when they were stopped was stopped, whatever they were waiting for.
    """
    from sync.store.leases import LeaseHeld

    stop, over = threading.Event(), threading.Event()

    def leave_in_time() -> None:
        if not over.wait(GRACE):
            _cut_off()

    def on_signal(number: int, _: FrameType | None) -> None:
        if stop.is_set():
            if number == signal.SIGINT:
                _cut_off()
            return
        stop.set()
        threading.Thread(target=leave_in_time, daemon=True, name="leave-in-time").start()

    with _handling(on_signal):
        try:
            yield stop
        except LeaseHeld:
            if stop.is_set():
                raise KeyboardInterrupt from None
            raise
        else:
            if stop.is_set():
                sys.stderr.write(STOPPED)
        finally:
            over.set()


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM and SIGHUP interrupt like Ctrl-C, so that what was started is stopped on the way out."""

    def on_signal(number: int, _: FrameType | None) -> None:
        for one in (*_SIGNALS, signal.SIGHUP):
            signal.signal(one, signal.SIG_IGN)  # a second one must not interrupt the stopping
        raise KeyboardInterrupt(number)

    with _handling(on_signal, *_SIGNALS, signal.SIGHUP):
        yield


@contextmanager
def _handling(handler: object, *numbers: signal.Signals) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers or _SIGNALS}  # type: ignore[arg-type]
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _cut_off() -> None:
    """Ends the process now, as a kill would: no page, no write that was committed is lost."""
    if sys.stderr.isatty():
        sys.stderr.write("\x1b[?25h")  # the live lines had hidden the cursor
    sys.stderr.write(STOPPED)
    sys.stderr.flush()
    os._exit(int(ExitCode.PARTIAL))
