"""Whether what the sources of a project file need is installed: each type's SDK is an extra that carries the type's name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib import metadata

from sync.cli.errors import UsageProblem

_REQUIREMENT = re.compile(r"""^([A-Za-z0-9._-]+).*;.*extra\s*==\s*["']([^"']+)["']""")


def require_extras(types: Iterable[str]) -> None:
    """Raises `UsageProblem` for the first type of which a package is not installed. Types of other distributions are theirs."""
    for name in sorted(set(types)):
        require_extra(name, f"sources of type {name} need", f"install milepost[{name}], or milepost[all]")


def require_extra(extra: str, needed_by: str, fix: str) -> None:
    """Raises `UsageProblem` when a package of an extra is not installed: `needed_by` says who needs it, with its verb."""
    for package in _packages(extra):
        try:
            metadata.distribution(package)
        except metadata.PackageNotFoundError:
            raise UsageProblem(f"{needed_by} the package {package}, which is not installed", fix) from None


def _packages(extra: str) -> Iterator[str]:
    for line in metadata.requires("milepost") or ():
        match = _REQUIREMENT.match(line)
        if match is not None and match[2] == extra:
            yield match[1]
