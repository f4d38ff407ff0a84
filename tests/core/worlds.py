"""Small worlds for the tests of the pure core: entities by short names, streams that are complete and fresh until a test says
otherwise, and a desk that remembers what was applied as the store does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from ruamel.yaml import YAML

import mappings
from mappings.change import Memory, Owned, Plan, Slot, Value
from mappings.conditions import Bound
from mappings.model import (
    ChangeRequest,
    Commit,
    Dataset,
    DatasetUse,
    Deployment,
    Entity,
    Field,
    Link,
    Milestone,
    ModelVersion,
    Observation,
    Project,
    Ref,
    Run,
    TrafficShare,
    WorkItem,
)
from mappings.rules import StatusRule
from sync.compare import Held, Pushed
from sync.derive import Derived, Episode, Standing, derive
from sync.freshness import Freshness, StreamFacts
from sync.graph import Graph
from sync.link import Linked, build_graph, link
from sync.observe import observe
from sync.plan import make_plan
from sync.project import ProjectView, Taken
from sync.remembered import Place, Remembered
from sync.targets import container_of
from sync.view import View

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
PROVIDES: Mapping[tuple[str, str], frozenset[str]] = {
    ("jira", "fields"): frozenset({"field"}),
    ("jira", "issues"): frozenset({"work_item", "milestone"}),
    ("github", "issues"): frozenset({"work_item"}),
    ("github", "change_requests"): frozenset({"change_request"}),
    ("github", "commits"): frozenset({"commit"}),
    ("mlflow", "runs"): frozenset({"run", "dataset", "observation"}),
    ("mlflow", "models"): frozenset({"model_version", "run", "dataset"}),
    ("aws", "endpoints"): frozenset({"deployment"}),
    ("aws", "monitors"): frozenset({"observation"}),
}


@cache
def shipped() -> Sequence[StatusRule]:
    """The statuses that Milepost ships, read once: they are frozen."""
    text = (Path(mappings.__file__).parent / "statuses.yaml").read_text(encoding="utf-8")
    return tuple(StatusRule.model_validate(one) for one in YAML(typ="safe").load(text))


def rule(**facts: Any) -> StatusRule:
    """A rule with what a test does not care for filled in."""
    given: dict[str, Any] = {"id": "a-rule", "kind": "alarm", "rank": 10, "says": "{reason}", "for": "work_item"} | facts
    return StatusRule.model_validate({"title": given["id"].replace("-", " ").capitalize(), "label": given["id"]} | given)


def sha(seed: int | str) -> str:
    """A full commit sha; different seeds share no prefix of seven."""
    text = format(seed, "x") if isinstance(seed, int) else seed
    return (text.rjust(7, "0") + "c0ffee" * 6)[:40]


class World:
    """What is known of one project. Every builder adds an entity and returns it."""

    def __init__(self, *, aws: bool = False) -> None:
        self.entities: dict[Ref, Entity] = {}
        self.streams = {
            key: StreamFacts(source=key[0], stream=key[1], provides=kinds, complete=True, pulled_at=NOW - timedelta(hours=1))
            for key, kinds in PROVIDES.items()
            if aws or key[0] != "aws"
        }
        self.project = ProjectView(
            key="churn",
            name="Churn prediction",
            timezone="Europe/Berlin",
            release_alias="champion",
            thresholds={"val_auc": Bound(gte=0.85)},
            data_labels=("data",),
            data_components=("Data",),
            quality={"data_quality.*": None},
            data_fresh_within=30 * DAY,
            drift={"drift.*": Bound(lte=0.2)},
            watch={"jira": "ML-1"},
            owned={
                "jira": Owned(field="ML Status", options=(*(one.title for one in shipped()), "Unknown"), property="milepost"),
                "github": Owned(labels={f"ml/{one.label}": ("d1242f", one.title) for one in shipped()}),
            },
            label_rules={"github": {f"ml/{one.label}": one.id for one in shipped()}},
            sources=("jira", "github", "mlflow", *(("aws",) if aws else ())),
        )
        self.missing: set[Ref] = set()
        self.known_missing: frozenset[str] = frozenset()
        self.now = NOW

    def add(self, entity: Any) -> Any:
        self.entities[entity.ref] = entity
        return entity

    def change_of(self, entity: Entity, **facts: Any) -> Any:
        """The entity as it is now, with some facts changed."""
        return self.add(msgspec.structs.replace(self.entities[entity.ref], **facts))

    def drop(self, entity: Entity) -> None:
        del self.entities[entity.ref]

    def set_project(self, **facts: Any) -> None:
        self.project = msgspec.structs.replace(self.project, **facts)

    def set_stream(self, source: str, stream: str, **facts: Any) -> None:
        self.streams[(source, stream)] = msgspec.structs.replace(self.streams[(source, stream)], **facts)

    def pass_time(self, by: timedelta, *, pulled: bool = True) -> None:
        """The clock goes on; with `pulled`, every stream was read in the meantime."""
        self.now += by
        for key in self.streams if pulled else ():
            self.set_stream(*key, pulled_at=self.now)

    # Entities

    def item(self, key: str = "ML-42", *, source: str = "jira", **facts: Any) -> WorkItem:
        container = key.partition("#")[0] if "#" in key else key.partition("-")[0]
        given = {"title": f"Work on {key}", "status_category": "in_progress", "container": container} | facts
        item: WorkItem = self.add(WorkItem(ref=Ref(source, "work_item", f"id-of-{key}"), key=key, **given))
        return item

    def change(self, number: int = 7, *, repository: str = "example/churn", source: str = "github", **facts: Any) -> ChangeRequest:
        given: dict[str, Any] = {
            "base": "main",
            "default_branch": "main",
            "title": f"Change {number}",
            "branch": f"topic-{number}",
            "head_sha": sha(f"aaaa{number:03}"),
        }
        change: ChangeRequest = self.add(
            ChangeRequest(
                ref=Ref(source, "change_request", f"{repository}/{number}"), number=number, repository=repository, **(given | facts)
            )
        )
        return change

    def merged(self, number: int = 7, *, at: datetime = NOW - 5 * DAY, **facts: Any) -> ChangeRequest:
        """With its merge commit on the default branch."""
        given: dict[str, Any] = {"state": "merged", "merged_at": at, "merge_sha": sha(f"bbbb{number:03}")}
        change = self.change(number, **(given | facts))
        if change.merge_sha is not None:
            self.commit(change.merge_sha, repository=change.repository, on_default_branch=True)
        return change

    def commit(self, digest: str, message: str = "", *, repository: str = "example/churn", **facts: Any) -> Commit:
        ref = Ref("github", "commit", f"{repository}/{digest}")
        given = {"on_branch": True} | facts
        commit: Commit = self.add(Commit(ref=ref, sha=digest, repository=repository, message=message, **given))
        return commit

    def run(self, name: str = "r1", **facts: Any) -> Run:
        given: dict[str, Any] = {
            "experiment": "churn",
            "status": "finished",
            "metrics": {"val_auc": 0.91},
            "started_at": NOW - 4 * DAY,
            "ended_at": NOW - 4 * DAY + timedelta(hours=1),
        }
        run: Run = self.add(Run(ref=Ref("mlflow", "run", name), run_id=name, **(given | facts)))
        return run

    def dataset(self, name: str = "customers", digest: str = "d1") -> Dataset:
        dataset: Dataset = self.add(Dataset(ref=Ref("mlflow", "dataset", f"{name}@{digest}"), name=name, digest=digest))
        return dataset

    def version(self, number: int = 3, *, run: Run | None = None, name: str = "churn-classifier", **facts: Any) -> ModelVersion:
        given = {"aliases": ("champion",), "run": run.ref if run is not None else None} | facts
        ref = Ref("mlflow", "model_version", f"{name}/{number}")
        version: ModelVersion = self.add(ModelVersion(ref=ref, name=name, version=str(number), **given))
        return version

    def deployment(self, *models: ModelVersion, endpoint: str = "churn-prod", **facts: Any) -> Deployment:
        shares = tuple(TrafficShare(model=one.ref, name=one.name, share=1 / len(models)) for one in models)
        given: dict[str, Any] = {"platform": "sagemaker", "state": "in_service", "models": shares, "updated_at": NOW - DAY} | facts
        deployment: Deployment = self.add(Deployment(ref=Ref("aws", "deployment", endpoint), endpoint=endpoint, **given))
        return deployment

    def observation(
        self,
        subject: Entity,
        outcome: str = "failed",
        *,
        at: datetime = NOW - DAY,
        kind: str = "drift",
        source: str = "aws",
        **facts: Any,
    ) -> Observation:
        given: dict[str, Any] = {"monitor": "psi", "value": 0.31 if outcome == "failed" else 0.1, "threshold": "≤ 0.2"} | facts
        ident = f"{subject.ref.id}/{given['monitor']}/{at.isoformat()}"
        observation: Observation = self.add(
            msgspec.convert(
                {
                    "type": "observation",
                    "ref": Ref(source, "observation", ident),
                    "subject": subject.ref,
                    "kind": kind,
                    "outcome": outcome,
                    "observed_at": at,
                    **given,
                },
                Observation,
            )
        )
        return observation

    def milestone(self, name: str = "1.0", **facts: Any) -> Milestone:
        milestone: Milestone = self.add(Milestone(ref=Ref("jira", "milestone", name), name=name, **facts))
        return milestone

    def jira_field(self, name: str = "ML Status", schema_type: str = "option") -> Field:
        field: Field = self.add(Field(ref=Ref("jira", "field", "customfield_1"), name=name, schema_type=schema_type, custom=True))
        return field

    def whole(self, key: str = "ML-42", number: int = 7, version: int = 3) -> tuple[WorkItem, ChangeRequest, Run, ModelVersion]:
        """A ticket, its merged change request, the run of the merge, and the released version of that run on fresh data."""
        item = self.item(key)
        change = self.merged(number, branch=f"feature/{key.lower()}-train")
        use = DatasetUse(dataset=self.dataset(digest=f"d{number}").ref, context="training")
        run = self.run(f"r{number}", git_commit=change.merge_sha, datasets=(use,), experiment=f"churn-{number}")
        return item, change, run, self.version(version, run=run)

    # What follows from them

    def everything(self) -> list[Entity]:
        project = Project(ref=Ref("milepost", "project", self.project.key), key=self.project.key, name=self.project.name)
        known = [*self.entities.values(), project]
        return [*known, *observe(known, self.project, [], now=self.now)]

    def linked(self) -> Linked:
        return link(self.everything(), self.project, known_missing=self.known_missing)

    def graph(self) -> Graph:
        return build_graph(self.everything(), self.linked(), missing=self.missing)

    def view(self) -> View:
        freshness = Freshness(self.streams.values(), within=timedelta(hours=26), now=self.now)
        return View(self.graph(), self.project, freshness)

    def derive(self, rules: Sequence[StatusRule] | None = None, before: Iterable[Standing] = ()) -> Derived:
        return derive(self.view(), shipped() if rules is None else rules, before)

    def standing(
        self, of: str | StatusRule, subject: Entity, before: Iterable[Standing] = (), *, beside: Sequence[StatusRule] = ()
    ) -> Standing | None:
        """What one rule (a shipped one by its id) says of one subject."""
        rules = shipped() if isinstance(of, str) else [*beside, of]
        wanted = of if isinstance(of, str) else of.id
        found = [one for one in self.derive(rules, before).standings if (one.rule, one.subject) == (wanted, subject.ref)]
        return found[0] if found else None

    def truth(self, of: str | StatusRule, subject: Entity, **how: Any) -> bool | str | None:
        """True, False, None for unknown, or `not applicable`."""
        standing = self.standing(of, subject, **how)
        return standing.truth if standing is not None else "not applicable"

    def links(self, source: Entity, *, sure: bool = True) -> list[tuple[str, str]]:
        """Relation and target of the links from one entity, the textual ones or the others."""
        found: Iterable[Link] = self.linked().links
        return [
            (one.relation, one.target.id) for one in found if one.source == source.ref and (one.confidence != "textual") == sure
        ]


class Desk:
    """The remote side and what the store remembers of it: plans are made and applied, people edit."""

    def __init__(self) -> None:
        self.actual: dict[Slot, Value] = {}
        self.pushed: dict[Slot, Pushed] = {}
        self.held: dict[Slot, Held] = {}
        self.settled: set[Place] = set()
        self.forced: list[tuple[datetime, Slot]] = []
        self.strays: dict[Ref, Entity] = {}
        self.foreign: frozenset[Ref] = frozenset()

    def remembered(self, world: World, *, episodes: Sequence[Episode] = ()) -> Remembered:
        lately = [slot for at, slot in self.forced if world.now - at < DAY]
        return Remembered(
            actual=dict(self.actual),
            pushed=dict(self.pushed),
            held=dict(self.held),
            settled=frozenset(self.settled),
            forced={slot: lately.count(slot) for slot in lately},
            strays=self.strays,
            taken=[Taken(owned, self.foreign) for owned in world.project.owned.values()],
            episodes=episodes,
        )

    def plan(
        self, world: World, standings: Sequence[Standing], *, rules: Sequence[StatusRule] | None = None, adopt: bool = False
    ) -> Plan:
        return make_plan(
            world.graph(),
            world.project,
            shipped() if rules is None else rules,
            standings,
            self.remembered(world),
            now=world.now,
            config_hash="c",
            adopt=adopt,
        )

    def apply(self, plan: Plan, world: World) -> None:
        for memory in plan.memories:
            self._remember(memory)
        for change in plan.changes:
            assert self.actual.get(change.slot) == change.before
            self._set(change.slot, change.after)
            self.pushed[change.slot] = Pushed(value=change.after, rules=change.rules, episode=change.episode)
            self.held.pop(change.slot, None)
            if change.forced:
                self.forced.append((plan.made_at, change.slot))
        for entity in world.entities.values():
            owned = world.project.owned.get(entity.ref.source)
            if owned is not None:
                names = [
                    *(("label", one) for one in owned.labels),
                    ("field", owned.field or ""),
                    ("property", owned.property or ""),
                ]
                self.settled |= {(entity.ref.source, container_of(entity), kind, name) for kind, name in names}

    def edit(self, slot: Slot, value: Value) -> None:
        """A person sets or clears a slot."""
        self._set(slot, value)

    def _set(self, slot: Slot, value: Value) -> None:
        if value is None:
            self.actual.pop(slot, None)
        else:
            self.actual[slot] = value

    def _remember(self, memory: Memory) -> None:
        match memory.kind:
            case "adopted":
                rules = (memory.rule,) if memory.rule else ()
                self.pushed[memory.slot] = Pushed(value=memory.value, rules=rules, episode=memory.episode)
            case "agreed":
                self.held.pop(memory.slot, None)
            case "override" | "contested" | "conflict":
                self.held[memory.slot] = Held(kind=memory.kind, value=memory.value, rule=memory.rule, episode=memory.episode)
