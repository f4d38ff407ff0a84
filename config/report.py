"""Collects the problems of one document, each at its place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from config.explain import Explanation, explain
from config.nodes import Document
from config.problems import Level, Path, Problem, path_text


@dataclass
class Report:
    """`data` is the document's plain content without what must not be repeated; messages show values from there only."""

    document: Document
    data: Any
    problems: list[Problem] = field(default_factory=list)

    @property
    def has_errors(self) -> bool:
        return any(problem.level == "error" for problem in self.problems)

    def error(self, path: Path, message: str, fix: str | None = None, *, on_key: bool = False) -> None:
        """An error at the value of `path`, or at its key."""
        self._add(path, message, fix, on_key, "error")

    def warning(self, path: Path, message: str, fix: str | None = None, *, on_key: bool = False) -> None:
        self._add(path, message, fix, on_key, "warning")

    def invalid(
        self, error: ValidationError, at: Path, model: type[BaseModel] | None, beside: Collection[str] = frozenset()
    ) -> None:
        """Every error of a validation of what stands at `at`, where the keys `beside` may stand next to those of the model.

        Where a value has alternatives, a complaint about its kind is dropped when another one goes deeper, and several such
        complaints become one. So is a list's length, when it is too short only because wrong entries were not counted.
        """
        found: dict[Path, list[Explanation]] = {}
        for detail in error.errors(include_url=False):
            path, _, _ = self.document.find((*at, *detail["loc"]))
            value = self._value(path)
            if detail["type"] == "too_short" and isinstance(value, list) and len(value) >= detail["ctx"]["min_length"]:
                continue
            found.setdefault(path, []).append(explain(detail, model, value, beside))
        for path, explanations in found.items():
            deeper = any(other[: len(path)] == path and len(other) > len(path) for other in found)
            others = [one for one in explanations if not one.kind_only]
            kinds = [one for one in explanations if one.kind_only] if not deeper and not others else []
            for one in dict.fromkeys([*others, *_as_one(kinds)]):
                self.error(path, one.message, one.fix, on_key=one.on_key)

    def _add(self, path: Path, message: str, fix: str | None, on_key: bool, level: Level) -> None:
        known, key, value = self.document.find(path)
        place = key if on_key else value
        self.problems.append(
            Problem(
                file=self.document.file,
                line=place.line,
                column=place.column,
                path=path_text(known),
                message=message,
                fix=fix,
                level=level,
            )
        )

    def _value(self, path: Path) -> Any:
        value = self.data
        for part in path:
            if isinstance(value, dict):
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
        return value


def _as_one(kinds: list[Explanation]) -> list[Explanation]:
    """`expected a text, found nothing` and `expected a list, found nothing` as one sentence."""
    if len(kinds) < 2:
        return kinds
    wanted = [one.message.removeprefix("expected ").rpartition(", found ") for one in kinds]
    expected = " or ".join(dict.fromkeys(one[0] for one in wanted))
    return [kinds[0]._replace(message=f"expected {expected}, found {wanted[0][2]}", fix=None)]
