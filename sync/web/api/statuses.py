"""`/statuses`: the stored verdicts, with their evidence."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from sync.store import verdicts
from sync.store.verdicts import Stored
from sync.truth import Truth
from sync.web.api.answers import answer
from sync.web.api.catalogue import Catalogue
from sync.web.api.documents import Status
from sync.web.api.paging import Name, Page, Text, Window, begin_after, page_of
from sync.workspace import Workspace

_LIST = "statuses"
_TRUTHS: dict[str, Truth] = {"true": True, "false": False, "unknown": None}


class StatusWindow(Window):
    """Which statuses."""

    project: Name | None = Field(None, description="The key of a project.")
    rule: Name | None = Field(None, description="The id of a rule, such as model-ready.")
    subject: Name | None = Field(None, description="A ref: source:kind:id.")
    truth: Literal["true", "false", "unknown"] | None = Field(None, description="What the rule says.")


def status_routes(workspace: Workspace) -> APIRouter:
    """`/statuses`, as they were judged last, of the projects of the project file."""
    router = APIRouter(tags=["statuses"])

    @router.get("/statuses", summary="What rules say, by project, rule and subject.", response_model=Page[Status])
    def list_statuses(request: Request, window: Annotated[StatusWindow, Query()]) -> Response:
        after = begin_after(window, _LIST, tuple[Text, Text, Text])
        with workspace.database.read() as tx:
            catalogue = Catalogue(tx, workspace.projects)
            found = verdicts.page(
                tx,
                catalogue.memories(window.project),
                after=after,
                rule=window.rule,
                subject=window.subject,
                truths=[_TRUTHS[window.truth]] if window.truth is not None else (True, False, None),
                limit=window.limit + 1,
            )
            some, following = page_of(found, window, _LIST, _key)
            items = catalogue.statuses(some)
        return answer(request, Page[Status](items=items, next=following))

    return router


def _key(one: Stored) -> tuple[str, str, str]:
    return one.project, one.standing.rule, str(one.standing.subject)
