"""What a deployment serves: what it names its model by, held against what model versions are called by, and runs.

The surest sign that names anything counts alone: a ref, the name all over a cloud, a registry address, the project's own tags, the
address that MLflow's own deployment plugin leaves in a tag, the address of the files, and last the container, which many models may
share. A model that nobody registered is known by the run that made it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from mappings.model import Deployment, ModelVersion, Ref, Run, TrafficShare
from mappings.tags import TagNames, said_by
from sync.makers import names_of_maker, names_of_run, place, telling

Sign: TypeAlias = Literal["ref", "cloud id", "address", "run", "logged model", "files", "image"]
Key: TypeAlias = tuple[Sign, str]

MODEL_URI_TAG = "model_uri"
"""Where `mlflow.sagemaker` keeps the address of what it deployed (`mlflow/sagemaker/__init__.py`, `_create_sagemaker_model`)."""

_RUN = re.compile(r"runs:/([^/]+)(?:/|$)|.+/([0-9a-f]{32})/artifacts(?:/|$)")
_LOGGED_MODEL = re.compile(r"models:/(m-[0-9a-f]+)(?:/|$)|.+/models/(m-[0-9a-f]{32})/artifacts(?:/|$)")
_DIGEST = re.compile(r"@(sha256:[0-9a-f]{64})$")


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """One model version that a deployment serves, or the run that made what it serves, and what shows it. `sure`: nothing else that
    is known bears the same sign. `named`: nothing else ever could."""

    what: Ref
    because: str
    sure: bool
    named: bool


class ServedShare(msgspec.Struct, frozen=True, kw_only=True):
    """A share of a deployment's traffic with everything that it may serve."""

    share: TrafficShare
    served: tuple[Served, ...]

    def surely(self) -> Sequence[Served]:
        return [one for one in self.served if one.sure]


class Registry:
    """The model versions and runs of one project by every sign of theirs; built once."""

    def __init__(self, versions: Iterable[ModelVersion], runs: Iterable[Run], names: TagNames) -> None:
        self._names = names
        self._versions: dict[Key, list[Ref]] = {}
        self._runs: dict[Key, list[Ref]] = {}
        self._origins: dict[Ref, frozenset[str]] = {}
        for version in versions:
            self._origins[version.ref] = frozenset(_origins_of(version))
            for key in set(_keys_of_version(version)):
                self._versions.setdefault(key, []).append(version.ref)
        for run in runs:
            self._origins[run.ref] = names_of_run(run.origin, run.url)
            for key in set(_keys_of_run(run)):
                self._runs.setdefault(key, []).append(run.ref)

    def served_by(self, deployment: Deployment) -> Sequence[ServedShare]:
        """What each share of a deployment serves. The deployment's own tags speak of what answers, where that is one model."""
        answering = [one for one in deployment.models if one.share > 0] or deployment.models
        general = deployment.tags if len(answering) == 1 else {}
        return [
            ServedShare(share=one, served=tuple(self._served(one, {**(general if one in answering else {}), **one.tags})))
            for one in deployment.models
        ]

    def _served(self, share: TrafficShare, tags: Mapping[str, str]) -> Iterator[Served]:
        what = f"serves {share.name} with {share.share:.0%} of the traffic"
        for keys, by in _signs_on(share, tags, self._names):
            sign = keys[0][0] if keys else None
            versions = {ref for key in keys for ref in self._versions.get(key, ())}
            runs = {ref for key in keys for ref in self._runs.get(key, ())}
            found = sorted(telling(versions or runs))
            bearers = versions | runs if sign == "run" else found
            because = f"{what}{by}" if versions else f"{what}, made by the run{by}"
            for ref in found:
                named = bool(versions) and sign in ("ref", "cloud id")
                yield Served(what=ref, because=because, sure=self._is_sure(sign, ref, bearers), named=named)
            if found:
                return

    def _is_sure(self, sign: Sign | None, what: Ref, bearers: Collection[Ref]) -> bool:
        """Two registries may hold the same model, as its files or its run show, and two records tell of one run. Two versions of
        one registry are two, and so are those of two registries that only have their name in common."""
        return not any(self._is_rival(sign, what, ref) for ref in bearers if ref != what)

    def _is_rival(self, sign: Sign | None, what: Ref, other: Ref) -> bool:
        alike = not self._origins[what].isdisjoint(self._origins[other])
        two_of_one_registry = what.kind == other.kind == "model_version" and what.source == other.source
        return sign == "image" or two_of_one_registry or not alike


def _origins_of(version: ModelVersion) -> Iterator[str]:
    if version.artifact_uri:
        yield place(version.artifact_uri)
    yield from names_of_maker(version)


def _addresses(version: ModelVersion) -> Sequence[str]:
    """What deployments of other sources call a model version: its registry address, and where its files are."""
    return [f"models:/{version.name}/{version.version}", *([place(version.artifact_uri)] if version.artifact_uri else [])]


def _keys_of_version(version: ModelVersion) -> Iterator[Key]:
    yield "ref", str(version.ref)
    if version.cloud_id:
        yield "cloud id", version.cloud_id.casefold()
    for address in _addresses(version):
        yield "address", address
    if version.run is not None:
        yield "run", version.run.id
    if version.model_id:
        yield "logged model", version.model_id
    if version.artifact_uri:
        yield "files", place(version.artifact_uri)
    else:
        # Beside files, a container is only what runs them, the same for many models.
        yield from _keys_of_images(version.images)


def _keys_of_run(run: Run) -> Iterator[Key]:
    yield "run", run.ref.id
    yield "run", run.run_id
    for address in run.artifacts:
        yield "files", place(address)


def _keys_of_images(images: Iterable[str]) -> Iterator[Key]:
    for image in images:
        digest = _DIGEST.search(image)
        if digest is not None:
            yield "image", digest[1]


def _signs_on(share: TrafficShare, tags: Mapping[str, str], names: TagNames) -> Iterator[tuple[Sequence[Key], str]]:
    """What a share names its model by, the surest first, each with the words for it. One that names a version, known or not, is no
    other one's by its files or its container."""
    if share.model is not None:
        yield [("ref", str(share.model))], ""
    if share.cloud_id:
        yield [("cloud id", share.cloud_id.casefold())], ""
    yield [("address", place(share.name))], ""
    for tag, text in said_by(tags, names.model_version):
        yield [("address", text if text.startswith("models:/") else f"models:/{text}"), ("ref", text)], f", by its tag {tag}"
    for tag, text in said_by(tags, names.run):
        yield [("run", text.removeprefix("runs:/").rstrip("/"))], f", by its tag {tag}"
    for key in _meant_by(tags.get(MODEL_URI_TAG, "")):
        yield [key], f", by the address in its tag {MODEL_URI_TAG}"
    if share.model is not None or share.cloud_id:
        return
    if share.artifact_uri:
        yield [("files", place(share.artifact_uri))], ", by the address of its files"
    else:
        yield list(_keys_of_images(share.images)), ", by the digest of its image"


def _meant_by(address: str) -> Iterator[Key]:
    """An address of MLflow's: of a registered version, of a run's or a logged model's files, or wherever the files are stored."""
    run, logged = _RUN.match(address), _LOGGED_MODEL.match(address)
    yield "address", place(address)
    if logged is not None:
        yield "logged model", logged[1] or logged[2]
    if run is not None:
        yield "run", run[1] or run[2]
