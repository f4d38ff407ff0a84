"""Every command with its options. What a command does is imported when it is called, so that `--help` is fast."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated, Any

import typer

from sync.cli.options import Globals, merged, takes_globals

_FORCE = "Go beyond safety.max_changes (and, when pulling, safety.max_deletes)."
_INITIAL = "Go beyond safety.max_additions: for the first run on a large project."
_ADOPT = "Take over slots that hold a value which Milepost never wrote."


def _do(command: str, *arguments: Any, **options: Any) -> None:
    code = importlib.import_module(f"sync.cli.commands.{command}").run(*arguments, **options)
    raise typer.Exit(int(code))


def build_app() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(
        name="milepost",
        help="Keeps Jira and GitHub in step with what an AI project's data, models and deployments are really doing.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=True,
        rich_markup_mode="rich",
    )
    app.callback()(_main)
    for name, command in (
        ("demo", demo),
        ("init", init),
        ("check", check),
        ("pull", pull),
        ("plan", plan),
        ("apply", apply),
        ("sync", sync),
        ("status", status),
        ("explain", explain),
        ("release", release),
        ("unpublish", unpublish),
        ("log", log),
        ("version", version),
    ):
        app.command(name)(takes_globals(command))
    app.add_typer(_group("rules", "Check, describe and try out status rules.", lint=lint, schema=schema, replay=replay))
    app.add_typer(_group("db", "Look after the store.", upgrade=upgrade, status=db_status))
    return app


def _group(name: str, text: str, **commands: Any) -> typer.Typer:
    group = typer.Typer(name=name, help=text, no_args_is_help=True)
    for command, function in commands.items():
        group.command(command)(takes_globals(function))
    return group


def _main(
    ctx: typer.Context,
    config: Annotated[Path | None, typer.Option("-c", "--config", help="The project file. [default: milepost.yaml]")] = None,
    project: Annotated[list[str] | None, typer.Option("--project", help="Only this project; may be given again.")] = None,
    verbose: Annotated[int, typer.Option("-v", count=True, help="Tell more; -vv shows the traceback of an error.")] = 0,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours; NO_COLOR does the same.")] = False,
) -> None:
    ctx.obj = merged(Globals(), {"config": config, "project": project, "verbose": verbose, "no_color": no_color})


def demo(
    globals_: Globals,
    hold: Annotated[bool, typer.Option("--hold", help="Keep the sandbox running until Ctrl-C, for every other command.")] = False,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where the demo keeps its files. [default: milepost-demo]")
    ] = None,
) -> None:
    """Run the whole loop on a sandbox: no account and no network needed."""
    _do("demo", globals_, hold=hold, folder=folder)


def init(
    globals_: Globals,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing project file.")] = False,
) -> None:
    """Write a commented project file and the schema that editors complete it with."""
    _do("init", globals_, force=force)


def check(globals_: Globals) -> None:
    """Ask every source: who am I, may I read, may I write, what is missing."""
    _do("check", globals_)


def pull(
    globals_: Globals,
    force: Annotated[bool, typer.Option("--force", help="Go beyond safety.max_deletes.")] = False,
    full: Annotated[bool, typer.Option("--full", help="List everything anew instead of what changed.")] = False,
    wait: Annotated[str, typer.Option("--wait", help="How long to wait for another run.")] = "60s",
) -> None:
    """Read what changed in every source. Nothing is written there."""
    _do("pull", globals_, force=force, full=full, wait=wait)


def plan(
    globals_: Globals,
    pull: Annotated[bool, typer.Option("--pull", help="Refresh the facts first.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Save the plan for milepost apply.")] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 4 when there are changes.")] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help=_ADOPT)] = False,
    wait: Annotated[str, typer.Option("--wait", help="How long to wait for another run.")] = "60s",
) -> None:
    """Show what would be written, and why. Nothing is written."""
    _do("plan", globals_, pull=pull, out=out, exit_code=exit_code, adopt=adopt, wait=wait)


def apply(
    globals_: Globals,
    plan: Annotated[Path | None, typer.Argument(help="A plan that milepost plan --out saved.", show_default=False)] = None,
    force: Annotated[bool, typer.Option("--force", help=_FORCE)] = False,
    initial: Annotated[bool, typer.Option("--initial", help=_INITIAL)] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help=_ADOPT)] = False,
    wait: Annotated[str, typer.Option("--wait", help="How long to wait for another run.")] = "60s",
) -> None:
    """Write what the plan says, from the stored facts or a saved plan."""
    _do("apply", globals_, plan=plan, force=force, initial=initial, adopt=adopt, wait=wait)


def sync(
    globals_: Globals,
    force: Annotated[bool, typer.Option("--force", help=_FORCE)] = False,
    initial: Annotated[bool, typer.Option("--initial", help=_INITIAL)] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help=_ADOPT)] = False,
    full: Annotated[bool, typer.Option("--full", help="List everything anew instead of what changed.")] = False,
    wait: Annotated[str, typer.Option("--wait", help="How long to wait for another run.")] = "60s",
) -> None:
    """Pull, plan and apply in one go."""
    _do("sync", globals_, force=force, initial=initial, adopt=adopt, full=full, wait=wait)


def status(
    globals_: Globals,
    all_: Annotated[bool, typer.Option("--all", help="Also what is false.")] = False,
) -> None:
    """Show the statuses of every project with their reasons, and how fresh the facts are."""
    _do("status", globals_, everything=all_)


def explain(
    globals_: Globals,
    subject: Annotated[str, typer.Argument(help="A key, a name or a ref: ML-42, example/churn#12, churn-classifier v3.")],
) -> None:
    """Show why: the chain of links and the evidence of every status."""
    _do("explain", globals_, subject=subject)


def release(
    globals_: Globals,
    subject: Annotated[str, typer.Argument(help="The ticket or change request whose overrides end, such as ML-42.")],
) -> None:
    """Give a slot that a person changed back to Milepost."""
    _do("release", globals_, subject=subject)


def unpublish(
    globals_: Globals,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only show what would be taken back.")] = False,
    wait: Annotated[str, typer.Option("--wait", help="How long to wait for another run.")] = "60s",
) -> None:
    """Take back everything that Milepost has written."""
    _do("unpublish", globals_, yes=yes, wait=wait)


def log(
    globals_: Globals,
    subject: Annotated[str | None, typer.Argument(help="Only this ticket or change request.", show_default=False)] = None,
    since: Annotated[str, typer.Option("--since", help="How far back.")] = "7d",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many entries, the newest first.")] = 100,
) -> None:
    """Show every write: when, what, before, after, why and by which run."""
    _do("log", globals_, subject=subject, since=since, limit=limit)


def version(globals_: Globals) -> None:
    """Show the versions of Milepost, Python and the installed connectors."""
    _do("version", globals_)


def lint(globals_: Globals) -> None:
    """Check the project file and its status rules."""
    _do("rules", globals_, "lint")


def schema(globals_: Globals) -> None:
    """Print the JSON Schema of the project file, for editors."""
    _do("rules", globals_, "schema")


def replay(globals_: Globals) -> None:
    """Show which stored verdicts the project file's present rules would change."""
    _do("rules", globals_, "replay")


def upgrade(globals_: Globals) -> None:
    """Bring the store's schema up to this version."""
    _do("db", globals_, "upgrade")


def db_status(globals_: Globals) -> None:
    """Show the store's schema version and what it holds."""
    _do("db", globals_, "status")
