"""Asking for many objects by their refs: grouped, so that each query is an index search."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mappings.model import Ref
from sync.store.bulk import chunks
from sync.store.text import is_storable


def by_kind(refs: Iterable[Ref]) -> Iterator[tuple[str, str, list[str]]]:
    """Source, kind and ids in chunks that a query can take; sorted, each once. Ids that can't be stored are left out."""
    grouped: dict[tuple[str, str], set[str]] = {}
    for ref in refs:
        if is_storable(ref.id) and is_storable(ref.source) and is_storable(ref.kind):
            grouped.setdefault((ref.source, ref.kind), set()).add(ref.id)
    for source, kind in sorted(grouped):
        for ids in chunks(sorted(grouped[source, kind])):
            yield source, kind, ids
