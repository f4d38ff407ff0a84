"""What people, trainings and monitors do in a world. Each doing is named by two small numbers: which thing, and how.

A doing that has nothing to work on does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from sandbox.github.model import Issue as GithubIssue
from sandbox.github.model import MergeMethod
from tests.engine.conftest import FIELD as FIELD_NAME
from tests.engine.conftest import PROPERTY as PROPERTY_NAME
from tests.engine.conftest import REPO
from tests.worlds.expected import FIELD, PROPERTY
from tests.worlds.facts import DATA_COMPONENT, DATA_LABEL, Run, Use, Version
from tests.worlds.oracle import ALIAS, LABELS, TITLES
from tests.worlds.world import SKIPPED_FOR, World

T = TypeVar("T")
METHODS: Sequence[MergeMethod] = ("merge", "squash", "rebase")
FORK = "stranger/churn"
STEPS = [timedelta(hours=hours) for hours in (2, 20, 30, 80, 200, 1000)]
"""By how much a clock is wrong: less and more than each of the times after which something is due or given up."""


class People:
    """Everybody in one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.jira = world.jira
        self.github = world.github
        self.registry = world.registry
        self._count = 0

    def do(self, what: str, which: int, how: int) -> None:
        """One doing, a minute after the one before."""
        self.world.clock.advance(timedelta(minutes=1))
        told = DOINGS[what](self, which, how)
        if told:
            self.world.tell(f"{told}    ({what!r}, {which}, {how})")
            self.world.reached[what] += 1

    # -- choosing --------------------------------------------------------------------------------------------------------------

    def _number(self) -> int:
        self._count += 1
        return self._count

    def _ticket(self, which: int, *, watch: bool = False) -> str | None:
        """Any ticket but the watch ticket, which is the first."""
        return _pick([issue.key for issue in self.jira.issues.values()][0 if watch else 1 :], which)

    def _issues(self, *, pulls: bool) -> Sequence[GithubIssue]:
        return [one for one in self.github.site.find(REPO).tracker.issues.values() if bool(one.pull) is pulls]

    def _pull(self, which: int, state: str = "open") -> GithubIssue | None:
        return _pick([one for one in self._issues(pulls=True) if one.state == state], which)

    def _shas(self, one: GithubIssue, how: int) -> str:
        """A commit that a training may start from: the head, an earlier one, or how it was merged."""
        assert one.pull is not None
        shas = [one.pull.head_sha, *one.pull.commits[:1], *([one.pull.merge_sha] if one.pull.merge_sha else [])]
        return shas[how % len(shas)]

    # -- work ------------------------------------------------------------------------------------------------------------------

    def begin(self, which: int, how: int) -> str:
        ticket = self.jira.add_issue("ML", "A ticket", labels=[DATA_LABEL] if how % 5 == 4 else [])
        return f"{ticket} is written{' about data' if how % 5 == 4 else ''}"

    def propose(self, which: int, how: int) -> str | None:
        """A branch with one or two commits, and its pull request, which names the ticket in one way or another."""
        ticket = self._ticket(which)
        if ticket is None:
            return None
        number = self._number()
        branch = f"feature/{ticket.lower()}-{number}" if how % 4 == 0 else f"work-{number}"
        title = f"{ticket} Train" if how % 4 in (1, 3) else "Train"
        body = f"Closes {ticket}" if how % 4 == 2 else "A plain text"
        # Whether a commit's own message counts depends on whether it was ever read by itself: nothing here rests on it.
        message = f"Train it {number}"
        for commit in range(1 + how % 2):
            self.github.commit(REPO, f"{message}.{commit}", branch=branch)
        opened = self.github.open_pull(REPO, title, branch, body=body, draft=how % 7 == 6)
        return f"#{opened} is opened for {ticket} from {branch}: {title!r}, {body!r}, commits {message!r}"

    def propose_as_stranger(self, which: int, how: int) -> str | None:
        ticket = self._ticket(which)
        if ticket is None:
            return None
        if FORK not in self.github.site.names:
            self.github.add_fork(REPO, FORK)
        branch = f"{ticket.lower()}-{self._number()}"
        for commit in range(1 + how % 2):
            self.github.commit(FORK, f"{ticket} Mine {branch}.{commit}", branch=branch)
        opened = self.github.open_pull(REPO, f"{ticket} Mine", branch, fork=FORK)
        return f"#{opened} is opened for {ticket} by a stranger"

    def finish_issue_by_pull(self, which: int, how: int) -> str | None:
        """A GitHub issue with a pull request that fixes it."""
        issue = self.github.add_issue(REPO, "An issue", labels=[DATA_LABEL] if how % 5 == 4 else [])
        branch = f"fix-{self._number()}"
        self.github.commit(REPO, f"Fix {branch}", branch=branch)
        opened = self.github.open_pull(REPO, "Fix", branch, body=f"Fixes #{issue}")
        return f"#{opened} is opened for issue #{issue}"

    def push(self, which: int, how: int) -> str | None:
        one = self._pull(which)
        if one is None or one.pull is None or one.pull.head_repository != self._repository:
            return None
        self.github.commit(REPO, f"More {self._number()}", branch=one.pull.branch)
        return f"a commit is pushed to #{one.number}"

    def rewrite(self, which: int, how: int) -> str | None:
        """The last commit of a branch is made anew and forced."""
        one = self._pull(which)
        if one is None or one.pull is None or one.pull.head_repository != self._repository:
            return None
        repository = self.github.site.find(REPO)
        kept = repository.code.commits[one.pull.head_sha].parents[0]
        self.github.force_push(REPO, one.pull.branch, [kept])
        self.github.commit(REPO, f"Rewritten {self._number()}", branch=one.pull.branch)
        return f"#{one.number} is rewritten by force"

    def push_to_main(self, which: int, how: int) -> str:
        ticket = self._ticket(which) if how % 2 else None
        sha = self.github.commit(REPO, f"{ticket or 'Small'} fix {self._number()}")
        return f"{sha[:7]} is pushed to main{f' for {ticket}' if ticket else ''}"

    def merge(self, which: int, how: int) -> str | None:
        one = self._pull(which)
        if one is None:
            return None
        method = METHODS[how % 3]
        self.github.merge(REPO, one.number, method)
        return f"#{one.number} is merged ({method})"

    def close_pull(self, which: int, how: int) -> str | None:
        one = self._pull(which)
        if one is None:
            return None
        self.github.close_pull(REPO, one.number)
        return f"#{one.number} is closed"

    def reopen_pull(self, which: int, how: int) -> str | None:
        closed = [one for one in self._issues(pulls=True) if one.closed_at and one.pull and not one.pull.merged_at]
        one = _pick(closed, which)
        if one is None:
            return None
        self.github.reopen_pull(REPO, one.number)
        return f"#{one.number} is reopened"

    def drop_merge(self, which: int, how: int) -> str | None:
        """The last commit of main is taken off by force; its first parent is main from then on."""
        repository = self.github.site.find(REPO)
        head = repository.code.commits[str(repository.head)]
        if not head.parents:
            return None
        self.github.force_push(REPO, "main", [head.parents[0]])
        return f"{head.sha[:7]} ({head.message.splitlines()[0]!r}) is taken off main by force"

    # -- tickets ---------------------------------------------------------------------------------------------------------------

    def label_data(self, which: int, how: int) -> str | None:
        ticket = self._ticket(which)
        if ticket is None:
            return None
        if how % 3 == 2:
            self.jira.edit(ticket, components=[DATA_COMPONENT] if how % 2 else [])
            return f"{ticket} is {'about data by component' if how % 2 else 'without component'}"
        self.jira.edit(ticket, labels=[DATA_LABEL, "other"] if how % 3 else [])
        return f"{ticket} is {'labelled data' if how % 3 else 'without labels'}"

    def block(self, which: int, how: int) -> str | None:
        """The ticket gets a blocker; often a data ticket, sometimes one of another project."""
        ticket, other = self._ticket(which), self._ticket(which + 1 + how)
        if ticket is None or other is None or ticket == other:
            return None
        if how % 3 == 0:
            other = self.jira.add_issue("ML", "Repair the feed", labels=[DATA_LABEL])
        elif how % 7 == 1:
            other = self.jira.add_issue("OPS", "Elsewhere")
        self.jira.link(other, "Blocks", ticket)
        return f"{other} blocks {ticket}"

    def unblock(self, which: int, how: int) -> str | None:
        links = {link.id: link for issue in self.jira.issues.values() for link in issue.links}
        ident = _pick(sorted(links), which)
        if ident is None:
            return None
        self.jira.unlink(ident)
        return f"{links[ident].source} blocks {links[ident].target} no longer"

    def transition(self, which: int, how: int) -> str | None:
        ticket = self._ticket(which)
        if ticket is None:
            return None
        status = ("Done", "In Progress", "Done", "To Do")[how % 4]
        self.jira.transition(ticket, status)
        return f"{ticket} is {status}"

    def move(self, which: int, how: int) -> str | None:
        ticket = self._ticket(which)
        if ticket is None:
            return None
        moved = self.jira.move(ticket, "OPS" if how % 2 and ticket.startswith("ML") else "ML")
        self.world.shows_late()
        return f"{ticket} is moved to {moved}"

    def delete(self, which: int, how: int) -> str | None:
        ticket = self._ticket(which)
        if ticket is None or how % 2:
            return None
        self.jira.delete(ticket)
        self.world.shows_late()
        return f"{ticket} is deleted"

    def hide(self, which: int, how: int) -> str | None:
        """A security level takes a ticket out of sight, or the one that is out of sight comes back."""
        if self.jira.withheld:
            revealed = _pick(sorted(self.jira.withheld), which)
            self.jira.reveal(str(revealed))
            self.world.skipped_until = self.world.clock() + SKIPPED_FOR
        ticket = self._ticket(which) if not self.jira.withheld and how % 2 else None
        if ticket is not None:
            self.jira.hide(ticket)
        self.world.shows_late()
        return f"{ticket} is out of sight" if ticket else "nothing is out of sight"

    def delete_issue(self, which: int, how: int) -> str | None:
        one = _pick(self._issues(pulls=False), which)
        if one is None:
            return None
        self.github.delete_issue(REPO, one.number)
        self.world.shows_late()
        return f"issue #{one.number} is deleted"

    def close_issue(self, which: int, how: int) -> str | None:
        one = _pick(self._issues(pulls=False), which)
        if one is None:
            return None
        if one.closed_at:
            self.github.reopen_issue(REPO, one.number)
        else:
            self.github.close_issue(REPO, one.number)
        return f"issue #{one.number} is {one.state}"

    # -- models ----------------------------------------------------------------------------------------------------------------

    def train(self, which: int, how: int) -> str | None:
        """A run at a commit of some pull request; most finish with good metrics."""
        pulls = self._issues(pulls=True)
        one = _pick(pulls, which)
        number = self._number()
        if one is None:
            return None
        sha = self._shas(one, how // 2)
        if how % 12 == 11:
            sha = f"{number:040x}"
        metrics = {} if how % 13 == 12 else {"val_auc": 0.7 if how % 6 == 5 else 0.9}
        running = how % 9 == 8
        self._train(f"run-{number}", sha, metrics, running=running, ticket=self._ticket(which) if how % 11 == 10 else None)
        return f"run-{number} at {sha[:7]} of #{one.number}: {metrics}{', still running' if running else ''}"

    def _train(self, name: str, sha: str, metrics: Mapping[str, float], *, running: bool, ticket: str | None) -> None:
        now = self.world.clock()
        started = now - timedelta(seconds=20)
        number = int(name.partition("-")[2])
        data: tuple[Use, ...] = ()
        if number % 3:
            as_of = started - timedelta(days=(1, 5, 40, 28)[number % 4]) if number % 2 else None
            data = (Use("customers", f"d{number // 2}", "training", as_of),)
        self.registry.runs[name] = Run(
            id=name,
            experiment=f"training-{number % 2}",
            status="running" if running else "finished",
            started_at=started,
            ended_at=None if running else now,
            sha=sha,
            declared=ticket,
            metrics=metrics,
            uses=data,
        )

    def end_run(self, which: int, how: int) -> str | None:
        run = _pick([run for run in self.registry.runs.values() if run.status == "running"], which)
        if run is None:
            return None
        status = ("finished", "failed", "killed")[how % 3]
        self.registry.runs[run.id] = replace(run, status=status, ended_at=self.world.clock())
        return f"{run.id} has {status}"

    def delete_run(self, which: int, how: int) -> str | None:
        run = _pick([run for run in self.registry.runs.values() if run.sha], which)
        if run is None or how % 3:
            return None
        del self.registry.runs[run.id]
        return f"{run.id} is deleted"

    def register(self, which: int, how: int) -> str | None:
        """A version of the newest runs, which is often released at once."""
        runs = [run for run in self.registry.runs.values() if run.sha][-4:]
        run = _pick(runs, which)
        if run is None:
            return None
        name = ("classifier", f"model-{self._number()}")[how % 2]
        count = sum(1 for version in self.registry.versions.values() if version.name == name)
        version = Version(f"{name}/{count + 1}", run.id, self.world.clock())
        self.registry.versions[version.id] = version
        if how % 3:
            self._release(version)
        return f"{version.id} is registered from {run.id}{' and released' if how % 3 else ''}"

    def release(self, which: int, how: int) -> str | None:
        version = _pick(list(self.registry.versions.values()), which)
        if version is None:
            return None
        self._release(version)
        return f"{version.id} is released"

    def _release(self, chosen: Version) -> None:
        """An alias belongs to one version of a model at a time."""
        for version in list(self.registry.versions.values()):
            if version.name == chosen.name:
                aliases = version.aliases | {ALIAS} if version.id == chosen.id else version.aliases - {ALIAS}
                self.registry.versions[version.id] = replace(version, aliases=aliases)

    def withdraw(self, which: int, how: int) -> str | None:
        version = _pick([one for one in self.registry.versions.values() if one.aliases], which)
        if version is None:
            return None
        self.registry.versions[version.id] = replace(version, aliases=frozenset())
        return f"{version.id} is released no longer"

    def approve(self, which: int, how: int) -> str | None:
        version = _pick(list(self.registry.versions.values()), which)
        if version is None:
            return None
        approval = ("approved", "rejected", "pending", None)[how % 4]
        self.registry.versions[version.id] = replace(version, approval=approval)
        return f"{version.id} is {approval or 'without approval'}"

    def watch(self, which: int, how: int) -> str | None:
        """A monitoring run about a version, mostly one that serves."""
        version = _pick(sorted(self.registry.versions.values(), key=lambda one: (not one.aliases, one.id)), which % 3)
        if version is None:
            return None
        value = (0.5, 0.1, 0.1, 0.3, 0.05, None)[how % 6]
        name = f"run-{self._number()}"
        now = self.world.clock()
        self.registry.runs[name] = Run(
            id=name,
            experiment="monitoring",
            status="finished",
            started_at=now - timedelta(seconds=10),
            ended_at=now,
            metrics={("drift.psi", "drift.ks")[how % 7 == 6]: value},
            watches=version.id,
        )
        return f"drift of {version.id} is {value}"

    def check_data(self, which: int, how: int) -> str | None:
        """A check of data that some training used."""
        uses = sorted({use.id: use for run in self.registry.runs.values() for use in run.uses}.items(), reverse=True)
        chosen = _pick(uses[:3], which)
        if chosen is None:
            return None
        word = ("failed", "passed", "passed", "perhaps")[how % 4]
        now = self.world.clock()
        name = f"run-{self._number()}"
        self.registry.runs[name] = Run(
            id=name,
            experiment="checks",
            status="finished",
            started_at=now - timedelta(seconds=10),
            ended_at=now,
            checks={"data_quality.complete": word},
            uses=(replace(chosen[1], context="validation", as_of=None),),
        )
        return f"the data {chosen[0]} {word} its check"

    # -- the database ----------------------------------------------------------------------------------------------------------

    def step_clock(self, which: int, how: int) -> str:
        """The database's clock jumps ahead or falls behind, for one sync or two."""
        span, syncs = STEPS[which % len(STEPS)], 1 + how // 2 % 2
        self.world.misset_clock(-span if how % 2 else span, syncs)
        return f"the database's clock is {span} {'behind' if how % 2 else 'ahead'} for {syncs} syncs"

    # -- the project file ------------------------------------------------------------------------------------------------------

    def change_scope(self, which: int, how: int) -> str:
        """The other Jira project is read as well, or is so no longer."""
        self.world.jira_projects = ("ML", "OPS") if self.world.jira_projects == ("ML",) else ("ML",)
        self.world.office.scopes["jira"] = {"projects": list(self.world.jira_projects)}
        return f"the project file names {' and '.join(self.world.jira_projects)}"

    def reorder(self, which: int, how: int) -> str:
        """A second project with the same scopes and settings owns the slots from now on, or the first again: it shows the same."""
        office = self.world.office
        office.projects = dict(reversed(office.projects.items()))
        self.world.is_reordered = True
        return f"the project file begins with {next(iter(office.projects))}"

    # -- by hand ---------------------------------------------------------------------------------------------------------------

    def set_field(self, which: int, how: int) -> str | None:
        ticket = self._ticket(which, watch=True)
        if ticket is None:
            return None
        value = (None, *TITLES.values(), "Unknown")[how % 5]
        self.jira.edit(ticket, fields={FIELD_NAME: value})
        self._noted(ticket, FIELD, value)
        return f"{ticket} is set to {value!r} by hand"

    def set_property(self, which: int, how: int) -> str | None:
        ticket = self._ticket(which, watch=True)
        if ticket is None:
            return None
        if how % 2:
            self.jira.set_property(ticket, PROPERTY_NAME, {"version": 1, "project": "churn", "statuses": []})
        else:
            self.jira.drop_property(ticket, PROPERTY_NAME)
        self.jira.edit(ticket, summary="Touched, for a property is no update")
        self._noted(ticket, PROPERTY, frozenset() if how % 2 else None)
        return f"the property of {ticket} is {'overwritten' if how % 2 else 'removed'} by hand"

    def put_label(self, which: int, how: int) -> str | None:
        """Or take it off, or one that only looks like ours."""
        one = _pick([*self._issues(pulls=True), *self._issues(pulls=False)], which)
        if one is None:
            return None
        name = (*LABELS.values(), "ml/other", "data")[how % 5]
        there = name in one.labels
        if there:
            self.github.remove_label(REPO, one.number, name)
        else:
            self.github.add_label(REPO, one.number, name)
        if name in LABELS.values():
            self.world.changed_by_hand((f"#{one.number}", name), not there)
        return f"{name} is {'taken off' if there else 'put on'} #{one.number} by hand"

    def _noted(self, ticket: str, place: str, value: str | frozenset[tuple[str, str]] | None) -> None:
        found = self.jira.issue(ticket)
        assert found is not None
        self.world.changed_by_hand((str(found.id), place), value)

    @property
    def _repository(self) -> int:
        return self.github.site.find(REPO).id


def _pick(things: Sequence[T], which: int) -> T | None:
    return things[which % len(things)] if things else None


Doing = Callable[[People, int, int], str | None]

WEIGHTS: Mapping[Doing, int] = {
    People.begin: 2,
    People.propose: 5,
    People.propose_as_stranger: 1,
    People.finish_issue_by_pull: 1,
    People.push: 2,
    People.rewrite: 1,
    People.push_to_main: 1,
    People.merge: 5,
    People.close_pull: 1,
    People.reopen_pull: 1,
    People.drop_merge: 1,
    People.label_data: 2,
    People.block: 2,
    People.unblock: 1,
    People.transition: 3,
    People.move: 1,
    People.delete: 1,
    People.delete_issue: 1,
    People.close_issue: 1,
    People.train: 6,
    People.end_run: 1,
    People.delete_run: 1,
    People.register: 5,
    People.release: 2,
    People.withdraw: 1,
    People.approve: 1,
    People.watch: 5,
    People.check_data: 2,
    People.set_field: 2,
    People.set_property: 1,
    People.put_label: 2,
}
RARE: Mapping[str, Doing] = {
    doing.__name__: doing for doing in (People.hide, People.change_scope, People.reorder, People.step_clock)
}
"""What is done only in worlds of its own."""

DOINGS: Mapping[str, Doing] = {doing.__name__: doing for doing in WEIGHTS} | dict(RARE)
