"""What a connector's author tells the suite: where the server is, how to get at it, and how its API lists records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import httpx
import pytest

from connectors import http
from connectors.base import Connection, Options
from connectors.conformance.proxy import Asked
from connectors.errors import SourceError
from mappings.change import Owned, Slot, Value
from mappings.model import Ref


class NotProvided(NotImplementedError):
    """The suite needs a hook that this connector's `Source` does not have."""

    def __init__(self, source: Source, hook: str, why: str) -> None:
        super().__init__(f"{type(source).__name__}.{hook} is not provided, and the suite needs it {why}")


class Source(ABC):
    """A server with records in it, as one connector sees it. `url` is an http address; the suite puts its proxy in front."""

    connection: ClassVar[Connection]
    paged: ClassVar[frozenset[str]] = frozenset()
    """The streams whose listings come in pages."""
    counted: ClassVar[frozenset[str]] = frozenset()
    """Those of them whose pages are found by counting records: no page of theirs holds a record more than it should."""
    page_parameter: ClassVar[str | None] = None
    """The parameter, in a query or a JSON body, that says how long a page is: the suite makes pages short by it."""

    url: str
    scope: Options
    owned: Owned = Owned()

    # -- how to get at it -----------------------------------------------------------------------------------------------------

    def options(self, url: str) -> Options:
        """The connector's options, for a server at `url`. By default these name nothing but the address."""
        return self.connection.options.model_validate({"url": url})

    @abstractmethod
    def secrets(self) -> Options:
        """Credentials that the server lets in, each as a `SecretStr`."""

    # -- its records ----------------------------------------------------------------------------------------------------------

    @abstractmethod
    def add(self, stream: str, count: int) -> None:
        """Puts so many new records into the stream's scope, each a little younger than the one before."""

    def remove(self, ref: Ref) -> bool:  # noqa: ARG002 - a hook
        """Deletes the object on the server. False: objects of this kind are never deleted."""
        raise NotProvided(self, "remove", "to take records away while they are listed")

    def lists(self, stream: str, asked: Asked) -> bool:
        """Whether the request asks for a page of the stream's records: by default, if its path ends with the stream's name."""
        return asked.path.endswith(f"/{stream}")

    def in_small_pages(self, asked: Asked, size: int = 2) -> Asked:
        """The same request for pages of so few records."""
        if self.page_parameter is None:
            raise NotProvided(self, "page_parameter", "to have several pages of a few records")
        return asked.having(self.page_parameter, size)

    def spoilt(self, stream: str, record: Any) -> Any:  # noqa: ARG002 - a hook
        """A record of a listing as the connector cannot translate it, and still an object: every value has a wrong type."""
        return {name: [[]] for name in record}

    def reads(self, asked: Asked) -> bool:
        """Whether the request changes nothing on the server."""
        return asked.method in ("GET", "HEAD", "OPTIONS")

    # -- what it means --------------------------------------------------------------------------------------------------------

    def refusals(self, stream: str) -> Mapping[int, type[SourceError] | None]:  # noqa: ARG002 - a hook
        """Statuses whose meaning here differs from the usual one; None: they say that there is nothing to list."""
        return {}

    def hasten(self, patch: pytest.MonkeyPatch) -> None:
        """Makes the connector's timeouts short. These are those of `connectors.http`."""
        patch.setattr(http, "TIMEOUT", httpx.Timeout(0.25))
        patch.setattr(http, "LONGEST_ANSWER", timedelta(seconds=0.25))

    # -- writing --------------------------------------------------------------------------------------------------------------

    def targets(self, count: int) -> Sequence[Ref]:  # noqa: ARG002 - a hook
        """So many objects on which our slots may be written, all empty."""
        raise NotProvided(self, "targets", "to write on them")

    def slots(self, target: Ref) -> Mapping[Slot, Sequence[Value]]:  # noqa: ARG002 - a hook
        """The slots of ours on this target, each with the values to write one after the other, for example `[True, None]`."""
        raise NotProvided(self, "slots", "to write them")

    def writes_on(self, target: Ref, asked: Asked) -> bool:
        """Whether the request writes on this target alone: by default, if the last part of its id is a part of the path."""
        return not self.reads(asked) and target.id.rpartition("/")[2] in asked.path.split("/")
