"""SageMaker's records as entities, also those that nobody would expect."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings import sagemaker_monitoring_records as watching
from mappings import sagemaker_records as records
from mappings.conditions import Bound
from mappings.model import Dataset, Deployment, ModelVersion, Observation, Ref, Run, decode, encode
from mappings.sagemaker import Records, Site, account_of, each, resource_of
from mappings.sagemaker_endpoints import Behind, endpoint
from mappings.sagemaker_monitoring import Watched, alert, execution, metric_points
from mappings.sagemaker_registry import feature_group, model_package
from mappings.sagemaker_runs import pipeline_execution, processing_job, training_job, trial_component

SITE = Site("aws", "eu-west-1")
ARN = "arn:aws:sagemaker:eu-west-1:123456789012:"
T0 = 1_795_000_000.25
AT = datetime(2026, 11, 18, 11, 6, 40, 250000, tzinfo=UTC)


def one(shape: Any, translate: Any, record: Any, kind: str = "run") -> Any:
    found = each([msgspec.Raw(msgspec.json.encode(record))], kind, shape, lambda it: translate(SITE, it))
    assert not found.rejected, found.rejected
    return found.entities[-1]


def package(**more: Any) -> ModelVersion:
    record = {"ModelPackageArn": f"{ARN}model-package/churn/3", "ModelPackageGroupName": "churn", "ModelPackageVersion": 3, **more}
    found = one(records.ModelPackage, model_package, record, "model_version")
    assert isinstance(found, ModelVersion)
    return found


class TestPackages:
    def test_a_version_says_what_serves_it_and_where_it_comes_from(self) -> None:
        version = package(
            CreationTime=T0,
            ModelApprovalStatus="PendingManualApproval",
            ModelPackageStatus="Completed",
            InferenceSpecification={
                "Containers": [
                    {"Image": "example/churn:1", "ImageDigest": "sha256:0a1b", "ModelDataUrl": "s3://example/model.tar.gz"}
                ]
            },
            MetadataProperties={
                "CommitId": "f" * 40,
                "Repository": "https://ada:secret@github.com/example/churn",
                "GeneratedBy": f"{ARN}training-job/churn-7",
            },
            CustomerMetadataProperties={"team": "blue", "owner": "x"},
            Tags=[{"Key": "milepost:issue", "Value": "CHURN-42"}, {"Key": "owner", "Value": "y"}],
        )

        assert version == ModelVersion(
            ref=Ref("aws", "model_version", "churn/3"),
            created_at=AT,
            updated_at=AT,
            name="churn",
            version="3",
            tags={"owner": "y", "team": "blue", "milepost:issue": "CHURN-42"},
            run=Ref("aws", "run", "churn-7"),
            approval="pending",
            status="Completed",
            artifact_uri="s3://example/model.tar.gz",
            cloud_id=f"{ARN}model-package/churn/3",
            images=("example/churn:1@sha256:0a1b",),
            git_commit="f" * 40,
            git_repository="https://github.com/example/churn",
        )

    @pytest.mark.parametrize(
        ("word", "approval"),
        [("Approved", "approved"), ("Rejected", "rejected"), ("PendingManualApproval", "pending"), ("Maybe", None), (None, None)],
    )
    def test_approvals(self, word: str | None, approval: str | None) -> None:
        assert package(ModelApprovalStatus=word).approval == approval

    @pytest.mark.parametrize(
        ("registry", "tag", "approval"),
        [
            ("Approved", "rejected", "rejected"),
            ("Approved", "Denied", "rejected"),
            ("Approved", "pending", "pending"),
            ("Approved", "approved", "approved"),
            ("PendingManualApproval", "approved", "pending"),
            ("Rejected", "approved", "rejected"),
            (None, "approved", "approved"),
            (None, " ", None),
        ],
    )
    def test_a_tag_and_the_registry_must_agree_to_approve(self, registry: str | None, tag: str, approval: str | None) -> None:
        tags = [{"Key": "Milepost.Approval", "Value": tag}]
        assert package(ModelApprovalStatus=registry, Tags=tags).approval == approval
        assert package(ModelApprovalStatus=registry, CustomerMetadataProperties={"approval": tag}).approval == approval

    @pytest.mark.parametrize(
        ("status", "approval"),
        [("Completed", "approved"), ("Failed", None), ("Deleting", None), ("Pending", None), ("InProgress", None), ("Odd", None)],
    )
    def test_only_a_package_that_is_made_is_approved(self, status: str, approval: str | None) -> None:
        assert package(ModelPackageStatus=status, ModelApprovalStatus="Approved").approval == approval
        assert package(ModelPackageStatus=status, ModelApprovalStatus="Rejected").approval == "rejected"

    def test_passwords_in_the_addresses_of_its_metadata_are_not_kept(self) -> None:
        version = package(CustomerMetadataProperties={"registry": "https://bot:s3cr3t@mlflow.example.com"})
        assert version.tags == {"registry": "https://mlflow.example.com"}

    def test_its_change_is_its_latest(self) -> None:
        assert package(CreationTime=T0, LastModifiedTime=T0 + 60).updated_at == datetime(
            2026, 11, 18, 11, 7, 40, 250000, tzinfo=UTC
        )

    def test_a_package_of_no_group_is_its_only_version(self) -> None:
        record = {"ModelPackageArn": f"{ARN}model-package/alone", "ModelPackageName": "Alone"}
        version = one(records.ModelPackage, model_package, record, "model_version")

        assert (version.name, version.version, version.ref.id) == ("Alone", "1", "alone")

    def test_reports_baselines_and_the_card_are_kept_by_what_they_are_of(self) -> None:
        content = {"intended_uses": {"intended_uses": "Rank customers.", "risk_rating": "Low"}}
        version = package(
            ModelMetrics={
                "Bias": {"PostTrainingReport": {"S3Uri": "s3://e/bias", "ContentType": "x"}},
                "ModelQuality": {"Statistics": None},
            },
            DriftCheckBaselines={"ModelDataQuality": {"Constraints": {"S3Uri": "s3://e/constraints"}}},
            ModelCard={"ModelCardContent": msgspec.json.encode(content).decode(), "ModelCardStatus": "Approved"},
        )

        assert version.reports == {
            "bias.post_training_report": "s3://e/bias",
            "baseline.model_data_quality.constraints": "s3://e/constraints",
        }
        assert version.card is not None
        assert (version.card.status, version.card.intended_use, version.card.risk_rating) == ("Approved", "Rank customers.", "Low")

    @pytest.mark.parametrize(
        "content", [None, "", "no JSON", "[]", '{"intended_uses": 7}', '{"intended_uses": {"intended_uses": []}}']
    )
    def test_a_card_that_says_nothing_is_a_card(self, content: str | None) -> None:
        card = package(ModelCard={"ModelCardContent": content, "ModelCardStatus": "Draft"}).card

        assert card is not None
        assert (card.status, card.intended_use) == ("Draft", None)

    def test_a_maker_of_another_account_is_no_run_of_ours(self) -> None:
        made_elsewhere = "arn:aws:sagemaker:eu-west-1:999999999999:training-job/churn-7"

        assert package(MetadataProperties={"GeneratedBy": made_elsewhere}).run is None
        assert package(MetadataProperties={"GeneratedBy": "by hand"}).run is None


class TestRuns:
    def test_a_training_job_brings_the_datasets_that_it_read(self) -> None:
        record = {
            "TrainingJobName": "churn-7",
            "TrainingJobArn": f"{ARN}training-job/churn-7",
            "TrainingJobStatus": "Completed",
            "HyperParameters": {"eta": "0.1", "source": "https://ada:secret@git.example.com/x"},
            "AlgorithmSpecification": {"TrainingImage": "example/train:2"},
            "InputDataConfig": [
                {"ChannelName": "train", "DataSource": {"S3DataSource": {"S3Uri": "s3://example/train"}}},
                {"ChannelName": "config", "DataSource": {"FileSystemDataSource": {}}},
            ],
            "ModelArtifacts": {"S3ModelArtifacts": "s3://example/out/model.tar.gz"},
            "FinalMetricDataList": [{"MetricName": "auc", "Value": 0.91}, {"MetricName": "loss"}],
            "Environment": {"PASSWORD": "not-kept"},
            "CreationTime": T0,
            "TrainingEndTime": T0,
        }
        found = each([msgspec.Raw(msgspec.json.encode(record))], "run", records.TrainingJob, lambda job: training_job(SITE, job))
        dataset, run = found.entities

        assert isinstance(dataset, Dataset)
        assert isinstance(run, Run)
        assert dataset.origin == "s3://example/train"
        assert [(use.dataset, use.context) for use in run.datasets] == [(dataset.ref, "training")]
        assert (run.status, run.metrics, run.framework) == ("finished", {"auc": 0.91, "loss": None}, "example/train:2")
        assert run.artifacts == ("s3://example/out/model.tar.gz",)
        assert run.params == {"eta": "0.1", "source": "https://git.example.com/x"}
        assert run.ended_at == AT
        assert b"not-kept" not in encode(run)

    @pytest.mark.parametrize(
        ("word", "status"),
        [
            ("InProgress", "running"),
            ("Stopping", "running"),
            ("Failed", "failed"),
            ("Stopped", "killed"),
            ("New", "unknown"),
            (None, "unknown"),
        ],
    )
    def test_statuses(self, word: str | None, status: str) -> None:
        record = {"ProcessingJobName": "p", "ProcessingJobArn": f"{ARN}processing-job/p", "ProcessingJobStatus": word}

        assert one(records.ProcessingJob, processing_job, record).status == status

    def test_an_execution_ends_when_it_no_longer_changes(self) -> None:
        record = {
            "PipelineArn": f"{ARN}pipeline/churn",
            "PipelineExecutionArn": f"{ARN}pipeline/churn/execution/abc",
            "PipelineExecutionStatus": "Executing",
            "PipelineParameters": [{"Name": "days", "Value": "30"}],
            "CreationTime": T0,
            "LastModifiedTime": T0 + 60,
        }
        under_way = one(records.PipelineExecution, pipeline_execution, record)
        ended = one(records.PipelineExecution, pipeline_execution, {**record, "PipelineExecutionStatus": "CompletedWithFailures"})

        assert (under_way.status, under_way.ended_at) == ("running", None)
        assert (ended.status, ended.ended_at, ended.experiment) == ("failed", ended.updated_at, "churn")
        assert ended.params == {"days": "30"}

    def test_a_trial_component_says_its_commit_and_what_it_made(self) -> None:
        record = {
            "TrialComponentName": "c",
            "TrialComponentArn": f"{ARN}experiment-trial-component/c",
            "Status": {"PrimaryStatus": "Completed"},
            "Parameters": {"eta": {"NumberValue": 0.1}, "kind": {"StringValue": "tree"}},
            "Metrics": [{"MetricName": "auc", "Last": 0.9}],
            "OutputArtifacts": {"model": {"Value": "s3://example/model"}},
            "MetadataProperties": {"CommitId": "a" * 40},
            "Parents": [{"TrialName": "t"}, {"ExperimentName": "churn"}],
        }
        run = one(records.TrialComponent, trial_component, record)

        assert (run.experiment, run.git_commit, run.artifacts) == ("churn", "a" * 40, ("s3://example/model",))
        assert (run.params, run.metrics) == ({"eta": "0.1", "kind": "tree"}, {"auc": 0.9})

    @pytest.mark.parametrize(
        ("arn", "job"),
        [
            (f"{ARN}training-job/churn-7", Ref("aws", "run", "churn-7")),
            (f"{ARN}processing-job/churn-7", Ref("aws", "run", "processing-job:churn-7")),
            (f"{ARN.replace('123456789012', '999999999999')}training-job/churn-7", None),
            ("what is this?", None),
            ("", None),
        ],
    )
    def test_a_trial_component_tells_of_the_job_that_it_was_made_for(self, arn: str, job: Ref | None) -> None:
        record = {
            "TrialComponentName": "churn-7-aws-training-job",
            "TrialComponentArn": f"{ARN}experiment-trial-component/churn-7-aws-training-job",
            "Source": {"SourceArn": arn, "SourceType": "SageMakerTrainingJob"},
        }
        run = one(records.TrialComponent, trial_component, record)

        assert (run.tells_of, run.origin) == (job, job or run.ref)

    def test_a_feature_group_says_what_its_data_describes_where_a_tag_does(self) -> None:
        record = {
            "FeatureGroupName": "Churn",
            "FeatureGroupArn": f"{ARN}feature-group/churn",
            "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://e/f", "ResolvedOutputS3Uri": "s3://e/f/data"}},
            "Tags": [{"Key": "milepost.data_as_of", "Value": "2026-11-01"}],
        }
        group = one(records.FeatureGroup, feature_group, record, "dataset")

        assert (group.name, group.origin, group.as_of) == ("Churn", "s3://e/f/data", datetime(2026, 11, 1, tzinfo=UTC))


def running(*variants: Any, **more: Any) -> records.Endpoint:
    record = {
        "EndpointName": "prod",
        "EndpointArn": f"{ARN}endpoint/prod",
        "EndpointStatus": "InService",
        "ProductionVariants": variants,
    }
    return msgspec.convert({**record, **more}, records.Endpoint)


def configured(*variants: Any, shadow: Any = ()) -> records.EndpointConfig:
    record = {"EndpointConfigName": "c", "ProductionVariants": variants, "ShadowProductionVariants": shadow}
    return msgspec.convert(record, records.EndpointConfig)


def model(name: str, **container: Any) -> records.Model:
    return msgspec.convert({"ModelName": name, "ModelArn": f"{ARN}model/{name}", "PrimaryContainer": container}, records.Model)


class TestEndpoints:
    def test_a_canary_is_the_share_of_its_weight(self) -> None:
        found = endpoint(
            SITE,
            running({"VariantName": "old", "CurrentWeight": 9}, {"VariantName": "new", "CurrentWeight": 1}),
            Behind(
                config=configured(
                    {"VariantName": "old", "ModelName": "m2"},
                    {"VariantName": "new", "ModelName": "m3", "InstanceType": "ml.c5.large"},
                ),
                models={
                    "m2": model("m2", ModelPackageName=f"{ARN}model-package/churn/2"),
                    "m3": model("m3", ModelPackageName=f"{ARN}model-package/churn/3"),
                },
            ),
        )

        assert isinstance(found, Deployment)
        assert [(one.name, one.share, one.model) for one in found.models] == [
            ("churn/2", 0.9, Ref("aws", "model_version", "churn/2")),
            ("churn/3", 0.1, Ref("aws", "model_version", "churn/3")),
        ]
        assert (found.state, found.platform, found.instance) == ("in_service", "sagemaker", "ml.c5.large")

    def test_a_package_of_another_account_is_named_and_no_version_of_ours(self) -> None:
        arn = "arn:aws:sagemaker:eu-west-1:999999999999:model-package/churn/3"
        behind = Behind(config=configured({"VariantName": "v", "ModelName": "m"}), models={"m": model("m", ModelPackageName=arn)})
        (share,) = endpoint(SITE, running({"VariantName": "v"}), behind).models

        assert (share.model, share.cloud_id, share.name) == (None, arn, "churn/3")

    def test_a_model_without_a_package_says_where_its_data_is_and_the_digest_that_runs(self) -> None:
        variant = {"VariantName": "v", "DeployedImages": [{"SpecifiedImage": "e/c:1", "ResolvedImage": "e/c@sha256:0a"}]}
        behind = Behind(
            config=configured({"VariantName": "v", "ModelName": "m"}),
            models={"m": model("m", Image="e/c:1", ModelDataSource={"S3DataSource": {"S3Uri": "s3://e/m/"}})},
            model_tags={"m": [records.Tag("run_id", "0a1b")]},
        )
        (share,) = endpoint(SITE, running(variant), behind).models

        assert (share.name, share.artifact_uri, share.images, share.tags) == (
            "m",
            "s3://e/m/",
            ("e/c@sha256:0a",),
            {"run_id": "0a1b"},
        )

    def test_what_was_deleted_behind_it_leaves_the_variant(self) -> None:
        (share,) = endpoint(SITE, running({"VariantName": "v", "CurrentWeight": 1}), Behind()).models

        assert (share.name, share.share, share.model) == ("v", 1.0, None)

    def test_a_container_without_its_model_names_nothing(self) -> None:
        variant = {"VariantName": "v", "DeployedImages": [{"SpecifiedImage": "e/c:1", "ResolvedImage": "e/c@sha256:0a"}]}
        (share,) = endpoint(SITE, running(variant), Behind(config=configured({"VariantName": "v", "ModelName": "m"}))).models

        assert (share.name, share.images) == ("m", ())

    @pytest.mark.parametrize(
        ("model_made", "config_made", "named"),
        [
            (T0, T0, "churn/3"),
            (T0 + 1, T0 + 1, "churn/3"),
            (T0 + 1, T0, "m"),
            (T0 + 9, T0 + 1, "m"),
            (T0, T0 + 9, "v"),
        ],
    )
    def test_what_was_made_anew_under_its_name_is_not_what_it_serves(
        self, model_made: float, config_made: float, named: str
    ) -> None:
        made = model("m", ModelPackageName=f"{ARN}model-package/churn/3")
        behind = Behind(
            config=msgspec.structs.replace(configured({"VariantName": "v", "ModelName": "m"}), creation_time=config_made),
            models={"m": msgspec.structs.replace(made, creation_time=model_made)},
            model_tags={"m": [records.Tag("milepost:issue", "CHURN-42")]},
        )
        (share,) = endpoint(SITE, running({"VariantName": "v"}, LastModifiedTime=T0 + 5), behind).models

        assert share.name == named
        assert (share.model is not None, bool(share.cloud_id), bool(share.tags)) == (named == "churn/3",) * 3

    def test_what_it_is_being_changed_to_may_be_younger(self) -> None:
        found = running({"VariantName": "v"}, LastModifiedTime=T0, PendingDeploymentSummary={"EndpointConfigName": "d"})
        made = model("m", ModelPackageName=f"{ARN}model-package/churn/3")
        behind = Behind(
            config=configured({"VariantName": "v", "ModelName": "m"}),
            pending=msgspec.structs.replace(configured({"VariantName": "v", "ModelName": "m"}), creation_time=T0 + 2),
            models={"m": msgspec.structs.replace(made, creation_time=T0 + 1)},
        )

        assert [one.name for one in endpoint(SITE, found, behind).models] == ["m", "churn/3"]

    def test_shadow_variants_answer_nobody(self) -> None:
        found = running(
            {"VariantName": "v", "CurrentWeight": 2}, ShadowProductionVariants=[{"VariantName": "s", "CurrentWeight": 1}]
        )
        shares = endpoint(
            SITE, found, Behind(config=configured({"VariantName": "v"}, shadow=[{"VariantName": "s", "ModelName": "m"}]))
        ).models

        assert [(one.name, one.share, one.mirror) for one in shares] == [("v", 1.0, 0.0), ("m", 0.0, 0.5)]

    def test_no_weight_at_all_is_no_traffic(self) -> None:
        shares = endpoint(SITE, running({"VariantName": "v", "CurrentWeight": 0}), Behind()).models

        assert [one.share for one in shares] == [0.0]

    def test_while_it_is_made_it_shows_what_it_was_configured_with(self) -> None:
        found = running(EndpointStatus="Creating")
        shares = endpoint(
            SITE, found, Behind(config=configured({"VariantName": "v", "ModelName": "m", "InitialVariantWeight": 1}))
        ).models

        assert [(one.name, one.share) for one in shares] == [("m", 1.0)]

    @pytest.mark.parametrize(
        ("word", "state"),
        [
            ("Creating", "creating"),
            ("Updating", "updating"),
            ("SystemUpdating", "updating"),
            ("RollingBack", "rolling_back"),
            ("UpdateRollbackFailed", "failed"),
            ("Failed", "failed"),
            ("OutOfService", "stopped"),
            ("Deleting", "deleting"),
            ("Dreaming", "unknown"),
        ],
    )
    def test_states(self, word: str, state: str) -> None:
        assert endpoint(SITE, running(EndpointStatus=word), Behind()).state == state

    @pytest.mark.parametrize(("word", "state"), [("Updating", "updating"), ("RollingBack", "rolling_back"), ("Failed", "failed")])
    def test_what_it_is_being_changed_to_has_the_state_of_the_change(self, word: str, state: str) -> None:
        found = running(
            {"VariantName": "v", "CurrentWeight": 1},
            EndpointStatus=word,
            EndpointConfigName="c",
            PendingDeploymentSummary={"EndpointConfigName": "d", "ProductionVariants": [{"VariantName": "v"}], "StartTime": T0},
        )
        behind = Behind(
            config=configured({"VariantName": "v", "ModelName": "m2"}),
            pending=configured({"VariantName": "v", "ModelName": "m3"}),
            models={
                name: model(name, ModelPackageName=f"{ARN}model-package/churn/{number}") for name, number in (("m2", 2), ("m3", 3))
            },
        )
        deployment = endpoint(SITE, found, behind)

        assert found.pending_deployment_summary == records.PendingDeployment(endpoint_config_name="d")
        assert [(one.name, one.share, one.state) for one in deployment.models] == [
            ("churn/2", 1.0, "in_service"),
            ("churn/3", 0.0, state),
        ]
        assert deployment.state == state

    def test_tags_capture_and_reasons(self) -> None:
        found = running(
            FailureReason="no capacity",
            DataCaptureConfig={"EnableCapture": True, "CaptureStatus": "Started", "DestinationS3Uri": "s3://e"},
        )
        deployment = endpoint(SITE, found, Behind(tags=[records.Tag("stage", "production"), records.Tag("a", "https://u:p@e.com")]))

        assert (deployment.environment, deployment.data_capture, deployment.reason) == ("production", True, "no capacity")
        assert deployment.tags == {"a": "https://e.com", "stage": "production"}

    @pytest.mark.parametrize(
        ("tags", "environment"),
        [
            ({"Environment": "staging"}, "staging"),
            ({"ENV": " test "}, "test"),
            ({"Stage": "production", "Environment": "staging"}, "staging"),
            ({"Environment": "staging", "environment": "production"}, "production"),
            ({"Environment": " ", "env": "test"}, "test"),
            ({"environments": "staging"}, None),
        ],
    )
    def test_an_environment_is_read_in_whatever_case(self, tags: dict[str, str], environment: str | None) -> None:
        behind = Behind(tags=[records.Tag(name, text) for name, text in tags.items()])
        assert endpoint(SITE, running(), behind).environment == environment


def done(status: str = "Completed", **more: Any) -> watching.MonitoringExecution:
    record = {
        "MonitoringScheduleName": "daily",
        "ScheduledTime": T0,
        "CreationTime": T0,
        "MonitoringExecutionStatus": status,
        "EndpointName": "prod",
        "MonitoringType": "DataQuality",
    }
    return msgspec.convert({**record, **more}, watching.MonitoringExecution)


def outcomes(observations: Any) -> dict[str, str]:
    return {one.kind: one.outcome for one in observations}


DRIFT = watching.Violation(feature_name="age", constraint_check_type="baseline_drift_check")
BAD_TYPE = watching.Violation(feature_name="plan", constraint_check_type="data_type_check")


class TestMonitors:
    def test_a_quiet_execution_has_passed_in_all_that_it_watches(self) -> None:
        assert outcomes(execution(SITE, done(), None)) == {"drift": "passed", "data_quality": "passed"}

    def test_the_report_tells_drift_from_bad_data(self) -> None:
        violated = done("CompletedWithViolations")

        assert outcomes(execution(SITE, violated, [DRIFT])) == {"drift": "failed", "data_quality": "passed"}
        assert outcomes(execution(SITE, violated, [BAD_TYPE])) == {"drift": "passed", "data_quality": "failed"}
        assert outcomes(execution(SITE, violated, [DRIFT, BAD_TYPE])) == {"drift": "failed", "data_quality": "failed"}

    @pytest.mark.parametrize("report", [None, []])
    def test_violations_that_no_report_tells_are_violations(self, report: list[watching.Violation] | None) -> None:
        assert outcomes(execution(SITE, done("CompletedWithViolations"), report)) == {"drift": "failed", "data_quality": "failed"}

    @pytest.mark.parametrize("status", ["Failed", "Stopped", "Vanished"])
    def test_an_execution_that_failed_itself_says_nothing(self, status: str) -> None:
        assert outcomes(execution(SITE, done(status), None)) == {"drift": "unknown", "data_quality": "unknown"}

    @pytest.mark.parametrize("status", ["Pending", "InProgress", "Stopping"])
    def test_what_is_under_way_is_no_observation_yet(self, status: str) -> None:
        assert not list(execution(SITE, done(status), None))

    @pytest.mark.parametrize(
        ("monitor", "kind"), [("ModelQuality", "performance"), ("ModelBias", "bias"), ("ModelExplainability", "explainability")]
    )
    def test_the_other_monitors_judge_one_thing(self, monitor: str, kind: str) -> None:
        (found,) = execution(
            SITE, done("CompletedWithViolations", MonitoringType=monitor), [watching.Violation(facet="sex", metric_name="DPL")]
        )

        assert (found.kind, found.outcome, found.monitor, found.value, found.detail) == (kind, "failed", "daily", 1.0, "sex DPL")
        assert found.subject == Ref("aws", "deployment", "prod")
        assert found.observed_at == AT

    def test_many_violations_are_a_line(self) -> None:
        many = [watching.Violation(feature_name=f"f{n}", constraint_check_type="data_type_check") for n in range(9)] * 2
        (found,) = (one for one in execution(SITE, done("CompletedWithViolations"), many) if one.kind == "data_quality")

        assert found.detail is not None
        assert found.detail.endswith("; and 4 more")
        assert "f0: data_type_check (2 times)" in found.detail

    def test_alerts_begin_and_end(self) -> None:
        schedule = watching.MonitoringSchedule("daily", "prod", "ModelQuality")
        changes = [watching.AlertChange("daily", "default", T0 + n, word) for n, word in enumerate(("InAlert", "OK", "Odd"))]
        found = [one for change in changes for one in alert(SITE, change, schedule)]

        assert [(one.kind, one.outcome, one.monitor) for one in found] == [
            ("performance", "failed", "daily/default"),
            ("performance", "passed", "daily/default"),
            ("performance", "unknown", "daily/default"),
        ]
        assert all(one.lasting for one in found)
        assert len({one.ref for one in found}) == 3
        assert not list(alert(SITE, changes[0], None))

    def test_values_of_a_metric_are_held_against_its_limit(self) -> None:
        watched = Watched(name="latency", endpoint="prod", variant="v", limit=Bound(lte=10))
        data = watching.MetricData("m0", [T0, T0 + 60, T0 + 120], [9.0, 11.0, float("nan")])
        found = list(metric_points(SITE, watched, data))

        assert [(one.outcome, one.value, one.threshold) for one in found] == [("passed", 9.0, "≤ 10"), ("failed", 11.0, "≤ 10")]


SHAPES: list[tuple[type[Any], Any]] = [
    (records.ModelPackage, model_package),
    (records.TrainingJob, training_job),
    (records.TrialComponent, trial_component),
    (records.PipelineExecution, pipeline_execution),
    (records.FeatureGroup, feature_group),
    (records.Endpoint, lambda site, found: [endpoint(site, found, Behind())]),
    (watching.MonitoringExecution, lambda site, found: execution(site, found, None)),
]


def names_of(shape: type[Any]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(shape)]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from([f"{ARN}model-package/churn/3", "nan", "1e400", "s3://a/b", "https://u:p@e.com", "\x00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
def test_whatever_comes_becomes_an_entity_or_is_rejected(data: st.DataObject) -> None:
    shape, translate = data.draw(st.sampled_from(SHAPES))
    record = data.draw(st.dictionaries(st.sampled_from(names_of(shape)), json_values))
    raw = msgspec.Raw(msgspec.json.encode(record))

    found: Records = each([raw], "run", shape, lambda it: translate(SITE, it))

    assert found.entities or found.rejected or shape is watching.MonitoringExecution
    for entity in found.entities:
        assert decode(encode(entity)) == entity
        assert entity.created_at is None or entity.created_at.tzinfo is not None
        if isinstance(entity, Observation):
            assert entity.observed_at.tzinfo is not None


def test_a_record_that_makes_no_sense_is_rejected_with_its_name_and_without_its_secrets() -> None:
    good = {"FeatureGroup": {"FeatureGroupName": "a", "FeatureGroupArn": f"{ARN}feature-group/a"}}
    bad = {"FeatureGroup": {"FeatureGroupName": "b", "FeatureGroupArn": 7, "token": "abc-123"}}
    none: dict[str, Any] = {"Endpoint": {}}
    raw = [msgspec.Raw(msgspec.json.encode(record)) for record in (good, bad, none)]

    found = each(raw, "dataset", records.FeatureGroup, lambda it: feature_group(SITE, it), inside="FeatureGroup")

    assert [entity.ref.id for entity in found.entities] == ["a"]
    assert found.rejected[0].id == "b"
    assert found.rejected[1].reason == "no FeatureGroup"
    assert b"abc-123" not in found.rejected[0].payload


@pytest.mark.parametrize(
    "text", ["", "arn:aws:s3:::bucket", "arn:aws:sagemaker:eu-west-1:123456789012", f"{ARN}endpoint/a b", f"{ARN}x\n"]
)
def test_what_is_no_arn_of_sagemakers_names_nothing(text: str) -> None:
    with pytest.raises(ValueError, match="no ARN"):
        resource_of(text)
    assert account_of(text) == ""


@pytest.mark.parametrize(
    ("region", "host"),
    [("eu-west-1", "aws.amazon.com"), ("cn-north-1", "amazonaws.cn"), ("us-gov-west-1", "amazonaws-us-gov.com")],
)
def test_pages_are_those_of_the_regions_console(region: str, host: str) -> None:
    assert (
        Site("aws", region)
        .page("endpoints/a b")
        .startswith(f"https://{region}.console.{host}/sagemaker/home?region={region}#/endpoints/a%20b")
    )
