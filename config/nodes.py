"""The values of a YAML file, each with the place where it stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from config.problems import Path, Problem, path_text

Scalar: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Place:
    """A position in the file; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One `key: value` of a mapping: where the key stands, and the value."""

    key_place: Place
    node: Node


@dataclass(frozen=True, slots=True)
class Node:
    """One value and where it starts. `size` counts the values in it and itself, `height` the levels, with aliases written out."""

    value: Scalar | list[Node] | dict[str, Entry]
    place: Place
    size: int = 1
    height: int = 1

    @classmethod
    def holding(cls, value: list[Node] | dict[str, Entry], place: Place) -> Node:
        inner = value if isinstance(value, list) else [entry.node for entry in value.values()]
        return cls(value, place, 1 + sum(node.size for node in inner), 1 + max((node.height for node in inner), default=0))

    def plain(self) -> Any:
        """The value as ordinary Python data."""
        if isinstance(self.value, dict):
            return {key: entry.node.plain() for key, entry in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


@dataclass(frozen=True, slots=True)
class Document:
    """A file's content. `problems` holds what did not keep it from being read, such as keys that occur twice."""

    file: str
    root: Node
    problems: tuple[Problem, ...] = ()

    def find(self, path: Path) -> tuple[Path, Place, Place]:
        """The part of `path` that is in the file, where its last key stands and where its value starts.

        What is not in the file is left out, so that the names by which a validator tells alternatives apart do no harm.
        """
        node, key_place = self.root, self.root.place
        known: list[str | int] = []
        for part in path:
            if isinstance(node.value, dict) and isinstance(part, str) and part in node.value:
                entry = node.value[part]
                node, key_place = entry.node, entry.key_place
            elif isinstance(node.value, list) and isinstance(part, int) and 0 <= part < len(node.value):
                node = node.value[part]
                key_place = node.place
            else:
                continue
            known.append(part)
        return tuple(known), key_place, node.place


def placed(file: str, place: Place, message: str, fix: str, path: Iterable[str | int] = ()) -> Problem:
    """An error at a place of a file."""
    return Problem(file=file, line=place.line, column=place.column, path=path_text(tuple(path)), message=message, fix=fix)
