"""A record that is not understood is not known: neither what it said before counts, nor is anything absent beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from connectors.base import Batch, Connector, Options, SourceContext
from mappings.model import Dataset, Ref, Rejected
from sync.store import quarantine

pytestmark = pytest.mark.both_databases

if TYPE_CHECKING:
    from tests.engine.conftest import Office


def dataset(ident: str) -> Dataset:
    return Dataset(ref=Ref("shelf", "dataset", ident), name=ident)


class Garbling:
    """The shelf's own reader, some of whose records are not understood."""

    def __init__(self, reader: Connector, garbled: set[str]) -> None:
        self._reader = reader
        self._garbled = garbled

    def pull(self, stream: str, scope: Options, cursor: str | None) -> Iterator[Batch]:
        for page in self._reader.pull(stream, scope, cursor):
            bad = [one for one in page.entities if one.ref.id in self._garbled]
            yield msgspec.structs.replace(
                page,
                entities=[one for one in page.entities if one not in bad],
                rejected=[Rejected(kind=one.ref.kind, id=one.ref.id, reason="no sense") for one in bad],
            )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


def garbling(office: Office, *idents: str) -> set[str]:
    garbled = set(idents)
    opened = office.connection.reader

    def reader(context: SourceContext) -> Any:
        return Garbling(opened(context), garbled)

    office.connection = msgspec.structs.replace(office.connection, reader=reader)
    office.only_the_shelf()
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    office.shelf.put(dataset("d1"), dataset("d2"))
    return garbled


def lacks(office: Office) -> Sequence[str]:
    return office.plan().projects[0].assessment.freshness.absent_proof_lacks(["dataset"])


def test_what_is_not_understood_is_unknown_until_it_is(office: Office) -> None:
    garbled = garbling(office)
    office.pull()
    assert lacks(office) == []
    garbled.add("d1")
    office.pull()
    assert lacks(office) == ["shelf/things (1 record was not understood)"]
    graph = office.plan().projects[0].assessment.graph
    assert graph.missing == {dataset("d1").ref}
    assert dataset("d1").ref in graph.entities
    garbled.clear()
    office.pull()
    assert lacks(office) == []
    assert office.plan().projects[0].assessment.graph.missing == frozenset()


def test_a_record_that_is_no_longer_listed_is_let_go_once_all_was_listed(office: Office) -> None:
    garbling(office, "d1")
    office.pull()
    assert len(lacks(office)) == 1
    del office.shelf.things[dataset("d1").ref]
    office.pull()
    assert lacks(office) == []
    with office.database.read() as tx:
        assert quarantine.entries(tx) == []
