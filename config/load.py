"""Reads `milepost.yaml`: everything that is wrong with it is found in one go."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any

from pydantic import BaseModel, ValidationError

from config.crosscheck import check_duplicate_sources, check_names, check_prefixes, check_scopes, check_watch
from config.exposed import Exposure
from config.problems import ConfigError, in_file_order, quoted, suggestion
from config.project import FileBody, ProjectEntry, ProjectFile, TypeModels
from config.report import Report
from config.statuses import read_statuses, shipped_statuses
from config.storeurl import anchored_store_url
from config.typed import TypedParts, mapping
from config.yamlfile import load_yaml


def load_project_file(path: Path, *, types: Mapping[str, TypeModels]) -> ProjectFile:
    """The valid project file. `types` holds the models of each type of source that is installed, by the type's name.

    Raises `ConfigError` with all problems, in file order, if one of them is an error; else warnings are in `findings`.
    """
    document = load_yaml(path)
    raw = document.root.plain()
    exposure = Exposure(_secrets_models(raw, types))
    report = Report(document, exposure.clean(raw))
    report.problems.extend(document.problems)
    for at, message, fix in exposure.found:
        report.error(at, message, fix)
    body = _body(report, types)
    if body is None or report.has_errors:
        raise ConfigError(report.problems)
    return _complete(body, path, report)


def _secrets_models(raw: Any, types: Mapping[str, TypeModels]) -> Mapping[str, type[BaseModel] | None]:
    """By source, what the environment may hold for it; a source of an unknown type has no model yet is a source."""
    found: dict[str, type[BaseModel] | None] = {}
    for name, said in mapping(mapping(raw).get("sources")).items():
        kind = mapping(said).get("type")
        models = types.get(kind) if isinstance(kind, str) else None
        found[name] = models.secrets if models is not None else None
    return found


def _body(report: Report, types: Mapping[str, TypeModels]) -> FileBody | None:
    data = mapping(report.data)
    parts = TypedParts(data, types, report)
    _check_sections(data, report)
    check_names(list(parts.known), report)
    published = {key: mapping(mapping(project).get("publish")) for key, project in parts.projects.items()}
    check_duplicate_sources(parts.sources, parts.scopes, published, types, report)
    check_prefixes(published, report)
    check_scopes(parts.sources, parts.scopes, types, report)
    _check_links(data, parts, report)
    _check_watch(data, parts, report)
    typed = {"sources": parts.sources, "projects": parts.projects, "publish": parts.publish}
    as_written = {name: value for name, value in data.items() if name not in typed or not isinstance(value, dict | NoneType)}
    statuses = read_statuses(data.get("statuses", []), shipped_statuses(), report)
    try:
        return FileBody.model_validate({**typed, **as_written, "statuses": statuses})
    except ValidationError as error:
        report.invalid(error, (), FileBody)
    return None


def _check_sections(data: Mapping[str, Any], report: Report) -> None:
    examples = {"sources": "jira: {type: jira, url: …}", "projects": "churn: {scopes: {jira: {projects: [CHURN]}}}"}
    for section, example in examples.items():
        if data.get(section, {}) in ({}, None):
            report.error(
                (section,), f"the file has no {section}", f"add `{section}:` with at least one, such as `{example}`", on_key=True
            )


def _check_links(data: Mapping[str, Any], parts: TypedParts, report: Report) -> None:
    """The sources that declared links name. What is no ref at all is the schema's to refuse."""
    for key, project in mapping(data.get("projects")).items():
        links = mapping(project).get("links")
        for index, link in enumerate(links if isinstance(links, list) else []):
            for end in ("source", "target"):
                text = mapping(link).get(end)
                if isinstance(text, str) and ":" in text and parts.lacks(name := text.partition(":")[0]):
                    path = ("projects", key, "links", index, end)
                    report.error(path, f"there is no source {quoted(name)}", suggestion(name, parts.known))


def _check_watch(data: Mapping[str, Any], parts: TypedParts, report: Report) -> None:
    """The watch tickets on sources that can be written to; the others are refused already."""
    for key, project in mapping(data.get("projects")).items():
        watch = {name: ticket for name, ticket in mapping(mapping(project).get("watch")).items() if name in parts.publishable()}
        check_watch(key, watch, {**mapping(mapping(project).get("scopes")), **parts.scopes.get(key, {})}, report)


def _complete(body: FileBody, path: Path, report: Report) -> ProjectFile:
    url = anchored_store_url(body.store.url, path.absolute().parent)
    entries = {key: ProjectEntry(key=key, **dict(project)) for key, project in body.projects.items()}
    said = {**dict(body), "store": body.store.model_copy(update={"url": url}), "projects": entries}
    return ProjectFile(**said, path=path.absolute(), findings=tuple(in_file_order(report.problems)))
