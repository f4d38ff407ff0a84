"""Logs: to standard error, readable on a terminal, JSON elsewhere, and never with a secret in them."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog

from config.problems import masked
from config.settings import Settings
from config.variables import FILE_SUFFIX, STORE_URL, read_variable

_SHORTEST = 4
"""Shorter values hide nothing and would garble a text."""


class _StandardError:
    """Standard error as it is when something is written: the live lines of a pull take its place while they are drawn."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure_logging(settings: Settings, *, verbose: int, color: bool = True) -> None:
    """Sets up structlog for this process. `-v` shows more than the settings say; libraries log warnings only."""
    terminal = sys.stderr.isatty()
    level = logging.DEBUG if verbose else getattr(logging, settings.log_level.upper())
    quiet = terminal and not verbose and settings.log_level == "info"
    as_console = settings.log_format == "console" or (settings.log_format == "auto" and terminal)
    renderer: Any = structlog.dev.ConsoleRenderer(colors=terminal and color) if as_console else structlog.processors.JSONRenderer()
    common: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redacting(os.environ),
    ]
    structlog.configure(
        processors=[*common, renderer],
        # On a terminal the command's own output tells what happens; the log is for those who ask and for machines.
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING if quiet else level),
        logger_factory=structlog.WriteLoggerFactory(file=_StandardError()),  # type: ignore[arg-type]  # it writes and flushes
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(_StandardError())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=common, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def without_secrets(text: str, environ: Mapping[str, str]) -> str:
    """The text without any secret of this process's environment, and without anything that looks like one."""
    return _without(text, _pieces(environ))


def _redacting(environ: Mapping[str, str]) -> Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]:
    """The last line of defence: whatever is a secret, or looks like one, is hidden wherever it came from."""
    pieces = _pieces(environ)

    def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {key: _without(value, pieces) if isinstance(value, str) else value for key, value in event.items()}

    return redact


def _without(text: str, pieces: list[str]) -> str:
    for piece in pieces:
        text = text.replace(piece, "[hidden]")
    return masked(text)


def _pieces(environ: Mapping[str, str]) -> list[str]:
    """Every secret, whole, by its lines and as an error would quote it; the longest first."""
    values = set(_secrets(environ))
    found = {piece for value in values for piece in (value, repr(value)[1:-1], *value.splitlines())}
    return sorted((piece for piece in found if len(piece) >= _SHORTEST), key=len, reverse=True)


def _secrets(environ: Mapping[str, str]) -> Iterator[str]:
    names = {name.removesuffix(FILE_SUFFIX) for name in environ if name.startswith("MILEPOST_") and "__" in name}
    for name in names:
        value = read_variable(name, environ).value
        if value is not None and name != STORE_URL:
            yield value
        elif value is not None:
            yield from _passwords(value)


def _passwords(url: str) -> Iterator[str]:
    """The database's password, as it stands in the URL and decoded."""
    try:
        password = urlsplit(url).password
    except ValueError:
        yield url
        return
    if password:
        yield from (password, unquote(password))
