"""Which model versions a deployment serves: what it names its model by, held against what each version is called by.

The surest sign that names anything counts alone: a ref, the name all over a cloud, a registry address, the address that MLflow's
own deployment plugin leaves in a tag, the address of the files, and last the container, which many models may share.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from mappings.model import ModelVersion, Ref, TrafficShare
from sync.makers import place

Sign: TypeAlias = Literal["ref", "cloud id", "address", "tag", "files", "image"]

MODEL_URI_TAG = "model_uri"
"""Where `mlflow.sagemaker` keeps the address of what it deployed (`mlflow/sagemaker/__init__.py`, `_create_sagemaker_model`)."""

_RUN = re.compile(r"runs:/([^/]+)(?:/|$)")
_LOGGED_MODEL = re.compile(r"models:/(m-[0-9a-f]+)(?:/|$)")
_DIGEST = re.compile(r"@(sha256:[0-9a-f]{64})$")


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """One model version that a deployment serves, and what shows it. `sure`: no other version that is known bears the same sign.
    `named`: none ever could."""

    version: Ref
    because: str
    sure: bool
    named: bool


class Registry:
    """The model versions of one project by every sign of theirs; built once."""

    def __init__(self, versions: Iterable[ModelVersion]) -> None:
        self._bearers: dict[tuple[Sign, str], list[ModelVersion]] = {}
        for version in versions:
            for sign in set(_signs_of(version)):
                self._bearers.setdefault(sign, []).append(version)

    def served_by(self, share: TrafficShare, tags: Mapping[str, str]) -> Sequence[Served]:
        """What a share serves, by ref. `tags` are the deployment's own; those of the share go before them."""
        for sign, texts in _signs_on(share, {**tags, **share.tags}):
            found = {version.ref: version for text in texts for version in self._bearers.get((sign, text), ())}
            if found:
                because = f"serves {share.name} with {share.share:.0%} of the traffic{_BECAUSE[sign]}"
                named = sign in ("ref", "cloud id")
                return [Served(version=ref, because=because, sure=_is_sure(sign, ref, found), named=named) for ref in sorted(found)]
        return ()


_BECAUSE: Mapping[Sign, str] = {
    "ref": "",
    "cloud id": "",
    "address": "",
    "tag": f", by the address in its tag {MODEL_URI_TAG}",
    "files": ", by the address of its files",
    "image": ", by the digest of its image",
}


def _addresses(version: ModelVersion) -> Sequence[str]:
    """What deployments of other sources call a model version: its registry address, and where its files are."""
    return [f"models:/{version.name}/{version.version}", *([place(version.artifact_uri)] if version.artifact_uri else [])]


def _signs_of(version: ModelVersion) -> Iterator[tuple[Sign, str]]:
    yield "ref", str(version.ref)
    if version.cloud_id:
        yield "cloud id", version.cloud_id.casefold()
    for address in _addresses(version):
        yield "address", address
        yield "tag", address
    if version.run is not None:
        yield "tag", f"run {version.run.id}"
    if version.model_id:
        yield "tag", f"model {version.model_id}"
    if version.artifact_uri:
        yield "files", place(version.artifact_uri)
    for image in version.images:
        digest = _DIGEST.search(image)
        if digest is not None:
            yield "image", digest[1]


def _signs_on(share: TrafficShare, tags: Mapping[str, str]) -> Iterator[tuple[Sign, Sequence[str]]]:
    """What a share names its model by, the surest first."""
    if share.model is not None:
        yield "ref", [str(share.model)]
    if share.cloud_id:
        yield "cloud id", [share.cloud_id.casefold()]
    yield "address", [place(share.name)]
    if tags.get(MODEL_URI_TAG):
        yield "tag", list(_meant_by(tags[MODEL_URI_TAG]))
    if share.artifact_uri:
        yield "files", [place(share.artifact_uri)]
    else:
        # Where the files lie outside of it, a container is only what runs them, the same for many models.
        yield "image", [digest[1] for image in share.images if (digest := _DIGEST.search(image)) is not None]


def _meant_by(address: str) -> Iterator[str]:
    run, logged = _RUN.match(address), _LOGGED_MODEL.match(address)
    if run is not None:
        yield f"run {run[1]}"
    if logged is not None:
        yield f"model {logged[1]}"
    yield place(address)


def _is_sure(sign: Sign, version: Ref, found: Collection[Ref]) -> bool:
    """Two registries may hold the same model; two versions of one registry are two."""
    rivals = [ref for ref in found if ref != version and (sign == "image" or ref.source == version.source)]
    return not rivals
