"""Webhooks: made, and looked after."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.github.hooks import Courier, Hook, Sent
from sandbox.github.people.world import World


class HookDoings(World):
    courier: Courier

    def hook(
        self,
        url: str,
        secret: str | None,
        *,
        of: str | int | None = None,
        events: Sequence[str] = ("*",),
        form: bool = False,
    ) -> int:
        """A new webhook's id: from now on it is told, in the background, what happens on this site.

        `of` is a repository (`owner/name`), an organization, or the id of an app; None is the only organization that there is.
        Like every webhook it begins with a `ping`.
        """
        with self.lock:
            ident, now = self.site.take_id(), self.now()
            hook = Hook(ident, "organization", 0, url, secret, form, tuple(events), now)
            if isinstance(of, int):
                hook.place, hook.owner, hook.installation = "integration", of, self.access.apps[of].installation
            elif of is not None and "/" in of:
                hook.place, hook.owner = "repository", self.site.find(of).id
            else:
                hook.owner = self._organization(of)
            self.happenings.add(hook)
            return ident

    def change_hook(self, hook: int, *, url: str | None = None, secret: str | None = None, active: bool | None = None) -> None:
        """Where it sends to, what it signs with, whether it sends; None leaves that as it is."""
        with self.lock:
            found = self.happenings.hooks[hook]
            found.url = url or found.url
            found.secret = secret or found.secret
            found.active = found.active if active is None else active

    def settle_deliveries(self, timeout: float = 30.0) -> None:
        """Returns when all that was to be delivered has been, whatever came of it. Raises `TimeoutError`."""
        self.courier.settle(timeout)

    def deliveries(self, hook: int) -> list[Sent]:
        """All attempts of a hook, oldest first, for tests to look at."""
        with self.lock:
            return list(self.happenings.hooks[hook].sent)

    def record(self, sent: Sent, status: str, status_code: int, duration: float, answer: str) -> None:
        """What came of an attempt."""
        with self.lock:
            sent.status, sent.status_code, sent.duration, sent.answer = status, status_code, duration, answer

    def _organization(self, login: str | None) -> int:
        if login is not None:
            return self.site.users[login.lower()].id
        organizations = [user.id for user in self.site.users.values() if user.kind == "Organization"]
        if len(organizations) != 1:
            raise LookupError(f"say which of the {len(organizations)} organizations the webhook is of")
        return organizations[0]
