"""From a declared command to what it does, which is imported only now: so `--help` is fast."""

from __future__ import annotations

import gc
import importlib
import sys
from typing import Any

import typer

from sync.cli.options import Globals
from sync.cli.stopping import STOPPED
from sync.outcome import ExitCode


def do(command: str, globals_: Globals, *arguments: Any, **options: Any) -> None:
    """Runs a command. Whatever a user can cause becomes one clear message and one of the documented exit codes."""
    try:
        module = importlib.import_module(f"sync.cli.commands.{command}")
        gc.freeze()  # what is imported stays: the collector need not look at it each time while records come by the thousand
        code = module.run(globals_, *arguments, **options)
    except KeyboardInterrupt:
        sys.stderr.write(STOPPED)
        code = ExitCode.PARTIAL
    except Exception as error:
        from sync.cli.errors import explained

        code = explained(error, verbose=globals_.verbose, color=globals_.color)
    raise typer.Exit(int(code))
