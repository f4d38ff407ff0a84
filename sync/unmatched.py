"""Names of the project file that match nothing of all that was read: mostly misspelt, and nothing else would tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

import msgspec

from mappings.conditions import matches
from mappings.model import Deployment, Entity, ModelVersion, Run
from sync.freshness import Freshness
from sync.project import ProjectView

_MOST_NAMED = 5


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """What a field of a scope names: entities of one kind of its source, by globs that tell upper and lower case apart."""

    source: str
    field: str
    kind: str
    globs: tuple[str, ...]


class Unmatched(msgspec.Struct, frozen=True, kw_only=True):
    """One name that matches nothing. `where` is its place below the project, `kind` what it should have matched."""

    where: str
    kind: str
    text: str


def unmatched_scopes(named: Iterable[Named], entities: Sequence[Entity], freshness: Freshness) -> Iterator[Unmatched]:
    """Globs of the scopes, each where its source was listed to its end."""
    for one in named:
        if freshness.absent_proof_lacks((one.kind,), source=one.source):
            continue
        names = {_name(entity) for entity in entities if entity.ref.source == one.source and entity.ref.kind == one.kind}
        for glob in one.globs:
            if not any(fnmatchcase(name, glob) for name in names):
                text = f"{glob} matches no {one.kind.replace('_', ' ')} of {one.source}"
                yield Unmatched(where=f"scopes.{one.source}.{one.field}", kind=one.kind, text=text)


def unmatched_settings(project: ProjectView, entities: Sequence[Entity], freshness: Freshness) -> Iterator[Unmatched]:
    """The release alias and the thresholds' metrics, where there is something that could have them and all of it was read."""
    alias, versions = project.release_alias, [one for one in entities if isinstance(one, ModelVersion)]
    if alias is not None and versions and not freshness.absent_proof_lacks(("model_version",)):
        carried = {known for version in versions for known in version.aliases}
        if alias not in carried:
            text = f"no model version carries the alias {alias}{_known(alias, carried, 'they carry')}"
            yield Unmatched(where="release.alias", kind="model_version", text=text)
    metrics = {name for one in entities if isinstance(one, Run) for name in one.metrics}
    if metrics and not freshness.absent_proof_lacks(("run",)):
        for glob in project.thresholds:
            if not any(matches(name, [glob]) for name in metrics):
                text = f"no run has a metric {glob}{_known(glob, metrics, 'they have')}"
                yield Unmatched(where="thresholds", kind="run", text=text)


def _name(entity: Entity) -> str:
    """The name by which a scope knows it."""
    return entity.endpoint if isinstance(entity, Deployment) else str(getattr(entity, "name", ""))


def _known(wanted: str, known: Iterable[str], verb: str) -> str:
    """What was meant perhaps, else what there is."""
    names = sorted(known)
    close = get_close_matches(wanted, names, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return f"; {verb} {', '.join(names[:_MOST_NAMED])}{more}" if names else ""
