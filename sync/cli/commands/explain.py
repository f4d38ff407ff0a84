"""`milepost explain`"""

from __future__ import annotations

import threading
from datetime import datetime

import msgspec
from rich.text import Text
from rich.tree import Tree

from sync.assess import assess
from sync.cli.errors import UsageProblem
from sync.cli.options import Globals
from sync.cli.session import Session
from sync.cli.style import KINDS, STATES, ago, link
from sync.explain import Explanation, Node, Verdict, explain, find_subjects
from sync.outcome import ExitCode

_WORDS = {
    "work_item": "ticket",
    "change_request": "pull request",
    "model_version": "model version",
}


def run(globals_: Globals, *, subject: str) -> ExitCode:
    """Shows the chain of links and the evidence of every verdict about the subject, in each project that knows it."""
    session = Session(globals_)
    found: list[tuple[Explanation, datetime]] = []
    with session.workspace() as workspace:
        for project in session.chosen(workspace):
            assessed = assess(workspace.database, project, looking_up=False, stop=threading.Event(), save=False)
            found.extend((explain(assessed, one), assessed.now) for one in find_subjects(assessed, subject))
    if not found:
        raise UsageProblem(
            f"nothing known is called {subject!r}", "pull first, or name it as in Jira or GitHub: ML-42, example/churn#12"
        )
    if session.wants_json:
        session.answer({"explanations": [msgspec.to_builtins(one) for one, _ in found]})
    else:
        for one, now in found:
            _print(session, one, now)
    return ExitCode.DONE


def _print(session: Session, explanation: Explanation, now: datetime) -> None:
    tree = Tree(_label(explanation.subject), guide_style="dim")
    _grow(tree, explanation.subject)
    session.out.print(tree)
    for verdict in explanation.verdicts:
        session.out.print(_verdict(verdict, now))
    if not explanation.verdicts:
        session.out.print(Text("No status applies to it.", style="dim"))
    age = ago(explanation.facts_as_of, now) if explanation.facts_as_of else "a time that is not known for every source"
    session.out.print(Text(f"Project {explanation.project}; facts from {age}.\n", style="dim"))


def _label(node: Node) -> Text:
    text = Text()
    if node.relation is not None:
        text.append(f"{node.relation.replace('_', ' ')}  ", style="dim" if node.confidence == "textual" else "cyan")
    kind = _WORDS.get(node.kind, node.kind.replace("_", " "))
    if not node.name.startswith(kind):
        text.append(f"{kind} ", style="dim")
    text.append(link(node.name, node.url, "bold"))
    if node.state:
        text.append(f"  {node.state}", style="dim")
    if node.title:
        text.append(f"  {node.title}")
    if node.because:
        text.append(f"\n{node.confidence}: {node.because}", style="dim italic")
    if node.url:
        text.append(f"\n{node.url}", style="blue dim")
    return text


def _grow(tree: Tree, node: Node) -> None:
    for child in node.children:
        _grow(tree.add(_label(child)), child)
    if node.hidden:
        tree.add(Text(f"… and {node.hidden} more", style="dim"))


def _verdict(verdict: Verdict, now: datetime) -> Tree:
    state = "unknown" if verdict.truth is None and verdict.state == "off" else verdict.state
    color = KINDS[verdict.kind] if state == "on" else "yellow" if state == "unknown" else "dim"
    head = Text.assemble((f"{STATES[state]} {verdict.title}", f"bold {color}"), f"  {verdict.says}")
    tree = Tree(head, guide_style="dim")
    for one in verdict.evidence:
        sign, style = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}[one.holds]
        line = Text.assemble((sign, style), " ", link(one.name, one.url, "bold"), f" {one.words or one.fact}")
        if one.observed_at is not None:
            line.append(f"  {one.observed_at:%Y-%m-%d %H:%M} UTC", style="dim")
        if one.url:
            line.append(f"\n{one.url}", style="blue dim")
        tree.add(line)
    for missing in verdict.missing:
        tree.add(Text(f"? lacks {missing}", style="yellow"))
    tree.add(Text(f"since {ago(verdict.since, now)}, rule {verdict.rule} version {verdict.rule_version}", style="dim"))
    return tree
