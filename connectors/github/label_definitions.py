"""Our labels in a repository: there, with our colour and description, before they are put on anything."""

from __future__ import annotations

from github.Label import Label
from github.Repository import Repository

from connectors.errors import NotFound, Unavailable
from connectors.github.calls import Calls, Refused

_ATTEMPTS = 3


class LabelDefinitions:
    """Looks at each label of a repository once in its life."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._ensured: set[tuple[int, str]] = set()

    def ensure(self, ident: int, repository: Repository, name: str, color: str, description: str) -> None:
        """`repository`, whose id is `ident`, need not be complete. Raises what `Calls` does."""
        if (ident, name) in self._ensured:
            return
        label = self._found(repository, name) or self._created(repository, name, color, description)
        if label is not None and (label.color.lower() != color.lower() or (label.description or "") != description):
            self._calls.write(f"label {name}", lambda: label.edit(name, color, description))
        self._ensured.add((ident, name))

    def _found(self, repository: Repository, name: str) -> Label | None:
        try:
            return self._calls.read(f"label {name}", lambda: repository.get_label(name).complete())
        except NotFound:
            return None

    def _created(self, repository: Repository, name: str, color: str, description: str) -> Label | None:
        """The label that another one made in the meantime, or that was made although the answer was lost; None when it is ours."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._calls.write(f"label {name}", lambda: repository.create_label(name, color, description))
                return None
            except Refused as refused:
                found = self._found(repository, name) if "already_exists" in refused.said else None
                if found is None:
                    raise
                return found
            except Unavailable:
                if found := self._found(repository, name):
                    return found
                if attempt == _ATTEMPTS:
                    raise
        return None
