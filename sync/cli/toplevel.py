"""The commands of the top level with their options; what each does is in the module of `commands` that bears its name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from sync.cli.dispatch import do
from sync.cli.options import Globals, Wait, whole_number

Force: TypeAlias = Annotated[
    bool, typer.Option("--force", help="Go beyond safety.max_changes (and, when pulling, safety.max_deletes).")
]
Initial: TypeAlias = Annotated[
    bool, typer.Option("--initial", help="Go beyond safety.max_additions: for the first run on a large project.")
]
Adopt: TypeAlias = Annotated[bool, typer.Option("--adopt", help="Take over slots that hold a value which Milepost never wrote.")]
Full: TypeAlias = Annotated[bool, typer.Option("--full", help="List everything anew instead of what changed.")]


def demo(
    globals_: Globals,
    hold: Annotated[bool, typer.Option("--hold", help="Keep the sandbox running until Ctrl-C, for every other command.")] = False,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where the demo keeps its files; else in milepost-demo.", show_default=False)
    ] = None,
) -> None:
    """Run the whole loop on a sandbox: no account, no network."""
    do("demo", globals_, hold=hold, folder=folder)


def init(
    globals_: Globals,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing project file.")] = False,
) -> None:
    """Write a commented project file and its schema for editors."""
    do("init", globals_, force=force)


def check(globals_: Globals) -> None:
    """Ask every source: who am I, what may I do, what is missing."""
    do("check", globals_)


def pull(
    globals_: Globals,
    force: Annotated[bool, typer.Option("--force", help="Go beyond safety.max_deletes.")] = False,
    full: Full = False,
    wait: Wait = "60s",
) -> None:
    """Read what changed in every source. Nothing is written there."""
    do("pull", globals_, force=force, full=full, wait=wait)


def plan(
    globals_: Globals,
    pull: Annotated[bool, typer.Option("--pull", help="Refresh the facts first.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Save the plan for milepost apply.")] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 4 when there are changes.")] = False,
    adopt: Adopt = False,
    wait: Wait = "60s",
) -> None:
    """Show what would be written, and why. Nothing is written."""
    do("plan", globals_, pull=pull, out=out, exit_code=exit_code, adopt=adopt, wait=wait)


def apply(
    globals_: Globals,
    plan: Annotated[
        Path | None,
        typer.Argument(
            exists=True, dir_okay=False, readable=True, help="A plan that milepost plan --out saved.", show_default=False
        ),
    ] = None,
    force: Force = False,
    initial: Initial = False,
    adopt: Adopt = False,
    wait: Wait = "60s",
) -> None:
    """Write what the stored facts, or a saved plan, ask for."""
    do("apply", globals_, plan=plan, force=force, initial=initial, adopt=adopt, wait=wait)


def sync(
    globals_: Globals,
    force: Force = False,
    initial: Initial = False,
    adopt: Adopt = False,
    full: Full = False,
    wait: Wait = "60s",
) -> None:
    """Pull, plan and apply in one go."""
    do("sync", globals_, force=force, initial=initial, adopt=adopt, full=full, wait=wait)


def status(
    globals_: Globals,
    all_: Annotated[bool, typer.Option("--all", help="Also what is false.")] = False,
) -> None:
    """Show every project's statuses and how fresh the facts are."""
    do("status", globals_, everything=all_)


def explain(
    globals_: Globals,
    subject: Annotated[str, typer.Argument(help="A key, a name or a ref: CHURN-42, example/churn#12, 'churn-classifier v3'.")],
) -> None:
    """Show why: the chain of links, the evidence of each status."""
    do("explain", globals_, subject=subject)


def release(
    globals_: Globals,
    subject: Annotated[str, typer.Argument(help="The ticket or change request whose overrides end, such as CHURN-42.")],
) -> None:
    """Give a slot that a person changed back to Milepost."""
    do("release", globals_, subject=subject)


def unpublish(
    globals_: Globals,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only show what would be taken back.")] = False,
    wait: Wait = "60s",
) -> None:
    """Take back everything that Milepost has written."""
    do("unpublish", globals_, yes=yes, wait=wait)


def log(
    globals_: Globals,
    subject: Annotated[str | None, typer.Argument(help="Only this ticket or change request.", show_default=False)] = None,
    since: Annotated[str, typer.Option("--since", help="How far back.")] = "7d",
    limit: Annotated[
        int, typer.Option("--limit", parser=whole_number(1, 10_000), metavar="NUMBER", help="At most so many entries: the newest.")
    ] = 100,
) -> None:
    """Show every write: when, what, why and by which run."""
    do("log", globals_, subject=subject, since=since, limit=limit)


def serve(
    globals_: Globals,
    host: Annotated[str, typer.Option("--host", help="The address to listen on; 0.0.0.0 for every one.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", parser=whole_number(0, 65_535), metavar="NUMBER", help="The port; 0 takes a free one.")
    ] = 8080,
    workers: Annotated[
        int,
        typer.Option(
            "--workers",
            parser=whole_number(0, 64),
            metavar="NUMBER",
            help="How many jobs to do at a time here as well; needs the secrets of every source.",
        ),
    ] = 0,
    forwarded_allow_ips: Annotated[
        str, typer.Option("--forwarded-allow-ips", help="The proxies that are believed who they forward for.")
    ] = "127.0.0.1",
) -> None:
    """Take webhooks, and serve the JSON API, health and metrics; with --workers, do what is due as well."""
    do("serve", globals_, host=host, port=port, workers=workers, forwarded_allow_ips=forwarded_allow_ips)


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
    do("worker", globals_, jobs=jobs, host=host, port=port)


def version(globals_: Globals) -> None:
    """Show the versions of Milepost, Python and the connectors."""
    do("version", globals_)
