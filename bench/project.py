"""A project file, a store and the credentials, as a user has them; and the `milepost` command on them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bench.stand_ins import Addresses
from bench.world import PROJECT, REPOSITORY, Size

_CONFIGURING = ("MILEPOST_", "AWS_", "AZURE_", "IDENTITY_")
ACCESS = {
    "MILEPOST_JIRA__USER": "bot@example.com",
    "MILEPOST_JIRA__TOKEN": "example-token",
    "MILEPOST_GITHUB__TOKEN": "bench-token",
}


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A folder with `milepost.yaml` and a fresh SQLite store as shipped. `access` are the variables by which it is let in."""

    file: Path
    access: Mapping[str, str]

    @property
    def environment(self) -> Mapping[str, str]:
        """Ours without what would configure another Milepost, or sign in to a cloud."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_CONFIGURING)}
        return {**kept, **self.access}

    def milepost(self, *arguments: str) -> bytes:
        """What the command prints on standard output. Raises `CalledProcessError`."""
        command = [str(Path(sys.executable).with_name("milepost")), "--config", str(self.file), *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, env=self.environment).stdout


def new_project(folder: Path, addresses: Addresses, size: Size) -> Project:
    """Of the sources, those that hold something. Its store is there and empty."""
    return made_project(folder, _written(addresses, size), ACCESS)


def made_project(folder: Path, text: str, access: Mapping[str, str]) -> Project:
    """A project of this file, without the store, in a folder that is not there yet. Its store is there and empty."""
    folder.mkdir()
    file = folder / "milepost.yaml"
    file.write_text(f"store: {{url: 'sqlite:///{folder / 'milepost.db'}'}}\n{text}", encoding="utf-8")
    project = Project(file=file, access=access)
    project.milepost("db", "upgrade")
    return project


def _written(addresses: Addresses, size: Size) -> str:
    sources: list[str] = []
    scopes: list[str] = []
    publish: list[str] = []
    if size.jira_issues:
        # An address of Atlassian's shows which deployment it is; this one must say so, or each sync would ask.
        sources.append(f"  jira: {{type: jira, url: {addresses.jira}, deployment: cloud}}")
        scopes.append(f"      jira: {{projects: [{PROJECT}]}}")
        publish.append("  jira: {field: ML Status}")
    if size.github_issues or size.commits:
        sources.append(f"  github: {{type: github, url: {addresses.github}}}")
        scopes.append(f"      github: {{repositories: [{REPOSITORY}]}}")
        publish.append("  github: {prefix: ml/}")
    return "\n".join(
        [
            "sources:",
            *sources,
            "projects:",
            "  churn:",
            "    data: {labels: [data]}",
            "    scopes:",
            *scopes,
            "publish:",
            *publish,
            "",
        ]
    )
