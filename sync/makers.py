"""Which run made a model version: the one that it names itself or in a tag, else the one that made its files, else that of another
version of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from urllib.parse import unquote

import msgspec

from mappings.model import ModelVersion, Ref, Run
from mappings.tags import TagNames, said_by

MOST_RIVALS = 20
"""What more than so many share, such as the container of all of a team's models, tells nothing of any: it is not even shown."""

_MADE_UP = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Ids that MLflow and Azure Machine Learning give at random."""

_WORKSPACE = re.compile(
    r"/subscriptions/([^/?&#]+)/resourcegroups/([^/?&#]+)(?:/providers/microsoft\.machinelearningservices)?/workspaces/([^/?&#]+)"
)


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
            found_runs = [known[run] for run in made]
            sure = _is_named_so(version, found_runs) if version.run is not None else len({run.origin for run in found_runs}) == 1
            found[version.ref] = [Maker(run=run, because=why, sure=sure) for run, why in sorted(made.items())]
    return {**found, **_of_the_same_files(versions, found)}


def _named(version: ModelVersion, known: Collection[Ref], of_ids: Mapping[str, Sequence[Ref]]) -> Mapping[Ref, str]:
    """The run that a version names. A job of Azure's is known to MLflow by the same id, and may be read from there alone.
    What else bears that id may be another account's job of the same name."""
    assert version.run is not None, "the version names a run"
    if version.run in known:
        return {version.run: "the version names its run"}
    return dict.fromkeys(of_ids.get(version.run.id, ()), f"the version names its run, which {version.run.source} does not show")


def _is_named_so(version: ModelVersion, runs: Iterable[Run]) -> bool:
    """Whether these are all the run that a version names."""
    names = names_of_maker(version)
    return not any(names.isdisjoint(names_of_run(run.ref, run.url)) for run in runs)


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


def names_of_maker(version: ModelVersion) -> frozenset[str]:
    """What nothing but the run that a version names is called, if it names one."""
    return names_of_run(version.run, version.cloud_id or version.url) if version.run is not None else frozenset()


def names_of_run(run: Ref, address: str | None) -> frozenset[str]:
    """What no other run is called: its ref; an id that was given at random; its name in the workspace of Azure's that `address`
    names. A name alone is no such: two accounts may each have a job of that name."""
    names = {str(run)}
    if _MADE_UP.fullmatch(run.id):
        names.add(run.id)
    workspace = _WORKSPACE.search(unquote(address or "").casefold())
    if workspace is not None:
        names.add("/".join((*workspace.groups(), run.id)))
    return frozenset(names)


def place(address: str) -> str:
    """An address without what is only spelling: a slash at its end."""
    return address.rstrip("/")
