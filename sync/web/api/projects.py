"""`/projects`: what the project file names, how fresh its facts are, and asking for a sync."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from sync.documents import stream_document
from sync.freshness import Freshness
from sync.listings import ScopedProject, stream_facts
from sync.showing import published_to
from sync.store import due, quarantine, verdicts
from sync.tracing import span, traceparent
from sync.web.api.answers import answer
from sync.web.api.catalogue import Catalogue
from sync.web.api.documents import Counts, Project, ProjectInFull, Stream, SyncAsked
from sync.web.api.paging import Name, Page, Window, begin_after, page_of
from sync.workspace import Workspace

_LIST = "projects"

ProjectKey = Annotated[Name, Path(description="The key of a project, as the list has it.")]


def project_routes(workspace: Workspace, wake: Callable[[], None]) -> APIRouter:
    """`wake` is told when there is something to do at once."""
    router, database = APIRouter(tags=["projects"]), workspace.database

    @router.get("/projects", summary="The projects of the project file, in its order.", response_model=Page[Project])
    def list_projects(request: Request, window: Annotated[Window, Query()]) -> Response:
        last = begin_after(window, _LIST, str)
        with database.read() as tx:
            catalogue = Catalogue(tx, workspace.projects)
            keys = [one.key for one in catalogue.projects]
            begin = keys.index(last) + 1 if last in keys else 0
            some, following = page_of(catalogue.projects[begin : begin + window.limit + 1], window, _LIST, lambda one: one.key)
            items = [Project(**document) for document in _documents(catalogue, some)]
        return answer(request, Page[Project](items=items, next=following))

    @router.get("/projects/{key}", summary="One project, with its streams.", response_model=ProjectInFull)
    def show_project(request: Request, key: ProjectKey) -> Response:
        with database.read() as tx:
            catalogue = Catalogue(tx, workspace.projects)
            (project,) = catalogue.chosen(key)
            (document,) = _documents(catalogue, [project])
            streams = [Stream(**stream_document(one)) for one in _freshness(catalogue, project).streams]
        return answer(request, ProjectInFull(**document, streams=streams))

    @router.post(
        "/projects/{key}/sync",
        summary="Read the project's sources and follow what is new, as soon as a worker is free.",
        status_code=202,
        response_model=SyncAsked,
    )
    def ask_for_sync(key: ProjectKey) -> Response:
        with database.write() as tx, span("api.sync", kind="server", project=key):
            (project,) = Catalogue(tx, workspace.projects).chosen(key)
            now, trace = database.now(tx), traceparent()
            wanted = _streams(project)
            due.mark(tx, [project.key], now, trace)
            for source, streams in sorted(wanted.items()):
                due.mark_streams(tx, source, streams, now, trace)
        wake()
        asked = SyncAsked(project=project.key, sources=sorted(wanted), asked_at=now)
        return Response(asked.model_dump_json(), 202, media_type="application/json")

    return router


def _documents(catalogue: Catalogue, projects: Sequence[ScopedProject]) -> Sequence[Mapping[str, Any]]:
    counted = verdicts.counts(catalogue.tx, [one.memory for one in projects])
    waiting = {one.project: one.since for one in due.marked(catalogue.tx)}
    found = []
    for project in projects:
        rules = {rule for memory, rule, _ in counted if memory == project.memory}
        by_rule = {
            rule: Counts(
                true=counted.get((project.memory, rule, True), 0),
                false=counted.get((project.memory, rule, False), 0),
                unknown=counted.get((project.memory, rule, None), 0),
            )
            for rule in sorted(rules)
        }
        found.append(
            {
                "project": project.key,
                "name": project.view.name,
                "risk_class": project.view.risk_class,
                "timezone": project.view.timezone,
                "sources": list(project.view.sources),
                "published_to": list(published_to(project.view)),
                "facts_as_of": _freshness(catalogue, project).facts_as_of(),
                "due_since": waiting.get(project.key),
                "statuses": by_rule,
            }
        )
    return found


def _freshness(catalogue: Catalogue, project: ScopedProject) -> Freshness:
    rejected = quarantine.unsettled(catalogue.tx, {source.name for source, _ in project.scopes})
    facts = stream_facts(project, catalogue.listings[project.key], rejected)
    return Freshness(facts, within=project.fresh_within, now=catalogue.now)


def _streams(project: ScopedProject) -> Mapping[str, Sequence[str]]:
    """By source, the streams of which the project names anything."""
    wanted: dict[str, dict[str, None]] = {}
    for source, scope in project.scopes:
        streams = (one for one in source.connection.streams if source.connection.is_wanted(one, scope.options))
        wanted.setdefault(source.name, {}).update(dict.fromkeys(streams))
    return {source: list(streams) for source, streams in wanted.items() if streams}
