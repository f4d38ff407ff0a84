"""One digest of what a project file means."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from config.project import ProjectFile, SourceBody


def canonical_hash(project_file: ProjectFile) -> str:
    """A SHA-256 hex digest: equal for files that mean the same, whatever their comments, spelling and order of keys.

    The order of projects has a meaning (the first owns what two hold) and counts. Where the file and its store are, how long
    history is kept, and when and how fast sources are read do not; secrets are never in it.
    """
    meaningless = {"path", "findings", "store", "retention", "projects", "sources"}
    said = project_file.model_dump(mode="python", by_alias=True, exclude=meaningless)
    pace = set(SourceBody.model_fields)
    said["sources"] = {
        name: one.model_dump(mode="python", by_alias=True, exclude=pace) for name, one in project_file.sources.items()
    }
    projects = [project.model_dump(mode="python", by_alias=True) for project in project_file.projects.values()]
    encoded = msgspec.json.encode({**said, "projects": projects}, order="deterministic", enc_hook=_as_text)
    return hashlib.sha256(encoded).hexdigest()


def _as_text(value: Any) -> str:
    """Types of a connector's own, such as URLs."""
    return str(value)
