"""What the log of a process that is always on has of its pulls: what came of each, and what fails once, until that changes."""

from __future__ import annotations

import threading

import structlog

from sync.pull import Pulled

log = structlog.get_logger(__name__)

_WHOLE = "*"
"""A finding that is of no stream."""


class PullLog:
    """Tells of pulls. What was told of a stream is remembered as long as the process lives. May be called by any thread."""

    def __init__(self) -> None:
        self._troubles: dict[tuple[str, str], frozenset[str]] = {}
        self._lock = threading.Lock()

    def tell(self, pulled: Pulled, run: str, command: str, seconds: float) -> None:
        """One line for a pull: what it brought, or what it lacks. What it lacked before as well is no warning again, since a source
        that is away is asked again and again; that it lacks nothing any more is told."""
        source = pulled.source
        about = {"source": source, "run": run, "command": command}
        with self._lock:
            had_trouble = self._has_trouble(source)
            is_news = self._note(pulled)
            has_trouble = self._has_trouble(source)
        wrong = [one for one in pulled.findings if not one.notice]
        if wrong:
            tell = log.warning if is_news else log.debug
            why, fixes = dict.fromkeys(one.text for one in wrong), dict.fromkeys(one.fix for one in wrong if one.fix)
            tell("pull.incomplete", **about, why=list(why), fix=list(fixes))
            return
        if had_trouble and not has_trouble:
            log.info("pull.recovered", **about)
        log.info(
            "pull.done",
            **about,
            seconds=round(seconds, 3),
            records=sum(event.records for event in pulled.events),
            changed=sum(event.changed for event in pulled.events),
            requests=sum(event.requests for event in pulled.events),
        )

    def _has_trouble(self, source: str) -> bool:
        return any(name == source for name, _ in self._troubles)

    def _note(self, pulled: Pulled) -> bool:
        """Whether anything is otherwise than it was when these streams were last pulled."""
        now = _troubles(pulled)
        looked_at = {(pulled.source, stream) for stream in (_WHOLE, *(event.stream for event in pulled.events))}
        before = {key: self._troubles.pop(key) for key in looked_at if key in self._troubles}
        self._troubles |= now
        return before != now


def _troubles(pulled: Pulled) -> dict[tuple[str, str], frozenset[str]]:
    """By stream. That a source was given up is told by the streams that were not read because of it."""
    texts: dict[tuple[str, str], set[str]] = {}
    for event in pulled.events:
        if event.state == "failed":
            texts.setdefault((pulled.source, event.stream), set()).add(event.error or "")
    for one in pulled.findings:
        if one.safety or (one.stream == _WHOLE and pulled.away is None):
            texts.setdefault((pulled.source, one.stream), set()).add(one.text)
    return {key: frozenset(some) for key, some in texts.items()}
