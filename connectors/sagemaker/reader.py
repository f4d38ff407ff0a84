"""Reads SageMaker in one account and region: what changed since the last pull, and everything when there was none."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from connectors.base import Batch, Finding, Options, SourceContext
from connectors.errors import Cancelled
from connectors.sagemaker.api import AwsApi
from connectors.sagemaker.check import check
from connectors.sagemaker.cursor import decode_cursor
from connectors.sagemaker.identity import is_outside
from connectors.sagemaker.options import SageMakerOptions, SageMakerScope
from connectors.sagemaker.single import SingleReader
from connectors.sagemaker.streams import STREAMS
from mappings.model import Entity, Missing, Ref
from mappings.sagemaker import Site


class SageMakerReader:
    """One account, one region, one thread."""

    def __init__(self, context: SourceContext) -> None:
        options: SageMakerOptions = context.options
        self._context = context
        self._api = AwsApi(context)
        self._site = Site(context.name, options.region)
        self._single = SingleReader(self._api, self._site)

    def check(self, scope: Options) -> Sequence[Finding]:
        assert isinstance(scope, SageMakerScope)
        return check(self._context, self._api, self._site, scope)

    def pull(self, stream: str, scope: Options, cursor: str | None) -> Iterator[Batch]:
        assert isinstance(scope, SageMakerScope)
        if stream not in STREAMS:
            raise ValueError(f"SageMaker has no stream {stream!r}")
        needed, pull = STREAMS[stream]
        if not getattr(scope, needed):
            # Nothing is asked for: that is known without asking.
            return iter([Batch(complete=True)])
        return pull(self._api, self._site, scope, decode_cursor(cursor) if cursor is not None else None)

    def read(self, refs: Sequence[Ref]) -> Sequence[Entity | Missing]:
        answers: list[Entity | Missing] = []
        for ref in (ref for ref in refs if ref.source == self._site.source):
            if self._context.stop.is_set():
                raise Cancelled
            answers += self._single.read(ref)
        return answers

    def outside(self, refs: Sequence[Ref], scope: Options) -> Collection[Ref]:
        """By the names that their ids bear, which never change: nothing need be asked."""
        assert isinstance(scope, SageMakerScope)
        return [ref for ref in refs if is_outside(ref, scope)]

    def close(self) -> None:
        self._api.close()
