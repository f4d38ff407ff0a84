"""A stand-in of Jira as a source for the conformance suite: what is the same for each deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from connectors.conformance import Source
from connectors.errors import NotFound, SourceError
from connectors.jira import CONNECTION
from connectors.jira.options import PROPERTY, JiraScope
from mappings.change import Owned, Slot, Value
from mappings.model import Ref
from sandbox.jira import JiraCloud, JiraDataCenter

FIELD = "ML Status"
OPTIONS = ("Drift alert", "Model ready", "Unknown")
FIRST = 7
"""Of each stream."""
LONG_AGO = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MANY = 50


class JiraRecords(Source):
    connection = CONNECTION
    page_parameter = "maxResults"
    scope = JiraScope(projects=("ML",))
    owned = Owned(field=FIELD, options=OPTIONS, property=PROPERTY)

    def __init__(self, site: JiraCloud | JiraDataCenter) -> None:
        self._site = site
        self._added = 0
        site.keep_answers = False
        site.add_project("ML", "Machine learning")
        site.add_field(FIELD, "select", options=OPTIONS)
        for stream in CONNECTION.streams:
            self.add(stream, FIRST)

    def add(self, stream: str, count: int) -> None:
        for _ in range(count):
            self._added += 1
            match stream:
                case "fields":
                    self._site.add_field(f"Field {self._added}", "textfield")
                case "versions":
                    self._site.add_version("ML", f"Version {self._added}")
                case "issues":
                    self._site.add_issue("ML", f"Issue {self._added}", created=self._moment(count))

    def _moment(self, count: int) -> datetime:
        """The first few lie apart, further than a pull overlaps with the one before; of very many, sixty share a minute."""
        if self._added <= FIRST * len(CONNECTION.streams):
            return LONG_AGO + timedelta(hours=self._added)
        return LONG_AGO + timedelta(seconds=self._added) if count > MANY else datetime.now(UTC)

    def remove(self, ref: Ref) -> bool:
        if ref.kind != "work_item":
            return False
        self._site.delete(ref.id)
        return True

    def refusals(self, stream: str) -> Mapping[int, type[SourceError] | None]:
        return {400: NotFound} if stream == "issues" else {}  # a search that names what is not there is refused so

    def targets(self, count: int) -> Sequence[Ref]:
        keys = [self._site.add_issue("ML", f"Target {number}") for number in range(count)]
        return [Ref("conformance", "work_item", str(self._site.get(key)["id"])) for key in keys]

    def slots(self, target: Ref) -> Mapping[Slot, Sequence[Value]]:
        return {
            Slot(target, "field", FIELD): ["Drift alert", "Model ready", None],
            Slot(target, "property", PROPERTY): [{"version": 1, "statuses": []}, {"version": 1, "statuses": [{"id": "x"}]}, None],
        }
