"""Every command with its options. What a command does is imported when it is called, so that `--help` is fast."""

from __future__ import annotations

import gc
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from sync.cli.commandline import PlainCommand, PlainGroup
from sync.cli.options import Globals, Output, merged, one_of, shaped, shared_parameters, takes_globals, whole_number
from sync.cli.stopping import STOPPED
from sync.outcome import ExitCode

_FORCE = "Go beyond safety.max_changes (and, when pulling, safety.max_deletes)."
_INITIAL = "Go beyond safety.max_additions: for the first run on a large project."
_ADOPT = "Take over slots that hold a value which Milepost never wrote."


_TABLE_OR_JSON = (Output.TABLE, Output.JSON)


def _do(command: str, globals_: Globals, *arguments: Any, **options: Any) -> None:
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
        ("Begin", {"demo": demo, "init": init, "check": check}),
        ("Keep in step", {"pull": pull, "plan": plan, "apply": apply, "sync": sync}),
        ("Look", {"status": status, "explain": explain, "log": log}),
        ("Take back", {"release": release, "unpublish": unpublish}),
        ("Always on", {"serve": serve, "worker": worker}),
        ("Look after", {"version": version}),
    )
    for panel, commands in panels:
        for name, command in commands.items():
            outputs = tuple(Output) if name == "plan" else _TABLE_OR_JSON
            app.command(name, cls=PlainCommand, rich_help_panel=panel)(takes_globals(command, outputs))
    rules = _group("rules", "Check, describe and try out status rules.", lint=lint, schema=schema, replay=replay)
    care: Mapping[str, Callable[..., None]] = {
        "upgrade": upgrade,
        "status": db_status,
        "prune": prune,
        "erase-person": erase_person,
    }
    store = _group("db", "Look after the store.", **care)
    keys = _group("token", "Make and end tokens for the JSON API and the metrics.", create=create, list=list_tokens, revoke=revoke)
    box: Mapping[str, Callable[..., None]] = {
        "list": list_deliveries,
        "show": show_delivery,
        "retry": retry_deliveries,
        "drop": drop_deliveries,
    }
    deliveries = _group("inbox", "Look after webhook deliveries that could not be taken in.", **box)
    for group in (rules, store, keys, deliveries):
        app.add_typer(group, rich_help_panel="Look after")
    return app


def _group(name: str, text: str, **commands: Any) -> typer.Typer:
    group = typer.Typer(name=name, cls=PlainGroup, help=text, no_args_is_help=True)
    for command, function in commands.items():
        group.command(command, cls=PlainCommand)(takes_globals(function, _TABLE_OR_JSON))
    return group


def _main_callback() -> Any:
    """Takes the options of every command before its name as well."""

    def main(ctx: typer.Context, **given: Any) -> None:
        ctx.obj = merged(Globals(), given)

    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    return shaped(main, [context, *shared_parameters(tuple(Output))])


def demo(
    globals_: Globals,
    hold: Annotated[bool, typer.Option("--hold", help="Keep the sandbox running until Ctrl-C, for every other command.")] = False,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where the demo keeps its files; else in milepost-demo.", show_default=False)
    ] = None,
) -> None:
    """Run the whole loop on a sandbox: no account, no network."""
    _do("demo", globals_, hold=hold, folder=folder)


def init(
    globals_: Globals,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing project file.")] = False,
) -> None:
    """Write a commented project file and its schema for editors."""
    _do("init", globals_, force=force)


def check(globals_: Globals) -> None:
    """Ask every source: who am I, what may I do, what is missing."""
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
    plan: Annotated[
        Path | None,
        typer.Argument(
            exists=True, dir_okay=False, readable=True, help="A plan that milepost plan --out saved.", show_default=False
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help=_FORCE)] = False,
    initial: Annotated[bool, typer.Option("--initial", help=_INITIAL)] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help=_ADOPT)] = False,
    wait: Annotated[str, typer.Option("--wait", help="How long to wait for another run.")] = "60s",
) -> None:
    """Write what the stored facts, or a saved plan, ask for."""
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
    """Show every project's statuses and how fresh the facts are."""
    _do("status", globals_, everything=all_)


def explain(
    globals_: Globals,
    subject: Annotated[str, typer.Argument(help="A key, a name or a ref: CHURN-42, example/churn#12, 'churn-classifier v3'.")],
) -> None:
    """Show why: the chain of links, the evidence of each status."""
    _do("explain", globals_, subject=subject)


def release(
    globals_: Globals,
    subject: Annotated[str, typer.Argument(help="The ticket or change request whose overrides end, such as CHURN-42.")],
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
    limit: Annotated[
        int, typer.Option("--limit", parser=whole_number(1, 10_000), metavar="NUMBER", help="At most so many entries: the newest.")
    ] = 100,
) -> None:
    """Show every write: when, what, why and by which run."""
    _do("log", globals_, subject=subject, since=since, limit=limit)


def serve(
    globals_: Globals,
    host: Annotated[str, typer.Option("--host", help="The address to listen on; 0.0.0.0 for every one.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", parser=whole_number(0, 65_535), metavar="NUMBER", help="The port; 0 takes a free one.")
    ] = 8080,
    workers: Annotated[
        int, typer.Option("--workers", parser=whole_number(0, 64), metavar="NUMBER", help="How many jobs to do at a time here.")
    ] = 0,
    forwarded_allow_ips: Annotated[
        str, typer.Option("--forwarded-allow-ips", help="The proxies that are believed who they forward for.")
    ] = "127.0.0.1",
) -> None:
    """Take webhooks, and answer for the service's health."""
    _do("serve", globals_, host=host, port=port, workers=workers, forwarded_allow_ips=forwarded_allow_ips)


def worker(
    globals_: Globals,
    jobs: Annotated[
        int, typer.Option("--jobs", parser=whole_number(1, 64), metavar="NUMBER", help="How many jobs to do at a time.")
    ] = 4,
    host: Annotated[str, typer.Option("--host", help="The address to listen on, with --port.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            "--port", parser=whole_number(0, 65_535), metavar="NUMBER", help="Where to show health and figures; else nowhere."
        ),
    ] = None,
) -> None:
    """Do what is due: take in deliveries, pull on schedule, keep every project in step. Needs PostgreSQL."""
    _do("worker", globals_, jobs=jobs, host=host, port=port)


def version(globals_: Globals) -> None:
    """Show the versions of Milepost, Python and the connectors."""
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
    """Show the store's schema version, what it holds and how long that is kept."""
    _do("db", globals_, "status")


def prune(
    globals_: Globals,
    wait: Annotated[str, typer.Option("--wait", help="How long to wait for another run.")] = "60s",
) -> None:
    """Drop what is older than retention in the project file says, as pull, apply and sync do once a day."""
    _do("db", globals_, "prune", wait=wait)


def erase_person(
    globals_: Globals,
    person: Annotated[str, typer.Argument(help="A full name, an e-mail address, an account id or a login.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only show what the store holds.")] = False,
    wait: Annotated[str, typer.Option("--wait", help="How long to wait for another run.")] = "60s",
) -> None:
    """Put a pseudonym in the place of a person in the whole store, now and in what is read later."""
    _do("erase_person", globals_, person=person, yes=yes, wait=wait)


def create(
    globals_: Globals,
    name: Annotated[str, typer.Argument(help="Who or what has it, such as ci-dashboard.")],
    scope: Annotated[
        list[str],
        typer.Option(
            "--scope", parser=one_of(("read", "operate")), metavar="read|operate", help="What it may do; may be given again."
        ),
    ] = ["read"],  # noqa: B006 - typer reads it and changes nothing
    expires: Annotated[str | None, typer.Option("--expires", help="How long it holds; else until it is revoked.")] = None,
) -> None:
    """Make a token and show it, this once."""
    _do("token", globals_, "create", token=name, scopes=scope, expires=expires)


def list_tokens(globals_: Globals) -> None:
    """Show all tokens, without their secrets."""
    _do("token", globals_, "list")


def revoke(
    globals_: Globals,
    token: Annotated[str, typer.Argument(help="Its id or its name.")],
) -> None:
    """End a token at once and for good."""
    _do("token", globals_, "revoke", token=token)


_ID = "The number that inbox list shows."
_Deliveries: TypeAlias = Annotated[
    list[int] | None,
    typer.Argument(
        parser=whole_number(1, 999_999_999), metavar="DELIVERIES", help="The numbers that inbox list shows.", show_default=False
    ),
]
_AllDead: TypeAlias = Annotated[bool, typer.Option("--all", help="All that are dead.")]


def list_deliveries(
    globals_: Globals,
    all_: Annotated[bool, typer.Option("--all", help="Also what waits, and what was settled lately.")] = False,
    source: Annotated[str | None, typer.Option("--source", metavar="NAME", help="Only of this source.", show_default=False)] = None,
    limit: Annotated[
        int, typer.Option("--limit", parser=whole_number(1, 10_000), metavar="NUMBER", help="At most so many: the latest.")
    ] = 100,
) -> None:
    """Show the deliveries that are dead, and how many there are in all."""
    _do("inbox", globals_, "list", all_=all_, source=source, limit=limit)


def show_delivery(
    globals_: Globals,
    delivery: Annotated[int, typer.Argument(parser=whole_number(1, 999_999_999), metavar="DELIVERY", help=_ID)],
) -> None:
    """Show one delivery: why it failed, and what it said."""
    _do("inbox", globals_, "show", ids=[delivery])


def retry_deliveries(
    globals_: Globals,
    deliveries: _Deliveries = None,
    all_: _AllDead = False,
) -> None:
    """Take dead deliveries in again, as if they had never failed."""
    _do("inbox", globals_, "retry", ids=deliveries or [], all_=all_)


def drop_deliveries(
    globals_: Globals,
    deliveries: _Deliveries = None,
    all_: _AllDead = False,
) -> None:
    """Let go of dead deliveries, which are never taken in then."""
    _do("inbox", globals_, "drop", ids=deliveries or [], all_=all_)
