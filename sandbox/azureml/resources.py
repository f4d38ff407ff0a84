"""The state: resources in a tree, such as `models/churn/versions/3` of a workspace or a registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

PROVIDER = "Microsoft.MachineLearningServices"
VERSIONED = frozenset({"models", "data"})


@dataclass(slots=True)
class Resource:
    """One resource. `document` holds what its author gave: properties, tags and the like. `serial` orders by making."""

    path: tuple[str, ...]
    document: dict[str, Any]
    made: datetime
    changed: datetime
    serial: int

    @property
    def name(self) -> str:
        return self.path[-1]

    @property
    def properties(self) -> dict[str, Any]:
        """Those that its author gave; the steps of pipelines have none."""
        found: dict[str, Any] | None = self.document["properties"]
        return found if found is not None else {}


@dataclass
class Resources:
    """All resources below one workspace or registry, whose own resource id is `root`."""

    root: str
    _collections: dict[tuple[str, ...], dict[str, Resource]] = field(default_factory=dict)
    _serial: int = 0

    def put(self, path: Sequence[str], document: Mapping[str, Any], now: datetime) -> tuple[Resource, bool]:
        """Makes or replaces a resource. Whether it is new. A version makes its container as well."""
        parts = tuple(path)
        if len(parts) == 4 and parts[0] in VERSIONED and self.get(parts[:2]) is None:
            self.put(
                parts[:2], {"properties": {"dataType": document["properties"].get("dataType")} if parts[0] == "data" else {}}, now
            )
        before = self.get(parts)
        self._serial += 1
        made = Resource(
            path=before.path if before else parts,
            document={"properties": {}, **document},
            made=before.made if before else now,
            changed=now,
            serial=before.serial if before else self._serial,
        )
        self._collections.setdefault(_key(parts[:-1]), {})[parts[-1].lower()] = made
        return made, before is None

    def get(self, path: Sequence[str]) -> Resource | None:
        return self._collections.get(_key(path[:-1]), {}).get(path[-1].lower())

    def delete(self, path: Sequence[str]) -> bool:
        """Takes a resource away with all below it. Whether it was there."""
        gone = self._collections.get(_key(path[:-1]), {}).pop(path[-1].lower(), None)
        below = _key(path)
        for key in [key for key in self._collections if key[: len(below)] == below]:
            del self._collections[key]
        return gone is not None

    def collection(self, path: Sequence[str]) -> list[Resource]:
        """The members of a collection in the order of their making."""
        return list(self._collections.get(_key(path), {}).values())

    def of_type(self, kinds: Sequence[str]) -> Iterator[Resource]:
        """Those whose collections are called so, at whatever place: `onlineEndpoints`, `deployments`."""
        wanted = tuple(kind.lower() for kind in kinds)
        for key, members in self._collections.items():
            if key[::2] == wanted:
                yield from members.values()

    def resource_id(self, resource: Resource) -> str:
        return "/".join([self.root, *resource.path])


def type_of(owner: str, path: Sequence[str]) -> str:
    """`workspaces` and `models/churn/versions/3` → `Microsoft.MachineLearningServices/workspaces/models/versions`."""
    return "/".join([PROVIDER, owner, *path[::2]])


def _key(path: Sequence[str]) -> tuple[str, ...]:
    """Azure takes ids without regard to case."""
    return tuple(part.lower() for part in path)
