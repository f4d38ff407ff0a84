"""A world under way: people do things, time passes, Milepost syncs, and after each sync everything is looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import func, select, update

from sync.outcome import ExitCode
from sync.results import RunResult
from sync.store import audit
from sync.store.schema import entity, rate_bucket, stream
from tests.engine.conftest import FIELD as FIELD_NAME
from tests.engine.conftest import PROPERTY as PROPERTY_NAME
from tests.engine.conftest import REPO, Office
from tests.worlds.clock import Clock
from tests.worlds.expected import FIELD, PROPERTY, UNKNOWN_AFTER, History, Place, Shown, expected
from tests.worlds.facts import PROJECT, Facts, read_facts
from tests.worlds.oracle import CLOCKS_DIFFER, LABELS, READY, TITLES, Oracle, Seen, observations
from tests.worlds.registry import Registry
from tests.worlds.weather import FAIR, Sky, Weather

START = datetime(2025, 3, 3, 9, tzinfo=UTC)
WATCH = "ML-1"
CONTESTED_AFTER = 2
SKIPPED_FOR = timedelta(hours=24)
"""What could not be written on is not tried again for a day."""


class World:
    """`told` is what happened so far, in words. `reached` counts what this world has shown."""

    def __init__(self, office: Office, clock: Clock) -> None:
        self.office = office
        self.jira = office.jira
        self.github = office.github
        self.clock = clock
        self.registry = Registry()
        self.sky = Sky(office.jira, office.github, self.registry, self._let_waits_pass)
        self.told: list[str] = []
        self.reached: Counter[str] = Counter()
        self.history = History()
        self.seen: set[Seen] = set()
        self.keys_read: dict[str, frozenset[str]] = {}
        self.by_hand: dict[Place, Shown] = {}
        self.taken_by_hand: dict[Place, Shown] = {}
        self.last_shown: Mapping[Place, Shown] = {}
        self.rewritten: dict[Place, list[datetime]] = {}
        self.astray_for = 0
        self.stamped_until = START
        self.late_since: datetime | None = None
        self.away_since: datetime | None = None
        self.tickets_before: list[Facts] = []
        self.skipped_until = START
        self.jira_projects: Sequence[str] = (PROJECT,)
        self.is_reordered = False
        self.changing = -1
        self.was_clean = False
        self.before_sync: Callable[[], None] = lambda: None
        self._set_up()

    def _set_up(self) -> None:
        office = self.office
        office.connection = self.registry.connection()
        office.scopes["shelf"] = {"prefix": ""}
        office.projects["churn"] |= {
            "watch": {"jira": WATCH},
            "release": {"alias": "champion"},
            "thresholds": {"val_auc": {"gte": 0.85}},
            "data": {"labels": ["data"], "components": ["Data"], "quality": "data_quality.*", "fresh_within": "30d"},
            "drift": {"metrics": {"drift.*": {"lte": 0.2}}},
        }
        office.top["statuses"] = []
        office.top["safety"] = {"max_deletes": 1.0}
        self.jira.add_project("OPS", "Operations")
        self.jira.add_issue("ML", "Watch: alerts")

    def add_twin(self) -> None:
        """A second project that is the same in all but its name."""
        self.office.projects["twin"] = self.office.projects["churn"]

    def tell(self, what: str) -> None:
        self.told.append(what)

    def facts(self) -> Facts:
        return read_facts(
            self.jira, self.github, REPO, self.registry.runs, self.registry.versions, self.keys_read, self.jira_projects
        )

    # -- what people see -------------------------------------------------------------------------------------------------------

    def shown(self) -> Mapping[Place, Shown]:
        """What every place holds that could be Milepost's."""
        found: dict[Place, Shown] = {}
        for issue in list(self.jira.issues.values()):
            document = self.jira.get(issue.key)
            held = next((value for name, value in document["fields"].items() if name == self._field_id), None)
            found[str(issue.id), FIELD] = held["value"] if held else None
            found[str(issue.id), PROPERTY] = _statuses(document.get("properties", {}).get(PROPERTY_NAME))
        for number, one in self.github.site.find(REPO).tracker.issues.items():
            for label in LABELS.values():
                found[f"#{number}", label] = label in one.labels
        return found

    def _everything_else(self) -> bytes:
        """All that is nobody's business of ours."""
        tickets = [
            msgspec.structs.replace(
                issue,
                updated=START,
                custom={name: value for name, value in issue.custom.items() if name != self._field_id},
                properties={name: value for name, value in issue.properties.items() if name != PROPERTY_NAME},
            )
            for issue in self.jira.issues.values()
        ]
        ours = set(LABELS.values())
        issues = [
            (number, one.title, one.body, one.state, sorted(set(one.labels) - ours), len(one.comments))
            for number, one in self.github.site.find(REPO).tracker.issues.items()
        ]
        return msgspec.json.encode([tickets, issues])

    @property
    def _field_id(self) -> str:
        return next(field.id for field in self.jira.fields.values() if field.name == FIELD_NAME)

    # -- syncing ---------------------------------------------------------------------------------------------------------------

    def _let_waits_pass(self) -> None:
        with self.office.database.write() as tx:
            tx.execute(update(rate_bucket).values(paused_until=None))

    def sync(self, weather: Weather = FAIR) -> None:
        """One sync in that weather, which has begun already, and all that must hold after it."""
        facts, before, else_before, requests = self.facts(), self.shown(), self._everything_else(), self.office.writes
        was_late = self._is_late()
        self.before_sync()
        result = self.office.sync(initial=True, force=True)
        # What the database takes for now, which is so unless its clock is astray.
        now = self.clock.of_database()
        self.tell(f"sync ({weather.name}): {result.exit_code.name.lower()}")
        self._note_keys()
        after = self.shown()
        news = {place: value for place, value in after.items() if before[place] != value}
        for (target, kind), value in sorted(news.items(), key=str):
            self.tell(f"    {target} {kind}: {before[target, kind]!r} -> {value!r}")
        assert self._everything_else() == else_before, "something that is not ours was changed"
        self._look_at_audit(result, news)
        if not news and not weather.hinders and not self.is_reordered:
            # Our labels are made in a repository before they are put on anything.
            assert self.office.writes - requests <= len(LABELS), "wrote without changing anything"
        if weather.hides:
            self.skipped_until = self.clock() + SKIPPED_FOR
        was_read = weather.loses is None and not weather.hinders and not weather.lags
        self.was_clean = was_read and not self.clock.astray and not self._is_late() and now >= self.skipped_until
        self._look_at_exit(result, weather, was_late=was_late)
        green = [place for place, value in news.items() if _is_green(value, place[1]) and not _is_green(before[place], place[1])]
        self._look_at_greens(facts, green, weather, now)
        self.seen |= observations(facts) if weather.loses != "shelf" else set()
        oracle = Oracle(facts, self.seen, now)
        if self.was_clean:
            self.history.read(oracle.truths(), now)
            self._look_at_everything(oracle, before, after, now)
            if result.exit_code is ExitCode.DONE and self._is_to_rest(news):
                self._sync_again(after)
            self.is_reordered = False
        else:
            self.history.guess(oracle.truths())
        self._look_at_what_nobody_knows(weather, after, now)
        self.last_shown = after
        self._count(before, after, weather)
        self._remember(facts, weather)
        self._let_clock_stray(now)

    def _note_keys(self) -> None:
        """Under which keys tickets are stored: by those they are found once they are moved."""
        with self.office.database.read() as tx:
            rows = tx.execute(
                select(entity.c.id, entity.c.key).where(entity.c.source == "jira", entity.c.kind == "work_item")
            ).all()
        for ident, key in rows:
            self.keys_read[ident] = self.keys_read.get(ident, frozenset()) | {key.upper()}

    def _is_to_rest(self, news: Mapping[Place, Shown]) -> bool:
        """Whether to look that a second sync writes nothing: of what changes something, every third one is looked at."""
        self.changing += bool(news)
        return self.is_reordered or (bool(news) and self.changing % 3 == 0)

    def _sync_again(self, shown: Mapping[Place, Shown]) -> None:
        requests = self.office.writes
        result = self.office.sync()
        assert result.exit_code is ExitCode.DONE
        assert self.office.writes == requests, "a second sync wrote something"
        assert self.shown() == shown

    def _remember(self, facts: Facts, weather: Weather) -> None:
        if self.was_clean:
            self.tickets_before.clear()
        self.tickets_before.append(facts)
        # What ceased to be known at a time that lies ahead did so when the clock is right again.
        if weather.loses is None or self.clock.astray:
            self.away_since = None
        elif self.away_since is None:
            self.away_since = self.clock()

    # -- the clock -------------------------------------------------------------------------------------------------------------

    def misset_clock(self, astray: timedelta, syncs: int) -> None:
        """The database's clock is wrong by `astray` during so many syncs."""
        self.clock.astray, self.astray_for = astray, syncs

    def set_clock_right(self) -> None:
        """All must be listed anew where something was read at a time that now lies ahead, whether or not anything shows late."""
        if self.clock.astray:
            self.tell("the database's clock is set right")
            if self.clock.astray > CLOCKS_DIFFER:
                self.shows_late()
            self.clock.astray = timedelta()

    def _let_clock_stray(self, now: datetime) -> None:
        self.stamped_until = max(self.stamped_until, now)
        self.astray_for -= 1
        if self.astray_for <= 0:
            self.set_clock_right()

    def shows_late(self) -> None:
        """What has happened just now shows only when all is listed anew, which no stamp of a clock that was ahead proves."""
        self.late_since = max(self.clock(), self.stamped_until)

    def _is_late(self) -> bool:
        """Whether only a full listing, which is made once a day, shows something that has happened."""
        if self.late_since is None:
            return False
        now = self.clock.of_database()
        if not self.clock.astray and self.late_since - now > CLOCKS_DIFFER:
            # Nothing is believed of what was read at a time that lies ahead: the next pull lists everything.
            self.late_since = now
        with self.office.database.read() as tx:
            # What was listed of a scope that the project file had before stays noted.
            newest = select(func.max(stream.c.complete_at)).where(stream.c.stream == "issues").group_by(stream.c.source)
            rows = tx.execute(newest).scalars().all()
        if all(row is not None and self.late_since < row < now for row in rows):
            self.late_since = None
        return self.late_since is not None

    # -- looking ---------------------------------------------------------------------------------------------------------------

    def _look_at_exit(self, result: RunResult, weather: Weather, *, was_late: bool) -> None:
        """What a listing cannot show yet, as a change by hand of a ticket that was moved away, is a conflict when it is written."""
        if weather.loses is not None:
            assert result.exit_code is ExitCode.PARTIAL, result.exit_code
        elif weather.hinders or was_late:
            assert result.exit_code in (ExitCode.DONE, ExitCode.PARTIAL), result.exit_code
        else:
            assert result.exit_code is ExitCode.DONE, _why(result)

    def _look_at_audit(self, result: RunResult, news: Mapping[Place, Shown]) -> None:
        """Everything that changed is in the audit, under this run."""
        with self.office.database.read() as tx:
            entries = [entry for entry in audit.read(tx) if entry.run_id == result.id]
        written = {_place_of(entry.slot) for entry in entries if entry.kind in ("write", "adopted")}
        begun = {_place_of(one.change.slot) for run in result.projects if run.applied for one in run.applied.results}
        assert set(news) <= written | begun, f"not in the audit: {set(news) - written}"

    def _look_at_greens(self, facts: Facts, green: Sequence[Place], weather: Weather, now: datetime) -> None:
        """No favourable status newly appears on facts that deny it, nor on facts that were not read."""
        if not green:
            return
        assert weather.loses is None, f"newly green though {weather.name}: {green}"
        moments = [facts, *(facts.with_tickets(earlier) for earlier in self.tickets_before)]
        for target, kind in green:
            assert any(_supports(Oracle(one, self.seen | observations(one), now), target) for one in moments), (
                f"newly green on {target} {kind}, which the facts deny"
            )

    def _look_at_everything(
        self, oracle: Oracle, before: Mapping[Place, Shown], after: Mapping[Place, Shown], now: datetime
    ) -> None:
        wrong: list[str] = []
        for place, allowed in expected(oracle, self.history, WATCH, before).items():
            value = after[place]
            if place not in self.by_hand:
                if value not in allowed:
                    wrong.append(f"{place} shows {value!r}, should be {' or '.join(map(repr, allowed))}")
                continue
            hand = self.by_hand[place]
            if value in allowed:
                if before[place] == hand != value:
                    self._note_rewrite(place, now)
                del self.by_hand[place]
            elif not self._is_in_scope(oracle.facts, place):
                continue
            elif value != hand:
                wrong.append(f"{place} shows {value!r}, neither {hand!r} as by hand nor {' or '.join(map(repr, allowed))}")
            elif self._claims_what_nobody_can(place, allowed) and not self._may_be_contested(place, now):
                wrong.append(f"{place} still shows {hand!r} by hand against {' or '.join(map(repr, allowed))}")
            else:
                self.reached["override"] += 1
        assert not wrong, "\n".join(wrong)

    def _look_at_what_nobody_knows(self, weather: Weather, after: Mapping[Place, Shown], now: datetime) -> None:
        """A day after the last time that everything was known, nothing favourable is left where it can be written."""
        if weather.loses is None or self.away_since is None or now - self.away_since < UNKNOWN_AFTER + timedelta(minutes=1):
            return
        facts = self.facts()
        for place, value in after.items():
            there = "github" if place[0].startswith("#") else "jira"
            is_ours = self._is_in_scope(facts, place) and place not in self.by_hand
            if there != weather.loses and is_ours and _is_green(value, place[1]):
                raise AssertionError(f"{place} is still green a day after it was last known")
        self.reached["a day without knowing"] += 1

    def changed_by_hand(self, place: Place, value: Shown) -> None:
        self.by_hand[place] = value
        self.taken_by_hand[place] = self.last_shown.get(place)

    def _claims_what_nobody_can(self, place: Place, allowed: frozenset[Shown]) -> bool:
        """Whether a person set what nobody can force by hand, or took it away."""
        if place[1] != FIELD:
            return place[1] in (PROPERTY, LABELS[READY])
        ready = TITLES[READY]
        return self.by_hand[place] == ready or (self.taken_by_hand[place] == ready and allowed == {ready})

    @staticmethod
    def _is_in_scope(facts: Facts, place: Place) -> bool:
        """What a person does elsewhere is no business of ours."""
        return place[0] not in facts.tickets or facts.tickets[place[0]].in_scope

    def _note_rewrite(self, place: Place, now: datetime) -> None:
        self.rewritten.setdefault(place, []).append(now)
        self.reached["rewritten"] += 1

    def _may_be_contested(self, place: Place, now: datetime) -> bool:
        return len(self.rewritten.get(place, ())) >= CONTESTED_AFTER

    def _count(self, before: Mapping[Place, Shown], after: Mapping[Place, Shown], weather: Weather) -> None:
        self.reached["sync"] += 1
        self.reached[weather.name] += 1
        for (target, kind), value in after.items():
            was_green = _is_green(before[target, kind], kind)
            if was_green != _is_green(value, kind):
                self.reached["withdrawn" if was_green else "turned green"] += 1
            if kind == FIELD and value is not None:
                self.reached[str(value)] += 1
            elif kind not in (FIELD, PROPERTY) and value:
                self.reached[kind] += 1


def _statuses(document: Any) -> Shown:
    if document is None:
        return None
    return frozenset((one["id"], one["state"]) for one in document.get("statuses", ()))


def _place_of(slot: Any) -> Place:
    target = slot.target
    ident = target.id if target.source == "jira" else f"#{target.id.partition('/')[2]}"
    return ident, slot.kind if slot.kind != "label" else slot.name


def _is_green(value: Shown, kind: str) -> bool:
    if isinstance(value, frozenset):
        return (READY, "on") in value
    return value == TITLES[READY] if kind == FIELD else kind == LABELS[READY] and value is True


def _supports(oracle: Oracle, target: str) -> bool:
    truths = oracle.truths()
    items = [ident for rule, ident in truths if rule == READY and target in oracle.targets(oracle.facts.items[ident])]
    return bool(items) and all(truths[READY, ident] is True for ident in items)


def _why(result: RunResult) -> str:
    failed = [finding.text for pulled in result.pulled.values() for finding in pulled.findings]
    results = [f"{one.change.slot} {one.state} {one.why}" for run in result.projects if run.applied for one in run.applied.results]
    return f"{result.exit_code.name}: {failed} {[one for one in results if ' done ' not in one]}"
