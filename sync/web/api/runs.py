"""`/runs`: what Milepost did, when, and how it ended."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from sync.store import runs
from sync.store.runs import Run as Stored
from sync.web.api.answers import answer
from sync.web.api.documents import Run
from sync.web.api.moments import FORM, When, moment_of
from sync.web.api.paging import Name, Page, Text, Window, begin_after, page_of
from sync.web.problems import not_found
from sync.workspace import Workspace

_LIST = "runs"


class RunWindow(Window):
    """Which runs."""

    command: Name | None = Field(None, description="The name of a command, such as sync.")
    outcome: Name | None = Field(None, description="The word for how it ended, such as done or partial.")
    since: When | None = Field(None, description=f"{FORM}: those that began then or later.")


def run_routes(workspace: Workspace) -> APIRouter:
    """`/runs` and `/runs/{run}`, of every project file that shares the store."""
    router, database = APIRouter(tags=["runs"]), workspace.database

    @router.get("/runs", summary="The runs, the newest first.", response_model=Page[Run])
    def list_runs(request: Request, window: Annotated[RunWindow, Query()]) -> Response:
        before = begin_after(window, _LIST, Text)
        with database.read() as tx:
            found = runs.page(
                tx,
                before=before,
                command=window.command,
                outcome=window.outcome,
                since=moment_of(window.since, database.now(tx)),
                limit=window.limit + 1,
            )
        some, following = page_of(found, window, _LIST, lambda one: one.id)
        return answer(request, Page[Run](items=[_document(one) for one in some], next=following))

    @router.get("/runs/{run}", summary="One run.", response_model=Run)
    def show_run(request: Request, run: Annotated[Name, Path(description="The id of a run, as the list has it.")]) -> Response:
        with database.read() as tx:
            found = runs.find(tx, run)
        if found is None:
            raise not_found(f"there is no run {run!r}", "/runs lists them; those older than retention.audit are forgotten")
        return answer(request, _document(found))

    return router


def _document(run: Stored) -> Run:
    return Run(
        run=run.id,
        command=run.command,
        projects=list(run.projects),
        started_at=run.started_at,
        finished_at=run.finished_at,
        outcome=run.outcome,
        exit_code=run.exit_code,
        summary=dict(run.summary),
        executor=run.executor,
    )
