"""Monitors: a fold over stored observations, whatever their order and repetition."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.model import Observation, Outcome, Ref, decode, encode
from sync.monitors import fold, monitors
from tests.core.worlds import NOW

SUBJECT = Ref("aws", "deployment", "churn-prod")


def series(outcomes: Sequence[Outcome]) -> list[Observation]:
    return [
        Observation(
            ref=Ref("aws", "observation", str(number)),
            subject=SUBJECT,
            monitor="psi",
            kind="drift",
            outcome=outcome,
            value=float(number),
            observed_at=NOW + timedelta(hours=number),
        )
        for number, outcome in enumerate(outcomes)
    ]


def read(letters: str) -> list[Observation]:
    words: dict[str, Outcome] = {"f": "failed", "p": "passed", "u": "unknown"}
    return series([words[one] for one in letters])


@pytest.mark.parametrize(
    ("letters", "open_after", "close_after", "outcome", "shown"),
    [
        ("f", 1, 1, "failed", 0),
        ("p", 1, 1, "passed", 0),
        ("u", 1, 1, "unknown", 0),
        ("f", 2, 1, "passed", 0),
        ("ff", 2, 1, "failed", 1),
        ("fpf", 2, 1, "passed", 2),
        ("fuf", 2, 1, "failed", 2),
        ("fp", 1, 2, "failed", 0),
        ("fpp", 1, 2, "passed", 2),
        ("fpfp", 1, 2, "failed", 2),
        ("fpup", 1, 2, "passed", 3),
        ("fu", 1, 2, "failed", 0),
        ("pu", 1, 2, "unknown", 1),
        ("fppfpp", 1, 2, "passed", 5),
        ("fffppf", 3, 3, "failed", 5),
        ("ffpff", 3, 1, "passed", 4),
    ],
)
def test_a_monitor_opens_and_closes_after_streaks(
    letters: str, open_after: int, close_after: int, outcome: Outcome, shown: int
) -> None:
    standing = fold(read(letters), open_after=open_after, close_after=close_after)
    assert (standing.outcome, standing.shown.value, standing.newest.value) == (outcome, float(shown), float(len(letters) - 1))


@pytest.mark.parametrize(
    ("letters", "outcome", "shown"),
    [("f", "failed", 0), ("fp", "passed", 1), ("pf", "failed", 1), ("fpfp", "passed", 3), ("fu", "failed", 0), ("p", "passed", 0)],
)
def test_a_change_of_state_decides_alone(letters: str, outcome: Outcome, shown: int) -> None:
    changes = [msgspec.structs.replace(one, lasting=True) for one in read(letters)]
    standing = fold(changes, open_after=3, close_after=3)
    assert (standing.outcome, standing.shown.value) == (outcome, float(shown))


def test_what_was_stored_before_there_was_the_mark_is_a_sample() -> None:
    (one,) = read("f")
    document = encode(one)
    assert b"lasting" not in document
    assert decode(document) == one
    lasting = msgspec.structs.replace(one, lasting=True)
    assert decode(encode(lasting)) == lasting


outcomes = st.lists(st.sampled_from(["failed", "passed", "unknown"]), min_size=1, max_size=12)


@given(outcomes, st.integers(1, 4), st.integers(1, 4), st.data())
def test_order_and_repetition_change_nothing(words: list[Outcome], open_after: int, close_after: int, data: st.DataObject) -> None:
    once = series(words)
    again = data.draw(st.permutations(once + data.draw(st.lists(st.sampled_from(once), max_size=6))))
    assert fold(again, open_after=open_after, close_after=close_after) == fold(once, open_after=open_after, close_after=close_after)


@given(outcomes, st.integers(1, 4), st.integers(1, 4))
def test_one_result_never_flips_a_slower_monitor(words: list[Outcome], open_after: int, close_after: int) -> None:
    before = fold(series(words), open_after=open_after, close_after=close_after)
    if before.outcome == "failed" and close_after > 1 and words[-1] == "failed":
        assert fold(series([*words, "passed"]), open_after=open_after, close_after=close_after).outcome == "failed"
    if before.outcome == "passed" and open_after > 1 and words[-1] == "passed":
        assert fold(series([*words, "failed"]), open_after=open_after, close_after=close_after).outcome == "passed"


def test_monitors_of_other_kinds_subjects_names_and_sources_are_others() -> None:
    first = read("f")[0]
    others = [
        Observation(
            ref=Ref("aws", "observation", "a"), subject=SUBJECT, monitor="ks", kind="drift", outcome="passed", observed_at=NOW
        ),
        Observation(
            ref=Ref("ml", "observation", "b"), subject=SUBJECT, monitor="psi", kind="drift", outcome="passed", observed_at=NOW
        ),
        Observation(
            ref=Ref("aws", "observation", "c"), subject=SUBJECT, monitor="psi", kind="bias", outcome="passed", observed_at=NOW
        ),
    ]
    found = monitors([*others, first], "drift", open_after=1, close_after=1)
    assert [(one.name, one.newest.ref.source, one.outcome) for one in found] == [
        ("ks", "aws", "passed"),
        ("psi", "aws", "failed"),
        ("psi", "ml", "passed"),
    ]
