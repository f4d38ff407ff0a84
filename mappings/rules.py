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
from typing import Any, Literal, TypeAlias

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from mappings.change import Badge
from mappings.conditions import Closed
from mappings.model import Relation
from mappings.patterns import (
    PATTERNS,
    ChangeRequestPattern,
    CommitPattern,
    DatasetPattern,
    DeploymentPattern,
    MilestonePattern,
    ModelVersionPattern,
    ObservationPattern,
    Pattern,
    RunPattern,
    StatusPattern,
    WorkItemPattern,
)

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
