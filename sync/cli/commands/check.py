"""`milepost check`"""

from __future__ import annotations

import os

import msgspec
from rich.text import Text

from config.secrets import check_environment, check_secrets
from sync.build import build_sources
from sync.check import Checked, check_sources
from sync.cli.options import Globals
from sync.cli.session import Session, stoppable
from sync.cli.style import table
from sync.outcome import ExitCode

_SIGNS = {"ok": ("✓", "green"), "info": ("·", "dim"), "warning": ("!", "yellow"), "error": ("✗", "red")}


def run(globals_: Globals) -> ExitCode:
    """Checks the environment, the store and every source."""
    session = Session(globals_)
    types = {name: session.types.connection(entry.type).secrets for name, entry in session.file.sources.items()}
    session.show_problems(check_environment(types, os.environ))
    for name, model in types.items():
        session.show_problems([problem for problem in check_secrets(name, model, os.environ) if problem.level == "warning"])
    sources = build_sources(session.file, session.types, os.environ)
    with session.store() as database:
        store = str(database)
    with stoppable() as stop:
        checked = check_sources(list(sources.values()), stop=stop)
    if session.wants_json:
        session.answer({"store": store, "sources": [msgspec.to_builtins(one) | {"works": one.works} for one in checked]})
    else:
        session.out.print(Text(f"✓ {store} is ready", style="green"))
        for one in checked:
            _print(session, one)
    return ExitCode.DONE if all(one.works for one in checked) else ExitCode.PARTIAL


def _print(session: Session, checked: Checked) -> None:
    made = table("", "", "", title=f"{checked.source}  ({checked.type})")
    made.show_header = False
    for finding in checked.findings:
        sign, color = _SIGNS[finding.level]
        text = Text(finding.text)
        if finding.fix:
            text.append(f"\nfix: {finding.fix}", style="italic")
        made.add_row(Text(sign, style=color), Text(finding.topic, style="dim"), text)
    session.out.print(made)
