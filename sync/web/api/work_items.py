"""`/work-items`: the tickets in the projects' scopes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from mappings.model import AnyEntity, Ref
from mappings.model import WorkItem as Ticket
from sync.store import entities, verdicts
from sync.web.api.answers import answer
from sync.web.api.catalogue import Catalogue
from sync.web.api.documents import WorkItem, WorkItemInFull
from sync.web.api.paging import MOST, Name, Page, Text, Window, begin_after, page_of
from sync.web.problems import Refused, not_found
from sync.workspace import Workspace

_LIST = "work-items"
_MANY = 10


class WorkItemWindow(Window):
    """Which tickets."""

    project: Name | None = Field(None, description="The key of a project.")
    source: Name | None = Field(None, description="The name of a source.")
    key: Name | None = Field(None, description="A key in any case, such as CHURN-42 or example/churn#12.")


def work_item_routes(workspace: Workspace) -> APIRouter:
    """`/work-items` and `/work-items/{key}`, of the scopes of the project file."""
    router, database = APIRouter(tags=["work items"]), workspace.database

    @router.get("/work-items", summary="The tickets in the projects' scopes, by source and id.", response_model=Page[WorkItem])
    def list_work_items(request: Request, window: Annotated[WorkItemWindow, Query()]) -> Response:
        after = begin_after(window, _LIST, tuple[Text, Text])
        with database.read() as tx:
            catalogue = Catalogue(tx, workspace.projects)
            keys = [key for one in catalogue.chosen(window.project) for key in catalogue.listings[one.key].keys]
            found = entities.page(tx, "work_item", keys, after=after, source=window.source, key=window.key, limit=window.limit + 1)
            some, following = page_of(found, window, _LIST, lambda one: (one.ref.source, one.ref.id))
            homes = _homes(catalogue, some)
            items = [_document(one, homes[one.ref]) for one in some if isinstance(one, Ticket)]
        return answer(request, Page[WorkItem](items=items, next=following))

    @router.get(
        "/work-items/{key:path}",
        summary="One ticket, with all that rules say of it.",
        response_model=WorkItemInFull,
        responses={409: {"description": "Several tickets have this key."}},
    )
    def show_work_item(
        request: Request, key: Annotated[Name, Path(description="A key in any case, percent-encoded, or a ref.")]
    ) -> Response:
        with database.read() as tx:
            catalogue = Catalogue(tx, workspace.projects)
            ticket, projects = _one(catalogue, key)
            found = verdicts.page(tx, catalogue.memories(None), subject=str(ticket.ref), limit=MOST)
            document = _document(ticket, projects)
            full = WorkItemInFull(**document.model_dump(), statuses=catalogue.statuses(found))
        return answer(request, full)

    return router


def _one(catalogue: Catalogue, key: str) -> tuple[Ticket, Sequence[str]]:
    """The ticket that a key or ref means, with its projects. Raises `Refused` for none and for several."""
    tickets = [one for one in entities.find(catalogue.tx, key) if isinstance(one, Ticket)]
    homes = _homes(catalogue, tickets)
    found = [one for one in tickets if homes[one.ref]]
    if not found:
        raise not_found(f"no project has a ticket {key!r}", "name it by its key or its ref, as /work-items lists it")
    if len(found) > 1:
        refs = ", ".join(str(one.ref) for one in found[:_MANY])
        raise Refused(409, "several tickets", f"several tickets are called {key!r}", fix=f"name one of them by its ref: {refs}")
    return found[0], homes[found[0].ref]


def _homes(catalogue: Catalogue, found: Iterable[AnyEntity]) -> Mapping[Ref, Sequence[str]]:
    """The projects in whose scopes each of these is."""
    refs = [one.ref for one in found]
    homes: dict[Ref, list[str]] = {ref: [] for ref in refs}
    for key, listings in catalogue.listings.items():
        for ref in entities.members_among(catalogue.tx, listings.keys, refs):
            homes[ref].append(key)
    return homes


def _document(ticket: Ticket, projects: Sequence[str]) -> WorkItem:
    """Nothing that a person wrote at length, and nobody's name."""
    return WorkItem(
        ref=str(ticket.ref),
        key=ticket.key,
        url=ticket.url,
        title=ticket.title,
        type=ticket.item_type,
        status=ticket.status,
        status_category=ticket.status_category,
        labels=list(ticket.labels),
        components=list(ticket.components),
        due=ticket.due,
        created_at=ticket.created_at,
        updated_at=ticket.updated_at,
        closed_at=ticket.closed_at,
        projects=list(projects),
    )
