"""Putting retention into effect from the command line, so that what is cut off leaves no lease behind."""

from __future__ import annotations

import secrets
from datetime import timedelta
from functools import partial

from config.project import ProjectFile
from sync.cli.stopping import Stop
from sync.retention import Pruned, apply_daily, apply_now, let_go
from sync.store.connect import Database


def tidy_after(command: str, database: Database, file: ProjectFile, stop: Stop) -> None:
    """Once a day, after a run that changed the store; not where it was told to end."""
    if not stop.is_set():
        apply_daily(database, file.retention, sources=file.sources, holder=_holder(command, database, stop), stop=stop)


def tidy_now(command: str, database: Database, file: ProjectFile, wait: timedelta, stop: Stop) -> Pruned:
    """Raises `LeaseHeld` while another one does it."""
    holder = _holder(command, database, stop)
    return apply_now(database, file.retention, sources=file.sources, holder=holder, wait=wait, stop=stop)


def _holder(command: str, database: Database, stop: Stop) -> str:
    """This call's own name, which lets go when it is cut off."""
    holder = f"milepost {command} ({secrets.token_hex(4)})"
    stop.farewell = partial(let_go, database, holder)
    return holder
