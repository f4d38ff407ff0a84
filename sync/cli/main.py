"""The entry point of the process."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Sequence

from sync.cli.stopping import STOPPED
from sync.outcome import ExitCode

_NEW_OBJECTS = 50_000
"""Between two looks for garbage. At Python's own 700 these take a tenth of the start of a command, which makes hardly any."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and leaves the process with one of the documented exit codes, also when it is told to end."""
    gc.set_threshold(_NEW_OBJECTS)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """The exit code of one call. Typer tells usage errors and leaves with 2."""
    try:
        # No title may stop a command because the terminal cannot show a character of it.
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")
        from sync.cli.app import build_app  # takes a moment, in which the process may be told to end

        build_app()(list(arguments))
    except KeyboardInterrupt:
        sys.stderr.write(STOPPED)
        code = int(ExitCode.PARTIAL)
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(ExitCode.DONE if left.code is None else ExitCode.ERROR)
    else:
        code = int(ExitCode.DONE)
    return _with_all_written(code)


def _with_all_written(code: int) -> int:
    """What standard output still holds back is written now, while a failure can be told. A reader that has left is no failure."""
    try:
        sys.stdout.flush()
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"error: the answer could not be written: {error.strerror}\n")
            return int(ExitCode.ERROR)
    return code
