"""`milepost version`"""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, entry_points, version

from sync.cli.consoles import write_out
from sync.cli.options import Globals, Output
from sync.outcome import ExitCode

_LIBRARIES = ("httpx", "jira", "pygithub", "mlflow-skinny", "boto3", "azure-ai-ml", "sqlalchemy", "msgspec", "typer")


def own_version() -> str:
    """The first line of the answer, which is also that of `milepost --version`."""
    return f"milepost    {_version('milepost')}"


def run(globals_: Globals) -> ExitCode:
    """Shows what is installed. Needs neither a project file nor a store."""
    connectors = sorted(point.name for point in entry_points(group="milepost.connectors"))
    libraries = {name: _version(name) for name in _LIBRARIES}
    facts = {
        "milepost": _version("milepost"),
        "python": platform.python_version(),
        "connectors": connectors,
        "libraries": libraries,
    }
    if globals_.output is Output.JSON:
        write_out(json.dumps(facts, indent=2).encode() + b"\n")
        return ExitCode.DONE
    lines = [
        own_version(),
        f"Python      {facts['python']}",
        f"connectors  {', '.join(connectors)}",
        *(f"  {name:<13}  {found or 'is not installed'}" for name, found in libraries.items() if globals_.verbose),
    ]
    write_out("".join(f"{line}\n" for line in lines).encode())
    return ExitCode.DONE


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
