"""What Milepost should say of a world, worked out a second time from its documented meaning alone.

Plain Python over plain facts. Nothing of `sync` or `mappings` is imported here: what is wrong there must not be wrong here as well.
All facts are taken as read completely; what is unknown here is unknown by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.worlds.facts import Facts, Pull, Run, Ticket, Version

Truth = bool | None
"""None: nobody can tell."""

READY, BLOCKED, DRIFT = "model-ready", "data-blocked", "drift-alert"
RULES = (DRIFT, BLOCKED, READY)
"""By falling rank."""

TITLES = {READY: "Model ready", BLOCKED: "Data blocked", DRIFT: "Drift alert"}
LABELS = {rule: f"ml/{rule}" for rule in RULES}

ALIAS = "champion"
LEAST_AUC = 0.85
MOST_DRIFT = 0.2
DATA_FRESH = timedelta(days=30)
DRIFT_WITHIN = timedelta(days=7)
CLOSED_WITHIN = timedelta(days=30)
CLOCKS_DIFFER = timedelta(minutes=5)
"""What is dated further ahead has not happened yet: the clock is behind."""

_KEY = re.compile(r"(?<![A-Za-z0-9])(ML|OPS)-([1-9][0-9]*)(?![A-Za-z0-9])", re.IGNORECASE)
_CLOSING = re.compile(r"\b(?:closes|fixes|resolves) ((?:ML|OPS)-[1-9][0-9]*|#[1-9][0-9]*)", re.IGNORECASE)


@dataclass(frozen=True)
class Seen:
    """One result of one monitor about one subject. It stays known when the run that made it is gone."""

    subject: str
    monitor: str
    outcome: Truth
    at: datetime


def observations(facts: Facts) -> frozenset[Seen]:
    """What the runs show of drift and of the data's quality."""
    found: set[Seen] = set()
    for run in facts.runs.values():
        at = run.ended_at or run.started_at
        for name, value in (run.metrics or {}).items():
            if name.startswith("drift.") and run.watches in facts.versions:
                found.add(Seen(str(run.watches), name, None if value is None else value <= MOST_DRIFT, at))
        for name, text in (run.checks or {}).items():
            for use in run.uses:
                found.add(Seen(use.id, name, {"passed": True, "failed": False}.get(text), at))
    return frozenset(found)


class Oracle:
    """The truths of one moment. `seen` are all observations that were ever read."""

    def __init__(self, facts: Facts, seen: Iterable[Seen], now: datetime) -> None:
        self.facts = facts
        self.now = now
        self._seen: dict[tuple[str, str], list[Seen]] = {}
        for one in sorted(seen, key=lambda one: one.at):
            if not self._is_ahead(one.at):
                self._seen.setdefault((one.subject, one.monitor), []).append(one)
        self._by_present_key = {item.key.upper(): item.id for item in facts.items.values()}
        self._by_key = {key: item.id for item in facts.items.values() for key in item.former_keys} | self._by_present_key
        self.tickets_of_pulls = {number: self._named_by_pull(pull) for number, pull in facts.pulls.items()}
        self._runs_of = self._runs_by_item()

    def truths(self) -> Mapping[tuple[str, str], Truth]:
        """By rule and item, where the rule applies."""
        found: dict[tuple[str, str], Truth] = {}
        for ident, item in self.facts.items.items():
            runs = self._runs_of.get(ident, set())
            versions = [one for one in self.facts.versions.values() if one.run in runs]
            self._add(found, BLOCKED, ident, self._blocked(item, [self.facts.runs[run] for run in sorted(runs)]))
            if versions:
                found[DRIFT, ident] = _any(self._drifts(one) for one in versions)
                blocked = found.get((BLOCKED, ident), False)
                ready = any(map(self._is_sound, versions)) and not any(map(self._is_withheld, versions))
                found[READY, ident] = _both(ready, None if blocked is None else not blocked)
        return found

    def targets(self, item: Ticket) -> Sequence[str]:
        """Where an item's statuses are shown; none if it was closed too long ago."""
        if not item.is_open and (item.closed_at is None or self.now - item.closed_at >= CLOSED_WITHIN):
            return ()
        pulls = [f"#{number}" for number, pull in self.facts.pulls.items() if pull.state == "open" and self._implements(pull, item)]
        return (item.id, *pulls)

    def watch(self, key: str) -> Sequence[str]:
        """The watch ticket, if the project's scopes hold it."""
        return [self._by_present_key[key]] if key in self._by_present_key else []

    # -- links -----------------------------------------------------------------------------------------------------------------

    def _implements(self, pull: Pull, item: Ticket) -> bool:
        return item.id in self.tickets_of_pulls[pull.number]

    def _named_by_pull(self, pull: Pull) -> frozenset[str]:
        """By branch, title or closing keyword. What a stranger says counts once somebody has merged it."""
        if pull.is_strangers and pull.state != "merged":
            return frozenset()
        closing = {f"example/churn{key}" if key.startswith("#") else key for key in _CLOSING.findall(pull.body)}
        return self._items({*_keys(pull.branch), *_keys(pull.title), *closing})

    def _named_by_commit(self, sha: str) -> frozenset[str]:
        commit = self.facts.commits.get(sha)
        return self._items(_keys(commit.subject)) if commit is not None else frozenset()

    def _items(self, keys: Iterable[str]) -> frozenset[str]:
        return frozenset(self._by_key[key.upper()] for key in keys if key.upper() in self._by_key)

    def _runs_by_item(self) -> Mapping[str, set[str]]:
        found: dict[str, set[str]] = {}
        for run in self.facts.runs.values():
            for item in self._items_of(run):
                found.setdefault(item, set()).add(run.id)
        return found

    def _items_of(self, run: Run) -> frozenset[str]:
        """What a person declared goes before what the commit shows."""
        declared = self._items({run.declared}) if run.declared else frozenset()
        found = set(declared)
        for items in self._items_by_commit(run):
            if not run.declared or not items or items & declared:
                found |= items
        return frozenset(found)

    def _items_by_commit(self, run: Run) -> Sequence[frozenset[str]]:
        if run.sha is None or run.sha not in self.facts.commits:
            return []
        pulls = self._pulls_of(run)
        found = [self.tickets_of_pulls[pull.number] for pull in pulls if _is_way_in(pull)]
        # What belongs only to a pull request that nobody took in was not brought in by its own word either.
        if self.facts.commits[run.sha].on_default or not pulls or found:
            found.append(self._named_by_commit(run.sha))
        return found

    def _pulls_of(self, run: Run) -> Sequence[Pull]:
        """Those that have the commit, or the one by which it came in. Another that has it as well, as when its branch kept a merge
        that was dropped, only contains the work: it came in first by the merge that still stands, else by the first of all."""
        pulls = [pull for pull in self.facts.pulls.values() if run.sha in pull.shas]
        merged = [(not pull.stands, pull.merged_at, pull.number) for pull in pulls if pull.merged_at]
        return [self.facts.pulls[min(merged)[-1]]] if merged else pulls

    # -- statuses --------------------------------------------------------------------------------------------------------------

    def _is_sound(self, version: Version) -> bool:
        run = self.facts.runs.get(version.run)
        if run is None or run.status != "finished":
            return False
        auc = (run.metrics or {}).get("val_auc")
        merged = any(pull.stands and _is_way_in(pull) for pull in self._pulls_of(run))
        return _is_released(version) and merged and auc is not None and auc >= LEAST_AUC

    def _is_withheld(self, version: Version) -> bool:
        """The latest version of its model waits for approval, or was refused it."""
        numbers = [int(one.id.rpartition("/")[2]) for one in self.facts.versions.values() if one.name == version.name]
        return version.approval in ("pending", "rejected") and int(version.id.rpartition("/")[2]) == max(numbers)

    def _blocked(self, item: Ticket, runs: Sequence[Run]) -> Truth | str:
        blockers = [self.facts.items.get(blocker) for blocker in item.blockers]
        data = {use.id: use.name for run in runs for use in run.uses if use.context == "training"}
        if not blockers and not data:
            return "not applicable"
        said: list[Truth] = [None if one is None else one.is_open and one.about_data for one in blockers]
        for ident, name in data.items():
            if self._is_in_use(ident, name):
                said += [_not(self._is_fresh(ident)), *(_not(self._passes(series)) for series in self._monitors(ident))]
        return _any(said)

    def _is_in_use(self, ident: str, name: str) -> bool:
        """Some experiment's newest run with data of this name used this state of it."""
        newest: dict[str, Run] = {}
        for run in sorted(self.facts.runs.values(), key=lambda run: (not self._is_ahead(run.started_at), run.started_at)):
            if any(use.name == name and use.context == "training" for use in run.uses):
                newest[run.experiment] = run
        return any(use.id == ident and use.context == "training" for run in newest.values() for use in run.uses)

    def _is_fresh(self, ident: str) -> Truth:
        runs = [run for run in self.facts.runs.values() if any(use.id == ident and use.context == "training" for use in run.uses)]
        named = [(use.as_of, run) for run in runs for use in run.uses if use.id == ident and use.as_of is not None]
        declared = [min(as_of, run.started_at) for as_of, run in named if as_of <= self.now]
        started = [run.started_at for run in runs if run.started_at <= self.now]
        if not declared and not started:
            return None
        return self.now - (max(declared) if declared else min(started)) < DATA_FRESH

    def _is_ahead(self, time: datetime) -> bool:
        return time - self.now > CLOCKS_DIFFER

    def _drifts(self, version: Version) -> Truth:
        """Only what serves, which here is what is released, can drift."""
        if not _is_released(version):
            return False
        return _any(self._alerts(series) for series in self._monitors(version.id))

    def _alerts(self, series: Sequence[Seen]) -> Truth:
        """One failing result opens, two passing ones in a row close; after seven days without a result nobody knows."""
        if self.now - series[-1].at >= DRIFT_WITHIN:
            return None
        alert, passing = False, 0
        for one in series:
            if one.outcome is False:
                alert, passing = True, 0
            elif one.outcome is True:
                passing += 1
                alert = alert and passing < 2
        return None if not alert and series[-1].outcome is None else alert

    def _monitors(self, subject: str) -> Sequence[Sequence[Seen]]:
        return [series for (about, _), series in sorted(self._seen.items()) if about == subject]

    @staticmethod
    def _passes(series: Sequence[Seen]) -> Truth:
        """The newest result that can be read; one that cannot be read after a passing one leaves it open."""
        readable = [one.outcome for one in series if one.outcome is not None]
        if readable and readable[-1] is False:
            return False
        return series[-1].outcome

    @staticmethod
    def _add(found: dict[tuple[str, str], Truth], rule: str, ident: str, truth: Truth | str) -> None:
        if not isinstance(truth, str):
            found[rule, ident] = truth


def _is_released(version: Version) -> bool:
    return version.approval != "rejected" and (ALIAS in version.aliases or version.approval == "approved")


def _is_way_in(pull: Pull) -> bool:
    return pull.state == "merged" or (pull.state == "open" and not pull.is_strangers)


def _keys(text: str) -> frozenset[str]:
    return frozenset(f"{prefix.upper()}-{number}" for prefix, number in _KEY.findall(text))


def _any(truths: Iterable[Truth]) -> Truth:
    said = list(truths)
    return True if True in said else None if None in said else False


def _both(one: Truth, other: Truth) -> Truth:
    return False if one is False or other is False else None if one is None or other is None else True


def _not(truth: Truth) -> Truth:
    return None if truth is None else not truth
