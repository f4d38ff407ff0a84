"""MLflow's REST API 2.0 as far as Milepost reads it: bulk searches in as few requests as the server allows.

The longest pages that server 3.17 gives: 50,000 experiments and runs, 1,000 registered models, 200,000 versions. Ours are shorter
where a page would weigh too much in memory. Sorting is asked for wherever pages are cut by offset, so that no page moves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import httpx
import msgspec

from connectors.base import SourceContext
from connectors.errors import NotFound, Unavailable
from connectors.http import Client, TooMuch, decode, describe, open_client, quotable
from connectors.mlflow.options import MlflowOptions, MlflowSecrets
from mappings.decoding import decode_as, decoder_for
from mappings.mlflow import standard_json
from mappings.mlflow_records import LoggedModelRecord

ROOT = "api/2.0/mlflow/"
RUNS_A_PAGE = 1_000
EXPERIMENTS_A_PAGE = 10_000
MODELS_A_PAGE = 1_000
VERSIONS_A_PAGE = 10_000
IDS_A_FILTER = 400
"""Of runs. The server parses the filter's text, and refuses one of many thousand tokens."""
LOGGED_MODELS_A_FILTER = 100

SAME_PAGE_FIX = "check what stands in front of MLflow"

_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)

T = TypeVar("T")


class _Page(msgspec.Struct):
    next_page_token: str | None = None


class RunsPage(_Page):
    runs: list[msgspec.Raw] = []


class ExperimentsPage(_Page):
    experiments: list[msgspec.Raw] = []


class ModelsPage(_Page):
    registered_models: list[msgspec.Raw] = []


class VersionsPage(_Page):
    model_versions: list[msgspec.Raw] = []


class _LoggedModelsPage(_Page):
    models: list[LoggedModelRecord] = []


class Refusal(msgspec.Struct):
    """What MLflow says with an error status. A body without it comes from something in front of MLflow."""

    error_code: str
    message: str = ""


P = TypeVar("P", bound=_Page)

_OBJECT = decoder_for(dict[str, msgspec.Raw])


class MlflowApi:
    """Typed requests to one tracking server. Raises the errors of `connectors.errors`."""

    def __init__(self, context: SourceContext) -> None:
        options: MlflowOptions = context.options
        self.source = context.name
        self.url = options.url
        self._client = _open(context)
        self._runs_thinned = 1

    def close(self) -> None:
        self._client.close()

    def experiments(self) -> Iterator[ExperimentsPage]:
        """All experiments that are not deleted, by id."""
        query = {"max_results": EXPERIMENTS_A_PAGE, "order_by": "experiment_id ASC"}
        return self._pages("experiments/search", query, ExperimentsPage)

    def some_experiments(self) -> httpx.Response:
        """The answer to a search for experiments as it is, for the check."""
        return self._client.get(ROOT + "experiments/search", params={"max_results": 1})

    def registered_models(self, prefix: str) -> Iterator[ModelsPage]:
        """The registered models, prompts left out, whose name starts with `prefix` (and perhaps some others)."""
        query = {"max_results": MODELS_A_PAGE, "order_by": "name ASC", **_starting_with(prefix)}
        return self._pages("registered-models/search", query, ModelsPage)

    def versions(self, prefix: str) -> Iterator[VersionsPage]:
        """The versions of the models whose name starts with `prefix` (and perhaps some others). Their aliases are not given."""
        query = {"max_results": VERSIONS_A_PAGE, "order_by": ["name ASC", "version_number ASC"], **_starting_with(prefix)}
        return self._pages("model-versions/search", query, VersionsPage)

    def runs(self, experiments: Sequence[str], *, since: int | None = None, token: str | None = None) -> RunsPage:
        """A page of the runs of `experiments` that are not deleted and started at `since` (ms) or later, by their start."""
        body: dict[str, Any] = {"experiment_ids": experiments, "order_by": ["attributes.start_time ASC"]}
        if since is not None:
            body["filter"] = f"attributes.start_time >= {since}"
        if token is not None:
            body["page_token"] = token
        while True:
            length = max(1, RUNS_A_PAGE // self._runs_thinned)
            try:
                return self._search_runs({**body, "max_results": length})
            except TooMuch:
                # One run may hold thousands of long parameters: the pages become as long as their weight allows.
                if length == 1:
                    raise
                self._runs_thinned *= 4

    def runs_by_id(self, experiments: Sequence[str], run_ids: Iterable[str]) -> Iterator[RunsPage]:
        """Those of the runs that are in `experiments` and not deleted."""
        for some in _cut(run_ids, IDS_A_FILTER):
            yield from self._runs_named(experiments, some)

    def source_runs(self, experiments: Sequence[str], model_ids: Iterable[str]) -> Mapping[str, str]:
        """The run that made each logged model, as far as the server knows. Servers before 3.0 know no logged models."""
        found: dict[str, str] = {}
        for some in _cut(model_ids, LOGGED_MODELS_A_FILTER):
            body = {"experiment_ids": experiments, "max_results": len(some), "filter": f"model_id IN ({_quoted(some)})"}
            try:
                page = self._post("logged-models/search", body, _LoggedModelsPage)
            except NotFound:
                return found
            found.update({model.info.model_id: model.info.source_run_id for model in page.models if model.info.source_run_id})
        return found

    def knows_logged_models(self) -> bool:
        try:
            self._post("logged-models/search", {"experiment_ids": ["0"], "max_results": 1}, _LoggedModelsPage)
        except NotFound:
            return False
        return True

    def single(self, path: str, query: Mapping[str, str], kind: type[T]) -> T | Refusal:
        """A direct read: the record, or why the server does not give it (it knows no such object, or may not show it)."""
        response = self._client.get(ROOT + path, params=query, accept=(200, 400, 403, 404))
        return self._decoded(response, kind) if response.status_code == 200 else self._refusal(response)

    def probe(self, path: str, accept: Sequence[int] = (200,)) -> httpx.Response:
        """An answer as it is, for the check."""
        return self._client.get(path, accept=accept)

    def _runs_named(self, experiments: Sequence[str], ids: Sequence[str]) -> Iterator[RunsPage]:
        body = {"experiment_ids": experiments, "filter": f"attributes.run_id IN ({_quoted(ids)})", "max_results": len(ids)}
        try:
            yield self._search_runs(body)
        except TooMuch:
            if len(ids) == 1:
                raise
            half = len(ids) // 2
            yield from self._runs_named(experiments, ids[:half])
            yield from self._runs_named(experiments, ids[half:])

    def _search_runs(self, body: Mapping[str, Any]) -> RunsPage:
        return self._post("runs/search", {"run_view_type": "ACTIVE_ONLY", **body}, RunsPage)

    def _pages(self, path: str, query: Mapping[str, Any], kind: type[P]) -> Iterator[P]:
        token: str | None = None
        seen: set[str] = set()
        while True:
            page = self._get(path, query if token is None else {**query, "page_token": token}, kind)
            yield page
            token = page.next_page_token
            if not token:
                return
            check_token(self.source, path, token, seen)

    def _get(self, path: str, query: Mapping[str, Any], kind: type[T]) -> T:
        return self._answer(self._client.get(ROOT + path, params=query, accept=(200, 400, 404)), kind)

    def _post(self, path: str, body: Mapping[str, Any], kind: type[T]) -> T:
        # Searches change nothing, so they may be repeated though they are POST.
        return self._answer(self._client.request("POST", ROOT + path, json=body, accept=(200, 400, 404), repeatable=True), kind)

    def _answer(self, response: httpx.Response, kind: type[T]) -> T:
        if response.status_code == 200:
            return self._decoded(response, kind)
        refusal = self._refusal(response)
        failure = NotFound if response.status_code == 404 else Unavailable
        said = quotable(response.request, f"{refusal.error_code} {refusal.message}".rstrip())[:300]
        what = f"{describe(response.request)} was refused: {said}"
        raise failure(self.source, what, fix="check the source's url and the server's version")

    def _refusal(self, response: httpx.Response) -> Refusal:
        try:
            return decode_as(response.content, Refusal)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            where = f"{describe(response.request)} answered {response.status_code}, not as MLflow does"
            raise NotFound(self.source, where, fix="check that the url is that of an MLflow tracking server") from None

    def _decoded(self, response: httpx.Response, kind: type[T]) -> T:
        decoder = decoder_for(kind, strict=False)
        try:
            decoded = decoder.decode(response.content)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            # Some servers and proxies write NaN bare. Where that is not what is wrong, this raises what it should.
            standard = httpx.Response(
                200, content=standard_json(response.content), headers=_media(response), request=response.request
            )
            decoded = decode(self.source, standard, decoder)
        if isinstance(decoded, _Page) and _is_foreign(decoded, response.content):
            what = f"{describe(response.request)} answered JSON that is no page of MLflow's"
            raise Unavailable(self.source, what, fix=SAME_PAGE_FIX)
        return decoded


def _is_foreign(page: _Page, content: bytes) -> bool:
    """MLflow leaves an empty list out, so any object looks like an empty page; one with other contents comes from elsewhere."""
    names = page.__struct_fields__
    return not any(getattr(page, name) for name in names) and not _OBJECT.decode(content).keys() <= set(names)


def check_token(source: str, path: str, token: str, seen: set[str]) -> None:
    """Raises `Unavailable` when a listing leads back to a page that it has given: it would never end."""
    if token in seen:
        raise Unavailable(source, f"{path} gives the same pages again and again", fix=SAME_PAGE_FIX)
    seen.add(token)


def _open(context: SourceContext) -> Client:
    secrets: MlflowSecrets = context.secrets
    auth = None
    headers = {}
    if secrets.token is not None:
        headers["authorization"] = f"Bearer {secrets.token.get_secret_value()}"
    elif secrets.user is not None and secrets.password is not None:
        auth = httpx.BasicAuth(secrets.user, secrets.password.get_secret_value())
    return open_client(context, context.options.url, auth=auth, headers=headers)


def _media(response: httpx.Response) -> Mapping[str, str]:
    return {"content-type": response.headers.get("content-type", "")}


def _starting_with(prefix: str) -> Mapping[str, str]:
    return {"filter": f"name LIKE '{prefix}%'"} if prefix else {}


def _quoted(ids: Sequence[str]) -> str:
    return ", ".join(f"'{ident}'" for ident in ids)


def _cut(ids: Iterable[str], size: int) -> Iterator[Sequence[str]]:
    """Only what can be an id: a record may name anything as its run, and must not end the filter's text early."""
    usable = sorted(ident for ident in ids if _ID.fullmatch(ident))
    for start in range(0, len(usable), size):
        yield usable[start : start + size]
