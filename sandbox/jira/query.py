"""A parsed JQL query against one site: names and values resolved, ready to test issues and to order them."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.jira import jql
from sandbox.jira.jql import And, Clause, JqlError, Node, Not, Or
from sandbox.jira.model import Issue
from sandbox.jira.search_fields import Dates, Keys, Tokens, orderings, search_fields
from sandbox.jira.search_index import key_rank
from sandbox.jira.state import State

Test = Callable[[Issue], bool]
Rank = tuple[Any, ...]

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_FORMATS = ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d")
_PERIOD = re.compile(r"([+-]?)\s*((?:\d+[wdhm]\s*)+|\d+)", re.IGNORECASE)
_UNITS = {"w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}


@dataclass(frozen=True)
class Sorting:
    """One field of the order. `read` gives a JSON value that compares; `field` is its first clause name."""

    field: str
    read: Callable[[Issue], Any]
    descending: bool


@dataclass(frozen=True)
class Search:
    """A query that can run. `updated` and `project` narrow the walk where the query itself does."""

    matches: Test
    order: tuple[Sorting, ...]
    updated: tuple[datetime | None, datetime | None]
    project: str | None

    def rank(self, issue: Issue) -> Rank:
        """Where the issue stands; the id breaks ties in the first field's direction."""
        parts = [_directed(sorting.read(issue), sorting.descending) for sorting in self.order]
        return (*parts, _directed(issue.id, self.order[0].descending))

    def rank_of(self, position: Iterable[Any]) -> Rank:
        """The rank that `position_of` described."""
        directions = [sorting.descending for sorting in self.order] + [self.order[0].descending]
        return tuple(_directed(value, descending) for value, descending in zip(position, directions, strict=True))

    def position_of(self, issue: Issue) -> list[Any]:
        return [*(sorting.read(issue) for sorting in self.order), issue.id]


class _Descending:
    """Compares the wrong way round."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)


def _directed(value: Any, descending: bool) -> Any:
    return _Descending(value) if descending else value


def prepare(text: str, state: State, *, validate: bool = True) -> Search:
    """Raises `JqlError`, also for an unbounded query. Without `validate`, issues that are not there match nothing."""
    query = jql.parse(text)
    if query.where is None:
        raise JqlError("Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")
    resolver = _Resolver(state, validate=validate)
    matches = resolver.test(query.where)
    sees = {project.id for project in state.projects.values() if state.sees(project) and not project.archived}
    order = tuple(resolver.sorting(entry) for entry in query.order) or (resolver.sorting(jql.Order("key", descending=True)),)
    return Search(
        matches=lambda issue: issue.project in sees and not issue.archived and matches(issue),
        order=order,
        updated=resolver.updated_bounds(query.where),
        project=resolver.only_project(query.where),
    )


class _Resolver:
    def __init__(self, state: State, *, validate: bool) -> None:
        self.state = state
        self.validate = validate
        self.now = state.now()
        self.fields = search_fields(state)

    def test(self, node: Node) -> Test:
        match node:
            case And(parts):
                tests = [self.test(part) for part in parts]
                return lambda issue: all(test(issue) for test in tests)
            case Or(parts):
                tests = [self.test(part) for part in parts]
                return lambda issue: any(test(issue) for test in tests)
            case Not(part):
                inner = self.test(part)
                return lambda issue: not inner(issue)
            case Clause():
                return self._clause(node)

    def _clause(self, clause: Clause) -> Test:
        match self._field(clause.field):
            case Tokens() as field:
                return self._tokens(clause, field)
            case Dates() as field:
                return self._dates(clause, field)
            case Keys():
                return self._keys(clause)

    def _field(self, name: str) -> Tokens | Dates | Keys:
        field = self.fields.get(name.casefold())
        if field is None:
            raise JqlError(f"Field '{name}' does not exist or you do not have permission to view it.")
        return field

    def _tokens(self, clause: Clause, field: Tokens) -> Test:
        """Negations leave out issues whose field is empty, as Jira documents it."""
        read = field.read
        wanted = {None if value is None else field.resolve(value) for value in clause.values}
        empty, tokens = None in wanted, wanted - {None}
        match clause.operator:
            case "=" | "in" | "is":
                return lambda issue: not tokens.isdisjoint(held) if (held := read(issue)) else empty
            case "!=" | "not in" | "is not":
                return lambda issue: bool(held := read(issue)) and tokens.isdisjoint(held)
        raise _unsupported(clause)

    def _dates(self, clause: Clause, field: Dates) -> Test:
        read = field.read
        if clause.values == (None,):
            if clause.operator in {"is", "="}:
                return lambda issue: read(issue) is None
            if clause.operator in {"is not", "!="}:
                return lambda issue: read(issue) is not None
        if clause.operator in {"in", "not in"}:
            instants = {self._instant(clause.field, value) for value in clause.values}
            wanted = clause.operator == "in"
            return lambda issue: (moment := read(issue)) is not None and (moment in instants) is wanted
        compare = _COMPARE.get(clause.operator)
        if compare is None:
            raise _unsupported(clause)
        bound = self._instant(clause.field, clause.values[0])
        return lambda issue: (moment := read(issue)) is not None and compare(moment, bound)

    def _keys(self, clause: Clause) -> Test:
        if None in clause.values:
            raise JqlError(f"The operator '{clause.operator}' does not support the value 'EMPTY' for the field '{clause.field}'.")
        named = (self._named_issue(clause.field, str(value)) for value in clause.values)
        issues = [issue for issue in named if issue is not None]
        if clause.operator in {"=", "in"}:
            idents = {issue.id for issue in issues}
            return lambda issue: issue.id in idents
        if clause.operator in {"!=", "not in"}:
            idents = {issue.id for issue in issues}
            return lambda issue: issue.id not in idents
        compare = _COMPARE.get(clause.operator)
        if compare is None:
            raise _unsupported(clause)
        if not issues:
            return lambda _issue: False
        prefix, number = key_rank(issues[0])
        return lambda issue: (rank := key_rank(issue))[0] == prefix and compare(rank[1], number)

    def _named_issue(self, field: str, value: str) -> Issue | None:
        issue = self.state.visible_issue(value)
        if issue is None and self.validate:
            what = f"A value with ID '{value}'" if value.isdecimal() else f"An issue with key '{value}'"
            raise JqlError(f"{what} does not exist for field '{field}'.")
        return issue

    def _instant(self, field: str, value: str | None) -> datetime:
        """Absolute values are minute-grained and in the account's time zone; relative ones count from now."""
        text = (value or "").strip()
        if text.isdecimal() and len(text) > 9:
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        if found := _PERIOD.fullmatch(text):
            return self.now + _period(found[2]) * (-1 if found[1] == "-" else 1)
        for pattern in _FORMATS:
            try:
                # The zone is added on the next line: JQL dates carry none.
                naive = datetime.strptime(text, pattern)  # noqa: DTZ007
            except ValueError:
                continue
            return naive.replace(tzinfo=self.state.zone()).astimezone(UTC)
        raise JqlError(
            f"Date value '{text}' for field '{field}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', "
            "'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."
        )

    def sorting(self, order: jql.Order) -> Sorting:
        found = orderings(self.state).get(order.field.casefold())
        if found is None:
            raise JqlError(f"Not able to sort using field '{order.field}'.")
        return Sorting(found[0], found[1], order.descending)

    # -- what narrows the walk -----------------------------------------------------------------------------------------

    def updated_bounds(self, where: Node) -> tuple[datetime | None, datetime | None]:
        low: datetime | None = None
        high: datetime | None = None
        for clause in _conjuncts(where):
            if clause.field.casefold() not in {"updated", "updateddate"} or clause.values[0] is None:
                continue
            if clause.operator in {">", ">="}:
                low = self._instant(clause.field, clause.values[0])
            elif clause.operator in {"<", "<="}:
                high = self._instant(clause.field, clause.values[0])
        return low, high

    def only_project(self, where: Node) -> str | None:
        for clause in _conjuncts(where):
            if (
                clause.field.casefold() == "project"
                and clause.operator in {"=", "in"}
                and len(clause.values) == 1
                and clause.values[0]
            ):
                field = self.fields["project"]
                if isinstance(field, Tokens):
                    return self.state.projects[field.resolve(clause.values[0])].key
        return None


def _conjuncts(node: Node) -> Iterable[Clause]:
    if isinstance(node, Clause):
        yield node
    elif isinstance(node, And):
        for part in node.parts:
            yield from _conjuncts(part)


def _period(text: str) -> timedelta:
    if text.strip().isdecimal():
        return timedelta(minutes=int(text))
    return sum(
        (_UNITS[unit.lower()] * int(amount) for amount, unit in re.findall(r"(\d+)([wdhm])", text, re.IGNORECASE)), timedelta()
    )


def _unsupported(clause: Clause) -> JqlError:
    return JqlError(f"The operator '{clause.operator}' is not supported by the '{clause.field}' field.")
