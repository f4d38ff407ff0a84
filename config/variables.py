"""Environment variables: how they are named, and reading one that may instead name a file (`MILEPOST_JIRA__TOKEN_FILE`)."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from config.problems import Problem

STORE_URL = "MILEPOST_STORE__URL"
FILE_SUFFIX = "_FILE"
MAX_FILE_BYTES = 65_536


def prefix(source: str) -> str:
    """What the variables of a source start with: `azure-ml` → `MILEPOST_AZURE_ML__`."""
    return f"MILEPOST_{source.upper().replace('-', '_')}__"


def variable(source: str, field: str) -> str:
    """The variable that holds one secret: `("jira", "token")` → `MILEPOST_JIRA__TOKEN`."""
    return prefix(source) + field.upper()


class Found(NamedTuple):
    """What the environment says under one name. `problems` name the variable, never its value."""

    value: str | None = None
    problems: tuple[Problem, ...] = ()


def read_variable(name: str, environ: Mapping[str, str]) -> Found:
    """The value of `name`, or the content of the file that `<name>_FILE` names.

    A variable that is empty, or holds blanks alone, counts as not set, with a warning. Both set is an error.
    """
    file_name = name + FILE_SUFFIX
    value, path = _held(name, environ), _held(file_name, environ)
    empty = tuple(
        Problem(path=one, message="is empty and counts as not set", fix="give it a value, or unset it", level="warning")
        for one, held in ((name, value), (file_name, path))
        if held == ""
    )
    if value and path:
        message = f"is set, and {file_name} as well"
        return Found(problems=(*empty, Problem(path=name, message=message, fix="keep one of the two")))
    if path:
        found = read_secret_file(file_name, Path(path))
        return Found(found.value, (*empty, *found.problems))
    return Found(value or None, empty)


def lack(name: str, environ: Mapping[str, str]) -> str:
    """What is wrong with a variable that gives no value, in words that follow its name."""
    return "is empty" if _held(name, environ) == "" else "is not set"


def _held(name: str, environ: Mapping[str, str]) -> str | None:
    value = environ.get(name)
    return "" if value is not None and not value.strip() else value


def read_secret_file(name: str, path: Path) -> Found:
    """The content of a file without its trailing line end. `name` is the variable that names it, which problems show.

    A file that every account of the machine may read or write is accepted with a warning.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            return _refused(name, "names something that is no regular file", "name a file that holds the secret")
        with path.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return _refused(name, "names a file that does not exist", "check the path and the mounted volume")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "the path cannot be used"
        return _refused(name, f"names a file that cannot be read ({reason})", "make it readable for the account that runs Milepost")
    return _checked(name, raw, mode)


def _checked(name: str, raw: bytes, mode: int) -> Found:
    if len(raw) > MAX_FILE_BYTES:
        return _refused(name, f"names a file of more than {MAX_FILE_BYTES:,} bytes", "name the file that holds the secret alone")
    text = _as_text(raw)
    if text is None:
        return _refused(name, "names a file that is not UTF-8 text", "write the secret as plain text")
    if not text.strip():
        return _refused(name, "names an empty file", "write the secret into it")
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        fix = "chmod o-rwx, or defaultMode: 0440 in Kubernetes"
        open_to_all = Problem(path=name, message="names a file that every account may read", fix=fix, level="warning")
        return Found(text, (open_to_all,))
    return Found(text)


def _as_text(raw: bytes) -> str | None:
    try:
        text = raw.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text


def _refused(name: str, message: str, fix: str) -> Found:
    return Found(problems=(Problem(path=name, message=message, fix=fix),))
