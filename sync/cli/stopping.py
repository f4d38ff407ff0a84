"""Leaving when asked: SIGTERM and Ctrl-C set an event that long work looks at, and are obeyed in any case within seconds."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from types import FrameType

from sync.outcome import ExitCode

GRACE = 4.0
"""Seconds that work has to end by itself. What it waits for may not answer; the store loses nothing when it is cut off."""

FAREWELL = 0.5
"""Seconds for the last word of what is cut off: the store may not answer either."""

STOPPED = "Stopped. Run the same command again to go on where it was.\n"
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop(threading.Event):
    """Set when the process is asked to end. `farewell` is called when its work is cut off, not by the thread that is at work."""

    def __init__(self) -> None:
        super().__init__()
        self.farewell: Callable[[], None] = lambda: None


@contextmanager
def until_asked_to_end() -> Iterator[Stop]:
    """An event that SIGTERM and Ctrl-C set. Work that has not ended `GRACE` seconds later, or at a second Ctrl-C, is cut off."""
    stop = Stop()
    with _signals() as signals:
        threading.Thread(target=_obey, args=(signals, stop), daemon=True, name="obeys-signals").start()
        yield stop


@contextmanager
def stoppable() -> Iterator[Stop]:
    """The same for what would have ended by itself: it says that it was stopped.

    Whoever was waiting for another run when they were stopped was stopped, whatever they were waiting for.
    """
    from sync.store.leases import LeaseHeld

    with until_asked_to_end() as stop:
        try:
            yield stop
        except LeaseHeld:
            if stop.is_set():
                raise KeyboardInterrupt from None
            raise
        else:
            if stop.is_set():
                sys.stderr.write(STOPPED)


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
def _signals() -> Iterator[socket.socket]:
    """Gives a byte for each signal, even while the main thread waits where Python handles none, and ends with the block."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with closing(theirs):
        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        try:
            with _handling(lambda *_: None, *_SIGNALS):
                yield ours
        finally:
            signal.set_wakeup_fd(before)


def _obey(signals: socket.socket, stop: Stop) -> None:
    """In a thread of its own, until the block of `_signals` has ended or the process has."""
    with closing(signals):
        if not signals.recv(1):
            return
        stop.set()
        cut_off_at = time.monotonic() + GRACE
        while (left := cut_off_at - time.monotonic()) > 0:
            signals.settimeout(left)
            try:
                number = signals.recv(1)
            except TimeoutError:
                break
            if not number:
                return
            if number[0] == signal.SIGINT:
                break
    _cut_off(stop.farewell)


@contextmanager
def _handling(handler: object, *numbers: signal.Signals) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}  # type: ignore[arg-type]
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _cut_off(farewell: Callable[[], None]) -> None:
    """Ends the process now, as a kill would: no page, no write that was committed is lost."""

    def say() -> None:
        with suppress(Exception):  # nothing can be done about it any more; leases end by themselves
            farewell()

    saying = threading.Thread(target=say, daemon=True, name="farewell")
    saying.start()
    saying.join(FAREWELL)
    if sys.stderr.isatty():
        sys.stderr.write("\x1b[?25h")  # the live lines had hidden the cursor
    sys.stderr.write(STOPPED)
    sys.stderr.flush()
    os._exit(int(ExitCode.PARTIAL))
