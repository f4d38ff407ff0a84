"""Logs: to standard error, readable on a terminal, JSON elsewhere, and never with a secret in them."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from config.problems import masked
from config.settings import Settings


def configure_logging(settings: Settings, *, verbose: int) -> None:
    """Sets up structlog for this process. `-v` shows more than the settings say; libraries log warnings only."""
    level = logging.DEBUG if verbose else getattr(logging, settings.log_level.upper())
    quiet = sys.stderr.isatty() and not verbose and settings.log_level == "info"
    as_console = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    renderer: Any = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if as_console else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _masked,
            renderer,
        ],
        # On a terminal the command's own output tells what happens; the log is for those who ask and for machines.
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING if quiet else level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, force=True)


def _masked(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last line of defence: whatever looks like a token is masked, wherever it came from."""
    return {key: masked(value) if isinstance(value, str) else value for key, value in event.items()}
