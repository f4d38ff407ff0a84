"""The way from a subject along the links of a rule: what it leads to, and what it lacks to be relied on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy

from mappings.model import Link, Ref
from mappings.patterns import OBSERVATIONS, PATTERNS
from mappings.rules import StatusRule
from sync.graph import RELATION_KINDS, Step
from sync.view import View


class Way:
    """One rule's way from one subject. What is `reached` is found once; `members` are what patterns look at, for a project all."""

    def __init__(self, rule: StatusRule, subject: Ref, view: View) -> None:
        self.rule = rule
        self.subject = subject
        self.view = view
        self._lacks_to: dict[Ref, Sequence[str]] = {}
        self.reached: Mapping[Ref, Step] = {} if rule.subject == "project" else view.graph.reach(subject, rule.via)
        self.members: Sequence[Ref] = sorted(
            ref for ref in (view.graph.entities if rule.subject == "project" else self.reached) if ref != subject
        )

    def unwalked(self) -> Way:
        """The same, of which nothing was walked: what lies off it is looked at so."""
        beside = copy(self)
        beside.reached = {}
        return beside

    def doubts(self, ref: Ref) -> Sequence[str]:
        """Why it may not be said of `ref` that the subject leads to it."""
        return [*self.view.lacks(ref), *self.lacks_to(ref)]

    def lacks_to(self, ref: Ref) -> Sequence[str]:
        """What the way to `ref` lacks: nothing that a link on it was read from may be missing or unconfirmed. Found once for each
        link, whatever lies behind it."""
        step = self.reached.get(ref)
        if step is None:
            return ()
        if ref not in self._lacks_to:
            self._lacks_to[ref] = sorted({*self.lacks_to(step.before), *self._lacks_of(step.link)})
        return self._lacks_to[ref]

    def _lacks_of(self, link: Link) -> Iterator[str]:
        if link.confidence != "declared":
            for one in _read_from(link):
                yield from self.view.lacks(one)
            if link.relation == "deploys":
                yield from self.view.deploys_lacks(link)

    def observed(self) -> Sequence[Ref]:
        """What may have observations: everything, for a project, else the subject and what is reached."""
        if self.rule.subject == "project":
            return sorted(self.view.graph.observations)
        return (self.subject, *self.members) if "observes" in self.rule.via else ()

    def could_add(self, *names: str) -> Sequence[str]:
        """The streams that could still add a member that patterns of these names look at, or a link along `via`; found once for all
        subjects.

        Commits that no listing has are looked up for the runs and versions that name them, so these bring commits too.
        """

        def find() -> Sequence[str]:
            kinds = {kind for name in names for kind in _kinds(name)}
            wanted = {kind for relation in self.rule.via for kind in RELATION_KINDS[relation]} | kinds
            brings = {"run", "model_version"} if "built_from" in self.rule.via or "commit" in kinds else set()
            return self.view.freshness.absent_proof_lacks(wanted | brings)

        return self.view.once(("lacks", self.rule.via, names), find)

    def unseen(self, names: Collection[str]) -> Sequence[str]:
        """The blocking tickets that patterns of these names would look at if the project's scopes showed them."""
        if "blocks" not in self.rule.via or not {"work_item", "status"} & set(names):
            return ()
        unseen = self.view.graph.unseen_blockers.get(self.subject, ())
        return [f"blocking ticket {ref.id} of {ref.source}, which is not in the project's scopes" for ref in unseen]


def _read_from(link: Link) -> Sequence[Ref]:
    """Whose facts a link was read from: the tickets of a change request tell whether something was built from it or follows it."""
    match link.relation:
        case "blocks":
            return (link.target,)
        case "built_from":
            return (link.source, link.target)
    return (link.source,)


def _kinds(name: str) -> frozenset[str]:
    """The kinds whose streams can add a member of a pattern."""
    return RELATION_KINDS["observes"] if name in OBSERVATIONS else frozenset({name} & PATTERNS.keys())
