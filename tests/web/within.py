"""The door within this process, for many deliveries: all but the socket is as `milepost serve` has it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import httpx

from sync.build import ConnectionTypes, build_workspace, read_project_file
from sync.pull import PullLimits
from sync.store.connect import open_database
from sync.web.app import build_app
from sync.web.entrance import entrances
from sync.web.group_commit import GroupCommit
from sync.web.storing import storing
from sync.web.webhooks import Door, webhook_routes
from sync.workspace import Workspace
from tests.web.signing import PROJECT_FILE, SECRETS


class Client:
    """Asks the service in this process; an exception that it lets out is raised here."""

    def __init__(self, door: Door, runner: asyncio.Runner, workspace: Workspace) -> None:
        self.workspace = workspace
        self._runner = runner
        self._transport = httpx.ASGITransport(build_app([webhook_routes(door)]))

    def post(self, path: str, body: bytes, headers: Mapping[str, str] | Sequence[tuple[bytes, bytes]]) -> httpx.Response:
        async def posted() -> httpx.Response:
            request = httpx.Request("POST", f"http://milepost.example.com{path}", content=body, headers=headers)
            answer = await self._transport.handle_async_request(request)
            await answer.aread()
            return answer

        return self._runner.run(posted())


@contextmanager
def opened(folder: Path, url: str) -> Iterator[Client]:
    """The service of the tests' project file on a store, with the folder for itself."""
    (folder / "milepost.yaml").write_text(PROJECT_FILE, encoding="utf-8")
    types, environ, wait = ConnectionTypes(), {**os.environ, **SECRETS}, timedelta(seconds=60)
    with closing(open_database(url)) as database, asyncio.Runner() as runner:
        file = read_project_file(folder / "milepost.yaml", types)
        workspace = build_workspace(file, types, environ, database, limits=PullLimits(), wait=wait)
        inbox = GroupCommit(storing(database, workspace.sources, lambda _: None))
        inbox.start()
        yield Client(Door(entrances(workspace.sources.values()), inbox), runner, workspace)
        assert inbox.close(60)
