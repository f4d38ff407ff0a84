"""The schema of `milepost.yaml`: what each part of it means. All models are frozen; durations are `timedelta`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SerializeAsAny, model_validator

from config.explain import Invalid
from config.fields import NUMBER, Bounds, Name, Quality, Share, TagName, TimeZone
from config.problems import Problem, quoted
from config.rate import RateField
from config.schedule import EVERY_TEN_MINUTES, Schedule
from config.storeurl import checked_store_url
from config.textref import TextRefField
from mappings.conditions import Duration
from mappings.rules import StatusRule
from mappings.tags import OWN, Named

NAME_PATTERN = r"[a-z][a-z0-9-]*"
"""What a source may be called."""

KEY_PATTERN = r"[A-Za-z][A-Za-z0-9_.-]{0,63}"
"""What a project may be called on the command line."""


class TypeModels(msgspec.Struct, frozen=True, kw_only=True):
    """What one type of source accepts: its own options, what a project scopes in it, how it is published to (None: it is not), and
    what the environment may hold for it. The models forbid unknown keys.

    `holds` names the scope's fields that list what belongs to a project, by name or glob; None means every list of texts in it
    whose name does not start with `exclude`.
    """

    options: type[BaseModel]
    scope: type[BaseModel]
    publish: type[BaseModel] | None = None
    secrets: type[BaseModel] | None = None
    holds: tuple[str, ...] | None = None


class Section(BaseModel):
    """Base of all parts: frozen, and no unknown key."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class SourceBody(Section):
    """What the file may say of every source, whatever its type, beside that type's options."""

    pull: Schedule = Field(
        EVERY_TEN_MINUTES,
        description="When workers pull the source: five fields of cron, in UTC.",
        examples=["*/10 * * * *", "30 6 * * mon-fri"],
    )
    rate: RateField | None = Field(
        None, description="How many requests all processes together may send to the source.", examples=["4000/h", "20/s"]
    )


class Source(SourceBody):
    """One source. `options` is an instance of the options model of its type."""

    name: str
    type: str
    options: SerializeAsAny[BaseModel]


class Store(Section):
    """Where facts and memory are kept."""

    url: Annotated[str, AfterValidator(checked_store_url)] = Field(
        "sqlite:///milepost.db",
        description="The database. A relative SQLite path starts at this file's folder. "
        "A URL with a password belongs in the environment variable MILEPOST_STORE__URL.",
        examples=["sqlite:///milepost.db", "postgresql+psycopg://milepost@db.example.com/milepost"],
    )


class Release(Section):
    """What makes a model version the released one."""

    alias: Name | None = Field(None, description="The alias that the released version carries.", examples=["champion"])
    environments: tuple[Name, ...] = Field(
        ("prod*",),
        description="Which environments of endpoints are production. An endpoint that names no environment is.",
        examples=[["prod*", "live"]],
    )


class Data(Section):
    """What speaks of data: which tickets, and which metrics judge its quality."""

    labels: tuple[Name, ...] = Field((), description="Tickets with one of these labels are about data.", examples=[["data"]])
    components: tuple[Name, ...] = Field(
        (), description="Tickets with one of these components are about data.", examples=[["Data"]]
    )
    quality: Quality = Field(
        None,
        description="Which metrics and tags are results of data quality checks: a glob, or globs with limits.",
        examples=["data_quality.*", {"data_quality.null_share": {"lte": 0.02}}],
    )
    fresh_within: Duration | None = Field(None, description="Training data older than this is too old.", examples=["30d"])


class Drift(Section):
    """Which metrics measure drift, and from where on it is an alarm."""

    metrics: Bounds = Field({}, description="Limits by metric name or glob.", examples=[{"drift.*": {"lte": 0.2}}])


class Baseline(Section):
    """What a live metric is held against: the one that the watched version's own training run had."""

    metric: Name = Field(description="The training run's metric.", examples=["val_auc"])
    tolerance: Annotated[float, Field(ge=0), NUMBER] = Field(description="How much worse it may be.")
    better: Literal["higher", "lower"] = Field("higher", description="Which values are better.")


class Performance(Section):
    """Which metrics measure how well a model does in use, and from where on that is an alarm."""

    metrics: Bounds = Field({}, description="Limits by metric name or glob.", examples=[{"live.auc": {"gte": 0.8}}])
    baselines: Mapping[Name, Baseline] = Field(
        {},
        description="By metric name or glob, what it is held against instead of a fixed limit.",
        examples=[{"live.auc": {"metric": "val_auc", "tolerance": 0.02}}],
    )


class Bias(Section):
    """Which metrics measure how fairly a model treats groups of people, and from where on that is an alarm."""

    metrics: Bounds = Field({}, description="Limits by metric name or glob.", examples=[{"fairness.*": {"lte": 0.1}}])


class Retrain(Section):
    """When a model is due for training."""

    every: Duration | None = Field(None, description="The longest time between two trainings.", examples=["90d"])
    after_drifts: Annotated[int, Field(ge=1, le=1_000), NUMBER] | None = Field(
        None, description="After so many failed results of drift monitors since the last training.", examples=[5]
    )


class Compliance(Section):
    """Where the evidence lies that the project's risk class asks for."""

    oversight: Name | None = Field(None, description="Who watches over the model's decisions.", examples=["Ada Example"])
    review_labels: tuple[Name, ...] = Field(
        ("data-protection-review",), description="A closed ticket with one of these labels is the data-protection review."
    )


class Tags(Section):
    """Which tags name what a run, model version or deployment belongs to, beside those that are always read."""

    ticket: tuple[TagName, ...] = Field(
        (), description="Tags that hold keys of tickets, such as CHURN-42.", examples=[["work-item", "story"]]
    )
    commit: tuple[TagName, ...] = Field((), description="Tags that hold the sha of a commit.", examples=[["build.sha"]])
    run: tuple[TagName, ...] = Field(
        (), description="Tags of model versions and deployments that hold the id of a run.", examples=[["mlflow.run_id"]]
    )
    model_version: tuple[TagName, ...] = Field(
        (), description="Tags of deployments that hold a model version as <name>/<version>.", examples=[["model"]]
    )

    @model_validator(mode="after")
    def _each_names_one_thing(self) -> Tags:
        seen: dict[str, Named] = {name: named for named, names in OWN.items() for name in names}
        for named in OWN:
            for name in getattr(self, named):
                other = seen.setdefault(name.casefold(), named)
                if other != named:
                    message = f"{quoted(name)} names a {_in_words(named)} here, and a {_in_words(other)} elsewhere"
                    raise Invalid(message, "a tag names one kind of thing: keep one of the two")
        return self


def _in_words(named: Named) -> str:
    return named.replace("_", " ")


class DeclaredLink(Section):
    """A link that no source shows, declared by hand."""

    source: TextRefField = Field(description="What the link starts from.")
    relation: Literal["implements", "built_from", "registered_from", "deploys", "trained_on", "blocks", "observes"] = Field(
        description="How the source stands to the target."
    )
    target: TextRefField = Field(description="What the link leads to.")
    note: Name | None = Field(None, description="Why it was declared; shown as its reason.")


class ProjectBody(Section):
    """One project, as the file says it."""

    name: Name | None = Field(None, description="What people call the project.", examples=["Churn prediction"])
    risk_class: Literal["minimal", "limited", "high"] | None = Field(None, description="Its risk class, for reports.")
    timezone: TimeZone = Field(
        "UTC", description="IANA time zone in which due dates and reports are read.", examples=["Europe/Berlin"]
    )
    watch: Mapping[str, Name] = Field(
        {}, description="By source, the ticket that receives what concerns no open ticket.", examples=[{"jira": "CHURN-1"}]
    )
    scopes: Mapping[str, SerializeAsAny[BaseModel]] = Field(description="By source, what belongs to the project.")
    release: Release = Release()
    thresholds: Bounds = Field(
        {}, description="Limits that a run's metrics must meet, by metric name.", examples=[{"val_auc": {"gte": 0.85}}]
    )
    data: Data = Data()
    drift: Drift = Drift()
    performance: Performance = Performance()
    bias: Bias = Bias()
    retrain: Retrain = Retrain()
    compliance: Compliance = Compliance()
    tags: Tags = Tags()
    links: tuple[DeclaredLink, ...] = Field((), description="Links declared by hand.")
    owners: tuple[Name, ...] = Field((), description="Who answers for the project.", examples=[["Ada Example"]])
    publish: Mapping[str, SerializeAsAny[BaseModel]] = Field(
        {}, description="By source, what differs from the file's own `publish`; false publishes nothing of this project there."
    )


class ProjectEntry(ProjectBody):
    """One project. `publish` is what holds for it: the file's, with the project's own keys over it, for the sources it scopes."""

    key: str

    @property
    def title(self) -> str:
        return self.name or self.key


class Safety(Section):
    """How much may change before a person is asked."""

    max_changes: Share = Field(0.3, description="Share of what is published that updates and removals of 24 hours may touch.")
    max_additions: Annotated[int, Field(ge=0, le=1_000_000), NUMBER] = Field(200, description="Additions of one run.")
    max_deletes: Share = Field(0.2, description="Share of a scope's objects that may be gone at once.")


class Retention(Section):
    """How long history is kept."""

    audit: Duration = Field(
        timedelta(days=400), description="How long the record of writes is kept.", json_schema_extra={"default": "400d"}
    )
    personal_data: Duration = Field(
        timedelta(days=400), description="How long names and texts of people are kept.", json_schema_extra={"default": "400d"}
    )


class FileBody(Section):
    """Milepost's project file: which sources to read, what belongs to which project, what to show where."""

    store: Store = Store()
    sources: Mapping[str, SerializeAsAny[Source]] = Field(description="The systems to read, each by a name of your own.")
    projects: Mapping[str, ProjectBody] = Field(
        description="Your projects, by key. Where two hold the same ticket, the first owns what is shown on it."
    )
    publish: Mapping[str, SerializeAsAny[BaseModel]] = Field({}, description="By source, how statuses are shown there.")
    statuses: tuple[StatusRule, ...] = Field((), description="Overrides of shipped statuses by id, and statuses of your own.")
    fresh_within: Duration = Field(
        timedelta(hours=26), description="A source read longer ago than this is unknown.", json_schema_extra={"default": "26h"}
    )
    unknown_after: Duration = Field(
        timedelta(hours=24), description="How long a shown value outlives its facts.", json_schema_extra={"default": "24h"}
    )
    safety: Safety = Safety()
    retention: Retention = Retention()


class ProjectFile(FileBody):
    """The whole file, valid. `store.url` is absolute. `statuses` are complete rules: an override has the shipped rule's other keys.
    `findings` are the warnings that did not keep it from being used."""

    projects: Mapping[str, ProjectEntry]
    path: Path
    findings: tuple[Problem, ...] = ()
