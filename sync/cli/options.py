"""The options that every command takes, before or after its name, and what the options of several commands have in common."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeAlias, get_type_hints

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


Wait: TypeAlias = Annotated[str, typer.Option("--wait", help="How long to wait for another run.")]

_PANEL = "Options of every command"


def _parameters(outputs: Sequence[Output], *, by_project: bool) -> Sequence[tuple[str, Any, Any, Any]]:
    """Name, type, default and description of each option of every command; `outputs` are those that the command knows. The help of
    one that does nothing `by_project` does not offer to choose any, as to do so is an error."""
    choices = [one.value for one in outputs]

    def option(*names: str, **details: Any) -> Any:
        return typer.Option(*names, rich_help_panel=_PANEL, **details)

    return (
        (
            "config",
            Path | None,
            None,
            option("-c", "--config", help="The project file; else MILEPOST_CONFIG or milepost.yaml.", show_default=False),
        ),
        (
            "output",
            str | None,
            None,
            option(
                *("-o", "--output"),
                parser=one_of(choices),
                metavar="|".join(choices),
                autocompletion=lambda: choices,
                help="How to answer; else as a table.",
                show_default=False,
            ),
        ),
        (
            "project",
            list[str] | None,
            None,
            option("--project", metavar="KEY", help="Only this project; may be given again.", hidden=not by_project),
        ),
        ("verbose", int, 0, option("-v", count=True, help="Tell more; -vv shows an error's traceback.", show_default=False)),
        ("no_color", bool, False, option("--no-color", help="No colours; NO_COLOR does the same.")),
    )


def version_parameter() -> inspect.Parameter:
    """The option that many look for before they find the command: it goes before everything else that was said."""

    def show(wanted: bool) -> None:
        if wanted:
            from sync.cli.commands.version import own_version

            typer.echo(own_version())
            raise typer.Exit

    option = typer.Option("--version", is_eager=True, callback=show, help="Show the version of Milepost.", show_default=False)
    return inspect.Parameter("version", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, option])


def one_of(choices: Sequence[str]) -> Callable[[str], str]:
    """Reads one of a few words. Typer would quote the checking library's own words instead."""

    def read(said: str) -> str:
        if said not in choices:
            raise typer.BadParameter(f"{said!r} is not one of {', '.join(choices)}.")
        return said

    return read


def whole_number(least: int, most: int) -> Callable[[str | int], int]:
    """Reads a whole number within limits."""

    def read(said: str | int) -> int:
        text = str(said)
        if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
            raise typer.BadParameter(f"{text!r} is no whole number from {least:,} to {most:,}.")
        return int(text)

    return read


def merged(before: Globals, given: Mapping[str, Any]) -> Globals:
    """What was said after the command's name goes over what was said before it."""
    return Globals(
        config=given.get("config") or before.config,
        output=Output(given.get("output") or before.output),
        projects=tuple(given.get("project") or ()) or before.projects,
        verbose=before.verbose + given.get("verbose", 0),
        color=before.color and not given.get("no_color"),
    )


def takes_globals(command: Callable[..., None], outputs: Sequence[Output], *, by_project: bool = True) -> Callable[..., None]:
    """Lets a command that expects `globals_: Globals` first be called with the options of every command."""
    own = list(inspect.signature(command).parameters.values())[1:]
    hints = get_type_hints(command, include_extras=True)
    shared = shared_parameters(outputs, by_project=by_project)
    names = {parameter.name for parameter in shared}

    @functools.wraps(command)
    def wrapper(ctx: typer.Context, **given: Any) -> None:
        before = ctx.obj if isinstance(ctx.obj, Globals) else Globals()
        globals_ = merged(before, {name: value for name, value in given.items() if name in names})
        if globals_.output not in outputs:
            known = ", ".join(one.value for one in outputs)
            raise typer.BadParameter(f"{globals_.output.value!r} is not one of {known} for this command.", param_hint="-o")
        if globals_.projects and not by_project:
            raise typer.BadParameter("this command works for the whole project file: leave it out.", param_hint="--project")
        command(globals_, **{name: value for name, value in given.items() if name not in names})

    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    kept = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[parameter.name]) for parameter in own]
    return shaped(wrapper, [context, *kept, *shared])


def shared_parameters(outputs: Sequence[Output], *, by_project: bool = True) -> list[inspect.Parameter]:
    """The options of every command as parameters of a function."""
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])
        for name, kind, default, option in _parameters(outputs, by_project=by_project)
    ]


def shaped(function: Callable[..., None], parameters: Sequence[inspect.Parameter]) -> Callable[..., None]:
    """The function with the signature that typer is to see."""
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # how typer is told
    function.__annotations__ = {one.name: one.annotation for one in parameters}
    return function
