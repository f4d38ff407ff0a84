"""Which sources' deliveries a server takes, in words for `/readyz`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Reception(msgspec.Struct, frozen=True, kw_only=True):
    """The sources that send webhooks: those that are `taken`, and those `refused` for want of a secret to prove them with."""

    taken: Sequence[str]
    refused: Sequence[str]

    def __str__(self) -> str:
        if not self.refused:
            return "ok"
        return f"{', '.join(self.taken) or 'none'}; no secret: {', '.join(self.refused)}"

    def why_not_ready(self, *, works: bool) -> str | None:
        """A server that takes no delivery, though sources would send some, is of use only where it works (`works`) as well."""
        return str(self) if self.refused and not self.taken and not works else None
