"""What `milepost log` says of a value that ended: the object that it was shown for, by the episodes that the store keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mappings.model import ModelVersion, Ref
from sync.store import audit

if TYPE_CHECKING:
    from tests.engine.conftest import Office

SPOILT = {
    "id": "spoilt",
    "title": "Bad",
    "kind": "alarm",
    "rank": 99,
    "says": "{name} is spoilt",
    "for": "model_version",
    "when": {"any": [{"subject": {"alias": "spoilt"}}]},
    "label": "spoilt",
}


def put(office: Office, number: int, *aliases: str) -> None:
    ref = Ref("shelf", "model_version", f"churn/{number}")
    office.shelf.put(ModelVersion(ref=ref, name="churn", version=str(number), aliases=aliases))


def test_of_several_versions_the_log_names_the_one_that_was_shown(office: Office) -> None:
    watch = office.ticket()
    office.projects["churn"] |= {"watch": {"jira": watch}, "scopes": office.scopes | {"shelf": {"prefix": ""}}}
    office.top["statuses"] = [SPOILT]
    for number in (1, 2, 3):
        put(office, number, *(["spoilt"] if number == 2 else []))
    office.sync()
    assert office.field(watch) == "Bad"

    put(office, 2)
    office.pull()
    (planned,) = [one for one in office.plan().projects[0].plan.changes if one.slot.kind == "field"]  # type: ignore[union-attr]
    office.sync()

    assert office.field(watch) is None
    with office.database.read() as tx:
        *_, last = (one for one in audit.read(tx) if one.slot.kind == "field")
    assert last.reason == planned.reason == "Bad: no; churn v2 has no alias"
