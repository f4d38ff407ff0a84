"""`milepost check`"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import msgspec
from rich.text import Text

from config.secrets import check_environment, check_secrets
from sync.check import Checked, ScopedFinding, check_sources, stored_findings, webhook_findings
from sync.cli.asking import waiting_for
from sync.cli.layout import columns, wrapped
from sync.cli.options import Globals
from sync.cli.session import Session
from sync.cli.stopping import stoppable
from sync.cli.style import listed, plural
from sync.outcome import ExitCode

_SIGNS = {"ok": ("✓", "green"), "info": ("·", "dim"), "warning": ("!", "yellow"), "error": ("✗", "red")}


def run(globals_: Globals) -> ExitCode:
    """Checks the environment, the store and every source."""
    session = Session(globals_)
    types = {name: session.types.connection(entry.type).secrets for name, entry in session.file.sources.items()}
    session.show_problems(check_environment(types, os.environ))
    for name, model in types.items():
        session.show_problems([problem for problem in check_secrets(name, model, os.environ) if problem.level == "warning"])
    with stoppable() as stop, session.workspace() as workspace:
        store, sources = str(workspace.database), list(workspace.sources.values())
        known = stored_findings(workspace.database, workspace.projects)
        unproven = webhook_findings(sources, os.environ)
        if not session.wants_json:
            session.show_all(_store_lines(store, session.width))
        answered: dict[str, Checked] = {}
        with waiting_for(session.err, sources) as waiting:
            for one in check_sources(sources, stop=stop, report=waiting.show):
                answered[one.source] = msgspec.structs.replace(
                    one, findings=[*one.findings, *(found for of in (known, unproven) for found in of.get(one.source, ()))]
                )
                with waiting.aside(one.source):
                    session.show_all([] if session.wants_json else _source_lines(answered[one.source], session.width))
    checked = [answered[source.name] for source in sources]
    code = ExitCode.DONE if all(one.works for one in checked) else ExitCode.PARTIAL
    if session.wants_json:
        found = [msgspec.to_builtins(one) | {"works": one.works} for one in checked]
        session.answer({"store": store, "sources": found, "exit_code": int(code)})
    else:
        session.show_all(_sum_lines(checked))
    return code


def _store_lines(store: str, width: int) -> Iterator[Text]:
    yield Text.assemble(("store", "bold"))
    yield from wrapped(Text.assemble(_SIGNS["ok"], f"  {store} is ready"), width, indent=2, hanging=5)


def _source_lines(checked: Checked, width: int) -> Iterator[Text]:
    yield Text()
    kind = f"  {checked.type}" if checked.type != checked.source else ""
    read_for = f"  for {', '.join(dict.fromkeys(checked.scopes))}" if checked.scopes else ""
    yield from wrapped(Text.assemble((checked.source, "bold"), kind, (read_for, "dim")), width, hanging=2)
    yield from _findings(checked, width)


def _sum_lines(checked: Sequence[Checked]) -> Iterator[Text]:
    yield Text()
    broken = [one.source for one in checked if not one.works]
    if broken:
        as_they_are = "will not work as it is" if len(broken) == 1 else "will not work as they are"
        yield Text(f"{listed(broken)} {as_they_are}: see ✗ above.", style="bold red")
    else:
        warnings = sum(finding.level == "warning" for one in checked for finding in one.findings)
        said = f", with {plural(warnings, 'warning')}" if warnings else ""
        yield Text(f"{plural(len(checked), 'source')} checked, all can be used{said}.", style="bold green")


def _findings(checked: Checked, width: int) -> list[Text]:
    """What one source says, by topic; a topic is named once."""
    rows: list[tuple[Text, str, Text]] = []
    for topic, findings in _by_topic(checked.findings).items():
        for number, finding in enumerate(findings):
            name = topic if number == 0 else ""
            rows.append((Text(*_SIGNS[finding.level]), name, Text(_said(finding))))
            if finding.fix:
                rows.append((Text(), "", Text(f"fix: {finding.fix}", style="italic")))
    return columns(rows, width, indent=2)


def _said(finding: ScopedFinding) -> str:
    if finding.place:
        return f"in {finding.place}, {finding.text}"
    return f"{finding.scope}: {finding.text}" if finding.scope else finding.text


def _by_topic(findings: Sequence[ScopedFinding]) -> dict[str, list[ScopedFinding]]:
    found: dict[str, list[ScopedFinding]] = {}
    for finding in findings:
        found.setdefault(finding.topic, []).append(finding)
    return found
