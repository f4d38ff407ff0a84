"""Links between the entities of one project: who implements, built, trained, registered, observes and blocks what, and why.

A link is *exact* when an id, a full sha or a key of exactly one known item shows it, *declared* when a person said it, and
*textual* when it is only a mention. Textual links are shown and never published on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from mappings.model import ChangeRequest, Entity, Link, Ref, WorkItem
from sync.graph import Graph
from sync.known import Known
from sync.lineage import by_sha, followed, implemented_by, tagged, unresolved, weigh
from sync.mentions import mentions
from sync.project import DeclaredLink, ProjectView


class Linked(msgspec.Struct, frozen=True, kw_only=True):
    """The links, which change requests brought each run or version onto the default branch, the full shas that nothing known
    explains (they are looked up once), and what a declared link could not be resolved to."""

    links: Sequence[Link]
    merges: Mapping[Ref, Sequence[Ref]]
    unresolved: Sequence[str]
    findings: Sequence[str]


def link(entities: Iterable[Entity], project: ProjectView, *, known_missing: frozenset[str] = frozenset()) -> Linked:
    """All links of one project's entities. `known_missing` are shas that were looked up and do not exist anywhere."""
    known = Known(entities)
    findings: list[str] = []
    links = [
        *mentions(known),
        *_blocked(known),
        *_datasets(known),
        *_registrations(known),
        *_deployments(known),
        *_observations(known),
        *_declared(known, project.links, findings),
    ]
    declared = list(tagged(known))
    tickets = implemented_by([*links, *declared])
    built, merges = weigh(known, list(by_sha(known)), declared, tickets)
    links += declared
    links += built
    links += followed(known, merges, tickets)
    return Linked(
        links=sorted(set(links)),
        merges=merges,
        unresolved=sorted(unresolved(known, known_missing)),
        findings=findings,
    )


def build_graph(entities: Iterable[Entity], linked: Linked, *, missing: Iterable[Ref] = ()) -> Graph:
    """The linked project, ready to be walked."""
    return Graph(entities, linked.links, merges=linked.merges, missing=missing, unresolved=linked.unresolved)


def _blocked(known: Known) -> Iterator[Link]:
    for item in known.items:
        for blocker in item.blocked_by:
            if blocker in known.refs:
                yield Link(source=blocker, relation="blocks", target=item.ref, because="issue link", confidence="exact")


def _datasets(known: Known) -> Iterator[Link]:
    for run in known.runs:
        for use in run.datasets:
            if use.context is None or use.context.casefold().startswith("train"):
                because = f"dataset input ({use.context or 'no context given'})"
                yield Link(source=run.ref, relation="trained_on", target=use.dataset, because=because, confidence="exact")


def _registrations(known: Known) -> Iterator[Link]:
    for version in known.versions:
        if version.run is not None and version.run in known.runs_by_ref:
            because = "the version names its run"
            yield Link(source=version.ref, relation="registered_from", target=version.run, because=because, confidence="exact")


def _deployments(known: Known) -> Iterator[Link]:
    for deployment in known.deployments:
        for share in deployment.models:
            if share.model is not None and share.model in known.versions_by_ref:
                because = f"serves {share.name} with {share.share:.0%} of the traffic"
                yield Link(source=deployment.ref, relation="deploys", target=share.model, because=because, confidence="exact")


def _observations(known: Known) -> Iterator[Link]:
    for observation in known.observations:
        because = f"monitor {observation.monitor}"
        yield Link(source=observation.ref, relation="observes", target=observation.subject, because=because, confidence="exact")


def _declared(known: Known, declared: Sequence[DeclaredLink], findings: list[str]) -> Iterator[Link]:
    for one in declared:
        ends = [resolve(text, known.refs, known.by_key, known.changes_by_key) for text in (one.source, one.target)]
        for text, end in zip((one.source, one.target), ends, strict=True):
            if end is None:
                findings.append(f"links: {text} is nothing that is known (yet); the declared link is left out")
        if ends[0] is not None and ends[1] is not None:
            because = one.note or "declared in the project file"
            yield Link(source=ends[0], relation=one.relation, target=ends[1], because=because, confidence="declared")


def resolve(text: str, refs: set[Ref], items: Mapping[str, Sequence[WorkItem]], changes: Mapping[str, ChangeRequest]) -> Ref | None:
    """The ref that `jira:ML-42`, `github:example/churn#12`, `github:example/churn@<sha>`, `mlflow:run/<id>` or
    `mlflow:model/<name>/<version>` names, if exactly one known entity bears it."""
    source, _, name = text.partition(":")
    kind, _, ident = name.partition("/")
    if kind in ("run", "model") and ident:
        ref = Ref(source, "run" if kind == "run" else "model_version", ident)
        return ref if ref in refs else None
    if "@" in name:
        sha = name.rpartition("@")[2].lower()
        found = [ref for ref in refs if ref.source == source and ref.kind == "commit" and ref.id.endswith("/" + sha)]
        return found[0] if len(found) == 1 else None
    named = [item.ref for item in items.get(name.upper(), ()) if item.ref.source == source]
    change = changes.get(name.upper())
    if change is not None and change.ref.source == source:
        named.append(change.ref)
    return named[0] if len(named) == 1 else None
