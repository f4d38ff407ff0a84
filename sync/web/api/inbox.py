"""`/inbox`: webhook deliveries, above all those that could not be taken in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from sync.store import inbox
from sync.store.inbox import STATES, Kept, State
from sync.web.api.answers import answer
from sync.web.api.documents import Delivery
from sync.web.api.paging import Name, Number, Page, Window, begin_after, page_of
from sync.web.problems import Refused, not_found
from sync.workspace import Workspace

_LIST = "inbox"

Id = Annotated[int, Path(ge=1, lt=2**63, description="A whole number: the id of a delivery, as the list has it.")]


class InboxWindow(Window):
    """Which deliveries."""

    state: State | None = Field("dead", description="Without it, those that could not be taken in.")
    source: Name | None = Field(None, description="The name of a source.")


def inbox_routes(workspace: Workspace, wake: Callable[[], None]) -> APIRouter:
    """`wake` is told when there is something to do at once."""
    router, database = APIRouter(tags=["inbox"]), workspace.database

    @router.get("/inbox", summary="Webhook deliveries, the latest first.", response_model=Page[Delivery])
    def list_deliveries(request: Request, window: Annotated[InboxWindow, Query()]) -> Response:
        before = begin_after(window, _LIST, Number)
        states = STATES if window.state is None else [window.state]
        with database.read() as tx:
            found = inbox.listing(tx, states=states, source=window.source, before=before, limit=window.limit + 1)
        some, following = page_of(found, window, _LIST, lambda one: one.id)
        return answer(request, Page[Delivery](items=[_document(one) for one in some], next=following))

    @router.get("/inbox/{id}", summary="One delivery.", response_model=Delivery)
    def show_delivery(request: Request, id: Id) -> Response:
        with database.read() as tx:
            found = inbox.find(tx, id)
        if found is None:
            raise _unknown(id)
        return answer(request, _document(found[0]))

    @router.post("/inbox/{id}/retry", summary="Take a delivery in again, as if it had never failed.", response_model=Delivery)
    def retry(id: Id) -> Response:
        with database.write() as tx:
            changed = inbox.retry(tx, [id])
            found = inbox.find(tx, id)
        wake()
        return _changed(id, changed, found, "retried")

    @router.post("/inbox/{id}/drop", summary="Never take a delivery in.", response_model=Delivery)
    def drop(id: Id) -> Response:
        with database.write() as tx:
            changed = inbox.drop(tx, [id], database.now(tx))
            found = inbox.find(tx, id)
        return _changed(id, changed, found, "dropped")

    return router


def _unknown(id: int) -> Refused:
    return not_found(f"there is no delivery {id}", "/inbox lists them; those that are done are forgotten after a while")


def _changed(id: int, changed: int, found: tuple[Kept, bytes | None] | None, what: str) -> Response:
    if found is None:
        raise _unknown(id)
    kept = found[0]
    if not changed:
        raise Refused(409, "nothing to change", f"delivery {id} is {kept.state}: it cannot be {what}", fix="leave it as it is")
    return Response(_document(kept).model_dump_json(), media_type="application/json")


def _document(kept: Kept) -> Delivery:
    return Delivery(
        id=kept.id,
        source=kept.source,
        delivery=kept.delivery,
        event=kept.event,
        state=kept.state,
        received_at=kept.received_at,
        tries=kept.tries,
        retry_at=kept.retry_at,
        finished_at=kept.finished_at,
        error=kept.error,
    )
