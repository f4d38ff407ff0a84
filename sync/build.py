"""The composition root: the only place where connectors, configuration, store and rules are put together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import msgspec

from config.fingerprint import canonical_hash
from config.load import load_project_file
from config.project import ProjectEntry, ProjectFile, TypeModels
from config.schema import json_schema
from config.secrets import load_secrets, load_some_secrets
from config.settings import Settings, effective_store_url
from config.statuses import effective_statuses
from connectors.base import Connection, Options, PublishOptions, WebhookSecrets
from mappings.change import Limits, Owned
from mappings.conditions import Bound
from mappings.rules import StatusRule
from mappings.tags import OWN, TagNames
from sync.budget import shared
from sync.listings import ScopedProject
from sync.metering import UNMETERED, Meters
from sync.project import Baseline, DeclaredLink, ProjectView
from sync.pull import PullLimits
from sync.source import Scope, Source
from sync.store.connect import Database, open_database
from sync.store.migrate import require_current
from sync.workspace import Workspace

GROUP = "milepost.connectors"


class ConnectionTypes(Mapping[str, TypeModels]):
    """The installed connector types by name. A connector's code is loaded when the project file names its type, not before."""

    def __init__(self) -> None:
        self._points: dict[str, EntryPoint] = {point.name: point for point in entry_points(group=GROUP)}
        self._loaded: dict[str, Connection] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._points))

    def __len__(self) -> int:
        return len(self._points)

    def __contains__(self, name: object) -> bool:
        return name in self._points

    def __getitem__(self, name: str) -> TypeModels:
        connection = self.connection(name)
        return TypeModels(
            options=connection.options, scope=connection.scope, publish=connection.publish, secrets=connection.secrets
        )

    def connection(self, name: str) -> Connection:
        """The connector of a type. Raises `KeyError` for a type that is not installed."""
        if name not in self._loaded:
            loaded = self._points[name].load()
            if not isinstance(loaded, Connection):
                raise TypeError(f"the entry point {GROUP}:{name} is no Connection")
            self._loaded[name] = loaded
        return self._loaded[name]


def read_project_file(path: Path, types: ConnectionTypes) -> ProjectFile:
    """The project file, fully checked. Raises `ConfigError` with every problem that it has."""
    return load_project_file(path, types=types)


def project_file_schema(types: ConnectionTypes) -> dict[str, Any]:
    """The JSON Schema of a project file with every installed connector type in it."""
    return dict(json_schema(types))


def open_store(file: ProjectFile, settings: Settings, *, upgraded: bool = True) -> Database:
    """The store that the environment or else the project file names; its schema is current unless `upgraded` is False.

    Raises `StoreError`.
    """
    database = open_database(effective_store_url(settings, file).get_secret_value())
    if upgraded:
        try:
            require_current(database)
        except BaseException:
            database.close()
            raise
    return database


def _sources(
    file: ProjectFile,
    types: ConnectionTypes,
    environ: Mapping[str, str],
    database: Database,
    rules: Sequence[StatusRule],
    meters: Meters,
) -> Mapping[str, Source]:
    found: dict[str, Source] = {}
    for name, entry in file.sources.items():
        connection, owned = types.connection(entry.type), _owned_anywhere(file, name, rules)
        found[name] = Source(
            name=name,
            connection=connection,
            options=_options(entry.options),
            secrets=partial(_secrets, name, connection, environ),
            webhook_secrets=partial(_webhook_secrets, name, environ),
            owned=owned,
            scopes=tuple(_scopes(file, name, owned, rules)),
            budget=partial(shared, database, name, entry.rate),
            meters=meters,
        )
    return found


def _secrets(name: str, connection: Connection, environ: Mapping[str, str]) -> Options:
    return _options(load_secrets(name, connection.secrets, environ))


def _webhook_secrets(name: str, environ: Mapping[str, str]) -> WebhookSecrets:
    """A process that only receives has no other secrets, and one that does not may lack these."""
    secrets = load_some_secrets(name, WebhookSecrets, environ)
    assert isinstance(secrets, WebhookSecrets)
    return secrets


def build_workspace(
    file: ProjectFile,
    types: ConnectionTypes,
    environ: Mapping[str, str],
    database: Database,
    *,
    limits: PullLimits,
    wait: timedelta,
    meters: Meters = UNMETERED,
) -> Workspace:
    """Everything that a run needs. Secrets are read only from `environ`, and only when a source is to be opened."""
    rules = effective_statuses(file)
    sources = _sources(file, types, environ, database, rules, meters)
    return Workspace(
        database=database,
        config_hash=canonical_hash(file),
        sources=sources,
        projects=[_scoped_project(file, entry, sources, rules) for entry in file.projects.values()],
        pull_limits=msgspec.structs.replace(limits, max_deletes=file.safety.max_deletes),
        safety=Limits(max_changes=file.safety.max_changes, max_additions=file.safety.max_additions),
        wait=wait,
        meters=meters,
    )


def _scoped_project(
    file: ProjectFile, entry: ProjectEntry, sources: Mapping[str, Source], rules: Sequence[StatusRule]
) -> ScopedProject:
    """One project with its scopes matched to the sources' scopes."""
    scopes: list[tuple[Source, Scope]] = []
    for name, options in entry.scopes.items():
        source = sources[name]
        wanted = _scope_hash(_options(options), source.owned, source.options)
        scopes.extend((source, scope) for scope in source.scopes if scope.hash == wanted)
    view = _project_view(file, entry, rules)
    return ScopedProject(view=view, rules=tuple(rules), scopes=tuple(scopes), fresh_within=file.fresh_within)


def _project_view(file: ProjectFile, entry: ProjectEntry, rules: Sequence[StatusRule]) -> ProjectView:
    """What the pure core needs to know of a project."""
    published = {name: options for name, options in entry.publish.items() if isinstance(options, PublishOptions)}
    badges = [rule.badge() for rule in rules]
    return ProjectView(
        key=entry.key,
        name=entry.title,
        timezone=entry.timezone,
        risk_class=entry.risk_class,
        owners=entry.owners,
        release_alias=entry.release.alias,
        thresholds=entry.thresholds,
        data_labels=entry.data.labels,
        data_components=entry.data.components,
        quality=_quality(entry),
        data_fresh_within=entry.data.fresh_within,
        drift=entry.drift.metrics,
        performance=entry.performance.metrics,
        baselines={
            name: Baseline(metric=one.metric, tolerance=one.tolerance, better=one.better)
            for name, one in entry.performance.baselines.items()
        },
        bias=entry.bias.metrics,
        environments=entry.release.environments,
        retrain_every=entry.retrain.every,
        retrain_after_drifts=entry.retrain.after_drifts,
        oversight=entry.compliance.oversight,
        review_labels=entry.compliance.review_labels,
        links=tuple(
            DeclaredLink(source=str(one.source), relation=one.relation, target=str(one.target), note=one.note or "")
            for one in entry.links
        ),
        tags=TagNames.with_further({named: getattr(entry.tags, named) for named in OWN}),
        watch=entry.watch,
        owned={name: options.owned(badges) for name, options in published.items()},
        label_rules={name: _label_rules(options, rules) for name, options in published.items()},
        sources=tuple(entry.scopes),
        unknown_after=file.unknown_after,
    )


def _quality(entry: ProjectEntry) -> Mapping[str, Bound | None]:
    said = entry.data.quality
    if said is None:
        return {}
    return {said: None} if isinstance(said, str) else dict(said)


def _label_rules(options: PublishOptions, rules: Sequence[StatusRule]) -> Mapping[str, str]:
    return {label: rule.id for rule in rules for label in options.owned([rule.badge()]).labels}


def _owned_anywhere(file: ProjectFile, source: str, rules: Sequence[StatusRule]) -> Owned:
    """Everything of ours on one source over all projects: translation strips it, whichever project it is from."""
    return _together([*file.projects.values(), file], source, rules)


def _together(places: Sequence[ProjectEntry | ProjectFile], source: str, rules: Sequence[StatusRule]) -> Owned:
    """Everything of ours on one source that these have to say about publishing."""
    badges = [rule.badge() for rule in rules]
    every = [one.publish.get(source) for one in places]
    owned = [options.owned(badges) for options in every if isinstance(options, PublishOptions)]
    fields = tuple(dict.fromkeys(field for one in owned for field in one.all_fields()))
    return Owned(
        labels={label: look for one in owned for label, look in one.labels.items()},
        field=next(iter(fields), None),
        others=fields[1:],
        options=next((one.options for one in owned if one.options), ()),
        property=next((one.property for one in owned if one.property), None),
    )


def _scopes(file: ProjectFile, source: str, owned: Owned, rules: Sequence[StatusRule]) -> Iterator[Scope]:
    """Each different scope of a source once, however many projects share it."""
    seen: dict[str, list[ProjectEntry]] = {}
    options: dict[str, Options] = {}
    for entry in file.projects.values():
        if source in entry.scopes:
            scope = _options(entry.scopes[source])
            digest = _scope_hash(scope, owned, _options(file.sources[source].options))
            seen.setdefault(digest, []).append(entry)
            options[digest] = scope
    for digest, entries in seen.items():
        label = ", ".join(entry.key for entry in entries)
        yield Scope(options=options[digest], hash=digest, label=label, owned=_together(entries, source, rules))


def _scope_hash(scope: Options, owned: Owned, options: Options) -> str:
    """What a cursor and a proof of completeness are worth: the scope and where its source is, then what is ours in it."""
    listed = [scope.model_dump(mode="json"), options.model_dump(mode="json")]
    return f"{_digest(listed)}.{_digest([sorted(owned.labels), sorted(owned.all_fields()), owned.property])}"


def _digest(document: object) -> str:
    return hashlib.blake2b(msgspec.json.encode(document, order="deterministic"), digest_size=8).hexdigest()


def _options(model: object) -> Options:
    if not isinstance(model, Options):
        raise TypeError(f"{type(model).__name__} is no subclass of connectors.base.Options")
    return model
