"""What can only be seen by looking at several parts of the file at once: sources and scopes that say the same thing twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import combinations, product
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

from pydantic import BaseModel

from config.globs import is_glob, overlap
from config.problems import quoted
from config.project import Source, TypeModels
from config.report import Report
from config.variables import STORE_URL, prefix

_MOST_PAIRS = 200_000

Scopes = Mapping[str, Mapping[str, BaseModel]]
"""By project and source."""

Publish = Mapping[str, Mapping[str, BaseModel]]
"""How each project is published, by project and source."""


@runtime_checkable
class KnowsItsKeys(Protocol):
    """A scope that can tell by an item's key alone that it does not hold it."""

    def may_hold(self, key: str) -> bool: ...


def check_names(names: list[str], report: Report) -> None:
    """Names whose environment variables could be taken for another's."""
    own = STORE_URL.removesuffix("URL")
    for name in names:
        if prefix(name) == own:
            report.error(
                ("sources", name), f"a source cannot be called {name}: {STORE_URL} is the store's", "rename it", on_key=True
            )
    for one, other in combinations(names, 2):
        if prefix(one).startswith(prefix(other)) or prefix(other).startswith(prefix(one)):
            message = f"its environment variables ({prefix(other)}…) cannot be told from those of {one}"
            report.error(("sources", other), message, "rename one of the two", on_key=True)


def check_duplicate_sources(
    sources: Mapping[str, Source], scopes: Scopes, publish: Publish, types: Mapping[str, TypeModels], report: Report
) -> None:
    """Sources of one address. Two accounts may each read their part of it; where both would write on the same, they would undo each
    other's for ever."""
    for one, other in combinations(sources.values(), 2):
        if one.type != other.type or _identity(one) != _identity(other):
            continue
        same, path, fix = (
            f"is the same {one.type} source as {one.name}",
            ("sources", other.name),
            f"use {one.name} in every project",
        )
        writers = _writing_the_same(one.name, other.name, scopes, publish, types[one.type])
        if writers is None:
            report.warning(path, f"{same}, so the same things would be read twice", fix, on_key=True)
        else:
            who = f"project {writers[0]} shows" if writers[0] == writers[1] else f"projects {writers[0]} and {writers[1]} show"
            message = f"{same}, and {who} statuses through both on the same things, each undoing what the other wrote"
            report.error(path, message, f"{fix}, or keep the scopes apart", on_key=True)


def check_prefixes(publish: Publish, report: Report) -> None:
    """Prefixes of one source that differ by case alone: labels have none, so the projects would write the same ones."""
    first: dict[tuple[str, str], tuple[str, str]] = {}
    for project, by_source in publish.items():
        for source, options in by_source.items():
            said = getattr(options, "prefix", None)
            if not isinstance(said, str):
                continue
            other, spelt = first.setdefault((source, said.casefold()), (project, said))
            if spelt != said:
                message = f"{quoted(said)} differs only by case from {quoted(spelt)} of project {other}, and labels have no case"
                path = ("projects", project, "publish", source, "prefix")
                report.error(path, message, f"write {quoted(spelt)} in both, or take another prefix")


def check_scopes(sources: Mapping[str, Source], scopes: Scopes, types: Mapping[str, TypeModels], report: Report) -> None:
    """Scopes that list something twice, and projects that hold the same tickets or repositories."""
    for project, by_source in scopes.items():
        for name, scope in by_source.items():
            _check_repeated(("projects", project, "scopes", name), scope, types[sources[name].type], report)
        _check_same_scopes(project, by_source, sources, report)
    for first, second in combinations(scopes, 2):
        for name in scopes[first].keys() & scopes[second].keys():
            models = types[sources[name].type]
            if models.publish is not None:
                _check_overlap(name, first, second, scopes, models, report)


def check_watch(project: str, watch: Mapping[str, Any], scopes: Mapping[str, Any], report: Report) -> None:
    """Watch tickets that the project's own scopes never read: what goes there would reach nobody."""
    for source, key in watch.items():
        path = ("projects", project, "watch", source)
        if source not in scopes:
            message = f"the project has no scope in {source}, so this ticket is never read"
            report.warning(path, message, f"add one under projects.{project}.scopes, or name a ticket of another source")
        elif isinstance(key, str) and isinstance(scope := scopes[source], KnowsItsKeys) and not scope.may_hold(key):
            message = f"{quoted(key)} is outside the project's scope in {source}, so it is never read"
            report.warning(path, message, f"name a ticket that projects.{project}.scopes.{source} holds, or widen that scope")


def _identity(source: Source) -> Any:
    """What tells a source from others of its type: its address, else all its options."""
    url = getattr(source.options, "url", None)
    if url is None:
        return source.options.model_dump(mode="json")
    parts = urlsplit(str(url))
    return (parts.scheme, parts.netloc.casefold(), parts.path.rstrip("/"))


def _writing_the_same(one: str, other: str, scopes: Scopes, publish: Publish, models: TypeModels) -> tuple[str, str] | None:
    """A project that publishes through `one` and one that does through `other`, unless what they hold is surely apart."""

    def writers(source: str) -> list[str]:
        return [project for project, by_source in scopes.items() if source in by_source and source in publish.get(project, {})]

    pairs = product(writers(one), writers(other))
    return next(((a, b) for a, b in pairs if not _surely_apart(scopes[a][one], scopes[b][other], models)), None)


def _surely_apart(one: BaseModel, other: BaseModel, models: TypeModels) -> bool:
    """Whether both list what they hold, and nothing is in both. A search may find anything."""
    return any(_lists(one, models)) and any(_lists(other, models)) and _shared(one, other, models) is None


def _check_repeated(path: tuple[str, ...], scope: BaseModel, models: TypeModels, report: Report) -> None:
    for field, values in _lists(scope, models):
        seen: set[str] = set()
        for index, value in enumerate(values):
            if value.casefold() in seen:
                report.warning((*path, field, index), f"{quoted(value)} is here twice", "keep one of the two")
            seen.add(value.casefold())


def _check_same_scopes(project: str, by_source: Mapping[str, BaseModel], sources: Mapping[str, Source], report: Report) -> None:
    for one, other in combinations(by_source, 2):
        same_system = sources[one].type == sources[other].type and _identity(sources[one]) == _identity(sources[other])
        if same_system and by_source[one] == by_source[other]:
            message = f"repeats the scope {one}, which is of the same system"
            report.warning(("projects", project, "scopes", other), message, "keep one of the two", on_key=True)


def _check_overlap(source: str, first: str, second: str, scopes: Scopes, models: TypeModels, report: Report) -> None:
    one, other = scopes[first][source], scopes[second][source]
    shared = _shared(one, other, models)
    if shared is None:
        return
    field, mine, yours = shared
    what = f"{field} {quoted(yours)}" + (f" and {quoted(mine)}" if mine != yours else "")
    message = (
        f"overlaps with project {first} ({what}); what both hold shows the statuses of {first}, which comes first in this file"
    )
    report.warning(("projects", second, "scopes", source), message, "keep the scopes apart, or order the projects as you mean it")


def _shared(one: BaseModel, other: BaseModel, models: TypeModels) -> tuple[str, str, str] | None:
    """The field and the two patterns by which both scopes hold the same, or None."""
    others = dict(_lists(other, models))
    for field, mine in _lists(one, models):
        for left, right in _candidates(mine, others.get(field, [])):
            if overlap(left, right) and not _excluded(left, other) and not _excluded(right, one):
                return field, left, right
    return ("scope", "the same words", "the same words") if one == other and not others else None


def _candidates(mine: list[str], yours: list[str]) -> Iterator[tuple[str, str]]:
    """The pairs worth comparing: what is spelt alike, and every pair with a glob unless there are too many for a file to load in
    good time."""
    spelt = {right.casefold(): right for right in yours}
    yield from ((left, spelt[left.casefold()]) for left in mine if left.casefold() in spelt)
    my_globs, your_globs = list(filter(is_glob, mine)), list(filter(is_glob, yours))
    if len(my_globs) * len(yours) + len(mine) * len(your_globs) <= _MOST_PAIRS:
        yield from product(my_globs, yours)
        yield from product(mine, your_globs)


def _lists(scope: BaseModel, models: TypeModels) -> Iterator[tuple[str, list[str]]]:
    for field in type(scope).model_fields if models.holds is None else models.holds:
        value = getattr(scope, field, None)
        if models.holds is None and field.startswith("exclude"):
            continue
        if isinstance(value, list | tuple | set | frozenset) and value and all(isinstance(one, str) for one in value):
            yield field, sorted(value) if isinstance(value, set | frozenset) else list(value)


def _excluded(pattern: str, scope: BaseModel) -> bool:
    """Whether all that `pattern` matches is excluded from `scope`. A glob within a wider one counts."""
    return any(
        fnmatchcase(pattern.casefold(), excluded.casefold())
        for field in type(scope).model_fields
        if field.startswith("exclude")
        for excluded in getattr(scope, field) or ()
        if isinstance(excluded, str)
    )
