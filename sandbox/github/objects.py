"""Ids as GitHub makes them: git object names that depend on the content alone, and opaque node ids."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime


def object_name(kind: str, content: bytes) -> str:
    """The 40 hex digits that git gives this object."""
    # SHA-1 is what git names objects with; nothing is secured by it here.
    return hashlib.sha1(kind.encode() + b" %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def tree_name(before: str, message: str, files: Sequence[str]) -> str:
    """A name for the tree after a change: the stand-in keeps no file contents, so the change itself stands for them."""
    return object_name("tree", "\0".join([before, message, *files]).encode())


def commit_name(
    tree: str, parents: Sequence[str], name: str, email: str, authored_at: datetime, committed_at: datetime, message: str
) -> str:
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines.append(f"author {name} <{email}> {int(authored_at.timestamp())} +0000")
    lines.append(f"committer {name} <{email}> {int(committed_at.timestamp())} +0000")
    return object_name("commit", "\n".join([*lines, "", message]).encode("utf-8", "surrogatepass"))


def node_id(kind: str, ident: int | str) -> str:
    return f"{kind}_{base64.urlsafe_b64encode(f'{kind}:{ident}'.encode()).decode().rstrip('=')}"
