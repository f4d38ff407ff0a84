"""What the id of an object tells by itself: what it is of, its name, and whether a scope can hold it. Names never change."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from connectors.globs import matches
from connectors.sagemaker.options import SageMakerScope
from mappings.model import Ref

NAME = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,255})"


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """How one kind of id is looked at. `resource` is what its ARN has before it. `describe` and `parameter` prove that it is gone;
    `by_arn`: the parameter takes the ARN. `scope` is the part of the scope that its name is held against."""

    kind: str
    pattern: str
    describe: str
    parameter: str
    resource: str = ""
    by_arn: bool = False
    scope: str | None = None


IDENTITIES: Sequence[Identity] = (
    Identity(
        kind="model_version",
        resource="model-package/",
        pattern=rf"({NAME})(?:/\d{{1,9}})?",
        describe="sagemaker:DescribeModelPackage",
        parameter="ModelPackageName",
        by_arn=True,
        scope="model_package_groups",
    ),
    Identity(
        kind="run",
        resource="training-job/",
        pattern=rf"({NAME})",
        describe="sagemaker:DescribeTrainingJob",
        parameter="TrainingJobName",
        scope="training_jobs",
    ),
    Identity(
        kind="run",
        pattern=rf"processing-job:({NAME})",
        describe="sagemaker:DescribeProcessingJob",
        parameter="ProcessingJobName",
        scope="processing_jobs",
    ),
    Identity(
        kind="run",
        pattern=rf"transform-job:({NAME})",
        describe="sagemaker:DescribeTransformJob",
        parameter="TransformJobName",
        scope="transform_jobs",
    ),
    Identity(
        kind="run",
        pattern=rf"pipeline:({NAME}):execution:[A-Za-z0-9]{{1,64}}",
        describe="sagemaker:DescribePipelineExecution",
        parameter="PipelineExecutionArn",
        by_arn=True,
        scope="pipelines",
    ),
    # Which experiment a trial component belongs to, its id does not tell.
    Identity(
        kind="run",
        pattern=rf"experiment-trial-component:({NAME})",
        describe="sagemaker:DescribeTrialComponent",
        parameter="TrialComponentName",
    ),
    Identity(
        kind="experiment",
        resource="experiment/",
        pattern=rf"({NAME})",
        describe="sagemaker:DescribeExperiment",
        parameter="ExperimentName",
        scope="experiments",
    ),
    Identity(
        kind="dataset",
        resource="feature-group/",
        pattern=rf"({NAME})",
        describe="sagemaker:DescribeFeatureGroup",
        parameter="FeatureGroupName",
        by_arn=True,
        scope="feature_groups",
    ),
    Identity(
        kind="deployment",
        resource="endpoint/",
        pattern=rf"({NAME})",
        describe="sagemaker:DescribeEndpoint",
        parameter="EndpointName",
        scope="endpoints",
    ),
)


def identify(ref: Ref) -> tuple[Identity, str] | None:
    """What the id is of, and the name in it."""
    for identity in IDENTITIES:
        if identity.kind == ref.kind and (match := re.fullmatch(identity.pattern, ref.id, re.ASCII)):
            return identity, match[1]
    return None


def is_outside(ref: Ref, scope: SageMakerScope) -> bool:
    """ARNs bear the names of packages and feature groups in lower case."""
    found = identify(ref)
    if found is None or found[0].scope is None:
        return False
    identity, name = found
    globs: Sequence[str] = getattr(scope, identity.scope or "")
    return not matches(name, globs) and not matches(name.lower(), [glob.lower() for glob in globs])
