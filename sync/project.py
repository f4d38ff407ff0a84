"""One project as the pure core sees it: its naming, its limits and how fresh its facts must be. Plain data without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

import msgspec

from mappings.change import Owned, Slot
from mappings.conditions import Bound
from mappings.model import Ref, Relation
from mappings.tags import TagNames


class DeclaredLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link of the project file. Both ends are texts such as `jira:ML-42`, resolved against what is known."""

    source: str
    relation: Relation
    target: str
    note: str = ""


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that moves with the model: `metric` of a version's own training run, and how much worse than that it may do."""

    metric: str
    tolerance: float
    better: Literal["higher", "lower"] = "higher"


class ProjectView(msgspec.Struct, frozen=True, kw_only=True):
    """What of the project file the pure core needs. Globs match whole names, upper and lower case alike.

    `quality`, `drift`, `performance` and `bias` map a glob of metric or tag names to the limits of their values; a quality limit of
    None means that the value itself says it (1 or `passed`, 0 or `failed`). `baselines` are limits of performance that move with
    the model. `environments` are those of production, `oversight` is who watches over the model's decisions, `review_labels` are
    those of the data-protection review, `tags` those that name what a thing belongs to. By source: `watch` is the key of its watch
    ticket, `owned` what Milepost may write there, `label_rules` which rule each of its labels shows. `sources` are those that the
    project scopes.
    """

    key: str
    name: str
    timezone: str = "UTC"
    risk_class: Literal["minimal", "limited", "high"] | None = None
    owners: tuple[str, ...] = ()
    release_alias: str | None = None
    thresholds: Mapping[str, Bound] = {}
    data_labels: tuple[str, ...] = ()
    data_components: tuple[str, ...] = ()
    quality: Mapping[str, Bound | None] = {}
    data_fresh_within: timedelta | None = None
    drift: Mapping[str, Bound] = {}
    performance: Mapping[str, Bound] = {}
    baselines: Mapping[str, Baseline] = {}
    bias: Mapping[str, Bound] = {}
    environments: tuple[str, ...] = ("prod*",)
    retrain_every: timedelta | None = None
    retrain_after_drifts: int | None = None
    oversight: str | None = None
    review_labels: tuple[str, ...] = ()
    links: tuple[DeclaredLink, ...] = ()
    tags: TagNames = TagNames()
    watch: Mapping[str, str] = {}
    owned: Mapping[str, Owned] = {}
    label_rules: Mapping[str, Mapping[str, str]] = {}
    sources: tuple[str, ...] = ()
    unknown_after: timedelta = timedelta(hours=24)
    closed_within: timedelta = timedelta(days=30)

    def owns(self, slot: Slot) -> bool:
        """Whether Milepost may write the slot at all, by the project file as it is now."""
        owned = self.owned.get(slot.target.source)
        return owned is not None and owned.covers(slot)

    def counts(self, slot: Slot) -> bool:
        """Whether a slot counts for the safety check: a property does only where no field shows the same."""
        owned = self.owned.get(slot.target.source)
        return slot.kind != "property" or owned is None or owned.field is None


class Taken(msgspec.Struct, frozen=True):
    """What an earlier project of the file owns on the targets that it shares with this one. Some of it may be `left_alone`, as a
    person set it."""

    owned: Owned
    targets: frozenset[Ref]
    left_alone: frozenset[Slot] = frozenset()

    def holds(self, slot: Slot) -> bool:
        return slot.target in self.targets and self.owned.claims(slot)
