"""Turns YAML text into nodes.

Only plain data is accepted: mappings with text keys, lists, texts, numbers, true and false, nothing. What a plain word means is the
YAML 1.2 core schema (`no` and `on` are texts, dates are texts). Aliases and merge keys work, within a limit on what they expand to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml import events as ev
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError

from config.nodes import Document, Entry, Node, Place, Scalar, placed
from config.problems import ConfigError, Path, Problem, quoted

MAX_DEPTH = 32
MAX_VALUES = 50_000

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LONGEST_NUMBER = 18
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def compose(text: str, file: str) -> Document:
    """The document that `text` holds. Raises `ConfigError` when it is not one document of plain data."""
    return _Composer(text, file).document()


@dataclass
class _Composer:
    """The parser is lazy, so a text that goes too deep or too wide is left at once."""

    text: str
    file: str
    anchors: dict[str, Node] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    values: int = 0
    last: Place = field(default_factory=lambda: Place(1, 1))

    def document(self) -> Document:
        self.events: Iterator[Any] = YAML(typ="safe", pure=True).parse(self.text)
        self._next()  # the stream's start
        if isinstance(self._next(), ev.StreamEndEvent):
            self._fail(Place(1, 1), "the file is empty", "write one with milepost init")
        root = self._node(self._next(), ())
        self._next()  # the document's end
        following = self._next()
        if not isinstance(following, ev.StreamEndEvent):
            self._fail(self._place(following), "a second document starts here (---)", "keep one document in the file")
        if root.value is None:
            self._fail(root.place, "the file is empty", "write one with milepost init")
        return Document(self.file, root, tuple(self.problems))

    def _node(self, event: Any, path: Path) -> Node:
        place = self._place(event)
        if isinstance(event, ev.AliasEvent):
            return self._aliased(event.anchor, place, path)
        self._check_depth(len(path) + 1, place, path)
        self._check_tag(event, place, path)
        self._count(1, place)
        if isinstance(event, ev.MappingStartEvent):
            node = Node.holding(self._mapping(path), place)
        elif isinstance(event, ev.SequenceStartEvent):
            node = Node.holding(self._list(path), place)
        else:
            node = Node(self._scalar(event, place, path), place)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def _aliased(self, anchor: str, place: Place, path: Path) -> Node:
        if anchor not in self.anchors:
            message = f"nothing is called {quoted(anchor)} here: a word that starts with * is an alias in YAML"
            self._fail(place, message, 'put a glob in quotes, such as "*-prod"', path)
        node = self.anchors[anchor]
        self._check_depth(len(path) + node.height, place, path)
        self._count(node.size, place)
        return node

    def _list(self, path: Path) -> list[Node]:
        nodes: list[Node] = []
        while not isinstance(event := self._next(), ev.SequenceEndEvent):
            nodes.append(self._node(event, (*path, len(nodes))))
        return nodes

    def _mapping(self, path: Path) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        merged: list[Node] = []
        while not isinstance(event := self._next(), ev.MappingEndEvent):
            place = self._place(event)
            key = self._key(event, place, path)
            node = self._node(self._next(), (*path, key))
            if node.value is None and node.place.line != place.line:
                node = Node(None, place)  # nothing follows the key: the parser found that out only further down
            if key == "<<" and event.style is None:
                merged.append(node)
            elif key in entries:
                message = f"this key is here twice; the first is in line {entries[key].key_place.line}"
                self.problems.append(placed(self.file, place, message, "keep one of the two", (*path, key)))
            else:
                entries[key] = Entry(place, node)
        for node in merged:
            self._merge(entries, node)
        return entries

    def _merge(self, entries: dict[str, Entry], node: Node) -> None:
        """`<<: *defaults`, or a list of such: what is written out wins over what is merged, the earlier over the later."""
        for one in node.value if isinstance(node.value, list) else [node]:
            if not isinstance(one.value, dict):
                self._fail(one.place, "<< merges mappings only", "name the anchor of a mapping, such as `<<: *defaults`")
            for key, entry in one.value.items():
                entries.setdefault(key, entry)

    def _key(self, event: Any, place: Place, path: Path) -> str:
        if not isinstance(event, ev.ScalarEvent):
            what = "an alias in YAML" if isinstance(event, ev.AliasEvent) else "a list or a mapping"
            self._fail(place, f"a key is {what}", "write a simple word, in quotes if it starts with *", path)
        self._check_tag(event, place, path)
        return self._checked_text(event.value, place, path)

    def _scalar(self, event: Any, place: Place, path: Path) -> Scalar:
        text: str = event.value
        if event.style is not None:
            return self._checked_text(text, place, path)
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if _INT.fullmatch(text):
            if len(text) > _LONGEST_NUMBER:
                self._fail(place, "this number is too long", "put it in quotes if it is a text", path)
            return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
        if _FLOAT.fullmatch(text):
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        return self._checked_text(text, place, path)

    def _checked_text(self, text: str, place: Place, path: Path) -> str:
        bad = _NO_TEXT.search(text)
        if bad:
            self._fail(place, f"holds the character U+{ord(bad[0]):04X}, which is no text", "remove it", path)
        return text

    def _check_tag(self, event: Any, place: Place, path: Path) -> None:
        if event.tag is not None:
            fix = "remove the tag; put a text that starts with ! in quotes"
            self._fail(place, "tags such as !name or !!type are not allowed", fix, path)

    def _check_depth(self, levels: int, place: Place, path: Path) -> None:
        if levels > MAX_DEPTH:
            self._fail(place, f"is nested deeper than {MAX_DEPTH} levels", "write it flatter", path[:4])

    def _count(self, values: int, place: Place) -> None:
        self.values += values
        if self.values > MAX_VALUES:
            message = f"the file holds more than {MAX_VALUES:,} values, aliases written out"
            self._fail(place, message, "write less, or use fewer aliases")

    def _place(self, event: Any) -> Place:
        self.last = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        return self.last

    def _next(self) -> Any:
        try:
            return next(self.events)
        except MarkedYAMLError as error:
            problem = self._syntax_problem(error)
        except ReaderError as error:
            before = self.text[: error.position]
            place = Place(before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)
            code = ord(self.text[error.position])
            problem = placed(self.file, place, f"holds the character U+{code:04X}, which YAML does not allow", "remove it")
        except Exception:  # the parser's own failures on hostile input; a user needs the place, not a traceback
            problem = placed(self.file, self.last, "is not YAML, here or soon after", "look for a stray escape or bracket")
        raise ConfigError([*self.problems, problem])

    def _syntax_problem(self, error: MarkedYAMLError) -> Problem:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark is not None else self.last
        lines = self.text.split("\n")
        line = lines[place.line - 1] if place.line <= len(lines) else ""
        if "\t" in line[: len(line) - len(line.lstrip())] or line[place.column - 1 : place.column] == "\t":
            return placed(self.file, Place(place.line, line.index("\t") + 1), "a tab is used to indent", "indent with spaces")
        context = f"{error.context}: " if error.context else ""
        reason = str(error.problem or "it cannot be read")
        return placed(self.file, place, f"is not YAML: {context}{reason}", _syntax_fix(reason))

    def _fail(self, place: Place, message: str, fix: str, path: Path = ()) -> NoReturn:
        raise ConfigError([*self.problems, placed(self.file, place, message, fix, path)])


def _syntax_fix(reason: str) -> str:
    if "mapping values are not allowed" in reason:
        return "put a text that holds `: ` in quotes, and check the indentation"
    if "cannot start any token" in reason:
        return "put the text in quotes"
    if "expected ',' or" in reason:
        return "close the bracket, or put a comma before this"
    return "check the indentation, the quotes and the brackets around this place"
