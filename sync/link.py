"""Links between the entities of one project: who implements, built, trained, registered, observes and blocks what, and why.

A link is *exact* when an id, a full sha or a key of exactly one known item shows it, *declared* when a person said it, and
*textual* when it is only a mention. Textual links are shown and never published on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from mappings.model import Confidence, Entity, Link, Ref
from mappings.tags import TagNames
from sync.deployed import Registry
from sync.graph import Graph
from sync.known import Known
from sync.lineage import LooseEnd, by_sha, followed, implemented_by, loose_ends, weigh
from sync.mentions import mentions
from sync.names import forms_of
from sync.project import DeclaredLink, ProjectView
from sync.tagged import tagged


class Linked(msgspec.Struct, frozen=True, kw_only=True):
    """The links, which change requests brought each run or version onto the default branch, the full shas that lead to no change
    request, those among them that nobody was asked for yet, the blockers of each ticket that cannot be seen, and what a declared
    link could not be resolved to."""

    links: Sequence[Link]
    merges: Mapping[Ref, Sequence[Ref]]
    loose_ends: Sequence[LooseEnd]
    unresolved: Sequence[str]
    unseen_blockers: Mapping[Ref, Sequence[Ref]]
    findings: Sequence[str]


def link(entities: Iterable[Entity], project: ProjectView, *, known_missing: frozenset[str] = frozenset()) -> Linked:
    """All links of one project's entities. `known_missing` are shas that were looked up and do not exist anywhere."""
    names = project.tags
    known = Known(entities, names)
    findings: list[str] = []
    links = [
        *mentions(known),
        *_blocked(known),
        *_milestones(known),
        *_datasets(known),
        *_registrations(known),
        *_deployments(known, names),
        *_observations(known),
        *_declared(known, project.links, findings),
    ]
    declared = list(tagged(known, names))
    tickets = implemented_by([*links, *declared])
    built, merges = weigh(known, list(by_sha(known, names)), declared, tickets)
    links += declared
    links += built
    links += followed(known, merges, tickets)
    loose = loose_ends(known, names)
    return Linked(
        links=sorted(set(links)),
        merges=merges,
        loose_ends=loose,
        unresolved=[end.sha for end in loose if not end.found and end.sha not in known_missing],
        unseen_blockers=_unseen_blockers(known),
        findings=findings,
    )


def build_graph(entities: Iterable[Entity], linked: Linked, *, missing: Iterable[Ref] = (), unlisted: Iterable[Ref] = ()) -> Graph:
    """The linked project, ready to be walked."""
    return Graph(
        entities,
        linked.links,
        merges=linked.merges,
        missing=missing,
        unlisted=unlisted,
        unresolved=linked.unresolved,
        unseen_blockers=linked.unseen_blockers,
    )


def _blocked(known: Known) -> Iterator[Link]:
    for item in known.items:
        for blocker in item.blocked_by:
            if blocker in known.refs:
                yield Link(source=blocker, relation="blocks", target=item.ref, because="issue link", confidence="exact")


def _unseen_blockers(known: Known) -> Mapping[Ref, Sequence[Ref]]:
    """The tickets that are said to block one that is known, and that the project's scopes do not show."""
    unseen = {item.ref: sorted(set(item.blocked_by) - known.refs) for item in known.items}
    return {item: blockers for item, blockers in unseen.items() if blockers}


def _milestones(known: Known) -> Iterator[Link]:
    for item in known.items:
        for milestone in item.milestones:
            if milestone in known.refs:
                yield Link(source=item.ref, relation="implements", target=milestone, because="planned for it", confidence="exact")


def _datasets(known: Known) -> Iterator[Link]:
    for run in known.runs:
        for use in run.datasets:
            if use.context is None or use.context.casefold().startswith("train"):
                because = f"dataset input ({use.context or 'no context given'})"
                yield Link(source=run.ref, relation="trained_on", target=use.dataset, because=because, confidence="exact")


def _registrations(known: Known) -> Iterator[Link]:
    for version, found in known.makers.items():
        for one in found:
            confidence: Confidence = "exact" if one.sure else "textual"
            yield Link(source=version, relation="registered_from", target=one.run, because=one.because, confidence=confidence)


def _deployments(known: Known, names: TagNames) -> Iterator[Link]:
    registry = Registry(known.versions, known.runs, names)
    for deployment in known.deployments:
        for one in (one for share in registry.served_by(deployment) for one in share.served):
            confidence: Confidence = "exact" if one.sure else "textual"
            yield Link(source=deployment.ref, relation="deploys", target=one.what, because=one.because, confidence=confidence)


def _observations(known: Known) -> Iterator[Link]:
    for observation in known.observations:
        because = f"monitor {observation.monitor}"
        yield Link(source=observation.ref, relation="observes", target=observation.subject, because=because, confidence="exact")


def _declared(known: Known, declared: Sequence[DeclaredLink], findings: list[str]) -> Iterator[Link]:
    for one in declared:
        ends = [bearers_of(text, known) for text in (one.source, one.target)]
        for text, found in zip((one.source, one.target), ends, strict=True):
            if len(found) != 1:
                findings.append(f"links: {text} {_misfit(found)}; the declared link is left out")
        if len(ends[0]) == len(ends[1]) == 1:
            because = one.note or "declared in the project file"
            yield Link(source=ends[0][0], relation=one.relation, target=ends[1][0], because=because, confidence="declared")


def _misfit(found: Sequence[Ref]) -> str:
    if not found:
        return "is nothing that is known (yet)"
    return f"may mean {len(found)} things, such as {' or '.join(ref.id for ref in found[:2])}: write the whole of one after the /"


def resolve(text: str, known: Known) -> Ref | None:
    """What a text names, if exactly one known entity bears it."""
    found = bearers_of(text, known)
    return found[0] if len(found) == 1 else None


def bearers_of(text: str, known: Known) -> Sequence[Ref]:
    """What a text may name: `jira:ML-42`, `github:example/churn#12`, `github:example/churn@<sha>`, `mlflow:run/<id>`,
    `mlflow:model/<name>/<version>`, `mlflow:dataset/<name>`, `aws-eu:endpoint/<name>`, `aws-eu:deployment/<name>` or any ref as
    `source:kind:id`. An id that is written whole means nothing else."""
    source, _, name = text.partition(":")
    whole = [ref for ref in _refs(source, name) if ref in known.refs]
    return whole[:1] or sorted({ref for ref in _bearers(name, known) if ref.source == source})


def _refs(source: str, name: str) -> Iterator[Ref]:
    form, _, ident = name.partition("/")
    kinds = {"run": "run", "model": "model_version", "dataset": "dataset", "deployment": "deployment", "endpoint": "deployment"}
    yield Ref(source, kinds.get(form, ""), ident)
    yield Ref(source, *name.partition(":")[::2])


def _bearers(name: str, known: Known) -> Iterator[Ref]:
    wanted = name.casefold()
    named: Sequence[Entity] = [*known.deployments, *known.datasets] if "/" in name else ()
    yield from (one.ref for one in named if any(wanted == form.casefold() for form in forms_of(one)))
    yield from (item.ref for item in known.by_key.get(name.upper(), ()))
    if name.upper() in known.changes_by_key:
        yield known.changes_by_key[name.upper()].ref
    repository, _, sha = name.rpartition("@")
    for full in known.with_sha(sha):
        yield from (one.ref for one in known.commits_by_sha.get(full, ()) if one.repository.casefold() == repository.casefold())
