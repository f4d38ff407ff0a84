"""Standard output and standard error, whoever reads them: a terminal, a file, a pipe that is closed early."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from rich.console import Console


class Paper(Console):
    """A console whose reader may leave early (`milepost log | head -1`): the rest goes nowhere, the command ends as ever."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        send_nowhere(sys.stdout)


def send_nowhere(stream: TextIO) -> None:
    """From now on what is written to the stream is lost, quietly, up to the last flush when Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def write_out(document: bytes) -> None:
    """Writes bytes to standard output, whatever its encoding is. A reader that has left is no error."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(document)
        sys.stdout.flush()
    except BrokenPipeError:
        send_nowhere(sys.stdout)
