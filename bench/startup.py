"""What `milepost --help` costs: the modules that it imports, and its CPU time beside an empty command line of the same commands."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer.main

from bench.figures import Figure
from sync.cli.app import build_app

FORBIDDEN = frozenset(
    {
        *("jira", "github", "mlflow", "boto3", "botocore", "azure"),
        *("sqlalchemy", "alembic", "psycopg", "sqlite3"),
        *("fastapi", "starlette", "uvicorn"),
        *("httpx", "requests"),
    }
)
"""Top-level names of the SDKs, the database layers, the web frameworks and the HTTP clients."""

ROUNDS = 9

_LIST_IMPORTS = """
import json, sys
from sync.cli.main import run
code = run(["--help"])
sys.stderr.write(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def startup_figures() -> Iterator[Figure]:
    """Both figures of `milepost --help`."""
    named = sorted(FORBIDDEN & imported_by_help())
    yield Figure(
        name="--help: SDKs, databases, web frameworks imported", target=0, measured=len(named), note=", ".join(named) or "none"
    )
    with tempfile.TemporaryDirectory() as folder:
        ours = [str(Path(sys.executable).with_name("milepost")), "--help"]
        empty = [sys.executable, str(_write_empty_app(Path(folder))), "--help"]
        our_seconds, empty_seconds = _alternating(ours, empty)
    yield Figure(
        name="--help: CPU beside an empty Typer app",
        target=1.5,
        measured=our_seconds / empty_seconds,
        unit=" ×",
        note=f"{our_seconds * 1000:.0f} ms against {empty_seconds * 1000:.0f} ms, medians of {ROUNDS} runs each",
    )


def imported_by_help() -> frozenset[str]:
    """The top-level modules that a process has imported once it has printed the help. Raises `RuntimeError` when that failed."""
    ended = subprocess.run([sys.executable, "-c", _LIST_IMPORTS], capture_output=True, text=True, check=True)
    code, names = json.loads(ended.stderr)
    if code != 0 or "Usage:" not in ended.stdout:
        raise RuntimeError(f"milepost --help ended with {code}")
    return frozenset(names)


def _alternating(one: Sequence[str], other: Sequence[str]) -> tuple[float, float]:
    """The median CPU time of each, run in turns, so that what else the machine does meets both alike."""
    _cpu_of(one), _cpu_of(other)  # the first run writes bytecode
    pairs = [(_cpu_of(one), _cpu_of(other)) for _ in range(ROUNDS)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def _cpu_of(command: Sequence[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _write_empty_app(folder: Path) -> Path:
    """A command line with our commands' names and one-line helps, and nothing behind them. Returns the script that runs it."""
    lines = ["import typer", "app = typer.Typer(name='milepost', no_args_is_help=True, rich_markup_mode='rich')"]
    lines += _commands("app", typer.main.get_command(build_app()))
    (folder / "empty_app.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    script = folder / "empty"
    script.write_text("from empty_app import app\napp()\n", encoding="utf-8")
    return script


def _commands(app: str, group: Any) -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield f"{name} = typer.Typer(name={name!r}, help={command.help!r})"
            yield from _commands(name, command)
            yield f"{app}.add_typer({name})"
        else:
            yield f"@{app}.command({name!r}, help={command.help!r})"
            yield f"def {app}_{name}() -> None: ..."
