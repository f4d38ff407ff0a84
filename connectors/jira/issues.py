"""The issues of a scope, in the order of their last update, from where the last pull ended.

The order makes the listing a log: an issue that changes meanwhile moves to the end and is met there. So the time of the last
update on a page is all that a cursor needs, and a pull that was killed goes on from it, be it a first listing or a later one. A
page's token is used within one pull only: it expires after seven days.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from connectors.base import Batch, SourceContext
from connectors.jira.api import JiraApi
from connectors.jira.cursor import Cursor, SiteFacts, is_fresh, read_cursor, write_cursor
from connectors.jira.options import JiraScope
from connectors.jira.pages import Query, SearchPage
from connectors.jira.site import ask_site, known_zone, wanted_facts
from mappings.change import Reading
from mappings.jira import Translation
from mappings.jira_records import Untranslatable, VersionRecord, rejected
from mappings.model import Entity, Milestone, Rejected, WorkItem

OVERLAP = timedelta(minutes=3)
"""The search index lags behind writes: what is younger than this is read again by the next pull."""

ZONE_CHANGE = timedelta(hours=26)
"""The distance between the earliest and the latest local time on earth: how far off a query was that used another zone."""


class IssueListing:
    """One pull. `site` and `projects` are what is known once a batch has come."""

    def __init__(
        self, api: JiraApi, context: SourceContext, scope: JiraScope, cursor: str | None, *, known: SiteFacts | None
    ) -> None:
        self._api = api
        self._context = context
        self._scope = scope
        self._cursor = read_cursor(cursor)
        self._known = known
        self.projects: set[str] = set()
        self.site: SiteFacts | None = None

    def batches(self) -> Iterator[Batch]:
        site = self._facts()
        self.site = site
        since = self._start(site)
        translation = Translation(self._context.name, site.url, self._context.owned, fields=site.fields, own=site.own)
        properties = [self._context.owned.property] if self._context.owned.property else []
        query = Query(self._scope, site.zone, translation.asked_fields, properties)
        reached = self._cursor.since
        began: datetime | None = None
        for page in self._api.deployment.pages(self._api, query, since):
            began = began or page.answered_at
            batch, newest = self._translate(translation, page)
            reached = _latest(reached, newest)
            if page.last:
                # What changed before the first page was answered has been met, whether or not anything did. A time to come, as an
                # import may have set it, must not hide what changes until then.
                passed = reached if page.answered_at is None or reached is None else min(reached, page.answered_at)
                end = Cursor(since=_latest(passed, began), listing=False, site=site)
                yield _with(batch, end, complete=self._cursor.listing)
                return
            yield _with(batch, Cursor(since=reached, listing=self._cursor.listing, site=site), complete=False)

    def _facts(self) -> SiteFacts:
        usable = (site for site in (self._known, self._cursor.site) if site is not None and self._is_usable(site))
        known = next(usable, None)
        if known is None:
            return ask_site(self._api, self._context)
        self._api.assume(known.deployment)
        return known

    def _is_usable(self, site: SiteFacts) -> bool:
        """A field of ours that was not there may have been made since; a zone may be unknown where the pull goes on."""
        has_fields = all(site.own.get(field) for field in self._context.owned.all_fields())
        return has_fields and is_fresh(site, wanted_facts(self._context)) and known_zone(site.zone) == site.zone

    def _start(self, site: SiteFacts) -> datetime | None:
        since, before = self._cursor.since, self._cursor.site
        if since is None:
            return None
        if before is not None and before.zone != site.zone:
            # Since the zone was last looked at, queries may have asked for a later time than was meant.
            since = min(since, before.asked_at) - ZONE_CHANGE
        return since - OVERLAP

    def _translate(self, translation: Translation, page: SearchPage) -> tuple[Batch, datetime | None]:
        entities: list[Entity] = []
        slots: list[Reading] = []
        refused: list[Rejected] = []
        milestones: dict[str, Milestone] = {}
        newest: datetime | None = None
        for payload in page.issues:
            try:
                item, readings, versions = translation.issue(payload)
            except Untranslatable as error:
                refused.append(rejected(payload, str(error)))
                continue
            entities.append(item)
            slots.extend(readings)
            newest = _latest(newest, item.updated_at)
            self.projects.add(item.container)
            if self._scope.jql is not None:
                milestones.update(_planned(translation, item, versions))
        return Batch(entities=[*milestones.values(), *entities], slots=slots, rejected=refused, total=page.total), newest


def _planned(translation: Translation, item: WorkItem, versions: Sequence[VersionRecord]) -> Iterator[tuple[str, Milestone]]:
    for version in versions:
        yield version.id, translation.milestone(version, item.container)


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)


def _with(batch: Batch, cursor: Cursor, *, complete: bool) -> Batch:
    return Batch(
        entities=batch.entities,
        slots=batch.slots,
        rejected=batch.rejected,
        cursor=write_cursor(cursor),
        complete=complete,
        total=batch.total,
    )
