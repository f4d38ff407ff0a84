"""`milepost check`: what each source says of itself before anything is pulled from it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from connectors.base import Finding
from connectors.errors import Cancelled, SourceError
from sync.source import Gauge, Source, guarded, reading


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """The findings of one source, over all of its scopes."""

    source: str
    type: str
    findings: Sequence[Finding]

    @property
    def works(self) -> bool:
        return all(finding.level != "error" for finding in self.findings)


def check_sources(sources: Sequence[Source], *, stop: threading.Event) -> Sequence[Checked]:
    """Asks every source at the same time; the answers keep the order of the project file."""
    with ThreadPoolExecutor(max_workers=max(1, len(sources)), thread_name_prefix="check") as pool:
        return list(pool.map(lambda source: _check(source, stop), sources))


def _check(source: Source, stop: threading.Event) -> Checked:
    return Checked(source=source.name, type=source.connection.name, findings=list(dict.fromkeys(_findings(source, stop))))


def _findings(source: Source, stop: threading.Event) -> Iterator[Finding]:
    if not source.scopes:
        yield Finding(level="warning", topic="scope", text="no project scopes this source", fix="scope it, or remove it")
    try:
        with reading(source, Gauge(), stop) as reader:
            for scope in source.scopes:
                with guarded(source.name, "checking it"):
                    found = list(reader.check(scope.options))
                yield from found
    except SourceError as error:
        yield Finding(level="error", topic="access", text=error.message, fix=error.fix)
    except Cancelled:
        yield Finding(level="warning", topic="access", text="stopped before everything was asked")
