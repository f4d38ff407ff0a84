"""Whether the program takes a command line, without running it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from sync.cli.app import build_app


def accepted(arguments: Sequence[str]) -> str:
    """The command that would run. Raises click's error for an unknown command or option, or a value that makes no sense."""
    command: Any = typer.main.get_command(build_app())
    context: Any = None
    name, rest = "milepost", list(arguments)
    path = [name]
    while True:
        context = command.make_context(name, rest, parent=context)
        if not hasattr(command, "commands"):
            return " ".join(path)
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        path.append(name)
