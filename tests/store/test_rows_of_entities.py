"""The pure parts: promoted names, times, texts and slot documents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.model import (
    AnyEntity,
    ChangeRequest,
    Commit,
    Dataset,
    Deployment,
    Entity,
    Experiment,
    Field,
    Label,
    Milestone,
    ModelVersion,
    Observation,
    Project,
    Ref,
    Run,
    WorkItem,
)
from sync.store.columns import from_micros, to_micros
from sync.store.promoted import Promoted, promoted
from sync.store.rows import read_slot_document, slot_document
from sync.store.text import is_storable, printable

REF = Ref("s", "k", "1")
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

NAMES: list[tuple[AnyEntity, Promoted]] = [
    (Project(ref=REF, key="churn", name="Churn"), Promoted("churn", "")),
    (WorkItem(ref=REF, key="ML-42", container="ML"), Promoted("ML-42", "ML")),
    (ChangeRequest(ref=REF, number=7, repository="example/churn"), Promoted("example/churn#7", "example/churn")),
    (Commit(ref=REF, sha="abc", repository="example/churn"), Promoted("abc", "example/churn")),
    (Milestone(ref=REF, name="1.0", container="ML"), Promoted("1.0", "ML")),
    (Experiment(ref=REF, name="churn"), Promoted("churn", "")),
    (Run(ref=REF, run_id="r1", experiment="churn"), Promoted("r1", "churn")),
    (Dataset(ref=REF, name="customers"), Promoted("customers", "")),
    (ModelVersion(ref=REF, name="churn", version="3"), Promoted("churn/3", "churn")),
    (Deployment(ref=REF, endpoint="churn-eu", platform="sagemaker"), Promoted("churn-eu", "sagemaker")),
    (
        Observation(ref=REF, subject=Ref("a", "b", "c"), monitor="psi", kind="drift", outcome="failed", observed_at=NOON),
        Promoted("psi", "a:b:c"),
    ),
    (Field(ref=REF, name="ML Status"), Promoted("ML Status", "")),
    (Label(ref=REF, name="ml/drift-alert", repository="example/churn"), Promoted("ml/drift-alert", "example/churn")),
]


@pytest.mark.parametrize(("entity", "expected"), NAMES, ids=lambda value: type(value).__name__)
def test_every_kind_of_entity_has_the_name_that_people_use(entity: Entity, expected: Promoted) -> None:
    assert promoted(entity) == expected


def test_no_kind_of_entity_is_left_out() -> None:
    assert {type(entity) for entity, _ in NAMES} == set(AnyEntity.__args__)


def test_an_unknown_kind_goes_by_its_id() -> None:
    assert promoted(Entity(ref=REF)) == Promoted("1", "")


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.timezones()))  # noqa: DTZ001  # bounds
def test_times_come_back_to_the_microsecond_in_utc(moment: datetime) -> None:
    back = from_micros(to_micros(moment))
    assert back == moment.astimezone(UTC)
    assert back.tzinfo is UTC


def test_times_are_the_same_in_every_zone_and_have_one() -> None:
    assert to_micros(NOON) == to_micros(NOON.astimezone(timezone(timedelta(hours=5))))
    with pytest.raises(TypeError):
        to_micros(datetime(2026, 3, 2))  # noqa: DTZ001  # that is what is refused


@given(st.text(), st.integers(1, 50))
def test_what_people_read_is_valid_text_and_as_short_as_asked(text: str, limit: int) -> None:
    made = printable(text + "\ud800", limit)
    made.encode("utf-8")
    assert len(made) <= limit
    assert "\0" not in made


@given(st.text(min_size=1, max_size=200))
def test_only_valid_text_identifies_something(text: str) -> None:
    assert is_storable(text) == ("\0" not in text and is_encodable(text))


def is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


values = st.one_of(
    st.booleans(), st.text(max_size=5), st.lists(st.text(max_size=5), max_size=3), st.dictionaries(st.text(max_size=3), st.none())
)
slots = st.dictionaries(st.tuples(st.sampled_from(["label", "field", "property"]), st.text(max_size=5)), values, max_size=5)


@given(slots, st.randoms())
def test_a_slot_document_holds_its_slots_in_one_order(held: dict[tuple[str, str], object], random: object) -> None:
    shuffled = dict(sorted(held.items(), key=lambda _: random.random()))  # type: ignore[attr-defined]  # hypothesis' own generator
    assert slot_document(held) == slot_document(shuffled)  # type: ignore[arg-type]  # kinds are those of slots
    assert read_slot_document(slot_document(held)) == held  # type: ignore[arg-type]  # kinds are those of slots
