"""The vocabulary of status rules: what a rule may ask of each kind of member, and in which words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated

from pydantic import Field

from mappings.conditions import Age, Bound, Closed, Condition, Duration, Text, one_of

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

    @cached_property
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
