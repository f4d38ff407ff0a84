"""The stand-ins in a process of their own, so that their work is not counted as Milepost's.

It serves until its standard input ends. Each line there is an `Order`; each is answered by one line, a `Traffic`, that tells what
was asked since the order before.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import msgspec

from bench.world import Size, fill_github, fill_jira
from sandbox.github import GitHub
from sandbox.jira import JiraCloud
from sandbox.server import Entry, StandIn


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    jira: str
    github: str


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """From now on each request takes `latency` seconds; `weighing` keeps answers, so that their sizes are known."""

    latency: float = 0.0
    weighing: bool = False


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """What a span of time saw, over all stand-ins: requests by `METHOD pattern`, and the answers' bytes where they were weighed."""

    requests: dict[str, int]
    sizes: dict[str, int]
    writes: int

    @property
    def total(self) -> int:
        return sum(self.requests.values())


class StandIns:
    """The other end of the process."""

    def __init__(self, orders: IO[bytes], answers: IO[bytes]) -> None:
        self._orders = orders
        self._answers = answers
        self.addresses = msgspec.json.decode(self._answers.readline(), type=Addresses)

    def order(self, order: Order) -> Traffic:
        """Gives an order, and returns what was asked before it."""
        self._orders.write(msgspec.json.encode(order) + b"\n")
        self._orders.flush()
        return msgspec.json.decode(self._answers.readline(), type=Traffic)


@contextmanager
def standing_in(size: Size) -> Iterator[StandIns]:
    """A filled Jira and a filled GitHub, for as long as the block lasts."""
    command = [sys.executable, "-m", "bench.stand_ins", msgspec.json.encode(size).decode()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        yield StandIns(process.stdin, process.stdout)
        process.stdin.close()
    if process.returncode != 0:
        raise RuntimeError("a stand-in crashed")


def serve(size: Size) -> None:
    with JiraCloud() as jira, GitHub() as github:
        # A token that a full pull, ten times over, does not use up.
        github.add_token("bench-token", role="write", hourly_limit=1_000_000)
        fill_jira(jira, size.jira_issues)
        fill_github(github, size.github_issues, size.commits)
        _answer(Addresses(jira=jira.url, github=github.url))
        for line in sys.stdin.buffer:
            order = msgspec.json.decode(line, type=Order)
            _answer(_traffic([entry for stand_in in (jira, github) for entry in _obeyed(stand_in, order)]))


def _obeyed(stand_in: StandIn, order: Order) -> Sequence[Entry]:
    with stand_in.lock:
        entries = list(stand_in.requests)
        stand_in.requests.clear()
        stand_in.latency, stand_in.keep_answers = order.latency, order.weighing
    return entries


def _traffic(entries: Sequence[Entry]) -> Traffic:
    requests: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for entry in entries:
        name = f"{entry.method} {entry.pattern or entry.path}"
        requests[name] = requests.get(name, 0) + 1
        sizes[name] = sizes.get(name, 0) + len(entry.answer)
    return Traffic(requests=requests, sizes=sizes, writes=sum(entry.wrote for entry in entries))


def _answer(message: Addresses | Traffic) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    serve(msgspec.json.decode(sys.argv[1], type=Size))
