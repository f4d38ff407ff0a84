"""The unified project model: what every source's records become.

All values are immutable, all times are timezone-aware (UTC after translation), and every entity carries a `Ref` built from ids that
never change: a moved issue or a renamed repository stays itself. Keys and names are attributes. Numbers are finite or absent: NaN
and infinities of a source become `None` with the raw text kept beside them where the text matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal, TypeAlias

import msgspec

from mappings.decoding import decoder_for

StatusCategory: TypeAlias = Literal["todo", "in_progress", "done", "unknown"]
RunStatus: TypeAlias = Literal["running", "scheduled", "finished", "failed", "killed", "unknown"]
Outcome: TypeAlias = Literal["passed", "failed", "unknown"]
ObservationKind: TypeAlias = Literal["data_quality", "drift", "performance", "bias", "explainability"]
Relation: TypeAlias = Literal[
    "mentions", "implements", "built_from", "trained_on", "registered_from", "deploys", "observes", "blocks", "follows"
]
DeploymentState: TypeAlias = Literal[
    "creating", "in_service", "updating", "failed", "rolling_back", "deleting", "stopped", "unknown"
]
Confidence: TypeAlias = Literal["declared", "exact", "textual"]


class Ref(msgspec.Struct, frozen=True, order=True, array_like=True, gc=False):
    """The identity of one remote object: the source's name in the project file, the kind of entity, an id that never changes.

    Three strings make no cycle: the garbage collector need not look at them, nor at the links that have nothing but these in them.
    """

    source: str
    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.source}:{self.kind}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> Ref:
        """The inverse of `str(ref)`. Raises `ValueError` when `text` is no ref."""
        source, _, rest = text.partition(":")
        kind, _, ident = rest.partition(":")
        if not (source and kind and ident):
            raise ValueError(f"{text!r} is no ref: expected source:kind:id")
        return cls(source, kind, ident)


class Person(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person as a source names them. `id` is the account id or login; `name` is for display only."""

    id: str
    name: str | None = None


class Entity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """What all entities share. `url` is the page a person opens, not an API address."""

    ref: Ref
    url: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Project(Entity, frozen=True, kw_only=True, omit_defaults=True, tag="project"):
    """A project of the project file; its ref's source is `milepost`."""

    key: str
    name: str
    owners: tuple[str, ...] = ()
    risk_class: Literal["minimal", "limited", "high"] | None = None
    timezone: str = "UTC"


class WorkItem(Entity, frozen=True, kw_only=True, omit_defaults=True, tag="work_item"):
    """A Jira or GitHub issue: `key` is `ML-42` or `owner/name#42`, `container` the Jira project key or the GitHub `owner/name`.

    `former_keys` are those that it bore before, as when it was moved. The store remembers them beside the documents; no source
    tells them.
    """

    key: str
    former_keys: tuple[str, ...] = ()
    title: str = ""
    body: str = ""
    item_type: str | None = None
    container: str = ""
    status: str | None = None
    status_category: StatusCategory = "unknown"
    labels: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    fields: Mapping[str, Any] = {}
    assignee: Person | None = None
    parent: Ref | None = None
    blocked_by: tuple[Ref, ...] = ()
    due: date | None = None
    milestones: tuple[Ref, ...] = ()
    closed_at: datetime | None = None
    editable: bool = True

    @property
    def is_open(self) -> bool:
        return self.status_category != "done"


class Milestone(Entity, frozen=True, kw_only=True, omit_defaults=True, tag="milestone"):
    """A Jira version or a GitHub milestone."""

    name: str
    container: str = ""
    due: date | None = None
    state: Literal["open", "closed"] = "open"


class Commit(Entity, frozen=True, kw_only=True, omit_defaults=True, tag="commit"):
    """A commit; the ref's id is `<repository id>/<sha>`. `change_requests` is filled where the source was asked for them, `parents`
    are shas; the first parent of a merge is what was merged into.

    `on_branch`: seen on a branch of the repository itself, the default one or another, now or before. A source may also show by its
    sha what lives in a fork only, where anybody may have written it.
    """

    sha: str
    repository: str
    message: str = ""
    author: Person | None = None
    authored_at: datetime | None = None
    committed_at: datetime | None = None
    on_default_branch: bool = False
    on_branch: bool = False
    parents: tuple[str, ...] = ()
    change_requests: tuple[Ref, ...] = ()


class ChangeRequest(Entity, frozen=True, kw_only=True, omit_defaults=True, tag="change_request"):
    """A pull request; the ref's id is `<repository id>/<number>`.

    `closes` holds what its own text closes by the source's closing keywords, as `owner/name#12`.
    """

    number: int
    repository: str
    title: str = ""
    body: str = ""
    state: Literal["open", "merged", "closed"] = "open"
    draft: bool = False
    base: str = ""
    default_branch: str | None = None
    branch: str = ""
    from_fork: bool = False
    head_sha: str | None = None
    merge_sha: str | None = None
    merged_at: datetime | None = None
    closed_at: datetime | None = None
    labels: tuple[str, ...] = ()
    closes: tuple[str, ...] = ()
    author: Person | None = None
    editable: bool = True

    @property
    def is_open(self) -> bool:
        return self.state == "open"

    @property
    def is_strangers(self) -> bool:
        """Whether anybody at all may have opened it, and nobody of the repository has accepted it yet."""
        return self.from_fork and self.state != "merged"


class DatasetUse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One dataset input of a run. `context` is the source's word for the role (`training`, `validation`, …)."""

    dataset: Ref
    context: str | None = None
    as_of: datetime | None = None


class Experiment(Entity, frozen=True, kw_only=True, omit_defaults=True, tag="experiment"):
    name: str
    tags: Mapping[str, str] = {}


class Run(Entity, frozen=True, kw_only=True, omit_defaults=True, tag="run"):
    """A training, evaluation or monitoring run. A metric that is not finite is present as `None`.

    `artifacts` are the addresses of what it made, such as a model's archive: whatever has the same address came from it. `tells_of`
    is the run that this one is another record of, as a trial component is of its training job. `tells_metrics` is false of a source
    that never says what a run measured.
    """

    run_id: str
    name: str | None = None
    experiment: str
    status: RunStatus = "unknown"
    params: Mapping[str, str] = {}
    metrics: Mapping[str, float | None] = {}
    tells_metrics: bool = True
    tags: Mapping[str, str] = {}
    git_commit: str | None = None
    git_repository: str | None = None
    datasets: tuple[DatasetUse, ...] = ()
    models: tuple[str, ...] = ()
    started_at: datetime | None = None
    ended_at: datetime | None = None
    framework: str | None = None
    artifacts: tuple[str, ...] = ()
    tells_of: Ref | None = None

    @property
    def origin(self) -> Ref:
        """What all records of one run have in common."""
        return self.tells_of or self.ref


class Dataset(Entity, frozen=True, kw_only=True, omit_defaults=True, tag="dataset"):
    """`as_of` is the time that the data describes, where the source tells it of the data itself and not of a run's use of it."""

    name: str
    digest: str | None = None
    origin: str | None = None
    quality: Mapping[str, str] = {}
    tags: Mapping[str, str] = {}
    as_of: datetime | None = None


class ModelCard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a registry's model card says, as far as evidence is asked of it."""

    status: str | None = None
    intended_use: str | None = None
    risk_rating: str | None = None


class ModelVersion(Entity, frozen=True, kw_only=True, omit_defaults=True, tag="model_version"):
    """A registered model's version. `run` is the run that made it, `model_id` the logged model it was registered from.

    `cloud_id` is its name all over the cloud that registers it (an ARN, an Azure resource id). `images` are the containers that
    serve it, each with its digest where that is known (`…@sha256:…`). `flavors` are the frameworks that can load it. `reports` are
    the addresses of its evaluations and baselines by what they are of.
    """

    name: str
    version: str
    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str] = {}
    run: Ref | None = None
    model_id: str | None = None
    approval: Literal["approved", "pending", "rejected"] | None = None
    status: str | None = None
    artifact_uri: str | None = None
    cloud_id: str | None = None
    images: tuple[str, ...] = ()
    flavors: tuple[str, ...] = ()
    git_commit: str | None = None
    git_repository: str | None = None
    reports: Mapping[str, str] = {}
    card: ModelCard | None = None


class TrafficShare(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one deployment serves: a model version's ref where known, else what the source calls it. `share` is 0 to 1.

    `cloud_id` names the model version where another source holds it (an ARN, an Azure resource id). `artifact_uri` and `images`
    tell which model it is where no version is named; an image bears its digest where that is known. `mirror` is the share of the
    traffic that it only gets copies of: it answers nobody with that. `state` is its own, where the source tells it apart from the
    endpoint's, and `changed_at` when that last changed.
    """

    model: Ref | None = None
    name: str
    share: float = 1.0
    mirror: float = 0.0
    state: DeploymentState | None = None
    changed_at: datetime | None = None
    cloud_id: str | None = None
    artifact_uri: str | None = None
    images: tuple[str, ...] = ()
    tags: Mapping[str, str] = {}


class Deployment(Entity, frozen=True, kw_only=True, omit_defaults=True, tag="deployment"):
    """`data_capture` says whether requests are kept for monitors, `reason` why it failed, in the source's words."""

    endpoint: str
    platform: str
    environment: str | None = None
    state: DeploymentState = "unknown"
    models: tuple[TrafficShare, ...] = ()
    instance: str | None = None
    tags: Mapping[str, str] = {}
    data_capture: bool | None = None
    reason: str | None = None


class Observation(Entity, frozen=True, kw_only=True, omit_defaults=True, tag="observation"):
    """One result of one monitor about one subject. `observed_at` is when the data was judged, not when it was read; `detail` names
    in a line what failed, such as the features that drifted.

    `lasting`: it tells of a change of state, such as an alarm that went off or was cleared, which stands until the next one.
    """

    subject: Ref
    monitor: str
    kind: ObservationKind
    outcome: Outcome
    value: float | str | None = None
    threshold: str | None = None
    observed_at: datetime
    detail: str | None = None
    lasting: bool = False


class Field(Entity, frozen=True, kw_only=True, omit_defaults=True, tag="field"):
    """A Jira field's definition: what a project file may name."""

    name: str
    custom: bool = False
    schema_type: str | None = None
    items: str | None = None


class Label(Entity, frozen=True, kw_only=True, omit_defaults=True, tag="label"):
    """A GitHub repository's label; the ref's id is `<repository id>/<label id>`."""

    name: str
    repository: str
    color: str = ""
    description: str | None = None


AnyEntity: TypeAlias = (
    Project
    | WorkItem
    | Milestone
    | Commit
    | ChangeRequest
    | Experiment
    | Run
    | Dataset
    | ModelVersion
    | Deployment
    | Observation
    | Field
    | Label
)


class Link(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """`source` stands in `relation` to `target`; `because` says in a few words what shows it."""

    source: Ref
    relation: Relation
    target: Ref
    because: str
    confidence: Confidence


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """A direct read proved that the object is gone (404/410 while the permission to see it was proven)."""

    ref: Ref


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A record that could not be translated: quarantined with its payload (secrets redacted), never dropped silently."""

    kind: str
    id: str
    reason: str
    payload: bytes = b""


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder: msgspec.json.Decoder[AnyEntity] = decoder_for(AnyEntity)


def encode(entity: Entity) -> bytes:
    """The entity's one canonical JSON document: equal entities give equal bytes."""
    return _encoder.encode(entity)


def decode(document: bytes) -> AnyEntity:
    """The inverse of `encode`. Raises `msgspec.ValidationError` for a document of another schema."""
    return _decoder.decode(document)
