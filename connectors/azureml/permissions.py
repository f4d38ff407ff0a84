"""Which action of Azure's a role must hold for a request, so that an error can name it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from connectors.errors import AuthError

PROVIDER = "Microsoft.MachineLearningServices"
RUN_HISTORY = f"{PROVIDER}/workspaces/experiments/runs/read"


@contextmanager
def needing(action: str) -> Iterator[None]:
    """What is refused within says that it needs the action."""
    try:
        yield
    except AuthError as error:
        raise AuthError(error.source, error.message, fix=f"{error.fix}; this needs {action}") from error


def reading(path: str) -> str:
    """The action that reads what is at the path of Azure Resource Manager: the types of its parts, without their names."""
    _, apart, own = path.partition(f"/providers/{PROVIDER}/")
    if apart:
        return "/".join([PROVIDER, *own.split("/")[::2], "read"])
    return "/".join(["Microsoft.Resources", *path.strip("/").split("/")[::2], "read"])
