"""`/audit`: the record of every write, as `milepost log` shows it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from sync.documents import entry_document
from sync.store import audit
from sync.store.audit import Kind
from sync.web.api.answers import answer
from sync.web.api.catalogue import Catalogue
from sync.web.api.documents import AuditEntry
from sync.web.api.moments import FORM, When, moment_of
from sync.web.api.paging import Name, Number, Page, Window, begin_after, page_of
from sync.workspace import Workspace

_LIST = "audit"


class AuditWindow(Window):
    """Which entries."""

    project: Name | None = Field(None, description="The key of a project, also of one that the project file no longer has.")
    subject: Name | None = Field(None, description="A ticket or pull request by its key in any case, or a ref.")
    kind: Kind | None = Field(None, description="What the entry is about.")
    run: Name | None = Field(None, description="The id of a run.")
    since: When | None = Field(None, description=f"{FORM}: what happened then or later.")
    until: When | None = Field(None, description=f"{FORM}: what happened before.")


def audit_routes(workspace: Workspace) -> APIRouter:
    """`/audit`: what the store has of it, for every project that it ever knew."""
    router = APIRouter(tags=["audit"])

    @router.get("/audit", summary="The record of every write, the newest first.", response_model=Page[AuditEntry])
    def list_entries(request: Request, window: Annotated[AuditWindow, Query()]) -> Response:
        before = begin_after(window, _LIST, Number)
        with workspace.database.read() as tx:
            catalogue = Catalogue(tx, workspace.projects)
            found = audit.page(
                tx,
                project=None if window.project is None else catalogue.memory_of(window.project),
                before=before,
                since=moment_of(window.since, catalogue.now),
                until=moment_of(window.until, catalogue.now),
                key=window.subject,
                run=window.run,
                kind=window.kind,
                limit=window.limit + 1,
            )
            some, following = page_of(found, window, _LIST, lambda one: one.id)
            documents = [{**entry_document(one), "project": catalogue.key_of(one.project)} for one in some]
        return answer(request, Page[AuditEntry](items=[AuditEntry(**one) for one in documents], next=following))

    return router
