"""The entry point: runs a command, and turns every error that a user can cause into one clear message and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sync.cli.app import build_app
from sync.outcome import ExitCode


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and leaves the process with one of the documented exit codes."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """The exit code of one call. Usage errors are told by typer, which leaves with 2 as well."""
    try:
        build_app()(list(arguments))
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else int(ExitCode.DONE if left.code is None else ExitCode.ERROR)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped. Run the same command again to go on where it was.\n")
        return int(ExitCode.PARTIAL)
    except Exception as error:
        from sync.cli.errors import explained

        return int(explained(error, verbose=sum(one.count("v") for one in arguments if one.strip("v") == "-")))
    return int(ExitCode.DONE)
