"""The options that every command takes, before or after its name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer


class Output(StrEnum):
    """How a command answers on standard output."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


@dataclass(frozen=True)
class Globals:
    """The options of one call. `config` is None where none was named: then the environment or the default says it."""

    config: Path | None = None
    output: Output = Output.TABLE
    projects: tuple[str, ...] = ()
    verbose: int = 0
    color: bool = True


def _parameters() -> list[inspect.Parameter]:
    panel = "Options of every command"
    options: list[tuple[str, Any, Any]] = [
        (
            "config",
            Path | None,
            typer.Option("-c", "--config", help="The project file. [default: milepost.yaml]", rich_help_panel=panel),
        ),
        ("output", Output | None, typer.Option("-o", "--output", help="How to answer. [default: table]", rich_help_panel=panel)),
        (
            "project",
            list[str] | None,
            typer.Option("--project", help="Only this project; may be given again.", rich_help_panel=panel),
        ),
        (
            "verbose",
            int,
            typer.Option("-v", count=True, help="Tell more; -vv shows the traceback of an error.", rich_help_panel=panel),
        ),
        ("no_color", bool, typer.Option("--no-color", help="No colours; NO_COLOR does the same.", rich_help_panel=panel)),
    ]
    defaults = {"verbose": 0, "no_color": False}
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults.get(name), annotation=Annotated[kind, option])
        for name, kind, option in options
    ]


def merged(before: Globals, given: dict[str, Any]) -> Globals:
    """What was said after the command's name goes over what was said before it."""
    return Globals(
        config=given.get("config") or before.config,
        output=given.get("output") or before.output,
        projects=tuple(given.get("project") or ()) or before.projects,
        verbose=given.get("verbose", 0) or before.verbose,
        color=before.color and not given.get("no_color"),
    )


def takes_globals(command: Callable[..., Any]) -> Callable[..., Any]:
    """Lets a command that expects `globals_: Globals` first be called with the options of every command."""
    own = list(inspect.signature(command).parameters.values())[1:]
    hints = get_type_hints(command, include_extras=True)
    shared = _parameters()

    @functools.wraps(command)
    def wrapper(ctx: typer.Context, **given: Any) -> Any:
        names = {parameter.name for parameter in shared}
        before = ctx.obj if isinstance(ctx.obj, Globals) else Globals()
        globals_ = merged(before, {name: value for name, value in given.items() if name in names})
        return command(globals_, **{name: value for name, value in given.items() if name not in names})

    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    kept = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[parameter.name]) for parameter in own]
    wrapper.__signature__ = inspect.Signature([context, *kept, *shared])  # type: ignore[attr-defined]  # how typer is told
    wrapper.__annotations__ = {"ctx": typer.Context, **{one.name: one.annotation for one in (*kept, *shared)}}
    return wrapper
