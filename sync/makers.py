"""Which run made a model version: the one that it names itself or in a tag, else the one that made its files, else that of another
version of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from mappings.model import ModelVersion, Ref, Run
from mappings.tags import TagNames, said_by

MOST_RIVALS = 20
"""What more than so many share, such as the container of all of a team's models, tells nothing of any: it is not even shown."""

_MADE_UP = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z]+_[a-z]+_[0-9a-z]{10}")
"""Ids that MLflow and Azure Machine Learning give at random: `0a1b…`, `calm_frog_x1b2c3d4e5`."""


class Maker(msgspec.Struct, frozen=True, kw_only=True):
    """A run that made a version, and what shows it. `sure`: no other run could be meant."""

    run: Ref
    because: str
    sure: bool = True


def makers(versions: Sequence[ModelVersion], runs: Iterable[Run], names: TagNames) -> Mapping[Ref, Sequence[Maker]]:
    """By version, the runs that may have made it; versions of which nothing is known are left out."""
    known = {run.ref: run for run in runs}
    of_files: dict[str, list[Ref]] = {}
    of_ids: dict[str, list[Ref]] = {}
    for run in known.values():
        of_ids.setdefault(run.run_id, []).append(run.ref)
        for address in run.artifacts:
            of_files.setdefault(place(address), []).append(run.ref)
    found: dict[Ref, Sequence[Maker]] = {}
    for version in versions:
        made = _named(version, known, of_ids) if version.run is not None else _said(version, of_ids, names)
        if not made and version.run is None and version.artifact_uri:
            made = dict.fromkeys(telling(of_files.get(place(version.artifact_uri), ())), "the run made its files")
        if made:
            sure = len({identity(known[run].origin) for run in made}) == 1 and _is_named_so(version, made)
            found[version.ref] = [Maker(run=run, because=why, sure=sure) for run, why in sorted(made.items())]
    return {**found, **_of_the_same_files(versions, found)}


def _named(version: ModelVersion, known: Collection[Ref], of_ids: Mapping[str, Sequence[Ref]]) -> Mapping[Ref, str]:
    """The run that a version names. A job of Azure's is known to MLflow by the same id, and may be read from there alone. A
    name that somebody chose may be another run's there."""
    assert version.run is not None, "the version names a run"
    if version.run in known:
        return {version.run: "the version names its run"}
    return dict.fromkeys(of_ids.get(version.run.id, ()), f"the version names its run, which {version.run.source} does not show")


def _is_named_so(version: ModelVersion, made: Collection[Ref]) -> bool:
    """Whether what was found is the run that a version names, if it names one."""
    return version.run is None or identity(version.run) in map(identity, made)


def _said(version: ModelVersion, of_ids: Mapping[str, Sequence[Ref]], names: TagNames) -> Mapping[Ref, str]:
    """The runs that a version names in its tags."""
    said = said_by(version.tags, names.run)
    return {run: f"tag {tag}" for tag, text in said for run in of_ids.get(text.removeprefix("runs:/").rstrip("/"), ())}


def _of_the_same_files(versions: Sequence[ModelVersion], found: Mapping[Ref, Sequence[Maker]]) -> Mapping[Ref, Sequence[Maker]]:
    """A model that is registered a second time, as in a cloud, has the files of the version that names its run."""
    named: dict[str, dict[Ref, str]] = {}
    for version in versions:
        for maker in found.get(version.ref, ()):
            if version.artifact_uri and maker.sure:
                named.setdefault(place(version.artifact_uri), {})[maker.run] = f"{version.name} v{version.version}"
    result: dict[Ref, Sequence[Maker]] = {}
    for version in versions:
        runs = named.get(place(version.artifact_uri), {}) if version.run is None and version.artifact_uri else {}
        if telling(runs) and version.ref not in found:
            result[version.ref] = [
                Maker(run=run, because=f"it has the files of {name}", sure=len(runs) == 1) for run, name in sorted(runs.items())
            ]
    return result


def telling(bearers: Collection[Ref]) -> Collection[Ref]:
    """Those that bear one sign, unless there are too many of them."""
    return bearers if len(bearers) <= MOST_RIVALS else ()


def identity(run: Ref) -> str:
    """What tells a run from all others: an id that was given at random, wherever it is read; else its name in its source: two
    accounts may each have a job of that name."""
    return run.id if _MADE_UP.fullmatch(run.id) else str(run)


def place(address: str) -> str:
    """An address without what is only spelling: a slash at its end."""
    return address.rstrip("/")
