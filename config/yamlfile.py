"""YAML that a person wrote, read without trusting it. Nothing in it can run, and its size is limited."""

from __future__ import annotations

from pathlib import Path

from config.compose import compose
from config.nodes import Document, Place, placed
from config.problems import ConfigError, Problem

MAX_BYTES = 1_000_000


def load_yaml(path: Path) -> Document:
    """The document in a file, whose top level is a mapping. Raises `ConfigError` with one clear problem when it cannot be read."""
    file = str(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        problem = Problem(file=file, message="there is no such file", fix="write one with milepost init, or name it with --config")
    except IsADirectoryError:
        problem = Problem(file=file, message="is a folder, not a file", fix="name the file in it, such as milepost.yaml")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "its name cannot be used"
        problem = Problem(file=file, message=f"cannot be read: {reason}", fix="make it readable for the account that runs Milepost")
    else:
        return parse_yaml(raw, file)
    raise ConfigError([problem])


def parse_yaml(raw: bytes, file: str) -> Document:
    """As `load_yaml`, for content that is already in memory; `file` is the name that problems show."""
    document = parse_any_yaml(raw, file)
    if not isinstance(document.root.value, dict):
        found = "a list" if isinstance(document.root.value, list) else "a single value"
        fix = "write lines of `key: value` at the top level"
        raise ConfigError([placed(file, document.root.place, f"the top level is {found}", fix)])
    return document


def parse_any_yaml(raw: bytes, file: str) -> Document:
    """A document of any shape. Raises `ConfigError`."""
    if len(raw) > MAX_BYTES:
        raise ConfigError([Problem(file=file, message=f"is larger than {MAX_BYTES:,} bytes", fix="name the right file")])
    return compose(_decoded(raw, file), file)


def _decoded(raw: bytes, file: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        place = Place(before.count(b"\n") + 1, len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1)
        byte = raw[error.start]
    raise ConfigError([placed(file, place, f"is not UTF-8 (byte 0x{byte:02X})", "save the file as UTF-8")])
