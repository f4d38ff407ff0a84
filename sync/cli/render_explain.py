"""Why something shows what it shows: the chain of links as a tree, every verdict with its evidence, the verdicts about others that
concern it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.text import Text

from mappings.model import Ref, Relation
from sync.chain import Node
from sync.cli.layout import Cell, columns, wrapped
from sync.cli.style import KINDS, STATES, ago, link, listed
from sync.cli.tree import Branch, tree_lines
from sync.cli.verdicts import look_of, missing_by_reason, words_of
from sync.documents import Document, evidence_document
from sync.evidence import Evidence
from sync.explain import Concern, Explanation, Verdict

MANY_OTHERS = 8
"""Of so many other objects the verdicts are listed; the rest is counted."""

_KINDS = {"work_item": "ticket", "change_request": "pull request", "model_version": "model version", "observation": "monitor"}

_INWARD: dict[Relation, str] = {
    "mentions": "mentioned by",
    "implements": "implemented by",
    "built_from": "built into",
    "trained_on": "used to train",
    "registered_from": "registered as",
    "deploys": "deployed by",
    "observes": "observed by",
    "blocks": "blocked by",
    "follows": "followed by",
}
"""How a link reads from its target."""


def explanation_lines(explanation: Explanation, now: datetime, width: int) -> Iterator[Text]:
    """One subject in one project: what hangs on it, and every verdict that has to do with it."""
    yield from tree_lines(_branch(explanation.subject), width)
    for verdict in explanation.verdicts:
        yield Text()
        yield from tree_lines(_verdict(verdict, explanation.subject.name, now), width)
    yield from _concerns("Received from", explanation.received, width)
    received = {one.subject for one in explanation.received}
    others = [one for one in explanation.evidence_for if one.subject not in received]
    yield from _concerns("Evidence for", [one for one in others if one.direct], width)
    yield from _concerns("On the way of", [one for one in others if not one.direct], width)
    if not (explanation.verdicts or explanation.received or explanation.evidence_for):
        yield Text()
        yield Text("No status applies to it.")


def age_line(explanation: Explanation, now: datetime) -> Text:
    """Which project, and how old its facts are."""
    age = f"facts from {ago(explanation.facts_as_of, now)}" if explanation.facts_as_of else "not all facts were pulled yet"
    return Text(f"Project {explanation.project}; {age}.", style="dim")


def _concerns(heading: str, concerns: Sequence[Concern], width: int) -> Iterator[Text]:
    """The verdicts by what they are about, with the command that tells everything of it."""
    by_subject: dict[Ref, list[Concern]] = {}
    for one in concerns:
        by_subject.setdefault(one.subject, []).append(one)
    for ref in sorted(by_subject, key=lambda ref: not any(one.verdict.state != "off" for one in by_subject[ref]))[:MANY_OTHERS]:
        first = by_subject[ref][0]
        yield Text()
        name = Text.assemble(
            (f"{heading} ", "bold"), link(first.name, first.url, "bold"), f"  {first.title}" if first.title else ""
        )
        yield from wrapped(name, width, hanging=4)
        yield from columns([_concern(one) for one in by_subject[ref]], width, indent=2)
        yield Text.assemble(("  all of it: ", "dim"), f"milepost explain {shlex.quote(first.name)}")
    if len(by_subject) > MANY_OTHERS:
        yield Text()
        yield Text(f"{heading} {len(by_subject) - MANY_OTHERS:,} more: milepost explain -o json lists all", style="dim")


def _concern(concern: Concern) -> Sequence[Cell]:
    verdict = concern.verdict
    sign, color = look_of(verdict.kind, truth=verdict.truth, state=verdict.state)
    says = words_of(verdict.title, truth=verdict.truth, says=verdict.says, missing=verdict.missing)
    return Text(f"{sign} {verdict.title}", style=color), says


def _branch(node: Node) -> Branch:
    notes = [Text(f"{node.confidence}: {node.because}", style="dim italic")] if node.because else []
    children = [_branch(child) for child in node.children]
    if node.hidden:
        children.append(Branch(head=Text(f"… and {node.hidden:,} more: milepost explain -v shows all", style="dim")))
    return Branch(head=_head(node), notes=notes, url=node.url, children=children)


def _head(node: Node) -> Text:
    head = Text()
    if node.relation is not None:
        words = node.relation.replace("_", " ") if node.outward else _INWARD[node.relation]
        head.append(f"{words} ", style="dim" if node.confidence == "textual" else "cyan")
    kind = _KINDS.get(node.kind, node.kind.replace("_", " "))
    if not node.name.startswith(f"{kind} "):
        head.append(f"{kind} ", style="dim")
    head.append(link(node.name, node.url, "bold"))
    if node.title:
        head.append(f"  {node.title}")
    if node.state:
        head.append(f"  {node.state}", style="dim")
    return head


def _verdict(verdict: Verdict, subject: str, now: datetime) -> Branch:
    sign, color = look_of(verdict.kind, truth=verdict.truth, state=verdict.state)
    by_page: dict[tuple[Ref, str | None], list[Evidence]] = {}
    pages = {one.ref: one.url for one in reversed(verdict.evidence) if one.url is not None}
    for one in verdict.evidence:
        by_page.setdefault((one.ref, one.url or pages.get(one.ref)), []).append(one)
    says = words_of(verdict.title, truth=verdict.truth, says=verdict.says, missing=verdict.missing)
    where = _where(verdict, subject)
    return Branch(
        head=Text.assemble((f"{sign} {verdict.title}", f"bold {color}"), f"  {says}"),
        notes=[
            Text(f"since {ago(verdict.since, now)}; rule {verdict.rule}, version {verdict.rule_version}", style="dim"),
            *([Text(where, style="dim")] if where else []),
        ],
        children=[
            *(_object(evidence, url, KINDS[verdict.kind]) for (_, url), evidence in by_page.items()),
            *(Branch(head=Text(f"? missing: {one}", style="yellow")) for one in missing_by_reason(verdict.missing)),
        ],
    )


def _where(verdict: Verdict, subject: str) -> str:
    """Where people see it now, or that they do not. Nothing where it concerns its own subject alone: its slots are told below."""
    if verdict.untold is not None:
        return f"not shown: {verdict.untold}"
    if verdict.shown_on:
        return f"shown on {listed(verdict.shown_on)}" if verdict.shown_on != (subject,) else ""
    if verdict.state != "on" or verdict.told_on in ((), (subject,)):
        return ""
    return f"not shown now; meant for {listed(verdict.told_on)}"


def _object(evidence: Sequence[Evidence], url: str | None, color: str) -> Branch:
    """One object, as one page shows it, with every fact about it that was looked at; those that read the same are told once."""
    facts = {fact.plain: fact for fact in (_fact(one, color) for one in evidence)}
    return Branch(head=link(evidence[0].name, url, "bold"), notes=[*facts.values()], url=url)


def _fact(evidence: Evidence, color: str) -> Text:
    """A filled sign for what speaks for the status, an empty one for what speaks against it."""
    sign, style = {True: (STATES["on"], color), False: (STATES["off"], "dim"), None: (STATES["unknown"], "yellow")}[evidence.holds]
    fact = Text.assemble((sign, style), f" {_said(evidence)}")
    if evidence.observed_at is not None:
        fact.append(f"  {evidence.observed_at:%Y-%m-%d %H:%M} UTC", style="dim")
    return fact


def _said(evidence: Evidence) -> str:
    """In words, also where nobody knows what it is."""
    named = evidence.fact.replace("_", " ")
    return evidence.words or (f"{named}: not known" if evidence.holds is None else named)


def explanation_document(explanation: Explanation) -> Document:
    """The same as a plain document."""
    return {
        "project": explanation.project,
        "facts_as_of": explanation.facts_as_of,
        "subject": _node_document(explanation.subject),
        "verdicts": [_verdict_document(one) for one in explanation.verdicts],
        "received": [_concern_document(one) for one in explanation.received],
        "evidence_for": [_concern_document(one) for one in explanation.evidence_for],
    }


def _concern_document(concern: Concern) -> Document:
    return {
        "subject": str(concern.subject),
        "name": concern.name,
        "title": concern.title,
        "url": concern.url,
        "direct": concern.direct,
        "verdict": _verdict_document(concern.verdict),
    }


def _node_document(node: Node) -> Document:
    return {
        "ref": str(node.ref),
        "kind": node.kind,
        "name": node.name,
        "title": node.title,
        "state": node.state,
        "url": node.url,
        "relation": node.relation,
        "outward": node.outward,
        "because": node.because,
        "confidence": node.confidence,
        "children": [_node_document(child) for child in node.children],
        "hidden": node.hidden,
    }


def _verdict_document(verdict: Verdict) -> Document:
    return {
        "rule": verdict.rule,
        "title": verdict.title,
        "kind": verdict.kind,
        "truth": verdict.truth,
        "state": verdict.state,
        "says": verdict.says,
        "since": verdict.since,
        "rule_version": verdict.rule_version,
        "recheck_at": verdict.recheck_at,
        "evidence": [evidence_document(one) for one in verdict.evidence],
        "missing": verdict.missing,
        "told_on": verdict.told_on,
        "shown_on": verdict.shown_on,
        "untold": verdict.untold,
    }
