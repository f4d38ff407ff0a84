"""What may go wrong with a document on its way: something in it is another thing, or is not there."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(
        ["\x00", "nan", "1e999", "9999-12-31T23:59:59-23:59", "arn:aws:sagemaker:::x", "azureml:a:1", "\U0010ffff" * 400]
    ),
    st.lists(st.integers(0, 2), max_size=2),
    st.dictionaries(st.text(max_size=4), st.none() | st.integers(), max_size=2),
)


@st.composite
def damaged(draw: st.DrawFn, documents: st.SearchStrategy[Any]) -> Any:
    """One of `documents` in which up to three places hold junk or are missing."""
    document = {"": deepcopy(draw(documents))}
    for _ in range(draw(st.integers(1, 3))):
        holders = list(_holders(document))
        holder, key = holders[draw(st.integers(0, len(holders) - 1))]
        if key != "" and draw(st.booleans()):
            del holder[key]
        else:
            holder[key] = draw(JUNK)
    return document[""]


def _holders(found: Any) -> Any:
    """Every place in a document, as what holds it and under which key."""
    inner = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for key, value in inner:
        yield found, key
        yield from _holders(value)
