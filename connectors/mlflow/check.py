"""What `milepost check` says about an MLflow source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

import msgspec

from connectors.base import Finding, SourceContext
from connectors.checks import attempted, compare_clocks, matched
from connectors.http import quotable
from connectors.mlflow import sdk
from connectors.mlflow.api import ROOT, MlflowApi
from connectors.mlflow.options import MlflowScope, MlflowSecrets
from connectors.rates import read_http_date
from mappings.decoding import decode_as, decoder_for

_VERSION = re.compile(r"([0-9]{1,3})\.([0-9]{1,3})[\w.+-]{0,30}")
_SINCE = {
    (2, 3): "the server knows no aliases: no version counts as released by one",
    (2, 4): "the server knows no data sets of runs: nothing is known of the data that a model was trained on",
}
"""What is missing before these versions. It is read as none, and the rest as usual."""
_matched = partial(matched, unlike_all="check the name, and what the account may read")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class _User(msgspec.Struct):
    username: str
    is_admin: bool = False


class _UserAnswer(msgspec.Struct):
    user: _User


class _Named(msgspec.Struct):
    name: str = ""


def check(context: SourceContext, api: MlflowApi, scope: MlflowScope) -> Sequence[Finding]:
    """Each step stands alone, but nothing is asked of a server that does not answer at all."""
    reached = list(attempted("server", lambda: _server(api)))
    if any(finding.level == "error" for finding in reached):
        return reached
    findings = [*reached, *attempted("account", lambda: _account(context, api))]
    if scope.experiments:
        findings += attempted("experiments", lambda: _matched("experiments", scope.experiments, _experiment_names(api)))
    if scope.models:
        findings += attempted("models", lambda: _matched("models", scope.models, _model_names(api)))
    findings += attempted("features", lambda: _features(api))
    findings.append(Finding(level="info", topic="writing", text="Milepost only reads MLflow"))
    return findings


def _server(api: MlflowApi) -> Iterator[Finding]:
    response = api.probe("version", accept=(200, 404))
    version = _VERSION.fullmatch(response.text.strip()) if response.status_code == 200 else None
    if version is None:
        yield Finding(level="info", topic="server", text=f"{api.url} answers, but does not tell its version")
    else:
        yield Finding(level="ok", topic="server", text=f"MLflow {version[0]} at {api.url}")
        yield from _too_old((int(version[1]), int(version[2])))
    yield from compare_clocks(read_http_date(response.headers.get("date")), "the server's")


def _too_old(version: tuple[int, int]) -> Iterator[Finding]:
    for since, lacking in _SINCE.items():
        if version < since:
            wanted = ".".join(map(str, since))
            yield Finding(level="warning", topic="features", text=lacking, fix=f"upgrade the server to MLflow {wanted} or later")


def _account(context: SourceContext, api: MlflowApi) -> Iterator[Finding]:
    """MLflow's basic-auth app tells who one is; other sign-ins stand in front of MLflow and do not."""
    secrets: MlflowSecrets = context.secrets
    if urlsplit(api.url).scheme == "http" and urlsplit(api.url).hostname not in _LOOPBACK and secrets != MlflowSecrets():
        yield Finding(level="warning", topic="account", text="the credentials travel unencrypted", fix="use an https address")
    response = api.probe(ROOT + "users/current", accept=(200, 400, 403, 404, 405))
    try:
        user = decode_as(response.content, _UserAnswer).user
    except (msgspec.DecodeError, UnicodeError):
        signed_in = "with a token" if secrets.token else f"as {secrets.user}" if secrets.user else "without credentials"
        yield Finding(level="info", topic="account", text=f"signed in {signed_in}; the server does not tell who that is")
        return
    yield Finding(level="ok", topic="account", text=f"signed in as {user.username}")
    if user.is_admin:
        text = f"{user.username} is an administrator, which reading does not need"
        yield Finding(level="info", topic="account", text=text, fix="use an account with READ permission")


def _experiment_names(api: MlflowApi) -> Sequence[str]:
    return _names(record for page in api.experiments() for record in page.experiments)


def _model_names(api: MlflowApi) -> Sequence[str]:
    return _names(record for page in api.registered_models("") for record in page.registered_models)


def _names(records: Iterable[msgspec.Raw]) -> Sequence[str]:
    """Of one that makes no sense, none: to tell of it is up to the pull."""
    decoder = decoder_for(_Named)
    names: list[str] = []
    for record in records:
        with suppress(msgspec.DecodeError, UnicodeError, RecursionError):
            names.append(decoder.decode(record).name)
    return names


def _features(api: MlflowApi) -> Iterator[Finding]:
    if not api.knows_logged_models():
        yield Finding(
            level="warning",
            topic="features",
            text="the server knows no logged models: a version registered without a run cannot be linked to one",
            fix="upgrade the server to MLflow 3",
        )
    answer = api.some_experiments()
    problem = sdk.client_understands(answer.content)
    if problem is None:
        yield Finding(level="ok", topic="client", text=f"the mlflow client {sdk.client_version()} understands the server")
    else:
        said = quotable(answer.request, problem)[:300]
        yield Finding(level="warning", topic="client", text=f"the mlflow client {sdk.client_version()} does not: {said}")
