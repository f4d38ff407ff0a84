"""What `milepost --help` costs: the modules that it imports, and its CPU time beside an empty command line with the same help."""

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
        if _shown_by(ours) != _shown_by(empty):
            raise RuntimeError("the empty command line shows other commands, options or panels than milepost does")
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


def _shown_by(command: Sequence[str]) -> frozenset[str]:
    """The panels, commands and options in a help. Raises `RuntimeError` when it is none."""
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    if "Usage:" not in text:
        raise RuntimeError(f"{' '.join(command)} printed no help")
    lines = text.splitlines()
    panels = {line for line in lines if line.startswith("╭")}
    first = {line.split()[1] for line in lines if line.startswith("│ ") and not line[2].isspace()}
    return frozenset({*panels, *first, *(word for word in text.split() if word.startswith("-"))})


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
    """A command line with our commands, options, panels and helps, and nothing behind them. Returns the script that runs it."""
    group = typer.main.get_command(build_app())
    lines = [
        "from typing import Annotated",
        "import typer",
        f"app = typer.Typer(name='milepost', help={group.help!r}, no_args_is_help=True, rich_markup_mode='rich')",
        "@app.callback()",
        f"def app_main({', '.join(_options(group))}) -> None: ...",
        *_commands("app", group),
    ]
    (folder / "empty_app.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    script = folder / "milepost"
    script.write_text("from empty_app import app\napp()\n", encoding="utf-8")
    return script


def _commands(app: str, group: Any) -> Iterator[str]:
    for name, command in group.commands.items():
        details = f"help={command.help!r}, rich_help_panel={_panel(command)!r}"
        spelt = name.replace("-", "_")
        if hasattr(command, "commands"):
            yield f"{spelt} = typer.Typer(name={name!r}, no_args_is_help=True)"
            yield from _commands(spelt, command)
            yield f"{app}.add_typer({spelt}, {details})"
        else:
            yield f"@{app}.command({name!r}, {details})"
            yield f"def {app}_{spelt}({', '.join(_options(command))}) -> None: ..."


def _options(command: Any) -> Iterator[str]:
    """As the parameters of a function: a text, a flag or a count each. Typer adds the options for completion itself."""
    for one in command.params:
        if one.name in ("install_completion", "show_completion"):
            continue
        details = f"help={one.help!r}, metavar={one.metavar!r}, rich_help_panel={_panel(one)!r}, show_default=False"
        if one.param_type_name == "argument":
            yield f"{one.name}: Annotated[str | None, typer.Argument({details})] = None"
            continue
        names = ", ".join(map(repr, [*one.opts, *one.secondary_opts]))
        kind, default = _type_of(one)
        counted = ", count=True" if one.count else ""
        yield f"{one.name}: Annotated[{kind}, typer.Option({names}, {details}{counted})] = {default}"


def _type_of(option: Any) -> tuple[str, object]:
    if option.is_flag:
        return "bool", False
    if option.count:
        return "int", 0
    return ("list[str] | None" if option.multiple else "str | None"), None


def _panel(one: Any) -> str | None:
    panel = one.rich_help_panel
    return panel if isinstance(panel, str) else None
