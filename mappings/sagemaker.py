"""What all translations of SageMaker's records share: whose they are, ARNs, times, tags, and one record at a time.

An entity's id is what its ARN has behind the account, since a source is one account in one region, and there this never changes:
`churn/3` of `model-package/churn/3`, `churn-prod` of `endpoint/churn-prod`, `processing-job:churn-7`. So a person may write it in
the project file as `aws-eu:model/churn/3`. Each record is decoded on its own, so that one that makes no sense is `Rejected` and the
others are kept. Environment variables of jobs and models are not kept: they hold passwords.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from mappings import sagemaker_records as records
from mappings.decoding import decoder_for
from mappings.model import Entity, Ref, Rejected
from mappings.redaction import redacted, without_credentials

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNMARKED = frozenset({"model-package", "endpoint", "training-job", "experiment", "feature-group"})
"""What is told apart by its kind of entity alone. Of runs these are the training jobs."""

_LONGEST_ID = 1000
_OBJECT = decoder_for(dict[str, msgspec.Raw])
_ARN = re.compile(r"arn:[\w-]{1,32}:sagemaker:[\w-]{0,64}:\d{0,16}:[^\s]{1,900}", re.ASCII)


class Site(msgspec.Struct, frozen=True):
    """Whose records these are: the source's name in the project file, and its region."""

    source: str
    region: str

    def ref(self, kind: str, arn: str) -> Ref:
        return Ref(self.source, kind, id_of(arn))

    def page(self, path: str) -> str:
        """The address of a page of the console."""
        host = "amazonaws.cn" if self.region.startswith("cn-") else "aws.amazon.com"
        if self.region.startswith("us-gov-"):
            host = "amazonaws-us-gov.com"
        return f"https://{self.region}.console.{host}/sagemaker/home?region={self.region}#/{quote(path)}"


class Records(msgspec.Struct, frozen=True):
    """What became of one page."""

    entities: Sequence[Entity] = ()
    rejected: Sequence[Rejected] = ()


def resource_of(arn: str) -> str:
    """What follows the account in an ARN of SageMaker's. Raises `ValueError` for anything else."""
    if not _ARN.fullmatch(arn):
        raise ValueError("no ARN of SageMaker's")
    return arn.split(":", 5)[5]


def id_of(arn: str) -> str:
    """The id of what the ARN names. Of a kind that shares its kind of entity with others, it begins with that."""
    resource = resource_of(arn)
    what, _, name = resource.partition("/")
    return name if what in UNMARKED else resource.replace("/", ":")


def account_of(arn: str) -> str:
    """Partition, service, region and account of an ARN: what everything beside it begins with."""
    return ":".join(arn.split(":", 5)[:5]) if _ARN.fullmatch(arn) else ""


def each(
    raw: Iterable[msgspec.Raw], kind: str, shape: type[T], translate: Callable[[T], Iterable[Entity]], *, inside: str | None = None
) -> Records:
    """What `translate` makes of each record that has the shape; the others are rejected one by one.

    `inside` is the field that holds the record, in the answers of a search.
    """
    decoder = decoder_for(shape, strict=False)
    entities: list[Entity] = []
    rejected: list[Rejected] = []
    for one in raw:
        try:
            entities += list(translate(decoder.decode(_field(one, inside) if inside else one)))
        except (msgspec.DecodeError, UnicodeError, ValueError, OverflowError, RecursionError) as error:
            payload = redacted(bytes(one))
            rejected.append(Rejected(kind=kind, id=_name_in(one), reason=str(error), payload=payload))
    return Records(entities, rejected)


def model_data(container: records.PackageContainer | records.Container) -> str | None:
    """Where the model that a container serves lies."""
    if container.model_data_url:
        return container.model_data_url
    source = container.model_data_source.s3_data_source if container.model_data_source else None
    return source.s3_uri if source else None


def moment(seconds: float | None) -> datetime | None:
    """UTC. Raises `OverflowError` or `ValueError` for a time that no calendar has."""
    return None if seconds is None else _EPOCH + timedelta(milliseconds=round(seconds * 1000))


def tags_of(tags: Iterable[records.Tag]) -> dict[str, str]:
    """By key, in order."""
    return {tag.key: without_credentials(tag.value) for tag in sorted(tags, key=lambda tag: (tag.key, tag.value))}


def finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _field(raw: msgspec.Raw, name: str) -> msgspec.Raw:
    fields = _OBJECT.decode(raw)
    if name not in fields:
        raise ValueError(f"no {name}")
    return fields[name]


def _name_in(raw: msgspec.Raw) -> str:
    """As much of a name as a record that could not be read still gives, else something that stays the same while it does."""
    try:
        found: Any = msgspec.json.decode(raw)
        inner = next((value for value in found.values() if isinstance(value, dict)), found)
        named = next((value for name, value in inner.items() if name.endswith(("Arn", "Name")) and isinstance(value, str)), "")
    except (msgspec.DecodeError, UnicodeError, RecursionError, AttributeError):
        named = ""
    return named[:_LONGEST_ID] or f"{zlib.crc32(bytes(raw)):08x}"
