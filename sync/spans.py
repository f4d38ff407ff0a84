"""What is asked of a tracer, whichever it is: `tracing` asks, `otel` is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol, TypeAlias

Kind: TypeAlias = Literal["internal", "server", "client"]
Attribute: TypeAlias = str | int | float | bool | None


class Spans(Protocol):
    """Where the spans of a process go."""

    def span(
        self, name: str, kind: Kind, after: Sequence[str], attributes: Mapping[str, Attribute]
    ) -> AbstractContextManager[None]: ...

    def tell(self, attributes: Mapping[str, Attribute]) -> None: ...

    def traceparent(self) -> str | None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...
