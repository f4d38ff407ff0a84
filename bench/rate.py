"""A rate that several processes share, held against a server that counts."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec

from bench.figures import Figure
from bench.rate_process import Asking, Told
from config.rate import Rate, parse_rate
from sync.store.connect import open_database
from sync.store.migrate import require_current

RATE = "100/s"
PROCESSES = 4
SECONDS = 5.0


class Counter:
    """Answers 200 as long as no more than the rate has come in any time of its length, then 429, which asks for `retry_after`."""

    def __init__(self, rate: Rate, *, retry_after: int | None = None) -> None:
        self.retry_after = retry_after
        self.arrived = 0
        self.over = 0
        self._rate = rate
        self._recent: deque[float] = deque()
        self._lock = threading.Lock()

    def status(self) -> int:
        """Of the answer to a request that arrives now."""
        now = time.monotonic()
        with self._lock:
            self.arrived += 1
            while self._recent and self._recent[0] <= now - self._rate.period.total_seconds():
                self._recent.popleft()
            self._recent.append(now)
            if len(self._recent) <= self._rate.requests:
                return 200
            self.over += 1
            return 429


@contextmanager
def counting(counter: Counter) -> Iterator[str]:
    """The address of a server that the counter stands behind."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status = counter.status()
            self.send_response(status)
            if status == 429 and counter.retry_after is not None:
                self.send_header("retry-after", str(counter.retry_after))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def asked_together(asking: Sequence[Asking]) -> Sequence[Told]:
    """What processes that ask at the same time were told."""
    command = [sys.executable, "-m", "bench.rate_process"]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in asking]
    for process, one in zip(running, asking, strict=True):
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(one))
        process.stdin.close()
        process.stdin = None
    return [msgspec.json.decode(process.communicate(timeout=120)[0], type=Told) for process in running]


def rate_figures(folder: Path) -> Iterator[Figure]:
    """Four processes that ask as fast as they may."""
    store = f"sqlite:///{folder / 'rate.db'}"
    with closing(open_database(store)) as database:
        require_current(database)
    counter = Counter(parse_rate(RATE))
    with counting(counter) as address:
        told = asked_together([Asking(store=store, address=address, rate=RATE, seconds=SECONDS)] * PROCESSES)
    each = ", ".join(str(one.answered) for one in told)
    yield Figure(
        name=f"rate shared by {PROCESSES} processes: requests over",
        target=0,
        measured=counter.over,
        note=f"{RATE} for {SECONDS:.0f} s: {counter.arrived} requests arrived, {each} of each process",
    )
