"""Puts the command line together: its commands and groups, and the options that all of them take."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import typer

from sync.cli import subcommands, toplevel
from sync.cli.commandline import PlainCommand, PlainGroup
from sync.cli.options import Globals, Output, merged, shaped, shared_parameters, takes_globals, version_parameter

_TABLE_OR_JSON = (Output.TABLE, Output.JSON)
_BY_PROJECT = (
    *(toplevel.pull, toplevel.plan, toplevel.apply, toplevel.sync, toplevel.status, toplevel.explain, toplevel.log),
    *(toplevel.release, toplevel.unpublish, subcommands.replay),
)
"""The others work for the whole project file."""


def build_app() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(
        name="milepost",
        cls=PlainGroup,
        help="Keeps Jira and GitHub in step with what an AI project's data, models and deployments are really doing.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=True,
        rich_markup_mode="rich",
    )
    app.callback()(_main_callback())
    panels: Sequence[tuple[str, Mapping[str, Callable[..., None]]]] = (
        ("Begin", {"demo": toplevel.demo, "init": toplevel.init, "check": toplevel.check}),
        ("Keep in step", {"pull": toplevel.pull, "plan": toplevel.plan, "apply": toplevel.apply, "sync": toplevel.sync}),
        ("Look", {"status": toplevel.status, "explain": toplevel.explain, "log": toplevel.log}),
        ("Take back", {"release": toplevel.release, "unpublish": toplevel.unpublish}),
        ("Always on", {"serve": toplevel.serve, "worker": toplevel.worker}),
        ("Look after", {"version": toplevel.version}),
    )
    for panel, commands in panels:
        for name, command in commands.items():
            outputs = tuple(Output) if name == "plan" else _TABLE_OR_JSON
            app.command(name, cls=PlainCommand, rich_help_panel=panel)(_complete(command, outputs))
    groups: Sequence[tuple[str, str, Mapping[str, Callable[..., None]]]] = (
        (
            "rules",
            "Check, describe and try out status rules.",
            {"lint": subcommands.lint, "schema": subcommands.schema, "replay": subcommands.replay},
        ),
        (
            "db",
            "Look after the store.",
            {
                "upgrade": subcommands.upgrade,
                "status": subcommands.db_status,
                "prune": subcommands.prune,
                "erase-person": subcommands.erase_person,
            },
        ),
        (
            "token",
            "Make and end tokens for the JSON API and the metrics.",
            {"create": subcommands.create, "list": subcommands.list_tokens, "revoke": subcommands.revoke},
        ),
        (
            "inbox",
            "Look after webhook deliveries that could not be taken in.",
            {
                "list": subcommands.list_deliveries,
                "show": subcommands.show_delivery,
                "retry": subcommands.retry_deliveries,
                "drop": subcommands.drop_deliveries,
            },
        ),
    )
    for name, text, commands in groups:
        app.add_typer(_group(name, text, commands), rich_help_panel="Look after")
    return app


def _group(name: str, text: str, commands: Mapping[str, Callable[..., None]]) -> typer.Typer:
    group = typer.Typer(name=name, cls=PlainGroup, help=text, no_args_is_help=True)
    for command, function in commands.items():
        group.command(command, cls=PlainCommand)(_complete(function, _TABLE_OR_JSON))
    return group


def _complete(command: Callable[..., None], outputs: Sequence[Output]) -> Callable[..., None]:
    return takes_globals(command, outputs, by_project=command in _BY_PROJECT)


def _main_callback() -> Any:
    """Takes the options of every command before its name as well."""

    def main(ctx: typer.Context, **given: Any) -> None:
        ctx.obj = merged(Globals(), given)

    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    return shaped(main, [context, version_parameter(), *shared_parameters(tuple(Output))])
