"""JQL as Jira documents it, down to its error texts: text in, clauses out. Names and values are resolved in `query.py`.

Grammar: `clause (and|or clause)* [order by field [asc|desc], …]`, `not`, parentheses; a clause is `field op value`, `field [not] in
(value, …)` or `field is [not] empty|null`. A quoted or bare value is text; `EMPTY` and `NULL` are None.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from sandbox.jira.words import RESERVED

OPERATORS = ("=", "!=", "<", ">", "<=", ">=")
UNSUPPORTED = ("~", "!~")
MAX_ORDER_FIELDS = 7
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<quoted>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
      | (?P<symbol>!=|<=|>=|!~|&&|\|\||[=<>~!&|(),])
      | (?P<custom>cf\[\d+\])
      | (?P<word>(?:\\.|[^\s"'=<>~!&|(),+.;?*/%^$\#@\[\]])+)
    )""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


class JqlError(ValueError):
    """The query is refused; the text is the error message that Jira gives."""


@dataclass(frozen=True)
class Clause:
    """`operator` is one of `= != < > <= >= in not in is is not`; `values` are texts, or None for EMPTY."""

    field: str
    operator: str
    values: tuple[str | None, ...]


@dataclass(frozen=True)
class And:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Or:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Not:
    part: Node


Node: TypeAlias = Clause | And | Or | Not


@dataclass(frozen=True)
class Order:
    field: str
    descending: bool


@dataclass(frozen=True)
class Query:
    where: Node | None
    order: tuple[Order, ...]


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int

    @property
    def word(self) -> str:
        """The lower-case keyword that this may be; quoted text never is one."""
        if self.kind == "symbol":
            return {"&&": "and", "||": "or", "&": "and", "|": "or", "!": "not"}.get(self.text, self.text)
        return self.text.lower() if self.kind == "word" else ""


def parse(text: str) -> Query:
    """Raises `JqlError`."""
    try:
        return _Parser(text).query()
    except RecursionError as error:
        raise JqlError("Error in the JQL Query: The query is nested too deeply.") from error


def _tokens(text: str) -> list[_Token]:
    found = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise JqlError(_unreadable(text, position))
        kind = str(match.lastgroup)
        raw = match.group(kind)
        found.append(_Token(kind, _unescaped(raw[1:-1] if kind == "quoted" else raw), match.start(kind)))
        position = match.end()
    return found


def _unescaped(text: str) -> str:
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text)
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text, flags=re.DOTALL)


def _unreadable(text: str, position: int) -> str:
    at = position + len(text[position:]) - len(text[position:].lstrip())
    character = text[at]
    if character in "\"'":
        return f"Error in the JQL Query: The quoted string '{text[at + 1 :]}' has not been completed. {_place(text, at)}"
    return (
        f"Error in the JQL Query: The character '{character}' is a reserved JQL character. You must enclose it in a string or "
        f"use the escape '\\u{ord(character):04x}' instead. {_place(text, at)}"
    )


def _place(text: str, at: int) -> str:
    line = text.count("\n", 0, at) + 1
    return f"(line {line}, character {at - text.rfind(chr(10), 0, at)})"


class _Parser:
    """Recursive descent: or, and, not, clause."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.position = 0

    def query(self) -> Query:
        where = None if self._is("order") or self._peek() is None else self._any()
        order = self._order() if self._is("order") else ()
        if (extra := self._peek()) is not None:
            raise self._error(f"Expecting either 'OR' or 'AND' but got '{extra.text}'.", extra)
        return Query(where, order)

    def _any(self) -> Node:
        parts = [self._all()]
        while self._take("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Node:
        parts = [self._one()]
        while self._take("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self) -> Node:
        if self._take("not"):
            return Not(self._one())
        if self._take("("):
            inner = self._any()
            self._expect(")")
            return inner
        return self._clause()

    def _clause(self) -> Clause:
        field = self._name()
        token = self._next("operator")
        if token.word in OPERATORS:
            return Clause(field, token.word, (self._value(),))
        if token.word == "in":
            return Clause(field, "in", self._list())
        if token.word == "not":
            self._expect("in")
            return Clause(field, "not in", self._list())
        if token.word == "is":
            operator = "is not" if self._take("not") else "is"
            value = self._value()
            if value is not None:
                raise self._error(f"The operator '{operator}' only supports the values EMPTY and NULL, but got '{value}'.", token)
            return Clause(field, operator, (None,))
        if token.word in UNSUPPORTED or token.word in {"was", "changed"}:
            raise JqlError(f"The operator '{token.text}' is not supported by the '{field}' field.")
        raise self._error(
            f"Expecting operator but got '{token.text}'. The valid operators are '=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', "
            "'NOT IN', 'IS' and 'IS NOT'.",
            token,
        )

    def _list(self) -> tuple[str | None, ...]:
        self._expect("(")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self._expect(")")
        return tuple(values)

    def _name(self) -> str:
        token = self._next("field name")
        if token.kind == "symbol":
            raise self._error(
                f"Expecting a field name but got '{token.text}'. You must surround '{token.text}' in quotation marks.", token
            )
        self._refuse_reserved(token)
        return token.text

    def _value(self) -> str | None:
        token = self._next("value")
        if token.word in {"empty", "null"}:
            return None
        if token.kind == "symbol":
            raise self._error(
                f"Expecting either a value, list or function but got '{token.text}'. You must surround '{token.text}' in quotation "
                "marks to use it as a value.",
                token,
            )
        self._refuse_reserved(token)
        if self._is("("):
            raise JqlError(f"Unable to find JQL function '{token.text}()'.")
        return token.text

    def _refuse_reserved(self, token: _Token) -> None:
        if token.word in RESERVED:
            raise self._error(
                f"'{token.text}' is a reserved JQL word. You must surround it in quotation marks to use it in a query.", token
            )

    def _order(self) -> tuple[Order, ...]:
        self._expect("order")
        self._expect("by")
        order = [self._order_field()]
        while self._take(","):
            order.append(self._order_field())
        if len(order) > MAX_ORDER_FIELDS:
            raise JqlError(f"The ORDER BY clause can contain a maximum of {MAX_ORDER_FIELDS} fields.")
        return tuple(order)

    def _order_field(self) -> Order:
        field = self._name()
        if self._take("asc"):
            return Order(field, descending=False)
        return Order(field, descending=self._take("desc"))

    # -- the token stream ----------------------------------------------------------------------------------------------

    def _peek(self) -> _Token | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def _is(self, word: str) -> bool:
        token = self._peek()
        return token is not None and token.word == word

    def _take(self, word: str) -> bool:
        if not self._is(word):
            return False
        self.position += 1
        return True

    def _next(self, wanted: str) -> _Token:
        token = self._peek()
        if token is None:
            raise JqlError(f"Error in the JQL Query: Expecting a {wanted} at the end of the query, but there was none.")
        self.position += 1
        return token

    def _expect(self, word: str) -> None:
        token = self._peek()
        if token is None:
            raise JqlError(f"Error in the JQL Query: Expecting '{word.upper()}' before the end of the query.")
        if token.word != word:
            raise self._error(f"Expecting '{word.upper()}' but got '{token.text}'.", token)
        self.position += 1

    def _error(self, why: str, token: _Token) -> JqlError:
        return JqlError(f"Error in the JQL Query: {why} {_place(self.text, token.at)}")
