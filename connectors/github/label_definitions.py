"""Our labels in a repository: there before they are put on anything. One that is there already stays as it is: a person's."""

from __future__ import annotations

from github.Repository import Repository

from connectors.errors import NotFound, Unavailable
from connectors.github.calls import Calls, Refused

_ATTEMPTS = 3


class LabelDefinitions:
    """Looks at each label of a repository once in its life."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._names: dict[tuple[int, str], str] = {}

    def ensure(self, ident: int, repository: Repository, name: str, color: str, description: str) -> str:
        """The label's name as the repository spells it: GitHub tells no labels apart by case. A missing one is made.

        `repository`, whose id is `ident`, need not be complete. Raises what `Calls` does.
        """
        if (ident, name) not in self._names:
            self._names[ident, name] = self._found(repository, name) or self._created(repository, name, color, description)
        return self._names[ident, name]

    def _found(self, repository: Repository, name: str) -> str | None:
        try:
            return self._calls.read(f"label {name}", lambda: repository.get_label(name).complete().name)
        except NotFound:
            return None

    def _created(self, repository: Repository, name: str, color: str, description: str) -> str:
        """Its name is another one's spelling if somebody made it meanwhile. A lost answer is no second label."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._calls.write(f"label {name}", lambda: repository.create_label(name, color, description).name)
            except Refused as refused:
                if "already_exists" not in refused.said:
                    raise
                # It may still be hidden from reads: the name does, in any case.
                return self._found(repository, name) or name
            except Unavailable:
                if found := self._found(repository, name):
                    return found
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")
