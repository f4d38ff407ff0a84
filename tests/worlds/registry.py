"""The models of a world: a source of two streams, shaped like MLflow, read by a connector that keeps the protocol.

Both streams are listed whole each time, page by page. The registry's stream brings the runs behind its aliases as well; a data set
is known only as the input of runs and cannot be read by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from connectors.base import Batch, Connection, Connector, Finding, Options, SourceContext
from mappings import model
from mappings.model import DatasetUse, Entity, Missing, Ref
from tests.engine.conftest import Nothing, ShelfScope
from tests.worlds.facts import Run, Use, Version

SOURCE = "shelf"
PAGE = 3
LAST = 1_000_000


class Registry:
    """`before_page` is called before each page with the stream and the page's number; it may raise."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.versions: dict[str, Version] = {}
        self.before_page: Callable[[str, int], None] = lambda stream, page: None

    def connection(self) -> Connection:
        return Connection(
            name=SOURCE,
            title="A registry",
            options=Nothing,
            scope=ShelfScope,
            secrets=Nothing,
            streams={
                "runs": frozenset({"run", "dataset", "observation"}),
                "models": frozenset({"model_version", "run", "dataset"}),
            },
            sweeps=frozenset({"runs", "models"}),
            along={"runs": frozenset({"dataset"}), "models": frozenset({"dataset"})},
            reader=self._open,
        )

    def _open(self, context: SourceContext) -> Connector:
        return _Reader(self, context)


class _Reader:
    def __init__(self, registry: Registry, context: SourceContext) -> None:
        self._registry = registry
        self._context = context

    def check(self, scope: Options) -> Sequence[Finding]:
        return [Finding(level="ok", topic="access", text="the registry answers")]

    def pull(self, stream: str, scope: Options, cursor: str | None) -> Iterator[Batch]:
        registry = self._registry
        runs: Sequence[Run] = list(registry.runs.values())
        versions: Sequence[Version] = []
        if stream == "models":
            versions = list(registry.versions.values())
            behind = {version.run for version in versions if version.aliases}
            runs = [run for run in runs if run.id in behind]
        listed: list[Entity] = [*map(_version, versions), *(entity for run in runs for entity in (*_datasets(run), _run(run)))]
        for number, start in enumerate(range(0, len(listed) or 1, PAGE)):
            registry.before_page(stream, number)
            self._context.meter.request()
            yield Batch(entities=listed[start : start + PAGE])
        registry.before_page(stream, LAST)
        yield Batch(complete=True)

    def read(self, refs: Sequence[Ref]) -> Sequence[Entity | Missing]:
        self._registry.before_page("read", 0)
        return [answer for ref in refs for answer in self._one(ref)]

    def outside(self, refs: Sequence[Ref], scope: Options) -> Collection[Ref]:
        return ()

    def close(self) -> None:
        return None

    def _one(self, ref: Ref) -> Sequence[Entity | Missing]:
        found: Mapping[str, Entity | None] = {
            "run": _run(run) if (run := self._registry.runs.get(ref.id)) else None,
            "model_version": _version(version) if (version := self._registry.versions.get(ref.id)) else None,
        }
        return [found[ref.kind] or Missing(ref=ref)] if ref.kind in found else []


def _run(run: Run) -> model.Run:
    tags = dict(run.checks or {})
    if run.declared is not None:
        tags["milepost.issue"] = run.declared
    if run.watches is not None:
        tags["milepost.model_version"] = run.watches
    return model.Run(
        ref=Ref(SOURCE, "run", run.id),
        run_id=run.id,
        experiment=run.experiment,
        status=run.status,  # type: ignore[arg-type]  # the worlds use the model's own words
        metrics=run.metrics or {},
        tags=tags,
        git_commit=run.sha,
        datasets=tuple(DatasetUse(dataset=_data(use), context=use.context, as_of=use.as_of) for use in run.uses),
        created_at=run.started_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
    )


def _datasets(run: Run) -> Sequence[Entity]:
    return [model.Dataset(ref=_data(use), name=use.name, digest=use.digest) for use in run.uses]


def _data(use: Use) -> Ref:
    return Ref(SOURCE, "dataset", use.id)


def _version(version: Version) -> model.ModelVersion:
    return model.ModelVersion(
        ref=Ref(SOURCE, "model_version", version.id),
        name=version.name,
        version=version.id.rpartition("/")[2],
        aliases=tuple(sorted(version.aliases)),
        run=Ref(SOURCE, "run", version.run),
        approval=version.approval,  # type: ignore[arg-type]  # the worlds use the model's own words
        created_at=version.created_at,
    )
