"""A fault that holds an answer back for as long as a test wants."""

from __future__ import annotations

import threading

from sandbox.faults import Answer
from sandbox.messages import Reply, Request
from tests.cli.process import PATIENCE


class Gate:
    """`met` tells that a request has come, `opened` lets it go on."""

    def __init__(self) -> None:
        self.met = threading.Event()
        self.opened = threading.Event()

    def __call__(self, _: Request, answer: Answer) -> Reply:
        self.met.set()
        self.opened.wait(PATIENCE)
        return answer()
