"""Listings of versions and fields, record by record: one that makes no sense is set aside and costs no other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from mappings.jira_records import Payload, Untranslatable, read_record, rejected
from mappings.model import Rejected

T = TypeVar("T")


class Listed(msgspec.Struct, Generic[T], frozen=True):
    """What was listed, and what of it made no sense."""

    records: Sequence[T]
    rejected: Sequence[Rejected]


def listed(payloads: Iterable[Payload], decoder: msgspec.json.Decoder[Any], kind: str) -> Listed[Any]:
    """`decoder` types one record; what it cannot is rejected as one of `kind`."""
    records: list[Any] = []
    refused: list[Rejected] = []
    for payload in payloads:
        try:
            records.append(read_record(decoder, payload))
        except Untranslatable as error:
            refused.append(rejected(payload, str(error), kind))
    return Listed(records, refused)
