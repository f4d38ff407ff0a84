"""The schema of a status rule: a closed vocabulary, no code, no regular expressions.

A rule's `when` is a block. A block has one or more of the quantifiers `any`, `all` and `none`, and holds if each of them holds:

- `any`: some listed item holds for some member;
- `all`: each listed item holds for every member of its kind, and there is at least one;
- `none`: no listed item holds for any member.

An item is a pattern (`{model_version: {released: true, merged: true}}`: all of it must hold for the *same* member) or a block.
The members of a pattern are the entities of its kind that are reached from the subject along `via`; `subject` stands for the
subject itself. Truth has three values; `sync.judge` gives their meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from mappings.change import Badge
from mappings.conditions import Age, Bound, Closed, Condition, Duration, Text, one_of
from mappings.model import Relation

SubjectKind: TypeAlias = Literal["work_item", "change_request", "model_version", "deployment", "dataset", "milestone", "project"]
StatusKind: TypeAlias = Literal["favourable", "alarm", "neutral"]
SENTENCE_WORDS = frozenset(
    {"subject", "reason", "finding", "fact", "value", "threshold", "since", "name", "deployment", "model", "dataset"}
)
"""The placeholders that `says` may use. `finding` is a measurement with its limit, however much of it the source tells."""

RESERVED_TITLES = frozenset({"unknown"})
"""What a field shows while nothing is known; no status may look like it."""

COLORS: Mapping[str, str] = {"favourable": "2da44e", "alarm": "d1242f", "neutral": "8c959f"}


class VocabularyError(ValueError):
    """A rule says something that the vocabulary does not have; the message names it and what is allowed."""


Category = Annotated[Text, one_of("todo", "in_progress", "done", "unknown")]
ChangeState = Annotated[Text, one_of("open", "merged", "closed")]
RunState = Annotated[Text, one_of("running", "scheduled", "finished", "failed", "killed", "unknown")]
ApprovalState = Annotated[Text, one_of("approved", "pending", "rejected")]
DeploymentState = Annotated[
    Text, one_of("creating", "in_service", "updating", "failed", "rolling_back", "deleting", "stopped", "unknown")
]
MilestoneState = Annotated[Text, one_of("open", "closed")]
MonitorOutcome = Annotated[Text, one_of("passed", "failed")]


class Pattern(Closed):
    """What must hold for one member; every fact that is named. A pattern of no fact holds for every member."""

    def conditions(self) -> Mapping[str, Condition]:
        """The named facts with their conditions, in the schema's order."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}


class WorkItemPattern(Pattern):
    open: bool | None = Field(None, description="its status category is not done")
    status: Text | None = None
    status_category: Category | None = Field(None, description="todo, in_progress, done")
    item_type: Text | None = None
    label: Text | None = Field(None, description="one of its labels")
    component: Text | None = Field(None, description="one of its components")
    about_data: bool | None = Field(None, description="carries one of the project's data labels or components")
    overdue: bool | None = Field(None, description="open, and its due date is past in the project's time zone")
    age: Age | None = Field(None, description="since it was created")


class ChangeRequestPattern(Pattern):
    state: ChangeState | None = Field(None, description="open, merged, closed")
    draft: bool | None = None
    merged: bool | None = Field(None, description="merged into the default branch")
    label: Text | None = None
    age: Age | None = Field(None, description="since it was opened")


class CommitPattern(Pattern):
    on_default_branch: bool | None = None
    age: Age | None = None


class RunPattern(Pattern):
    status: RunState | None = Field(None, description="running, scheduled, finished, failed, killed")
    meets_thresholds: bool | None = Field(
        None, description="has every metric that the project's thresholds name, and each within its limits"
    )
    merged: bool | None = Field(None, description="its commit reached the default branch through a merged change request")
    serving: bool | None = Field(None, description="a deployment in service serves what it made, which nobody registered")
    traffic: Bound | None = Field(None, description="the share of a production endpoint's traffic that this answers, 0 to 1")
    deploy_failed: bool | None = Field(None, description="an endpoint that was to serve this failed, or goes back")
    framework: Text | None = None
    age: Age | None = Field(None, description="since it ended, or started while it runs")


class DatasetPattern(Pattern):
    name: Text | None = None
    current: bool | None = Field(None, description="no later run of the same experiment was trained on another state of it")
    fresh: bool | None = Field(None, description="younger than the project's data.fresh_within")
    age: Age | None = None


class ModelVersionPattern(Pattern):
    released: bool | None = Field(None, description="carries the project's release alias or is approved")
    alias: Text | None = None
    approval: ApprovalState | None = Field(None, description="approved, pending, rejected")
    serving: bool | None = Field(None, description="serves now: behind a deployment in service, or, where none is scoped, released")
    run_status: RunState | None = Field(None, description="status of the run that made it")
    meets_thresholds: bool | None = Field(None, description="the run that made it meets the project's thresholds")
    merged: bool | None = Field(None, description="its run's commit reached the default branch through a merged change request")
    latest: bool | None = Field(None, description="no later version of its model is registered")
    traffic: Bound | None = Field(None, description="the share of a production endpoint's traffic that it answers, 0 to 1")
    deploy_failed: bool | None = Field(None, description="an endpoint that was to serve it failed, or goes back")
    training_due: bool | None = Field(None, description="its model was trained too long ago, or has drifted too often since")
    checks_passed: bool | None = Field(None, description="has passed the checks that the project's risk class demands")
    evidence_missing: bool | None = Field(None, description="lacks something of the evidence that the risk class asks for")
    age: Age | None = None


class DeploymentPattern(Pattern):
    state: DeploymentState | None = Field(None, description="creating, in_service, updating, failed, rolling_back, stopped, …")
    platform: Text | None = None
    environment: Text | None = None
    serving: bool | None = Field(None, description="in service with traffic")
    production: bool | None = Field(None, description="in one of the project's production environments, or in none that it names")
    traced: bool | None = Field(None, description="a run, a commit or a ticket is known behind everything that it serves")
    age: Age | None = None


class MilestonePattern(Pattern):
    state: MilestoneState | None = Field(None, description="open, closed")
    overdue: bool | None = Field(None, description="open, and its due date is past in the project's time zone")


class ObservationPattern(Pattern):
    """About the newest results of one monitor on one subject, after hysteresis (`open_after`, `close_after`)."""

    outcome: MonitorOutcome | None = Field(None, description="failed or passed")
    within: Duration | None = Field(None, description="older than this it has expired: unknown, not false")
    monitor: Text | None = Field(None, description="the monitor's or metric's name")
    current: bool | None = Field(None, description="of a dataset: as in dataset.current")
    serving: bool | None = Field(None, description="its subject serves now")


class StatusPattern(Pattern):
    """About the verdicts of another rule on the subject and on what is reached."""

    id: str = Field(description="the other rule's id")


Place: TypeAlias = tuple[str | int, ...]
"""Where something stands in a rule: `("when", "any", 0)`."""


class Item(Closed):
    """One pattern, or a block of further items."""

    any: tuple[Item, ...] | None = Field(None, min_length=1)
    all: tuple[Item, ...] | None = Field(None, min_length=1)
    none: tuple[Item, ...] | None = Field(None, min_length=1)
    work_item: WorkItemPattern | None = None
    change_request: ChangeRequestPattern | None = None
    commit: CommitPattern | None = None
    run: RunPattern | None = None
    dataset: DatasetPattern | None = None
    model_version: ModelVersionPattern | None = None
    deployment: DeploymentPattern | None = None
    milestone: MilestonePattern | None = None
    data_quality: ObservationPattern | None = Field(None, alias="observation.data_quality")
    drift: ObservationPattern | None = Field(None, alias="observation.drift")
    performance: ObservationPattern | None = Field(None, alias="observation.performance")
    bias: ObservationPattern | None = Field(None, alias="observation.bias")
    explainability: ObservationPattern | None = Field(None, alias="observation.explainability")
    status: StatusPattern | None = None
    subject: Mapping[str, Any] | None = Field(None, description="facts of the subject itself, by the vocabulary of its kind")

    @model_validator(mode="after")
    def _one_thing(self) -> Item:
        named = self.model_fields_set - {"any", "all", "none"}
        if len(named) > 1:
            raise ValueError(f"one item holds one pattern, not {len(named)} ({', '.join(sorted(named))}): make a list of them")
        if named and len(self.model_fields_set) > 1:
            raise ValueError("one item holds a pattern or a block, not both")
        if not self.model_fields_set:
            raise ValueError("an empty item says nothing: name a pattern or one of any, all, none")
        return self

    @cached_property
    def is_block(self) -> bool:
        return bool(self.model_fields_set & {"any", "all", "none"})

    @cached_property
    def pattern(self) -> tuple[str, Pattern] | None:
        """The kind of member and the pattern; None for a block and for `subject`, whose vocabulary only the rule knows."""
        (name, *_) = self.model_fields_set
        value = getattr(self, name)
        return (name, value) if isinstance(value, Pattern) else None

    def leaves(self) -> Iterator[Item]:
        """Every item at any depth that is no block."""
        return (leaf for _, leaf in self.placed_leaves(()))

    def placed_leaves(self, at: Place) -> Iterator[tuple[Place, Item]]:
        """The same, each with its place in the rule; `at` is this item's own."""
        if not self.is_block:
            yield at, self
        for name, items in (("any", self.any), ("all", self.all), ("none", self.none)):
            for index, item in enumerate(items or ()):
                yield from item.placed_leaves((*at, name, index))

    @cached_property
    def patterns(self) -> Sequence[tuple[str, Pattern]]:
        """Every pattern at any depth, but not `subject`."""
        return [leaf.pattern for leaf in self.leaves() if leaf.pattern is not None]

    @cached_property
    def asks_of(self) -> frozenset[str]:
        """The kinds of members that its patterns ask something of."""
        return frozenset(name for name, _ in self.patterns)


PATTERNS: Mapping[str, type[Pattern]] = {
    "work_item": WorkItemPattern,
    "change_request": ChangeRequestPattern,
    "commit": CommitPattern,
    "run": RunPattern,
    "dataset": DatasetPattern,
    "model_version": ModelVersionPattern,
    "deployment": DeploymentPattern,
    "milestone": MilestonePattern,
}
"""The patterns about entities, by the entity's kind."""

OBSERVATIONS = frozenset({"data_quality", "drift", "performance", "bias", "explainability"})


class StatusRule(Closed):
    """One status: what it is called, when it holds, for whom, and how it is shown."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$", description="lower-case name, such as drift-alert")
    title: str = Field(min_length=1, max_length=60, description="what people read, such as Drift alert")
    description: str = Field("", max_length=400, description="what it means and what to do about it")
    kind: StatusKind = Field(description="favourable, alarm or neutral")
    rank: int = Field(ge=0, le=999, description="a slot that holds one value shows the highest-ranked true status")
    says: str = Field(min_length=1, max_length=300, description="one plain sentence; placeholders: {reason} {name} {value} …")
    subject: SubjectKind = Field(alias="for", description="what the status is about")
    via: tuple[Relation, ...] = Field((), description="the links that lead from the subject to what is looked at")
    when: Item
    open_after: int = Field(1, ge=1, le=50, description="consecutive failing observations of one monitor that open it")
    close_after: int = Field(1, ge=1, le=50, description="consecutive passing ones that close it")
    label: str = Field(min_length=1, max_length=40, description="the label's name, without the project's prefix")
    color: str | None = Field(None, pattern=r"^[0-9a-f]{6}$", description="the label's colour as six hex digits")
    override: Literal["never", "until-episode-ends"] | None = Field(None, description="whether a person's change is kept")

    @model_validator(mode="after")
    def _is_sound(self) -> StatusRule:
        if not self.when.is_block:
            raise ValueError("when: starts with any, all or none")
        unknown = set(re.findall(r"\{([^{}]*)\}", self.says)) - SENTENCE_WORDS
        if unknown:
            raise ValueError(f"says: has no {{{sorted(unknown)[0]}}}; the placeholders are {', '.join(sorted(SENTENCE_WORDS))}")
        if self.kind == "favourable" and self.override == "until-episode-ends":
            raise ValueError("override: a favourable status cannot be forced by hand, so only never is possible")
        self._check_subjects()
        if self.id in self.rests_on():
            raise ValueError("status: a rule cannot rest on itself")
        return self

    def _check_subjects(self) -> None:
        """Raises `ValidationError` with every wrong fact of a `subject` item, each at its place."""
        found: list[InitErrorDetails] = []
        for at, leaf in self.when.placed_leaves(("when",)):
            if leaf.subject is not None:
                found.extend(self._wrong_facts((*at, "subject"), leaf.subject))
        if found:
            raise ValidationError.from_exception_data("subject", found)

    def _wrong_facts(self, at: Place, facts: Mapping[str, Any]) -> Iterator[InitErrorDetails]:
        try:
            self.subject_pattern(facts)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                place, kind, context = (*at, *detail["loc"]), detail["type"], detail.get("ctx", {})
                if kind == "extra_forbidden":
                    kind, context = "value_error", {"error": self._unknown_fact()}
                yield InitErrorDetails(type=kind, loc=place, input=detail["input"], ctx=context)
        except ValueError as error:
            yield InitErrorDetails(type="value_error", loc=at, input=facts, ctx={"error": error})

    def _unknown_fact(self) -> VocabularyError:
        known = ", ".join(sorted(PATTERNS[self.subject].model_fields))
        return VocabularyError(f"is no fact of a {self.subject}; there are {known}")

    def subject_pattern(self, facts: Mapping[str, Any]) -> Pattern:
        """The facts of a `subject` item, by the vocabulary of the rule's subject. Raises `ValueError`."""
        if self.subject not in PATTERNS:
            raise ValueError(f"subject: a {self.subject} has no facts of its own")
        return PATTERNS[self.subject].model_validate(facts)

    @cached_property
    def asks_of_subject(self) -> bool:
        """Whether a part of it is about the subject itself."""
        return any(leaf.subject is not None for leaf in self.when.leaves())

    @cached_property
    def looks_at(self) -> Sequence[str]:
        """The kinds of members that it asks something of by itself, not by what another rule says."""
        return sorted({name for name, pattern in self.when.patterns if not isinstance(pattern, StatusPattern)})

    @property
    def keeps_overrides(self) -> bool:
        """Whether a person's change of this status is kept until its episode ends."""
        return self.kind != "favourable" and self.override != "never"

    def rests_on(self) -> frozenset[str]:
        """The ids of the rules whose verdicts this one uses."""
        return frozenset(pattern.id for _, pattern in self.when.patterns if isinstance(pattern, StatusPattern))

    def badge(self) -> Badge:
        description = (self.description or self.title).split("\n", 1)[0]
        return Badge(
            id=self.id,
            title=self.title,
            label=self.label,
            color=self.color or COLORS[self.kind],
            description=description if len(description) <= 100 else description[:99] + "…",
        )


def in_order(rules: Sequence[StatusRule]) -> Sequence[StatusRule]:
    """The rules such that each comes after those it rests on. Raises `VocabularyError` for an unknown id or a cycle."""
    by_id = {rule.id: rule for rule in rules}
    done: dict[str, StatusRule] = {}
    open_: list[str] = []

    def visit(rule: StatusRule) -> None:
        if rule.id in done:
            return
        if rule.id in open_:
            raise VocabularyError(
                f"the rules {' → '.join([*open_[open_.index(rule.id) :], rule.id])} rest on each other in a circle"
            )
        open_.append(rule.id)
        for other in sorted(rule.rests_on()):
            if other not in by_id:
                raise VocabularyError(f"rule {rule.id} rests on {other}, which is no rule; there are {', '.join(sorted(by_id))}")
            visit(by_id[other])
        open_.pop()
        done[rule.id] = rule

    for rule in rules:
        visit(rule)
    return list(done.values())


def lint(rules: Sequence[StatusRule]) -> Sequence[str]:
    """What is wrong with a set of rules: ids, labels or titles that occur twice or are taken, ways that lead nowhere, circles."""
    problems = [
        f"rule {rule.id}: its title {rule.title!r} is what fields show while nothing is known; choose another"
        for rule in rules
        if rule.title.casefold() in RESERVED_TITLES
    ]
    problems += [
        f"rule {rule.id}: it looks at {name} but has no via, so it never reaches one"
        for rule in rules
        if not rule.via and rule.subject != "project"
        for name in sorted({name for name, pattern in rule.when.patterns if not isinstance(pattern, StatusPattern)})
    ]
    for what in ("id", "label", "title"):
        seen: dict[str, str] = {}
        for rule in rules:
            value = str(getattr(rule, what)).casefold()
            if value in seen:
                problems.append(f"rule {rule.id}: its {what} {getattr(rule, what)!r} is also that of rule {seen[value]}")
            seen.setdefault(value, rule.id)
    try:
        in_order(rules)
    except VocabularyError as error:
        problems.append(str(error))
    return problems
