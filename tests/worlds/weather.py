"""What goes wrong while Milepost works: faults of the sources and of the ways to them, one kind a sync."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from connectors.errors import Unavailable
from sandbox.faults import Effect, Fault, answers, asks_to_wait, loses_answer, resets, truncates
from sandbox.github import DEFAULT_TOKEN, GitHub
from sandbox.jira import JiraCloud
from tests.worlds.facts import PROJECT
from tests.worlds.registry import Registry


@dataclass(frozen=True)
class Sky:
    """Where a fault may strike. `let_waits_pass`: the time is over for which a source asked everybody to leave it alone."""

    jira: JiraCloud
    github: GitHub
    registry: Registry
    let_waits_pass: Callable[[], None]


@dataclass(frozen=True)
class Weather:
    """`loses`: what could not be read in this sync, `hinders`: a write may have failed, `lags`: what was read may be old, `hides`:
    what was to be written on was not to be seen. None of these: it is only a nuisance."""

    name: str
    begin: Callable[[Sky, int], None]
    end: Callable[[Sky], None]
    loses: str | None = None
    hinders: bool = False
    lags: bool = False
    hides: bool = False

    @contextmanager
    def over(self, sky: Sky, how: int) -> Iterator[None]:
        self.begin(sky, how)
        try:
            yield
        finally:
            self.end(sky)


FOREVER = 10_000
BUSY = {"Retry-After": "0"}


def _clear(sky: Sky) -> None:
    sky.jira.faults.clear()
    sky.github.faults.clear()
    sky.let_waits_pass()


def _hiccup(effect: Effect) -> Callable[[Sky, int], None]:
    """One request of each site, sooner or later, is answered badly."""

    def begin(sky: Sky, how: int) -> None:
        sky.jira.faults.append(Fault(effect, method="GET", after=how % 3))
        sky.jira.faults.append(Fault(effect, path="*/search/jql"))
        sky.github.faults.append(Fault(effect, method="GET", after=how % 9))

    return begin


def _jira_overloaded(sky: Sky, how: int) -> None:
    sky.jira.faults.append(Fault(asks_to_wait(3600, status=(429, 503)[how % 2]), times=FOREVER))


def _github_overloaded(sky: Sky, how: int) -> None:
    sky.github.faults.append(Fault(asks_to_wait(3600, status=(429, 503)[how % 2]), times=FOREVER))


def _part_of_github(sky: Sky, how: int) -> None:
    """One of the listings that are asked for in every pull."""
    path = ("*/pulls", "*/issues")[how % 2]
    sky.github.faults.append(Fault(asks_to_wait(3600, status=503), method="GET", path=path, times=FOREVER))


def _lock_out_of_jira(sky: Sky, how: int) -> None:
    sky.jira.faults.append(Fault(answers(401), times=FOREVER))


def _hide(sky: Sky, how: int) -> None:
    sky.jira.change_project(PROJECT, hidden=True)


def _unhide(sky: Sky) -> None:
    sky.jira.change_project(PROJECT, hidden=False)


def _revoke(sky: Sky, how: int) -> None:
    sky.github.revoke_token(DEFAULT_TOKEN)


def _grant(sky: Sky) -> None:
    sky.github.add_token(DEFAULT_TOKEN, role="write")


def _close_registry(sky: Sky, how: int) -> None:
    """From its first or a later page on, in both streams or only in the registry's."""

    def down(stream: str, page: int) -> None:
        if page >= how % 3 and (stream == "models" or how % 2):
            raise Unavailable("shelf", "fell over")

    sky.registry.before_page = down


def _open_registry(sky: Sky) -> None:
    sky.registry.before_page = lambda stream, page: None


def _refuse_writes(sky: Sky, how: int) -> None:
    for method in ("PUT", "DELETE"):
        sky.jira.faults.append(Fault(asks_to_wait(3600, status=503), method=method, times=FOREVER, after=how % 3))
    for method in ("POST", "DELETE"):
        sky.github.faults.append(Fault(asks_to_wait(3600, status=503), method=method, times=FOREVER, after=how % 3))


def _lose_writes(sky: Sky, how: int) -> None:
    for method in ("PUT", "DELETE"):
        sky.jira.faults.append(Fault(loses_answer(), method=method, after=how % 2))
    for method in ("POST", "DELETE"):
        sky.github.faults.append(Fault(loses_answer(), method=method, after=how % 2))


def _lag(sky: Sky, how: int) -> None:
    sky.jira.lag = 30.0 + 40 * (how % 3)


def _catch_up(sky: Sky) -> None:
    sky.jira.lag = 0.0


def _nothing(sky: Sky, how: int) -> None:
    return None


FAIR = Weather("fair", _nothing, _clear)

WEATHERS: Mapping[str, Weather] = {
    one.name: one
    for one in (
        FAIR,
        Weather("hiccups", _hiccup(answers(503, headers=BUSY)), _clear),
        Weather("resets", _hiccup(resets()), _clear),
        Weather("half answers", _hiccup(truncates()), _clear),
        Weather("Jira is overloaded", _jira_overloaded, _clear, loses="jira"),
        Weather("GitHub is overloaded", _github_overloaded, _clear, loses="github"),
        Weather("a part of GitHub is down", _part_of_github, _clear, loses="github"),
        Weather("Jira lets nobody in", _lock_out_of_jira, _clear, loses="jira"),
        Weather("the Jira project is hidden", _hide, _unhide, loses="jira", hides=True),
        Weather("GitHub's token is revoked", _revoke, _grant, loses="github"),
        Weather("the registry is down", _close_registry, _open_registry, loses="shelf"),
        Weather("writes are refused", _refuse_writes, _clear, hinders=True),
        Weather("answers to writes are lost", _lose_writes, _clear, hinders=True),
        Weather("search lags", _lag, _catch_up, lags=True),
    )
}
