"""The statuses: those that we ship, and what a project file makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import ValidationError

from config.project import ProjectFile
from config.report import Report
from config.yamlfile import parse_any_yaml
from mappings.rules import StatusRule
from mappings.ruleset import lint

AT = "statuses"


@cache
def shipped_statuses() -> Mapping[str, Mapping[str, Any]]:
    """The rules of `mappings/statuses.yaml` as written, by id, in their order; read once in a process."""
    raw = files("mappings").joinpath("statuses.yaml").read_bytes()
    rules: Sequence[Mapping[str, Any]] = parse_any_yaml(raw, "statuses.yaml").root.plain()
    return {rule["id"]: rule for rule in rules}


def effective_statuses(project_file: ProjectFile) -> Sequence[StatusRule]:
    """The rules that hold: the shipped ones with the file's overrides in their places, then the file's own."""
    own = {rule.id: rule for rule in project_file.statuses}
    shipped = {key: StatusRule.model_validate(rule) for key, rule in shipped_statuses().items()}
    return list({**shipped, **own}.values())


def read_statuses(raw: Any, shipped: Mapping[str, Mapping[str, Any]], report: Report) -> list[StatusRule]:
    """The file's rules, complete: an override of a shipped rule need only say what differs."""
    if not isinstance(raw, list):
        report.error((AT,), "expected a list of statuses", "write them as `- id: …`")
        return []
    rules: dict[str, StatusRule] = {}
    places: dict[str, int] = {}
    for index, entry in enumerate(raw):
        if not isinstance(entry, dict):
            report.error((AT, index), "expected a mapping with an id", "write it as `- id: …`")
            continue
        key = entry.get("id")
        if isinstance(key, str) and key in places:
            report.error((AT, index, "id"), f"{key} is here twice", "keep one of the two")
            continue
        rule = _rule(entry, index, shipped, report)
        if rule is not None:
            rules[rule.id], places[rule.id] = rule, index
    if not report.has_errors:
        _lint_all(rules, places, shipped, report)
    return list(rules.values())


def _rule(entry: Mapping[str, Any], index: int, shipped: Mapping[str, Mapping[str, Any]], report: Report) -> StatusRule | None:
    key = entry.get("id")
    base = shipped.get(key, {}) if isinstance(key, str) else {}
    try:
        return StatusRule.model_validate({**base, **entry})
    except ValidationError as error:
        missing = [str(one["loc"][-1]) for one in error.errors() if one["type"] == "missing" and len(one["loc"]) == 1]
        if base or not missing or not isinstance(key, str):
            report.invalid(error, (AT, index), StatusRule)
        else:
            known = ", ".join(shipped) or "none"
            message = f"no shipped status has this id, and a new one also needs {', '.join(missing)}"
            report.error((AT, index, "id"), message, f"override one of {known}, or write the whole rule")
    return None


def _lint_all(
    rules: Mapping[str, StatusRule], places: Mapping[str, int], shipped: Mapping[str, Mapping[str, Any]], report: Report
) -> None:
    others = [StatusRule.model_validate(rule) for key, rule in shipped.items() if key not in rules]
    for problem in lint([*others, *rules.values()]):
        named = next((key for key in rules if problem.startswith(f"rule {key}")), None)
        report.error((AT, places[named]) if named is not None else (AT,), problem)
