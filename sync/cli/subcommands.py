"""The commands of `rules`, `db`, `token` and `inbox` with their options; the module of `commands` that bears the group's name does
them."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from sync.cli.dispatch import do
from sync.cli.options import Globals, Wait, one_of, whole_number

_ID = "The number that inbox list shows."
_Deliveries: TypeAlias = Annotated[
    list[int] | None,
    typer.Argument(
        parser=whole_number(1, 999_999_999), metavar="DELIVERIES", help="The numbers that inbox list shows.", show_default=False
    ),
]
_AllDead: TypeAlias = Annotated[bool, typer.Option("--all", help="All that are dead.")]


def lint(globals_: Globals) -> None:
    """Check the project file and its status rules."""
    do("rules", globals_, "lint")


def schema(globals_: Globals) -> None:
    """Print the JSON Schema of the project file, for editors."""
    do("rules", globals_, "schema")


def replay(globals_: Globals) -> None:
    """Show which stored verdicts the project file's present rules would change."""
    do("rules", globals_, "replay")


def upgrade(globals_: Globals) -> None:
    """Bring the store's schema up to this version."""
    do("db", globals_, "upgrade")


def db_status(globals_: Globals) -> None:
    """Show the store's schema version, what it holds and how long that is kept."""
    do("db", globals_, "status")


def prune(
    globals_: Globals,
    wait: Wait = "60s",
) -> None:
    """Drop what is older than retention in the project file says, as pull, apply and sync do once a day."""
    do("db", globals_, "prune", wait=wait)


def erase_person(
    globals_: Globals,
    person: Annotated[str, typer.Argument(help="A full name, an e-mail address, an account id or a login.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only show what the store holds.")] = False,
    wait: Wait = "60s",
) -> None:
    """Put a pseudonym in the place of a person in the whole store, now and in what is read later."""
    do("erase_person", globals_, person=person, yes=yes, wait=wait)


def create(
    globals_: Globals,
    name: Annotated[str, typer.Argument(help="Who or what has it, such as ci-dashboard.")],
    scope: Annotated[
        list[str],
        typer.Option(
            "--scope", parser=one_of(("read", "operate")), metavar="read|operate", help="What it may do; may be given again."
        ),
    ] = ["read"],  # noqa: B006 - typer reads it and changes nothing
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="DURATION", help="How long it holds, such as 90d; else until it is revoked."),
    ] = None,
) -> None:
    """Make a token and show it, this once."""
    do("token", globals_, "create", token=name, scopes=scope, expires=expires)


def list_tokens(globals_: Globals) -> None:
    """Show all tokens, without their secrets."""
    do("token", globals_, "list")


def revoke(
    globals_: Globals,
    token: Annotated[str, typer.Argument(help="Its id or its name.")],
) -> None:
    """End a token at once and for good."""
    do("token", globals_, "revoke", token=token)


def list_deliveries(
    globals_: Globals,
    all_: Annotated[bool, typer.Option("--all", help="Also what waits, and what was settled lately.")] = False,
    source: Annotated[str | None, typer.Option("--source", metavar="NAME", help="Only of this source.", show_default=False)] = None,
    limit: Annotated[
        int, typer.Option("--limit", parser=whole_number(1, 10_000), metavar="NUMBER", help="At most so many: the latest.")
    ] = 100,
) -> None:
    """Show the deliveries that are dead, and how many there are in all."""
    do("inbox", globals_, "list", all_=all_, source=source, limit=limit)


def show_delivery(
    globals_: Globals,
    delivery: Annotated[int, typer.Argument(parser=whole_number(1, 999_999_999), metavar="DELIVERY", help=_ID)],
) -> None:
    """Show one delivery: why it failed, and what it said."""
    do("inbox", globals_, "show", ids=[delivery])


def retry_deliveries(
    globals_: Globals,
    deliveries: _Deliveries = None,
    all_: _AllDead = False,
) -> None:
    """Take dead deliveries in again, as if they had never failed."""
    do("inbox", globals_, "retry", ids=deliveries or [], all_=all_)


def drop_deliveries(
    globals_: Globals,
    deliveries: _Deliveries = None,
    all_: _AllDead = False,
) -> None:
    """Let go of dead deliveries, which are never taken in then."""
    do("inbox", globals_, "drop", ids=deliveries or [], all_=all_)
