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
    """The exit code of one call; nothing is raised but `SystemExit` and what has no explanation under `-vv`."""
    import click

    from sync.cli.errors import explained

    try:
        code = build_app()(list(arguments), standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort:
        return int(ExitCode.ERROR)
    except click.ClickException as error:
        error.show(sys.stderr)
        return int(ExitCode.USAGE)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped. Run the same command again to go on where it was.\n")
        return int(ExitCode.PARTIAL)
    except Exception as error:
        return int(explained(error, verbose=sum(one.count("v") for one in arguments if one.strip("v") == "-")))
    return int(code or 0)
