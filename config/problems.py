"""What is wrong with a configuration, said so that a person can repair it: where, what, and the fix."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Literal, TypeAlias

import msgspec

Level: TypeAlias = Literal["error", "warning"]
Path: TypeAlias = tuple[str | int, ...]

_LONGEST_QUOTE = 60
_MANY = 12
_TOKEN_SHAPE = re.compile(
    r"\b(?:gh[pousr]_\w{10,300}|github_pat_\w{10,300}|glpat-[\w-]{10,300}|ATATT[\w=-]{10,300}|A[KS]IA[A-Z0-9]{12,40}"
    r"|xox[abprs]-[\w-]{10,300}|eyJ[\w-]{10,300}\.[\w-]{1,4000}\.[\w-]{0,4000}|dapi[0-9a-f]{20,80}"
    r"|mp_[0-9a-f]{12}_[\w-]{10,300})"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----"
)


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One finding. `line` and `column` count from 1. Where the environment is wrong, `file` is None and `path` names the variable.

    No problem ever holds a secret.
    """

    file: str | None = None
    line: int | None = None
    column: int | None = None
    path: str = ""
    message: str
    fix: str | None = None
    level: Level = "error"

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        said = ": ".join(part for part in (where, self.level, self.path, self.message) if part)
        return f"{said}; {self.fix}" if self.fix else said


class ConfigError(Exception):
    """The configuration cannot be used. `problems` holds all errors and warnings that were found, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = in_file_order(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def in_file_order(problems: Iterable[Problem]) -> Sequence[Problem]:
    """Without repetitions; what has no line comes last."""
    return sorted(dict.fromkeys(problems), key=lambda p: (p.line is None, p.line or 0, p.column or 0))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be."""
    by_folded = {one.casefold(): one for one in known}
    close = get_close_matches(name[:200].casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def suggestion(name: str, known: Iterable[str]) -> str:
    """The fix for an unknown name: the nearest right one, and what is allowed."""
    names = sorted(set(known))
    if not names:
        return "remove it: nothing is allowed here"
    allowed = ", ".join(names[:_MANY]) + (f" and {len(names) - _MANY} more" if len(names) > _MANY else "")
    meant = nearest(name, names)
    return f"did you mean {meant}? Allowed: {allowed}" if meant else f"allowed: {allowed}"


def masked(text: str) -> str:
    """The text without anything that is shaped like a token or a private key."""
    return _TOKEN_SHAPE.sub("[hidden]", text)


def has_token(text: str) -> bool:
    return _TOKEN_SHAPE.search(text) is not None


def quoted(text: str) -> str:
    """The text as it may stand in a message: on one line, not too long, without control characters and tokens."""
    shown = masked(text)
    return repr(shown if len(shown) <= _LONGEST_QUOTE else shown[: _LONGEST_QUOTE - 1] + "…")


def path_text(path: Path) -> str:
    """`("projects", "churn", "owners", 0)` as `projects.churn.owners[0]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if re.fullmatch(r"[\w*?/@-][\w*?/@. -]{0,59}", part) and not has_token(part) else quoted(part)
            text += f".{name}" if text else name
    return text
