"""What the project file and the environment say about a SageMaker source. Credentials come from AWS's own chain."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from connectors.base import Options, WebhookSecrets
from connectors.shapes import Shaped
from mappings.conditions import Bound, Duration, parse_duration

Region = Annotated[str, Shaped(pattern=r"^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$", wanted="a region's code, such as eu-west-1")]
Role = Annotated[
    str,
    Shaped(
        pattern=r"^arn:[a-z-]+:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$",
        wanted="a role's ARN, such as arn:aws:iam::111122223333:role/milepost-reader",
    ),
]
Globs = tuple[Annotated[str, Field(min_length=1)], ...]


class SageMakerOptions(Options):
    """One account in one region. Several of them are several sources."""

    region: Region = Field(description="The region.", examples=["eu-west-1"])
    role_arn: Role | None = Field(
        None,
        description="The role to assume, such as one of another account. Without it, the credentials are used as they are.",
        examples=["arn:aws:iam::111122223333:role/milepost-reader"],
    )
    external_id: str | None = Field(
        None,
        min_length=2,
        max_length=1224,
        pattern=r"^[A-Za-z0-9_+=,.@:/-]+$",
        description="The external id that the role's trust policy asks for.",
    )
    profile: str | None = Field(None, min_length=1, description="The profile of AWS's configuration files to use.")
    endpoint_url: str | None = Field(
        None, pattern=r"^https?://[^\s?#@]+$", description="Another address for all of AWS's services: for tests."
    )

    @model_validator(mode="after")
    def _external_id_needs_a_role(self) -> SageMakerOptions:
        if self.external_id is not None and self.role_arn is None:
            raise ValueError("external_id is for role_arn: give both")
        return self


class SageMakerSecrets(WebhookSecrets):
    """What EventBridge sends along. Credentials are those that AWS's own chain finds: `AWS_…` variables, `~/.aws`, single sign-on,
    the machine's role."""


class WatchedMetric(Options):
    """A CloudWatch metric of the endpoints' variants, and what it should keep to."""

    metric: str = Field(min_length=1, max_length=255, description="The metric's name.", examples=["ModelLatency"])
    namespace: str = Field("AWS/SageMaker", min_length=1, max_length=255, description="The metric's namespace.")
    statistic: str = Field("Average", min_length=1, description="Average, Sum, Maximum, p99 and the like.", examples=["p99"])
    period: Duration = Field(parse_duration("1h"), description="What one value is about.")
    limit: Bound = Field(description="What the values should keep to.", examples=[{"lte": 500000}])

    @model_validator(mode="after")
    def _period_is_one_of_cloudwatchs(self) -> WatchedMetric:
        if self.period.total_seconds() % 60:
            raise ValueError("period: CloudWatch keeps values by whole minutes")
        return self


class SageMakerScope(Options):
    """What belongs to a project: names, in which `*`, `?` and `[…]` match as in file names, upper and lower case told apart.

    What is not named is not read. The monitors of the endpoints come with them.
    """

    endpoints: Globs = Field((), description="Names of endpoints, with their monitors.", examples=[["churn-*"]])
    model_package_groups: Globs = Field((), description="Names of model package groups.", examples=[["churn"]])
    training_jobs: Globs = Field((), description="Names of training jobs.", examples=[["churn-*"]])
    processing_jobs: Globs = Field((), description="Names of processing jobs.", examples=[["churn-*"]])
    transform_jobs: Globs = Field((), description="Names of batch transform jobs.", examples=[["churn-*"]])
    pipelines: Globs = Field(
        (), description="Names of pipelines whose executions are read, upper and lower case alike.", examples=[["churn-*"]]
    )
    experiments: Globs = Field((), description="Names of experiments whose trial components are read.", examples=[["churn-*"]])
    feature_groups: Globs = Field((), description="Names of feature groups.", examples=[["churn-*"]])
    metrics: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")], WatchedMetric] = Field(
        {},
        max_length=50,
        description="CloudWatch metrics of the endpoints, by a name of your own.",
        examples=[{"latency": {"metric": "ModelLatency", "statistic": "p99", "limit": {"lte": 500000}}}],
    )

    @model_validator(mode="after")
    def _names_something(self) -> SageMakerScope:
        if not any(getattr(self, name) for name in type(self).model_fields if name != "metrics"):
            raise ValueError("name endpoints, model_package_groups, training_jobs or other things to read")
        if self.metrics and not self.endpoints:
            raise ValueError("metrics are those of endpoints: name endpoints as well")
        return self
