"""Validates what is said about each source with the models of its type: options, each project's scope, how it is published."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from config.problems import Path, quoted, suggestion
from config.project import KEY_PATTERN, NAME_PATTERN, Source, SourceBody, TypeModels
from config.report import Report


class TypedParts:
    """Reads the plain data of one file. What is wrong is reported and left out, so that the rest is still checked.

    `known` gives the type of each source that the file names; None where that is no known type. `sources` and `publish` hold what
    is valid, `scopes` the valid scopes by project and source, `projects` the projects' data with models in place of such parts. A
    part of a wrong shape stays as it is, for the schema of the whole to refuse.
    """

    def __init__(self, data: Mapping[str, Any], types: Mapping[str, TypeModels], report: Report) -> None:
        self.types = types
        self.report = report
        raw_sources = mapping(data.get("sources"))
        self.known = {name: self._known_type(raw) for name, raw in raw_sources.items()}
        self.sources = {name: source for name, raw in raw_sources.items() if (source := self._source(name, raw)) is not None}
        self.raw_publish = mapping(data.get("publish"))
        self._check_named(self.raw_publish, ("publish",), must_publish=True)
        self.publish = self._publish(self.raw_publish, ("publish",))
        self.scopes: dict[str, dict[str, BaseModel]] = {}
        self.projects = {key: self._project(key, body) for key, body in mapping(data.get("projects")).items()}

    def _known_type(self, raw: Any) -> str | None:
        kind = mapping(raw).get("type")
        return kind if isinstance(kind, str) and kind in self.types else None

    def _source(self, name: str, raw: Any) -> Source | None:
        path: Path = ("sources", name)
        if not re.fullmatch(NAME_PATTERN, name):
            fix = "use lower-case letters, digits and -, starting with a letter"
            self.report.error(path, f"{quoted(name)} cannot be a source's name", fix, on_key=True)
        kind = self.known[name]
        if kind is None:
            self._report_type(path, raw)
            return None
        model = self.types[kind].options
        common = self._validated(SourceBody, {key: raw[key] for key in SourceBody.model_fields if key in raw}, path)
        beside = set(SourceBody.model_fields) | ({"type"} - set(model.model_fields))
        options = self._validated(model, {key: value for key, value in raw.items() if key not in beside}, path, beside)
        if common is None or options is None:
            return None
        return Source(name=name, type=kind, options=options, **dict(common))

    def _report_type(self, path: Path, raw: Any) -> None:
        if not isinstance(raw, dict):
            self.report.error(path, "expected the source's type and options", "write it as {type: …, url: …}")
        elif "type" not in raw:
            self.report.error(path, "type is missing", f"add `type: …`; {suggestion('', self.types)}", on_key=True)
        else:
            kind = raw["type"]
            shown = quoted(kind) if isinstance(kind, str) else "this"
            fix = f"{suggestion(str(kind), self.types)}; a type of another package needs that package installed"
            self.report.error((*path, "type"), f"{shown} is no known type", fix)

    def _project(self, key: str, body: Any) -> Any:
        path: Path = ("projects", key)
        if not re.fullmatch(KEY_PATTERN, key):
            fix = "use letters, digits, - _ and ., starting with a letter"
            self.report.error(path, f"{quoted(key)} cannot be a project's key", fix, on_key=True)
        if not isinstance(body, dict):
            return body
        self._check_named(mapping(body.get("watch")), (*path, "watch"), must_publish=True)
        typed = {**body, "scopes": self._scopes(key, body, path)}
        if isinstance(body.get("publish", {}), dict):
            typed["publish"] = self._effective(body, path)
        return typed

    def _scopes(self, key: str, body: Mapping[str, Any], path: Path) -> Any:
        raw = body.get("scopes")
        if not raw:
            fix = "add `scopes:` with at least one source, such as `jira: {projects: [CHURN]}`"
            self.report.error((*path, "scopes"), "the project has no scopes, so nothing would belong to it", fix, on_key=True)
            return {}
        if not isinstance(raw, dict):
            return raw
        self._check_named(raw, (*path, "scopes"))
        found: dict[str, BaseModel] = {}
        for name, said in raw.items():
            kind = self.known.get(name)
            scope = self._validated(self.types[kind].scope, said, (*path, "scopes", name)) if kind is not None else None
            if scope is not None:
                found[name] = scope
        self.scopes[key] = {name: scope for name, scope in found.items() if name in self.sources}
        return found

    def _effective(self, body: Mapping[str, Any], path: Path) -> dict[str, BaseModel]:
        """How the project is published: the file's options with its own keys over them, for the sources that it scopes."""
        scoped = mapping(body.get("scopes"))
        raw = mapping(body.get("publish"))
        for name in raw:
            if name not in scoped and name in self.publishable():
                message = f"the project has no scope in {name}, so nothing of it is published there"
                self.report.warning((*path, "publish", name), message, "add a scope, or remove this", on_key=True)
        merged = {
            name: {**mapping(self.raw_publish.get(name)), **said} if isinstance(said, dict) and name in self.publish else said
            for name, said in raw.items()
        }
        self._check_named(raw, (*path, "publish"), must_publish=True)
        own = self._publish({name: said for name, said in merged.items() if said is not False}, (*path, "publish"))
        inherited = {name: options for name, options in self.publish.items() if name not in raw}
        return {name: options for name, options in {**inherited, **own}.items() if name in scoped}

    def _publish(self, raw: Mapping[str, Any], path: Path) -> dict[str, BaseModel]:
        found: dict[str, BaseModel] = {}
        for name, said in raw.items():
            kind = self.known.get(name)
            model = self.types[kind].publish if kind is not None else None
            options = self._validated(model, said, (*path, name)) if model is not None else None
            if options is not None:
                found[name] = options
        return found

    def lacks(self, name: str) -> bool:
        """Whether there is no such source among those of the file. One that has none at all is told that, and not at each name."""
        return bool(self.known) and name not in self.known

    def _check_named(self, raw: Mapping[str, Any], path: Path, *, must_publish: bool = False) -> None:
        """Every key must be a source of the file, and one that can be written to where that is needed."""
        for name in raw:
            if self.lacks(name):
                self.report.error((*path, name), f"there is no source {quoted(name)}", suggestion(name, self.known), on_key=True)
            elif must_publish and (kind := self.known.get(name)) is not None and self.types[kind].publish is None:
                message = f"{name} is of type {kind}, where nothing can be shown"
                self.report.error((*path, name), message, f"remove it; {suggestion(name, self.publishable())}", on_key=True)

    def publishable(self) -> list[str]:
        """The sources that can be written to."""
        return [name for name, kind in self.known.items() if kind is not None and self.types[kind].publish is not None]

    def _validated(self, model: type[BaseModel], said: Any, path: Path, beside: Collection[str] = frozenset()) -> BaseModel | None:
        """`beside` are the keys that may stand at `path` and are not the model's."""
        try:
            return model.model_validate(said)
        except ValidationError as error:
            self.report.invalid(error, path, model, beside)
        return None


def mapping(raw: Any) -> Mapping[str, Any]:
    """`raw` where it is a mapping, else an empty one."""
    return raw if isinstance(raw, dict) else {}
