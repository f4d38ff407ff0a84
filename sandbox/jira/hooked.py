"""A site whose webhooks send what happens on it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from sandbox.jira.doings import Doings
from sandbox.jira.happenings import Happenings
from sandbox.jira.state import Changed
from sandbox.jira.webhooks import Webhook, encoded


class Hooked(Doings):
    """What people do and what clients write is sent alike. A webhook is made by `hook` of the deployment."""

    happenings: ClassVar[type[Happenings]] = Happenings

    def __init__(self, *, now: Callable[[], datetime], url: Callable[[], str], lock: threading.RLock) -> None:
        super().__init__(now=now, url=url, lock=lock)
        self.webhooks: list[Webhook] = []

    def attach(self, webhook: Webhook) -> Webhook:
        def observe(before: Changed | None, after: Changed | None) -> None:
            for event, body in self.happenings(self).of(before, after):
                webhook.send(event, encoded(event, self.now().timestamp(), body))

        with self.lock:
            self.webhooks.append(webhook)
            self.observers.append(observe)
        return webhook

    def unhook(self) -> None:
        """Takes all webhooks off the site. What they have not sent yet is lost."""
        with self.lock:
            gone, self.webhooks = self.webhooks, []
            self.observers.clear()
        for webhook in gone:
            webhook.stop()
