"""`milepost version`"""

from __future__ import annotations

import json
import platform
import sys
from importlib.metadata import PackageNotFoundError, entry_points, version

from sync.cli.options import Globals, Output
from sync.outcome import ExitCode

_LIBRARIES = ("httpx", "jira", "pygithub", "mlflow-skinny", "boto3", "azure-ai-ml", "sqlalchemy", "msgspec", "typer")


def run(globals_: Globals) -> ExitCode:
    """Shows what is installed. Needs neither a project file nor a store."""
    connectors = sorted(point.name for point in entry_points(group="milepost.connectors"))
    facts = {
        "milepost": _version("milepost"),
        "python": platform.python_version(),
        "connectors": connectors,
        "libraries": {name: _version(name) for name in _LIBRARIES},
    }
    if globals_.output is Output.JSON:
        sys.stdout.write(json.dumps(facts, indent=2) + "\n")
        return ExitCode.DONE
    sys.stdout.write(f"milepost {facts['milepost']}, Python {facts['python']}\n")
    sys.stdout.write(f"connectors: {', '.join(connectors)}\n")
    if globals_.verbose:
        sys.stdout.writelines(f"  {name} {_version(name) or 'is not installed'}\n" for name in _LIBRARIES)
    return ExitCode.DONE


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
