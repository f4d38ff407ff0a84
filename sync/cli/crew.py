"""What the commands that work tell their workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sync.cli.errors import UsageProblem
from sync.cli.session import Session
from sync.work.liveness import NameTaken
from sync.work.pool import Crew


def crew(session: Session, jobs: int) -> Crew:
    """As the environment and the project file have it."""
    return Crew(
        name=session.settings.executor,
        concurrency=jobs,
        pulls={name: source.pull for name, source in session.file.sources.items()},
        keep=session.file.retention,
    )


@contextmanager
def told_of_names() -> Iterator[None]:
    """Two workers of one name are a mistake of whoever starts them."""
    try:
        yield
    except NameTaken as error:
        raise UsageProblem(str(error), "give this one another name in MILEPOST_EXECUTOR, or end the other one") from error
