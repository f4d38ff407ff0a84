"""What a pull of SageMaker sees of what people do with boto3, and what it costs."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from moto.sagemaker.models import sagemaker_backends

from connectors.conformance.proxy import FaultProxy
from connectors.sagemaker import CONNECTION
from mappings.model import Dataset, Deployment, Experiment, Missing, ModelVersion, Observation, Ref, Run
from sandbox.sagemaker.server import ACCOUNT, AwsServer
from tests.connectors.aws import NAME, Office

DRIFT = {"feature_name": "age", "constraint_check_type": "baseline_drift_check", "description": "distance 0.4"}
BAD_TYPE = {"feature_name": "plan", "constraint_check_type": "data_type_check", "description": "no integers"}


@pytest.fixture
def office(aws_server: AwsServer) -> Office:
    return Office(aws_server)


class TestPackages:
    def test_an_approval_alone_is_seen_by_the_next_pull(self, office: Office) -> None:
        package = office.package()
        (before,) = office.pull("packages")
        office.sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
        (after,) = office.pull("packages")

        assert isinstance(before, ModelVersion)
        assert isinstance(after, ModelVersion)
        assert (before.approval, after.approval) == ("pending", "approved")
        assert before.ref == after.ref
        assert after.cloud_id == package

    def test_a_pull_without_news_costs_one_request_and_gives_nothing(self, office: Office) -> None:
        office.package()
        office.pull("packages")
        office.asked()

        assert office.pull("packages") == []
        assert office.asked() == 1

    def test_another_group_is_left_out(self, office: Office) -> None:
        office.package()

        assert office.pull("packages", model_package_groups=["another"]) == []


class TestEndpoints:
    def test_a_canary_shows_its_share_its_packages_and_its_tags(self, office: Office) -> None:
        old, new = office.package(), office.package()
        office.endpoint([old, new], [9, 1], tags=[{"Key": "environment", "Value": "production"}])
        (found,) = office.pull("endpoints")

        assert isinstance(found, Deployment)
        assert found.ref == Ref(NAME, "deployment", office.name)
        assert [(one.cloud_id, one.share, one.model) for one in found.models] == [
            (old, 0.9, Ref(NAME, "model_version", f"{office.name}/1")),
            (new, 0.1, Ref(NAME, "model_version", f"{office.name}/2")),
        ]
        assert (found.environment, found.state) == ("production", "in_service")

    def test_what_it_is_being_changed_to_is_there_with_its_package(self, office: Office) -> None:
        old, new = office.package(), office.package()
        name = office.endpoint([old])
        office.region.turn(name, "RollingBack")
        there = sagemaker_backends[ACCOUNT]["eu-west-1"].endpoints[name]
        there.pending_deployment_summary = {"EndpointConfigName": office.config([new])}  # type: ignore[attr-defined]  # moto has none
        (found,) = office.pull("endpoints")

        assert isinstance(found, Deployment)
        assert [(one.cloud_id, one.share, one.state) for one in found.models] == [
            (old, 1.0, "in_service"),
            (new, 0.0, "rolling_back"),
        ]

    def test_only_what_changed_is_described_again(self, office: Office) -> None:
        package = office.package()
        for number in range(5):
            office.endpoint([package], suffix=f"-{number}")
        assert len(office.pull("endpoints")) == 5
        office.asked()

        assert office.pull("endpoints") == []
        assert office.asked() == 1
        office.region.turn(f"{office.name}-3", "Failed", "no capacity")
        (changed,) = office.pull("endpoints")

        assert isinstance(changed, Deployment)
        assert (changed.endpoint, changed.state, changed.reason) == (f"{office.name}-3", "failed", "no capacity")
        # The list, the endpoint, its configuration, its model, and the tags of both.
        assert office.asked() == 6

    def test_a_shared_configuration_is_read_once(self, office: Office) -> None:
        config = office.config([office.package()])
        for number in range(4):
            office.sagemaker.create_endpoint(EndpointName=f"{office.name}-{number}", EndpointConfigName=config)
        office.asked()
        office.pull("endpoints")

        # A list, a configuration, a model and its tags; then each endpoint and its tags.
        assert office.asked() == 4 + 4 * 2

    def test_new_weights_and_a_new_configuration_are_changes(self, office: Office) -> None:
        old, new = office.package(), office.package()
        name = office.endpoint([old, new], [9, 1])
        office.pull("endpoints")
        office.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name,
            DesiredWeightsAndCapacities=[{"VariantName": "v0", "DesiredWeight": 1}, {"VariantName": "v1", "DesiredWeight": 1}],
        )
        (even,) = office.pull("endpoints")
        office.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=office.config([new]))
        (promoted,) = office.pull("endpoints")

        assert isinstance(even, Deployment)
        assert isinstance(promoted, Deployment)
        assert [one.share for one in even.models] == [0.5, 0.5]
        assert [(one.cloud_id, one.share) for one in promoted.models] == [(new, 1.0)]

    def test_what_stands_behind_it_may_be_deleted(self, office: Office) -> None:
        name = office.endpoint([office.package()])
        config = office.sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
        office.sagemaker.delete_endpoint_config(EndpointConfigName=config)
        (found,) = office.pull("endpoints")

        assert isinstance(found, Deployment)
        assert [(one.name, one.share) for one in found.models] == [("v0", 1.0)]

    def test_a_deleted_endpoint_is_gone_after_a_whole_listing(self, office: Office) -> None:
        kept, gone = (office.endpoint([office.package()], suffix=suffix) for suffix in ("-kept", "-gone"))
        refs = [entity.ref for entity in office.pull("endpoints")]
        office.sagemaker.delete_endpoint(EndpointName=gone)
        batches = office.batches("endpoints", anew=True)
        with office.reader() as reader:
            answers = reader.read(refs)

        assert batches[-1].complete
        assert [entity.ref.id for batch in batches for entity in batch.entities] == [kept]
        assert [one for one in answers if isinstance(one, Missing)] == [Missing(ref=Ref(NAME, "deployment", gone))]


class TestMonitors:
    def test_an_execution_with_violations_says_of_what_and_where(self, office: Office) -> None:
        endpoint = office.endpoint([office.package()])
        schedule = office.monitor(endpoint)
        office.region.run_monitor(schedule, "CompletedWithViolations", [DRIFT, DRIFT])
        found = {one.kind: one for one in office.pull("executions") if isinstance(one, Observation)}

        assert (found["drift"].outcome, found["data_quality"].outcome) == ("failed", "passed")
        assert (found["drift"].value, found["drift"].detail) == (2.0, "age: baseline_drift_check (2 times)")
        assert found["drift"].subject == Ref(NAME, "deployment", endpoint)

    def test_a_report_that_is_not_there_leaves_the_violation(self, office: Office) -> None:
        schedule = office.monitor(office.endpoint([office.package()]))
        office.region.run_monitor(schedule, "CompletedWithViolations")
        found = {one.kind: one for one in office.pull("executions") if isinstance(one, Observation)}

        assert {one.outcome for one in found.values()} == {"failed"}
        assert found["drift"].detail == "the violations report could not be read"

    @pytest.mark.parametrize("content", [b"", b"[]", b'{"violations": 7}', b"\xff", b"[" * 5000])
    def test_a_report_of_another_kind_leaves_the_violation(self, office: Office, content: bytes) -> None:
        schedule = office.monitor(office.endpoint([office.package()]))
        at = time.time()
        office.region.run_monitor(schedule, "CompletedWithViolations", [BAD_TYPE], at=at)
        job = f"{schedule}-{round(at * 1000)}"
        office.region.put("monitoring", f"{schedule}/{job}/constraint_violations.json", content)

        assert {one.outcome for one in office.pull("executions") if isinstance(one, Observation)} == {"failed"}

    def test_reports_are_read_once(self, office: Office) -> None:
        schedule = office.monitor(office.endpoint([office.package()]))
        now = time.time()
        for hours in range(3):
            office.region.run_monitor(schedule, "CompletedWithViolations", [DRIFT], at=now - 3600 * hours)
        assert len(office.pull("executions")) == 6
        office.asked()

        assert office.pull("executions") == []
        assert office.asked() == 1

    def test_alerts_begin_and_end(self, office: Office) -> None:
        schedule = office.monitor(office.endpoint([office.package()]), "ModelQuality")
        office.region.alert(schedule, "InAlert", at=time.time() - 7200)
        (began,) = office.pull("alerts")
        office.region.alert(schedule, "OK")
        (ended,) = office.pull("alerts")
        office.asked()

        assert isinstance(began, Observation)
        assert isinstance(ended, Observation)
        assert (began.outcome, ended.outcome) == ("failed", "passed")
        assert (began.kind, began.monitor) == ("performance", f"{schedule}/default")
        assert office.pull("alerts") == []
        assert office.asked() == 1

    def test_an_alert_is_not_that_of_a_later_schedule_of_the_same_name(self, office: Office) -> None:
        package = office.package()
        first, second = (office.endpoint([package], suffix=suffix) for suffix in ("-a", "-b"))
        schedule = office.monitor(first)
        office.region.alert(schedule, "InAlert")
        (before,) = office.pull("alerts")
        office.sagemaker.delete_monitoring_schedule(MonitoringScheduleName=schedule)
        office.monitor(second, name=schedule)
        office.region.alert(schedule, "OK")
        (after,) = office.pull("alerts", anew=True)
        with office.reader() as reader:
            answers = reader.read([before.ref])

        assert isinstance(before, Observation)
        assert isinstance(after, Observation)
        assert (before.subject.id, before.outcome) == (first, "failed")
        assert (after.subject.id, after.outcome) == (second, "passed")
        # The first one's is neither moved to the other endpoint nor taken for gone.
        assert list(answers) == []

    def test_other_endpoints_monitors_are_left_out(self, office: Office) -> None:
        schedule = office.monitor(office.endpoint([office.package()]))
        office.region.run_monitor(schedule)
        office.region.alert(schedule, "InAlert")

        assert office.pull("executions", endpoints=["another"]) == []
        assert office.pull("alerts", endpoints=["another"]) == []

    def test_an_execution_that_sagemaker_dropped_is_missing(self, office: Office) -> None:
        schedule = office.monitor(office.endpoint([office.package()]))
        office.region.run_monitor(schedule)
        refs = [entity.ref for entity in office.pull("executions")]
        assert office.region.forget_execution(schedule, int(refs[0].id.split("/")[2]))
        with office.reader() as reader:
            answers = reader.read(refs)

        assert list(answers) == [Missing(ref=ref) for ref in refs]


class TestMetrics:
    WATCH = {"latency": {"metric": "ModelLatency", "statistic": "Maximum", "limit": {"lte": 10}}}

    def put(self, office: Office, value: float, at: datetime, endpoint: str = "", variant: str = "v0") -> None:
        dimensions = [{"Name": "EndpointName", "Value": endpoint or office.name}, {"Name": "VariantName", "Value": variant}]
        datum = {"MetricName": "ModelLatency", "Dimensions": dimensions, "Value": value, "Timestamp": at}
        with closing(office.region.client("cloudwatch")) as cloudwatch:
            cloudwatch.put_metric_data(Namespace="AWS/SageMaker", MetricData=[datum])

    def test_each_period_that_has_ended_is_held_against_the_limit(self, office: Office) -> None:
        now = datetime.now(UTC)
        self.put(office, 9.0, now - timedelta(hours=5))
        self.put(office, 12.0, now - timedelta(hours=3))
        self.put(office, 99.0, now)
        self.put(office, 99.0, now - timedelta(hours=3), endpoint="another")
        found = [one for one in office.pull("metrics", metrics=self.WATCH) if isinstance(one, Observation)]

        assert [(one.value, one.outcome) for one in found] == [(9.0, "passed"), (12.0, "failed")]
        assert {one.monitor for one in found} == {"cloudwatch/latency/v0"}
        assert {one.subject for one in found} == {Ref(NAME, "deployment", office.name)}

    def test_the_same_value_is_the_same_observation_in_each_pull(self, office: Office) -> None:
        self.put(office, 12.0, datetime.now(UTC) - timedelta(hours=3))
        first = office.pull("metrics", metrics=self.WATCH)

        assert office.pull("metrics", metrics=self.WATCH) == first
        assert office.pull("metrics", anew=True, metrics=self.WATCH) == first

    def test_values_that_come_later_than_those_of_another_series_are_seen(self, office: Office) -> None:
        watch = {"latency": {**self.WATCH["latency"], "period": "1m"}}
        now = datetime.now(UTC)
        for variant in ("v0", "v1"):
            self.put(office, 9.0, now - timedelta(minutes=30), variant=variant)
        self.put(office, 9.0, now - timedelta(minutes=3))
        seen = {one.ref for one in office.pull("metrics", metrics=watch)}
        self.put(office, 12.0, now - timedelta(minutes=11), variant="v1")
        self.put(office, 13.0, now - timedelta(minutes=16), variant="v2")
        late = [one for one in office.pull("metrics", metrics=watch) if isinstance(one, Observation) and one.ref not in seen]

        assert sorted((one.monitor, one.value, one.outcome) for one in late) == [
            ("cloudwatch/latency/v1", 12.0, "failed"),
            ("cloudwatch/latency/v2", 13.0, "failed"),
        ]

    def test_many_series_are_asked_for_by_the_five_hundred(self, office: Office) -> None:
        at = datetime.now(UTC) - timedelta(hours=30)
        watch = {"latency": {**self.WATCH["latency"], "period": "12h"}}
        data = [
            {
                "MetricName": "ModelLatency",
                "Dimensions": [{"Name": "EndpointName", "Value": f"{office.name}-{n}"}, {"Name": "VariantName", "Value": "v0"}],
                "Value": float(n),
                "Timestamp": at,
            }
            for n in range(600)
        ]
        with closing(office.region.client("cloudwatch")) as cloudwatch:
            cloudwatch.put_metric_data(Namespace="AWS/SageMaker", MetricData=data)
        office.pull("metrics", metrics=watch)
        listing = office.asked()
        found = office.pull("metrics", metrics=watch)

        assert len({one.ref for one in found}) == 600
        # Pages of metrics that CloudWatch lists, whosever they are, and two calls for the values.
        assert office.asked() == listing
        with closing(office.region.client("cloudwatch")) as cloudwatch:
            pages = sum(
                1 for _ in cloudwatch.get_paginator("list_metrics").paginate(Namespace="AWS/SageMaker", MetricName="ModelLatency")
            )
        assert listing == pages + 2


class TestTheRest:
    def test_jobs_pipelines_experiments_and_feature_groups_are_read(self, office: Office) -> None:
        name, sagemaker = office.name, office.sagemaker
        sagemaker.create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={"TrainingImage": "example/train", "TrainingInputMode": "File"},
            RoleArn=office.role,
            InputDataConfig=[
                {"ChannelName": "train", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{name}/train"}}}
            ],
            OutputDataConfig={"S3OutputPath": f"s3://{name}/out"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 20},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
            Tags=[{"Key": "milepost.issue", "Value": "CHURN-42"}],
        )
        sagemaker.create_pipeline(PipelineName=name, PipelineDefinition="{}", RoleArn=office.role, ClientRequestToken="t" * 32)
        sagemaker.start_pipeline_execution(PipelineName=name, ClientRequestToken="t" * 32)
        sagemaker.create_experiment(ExperimentName=name)
        sagemaker.create_trial(TrialName=name, ExperimentName=name)
        sagemaker.create_trial_component(TrialComponentName=name, MetadataProperties={"CommitId": "a" * 40})
        sagemaker.associate_trial_component(TrialComponentName=name, TrialName=name)
        sagemaker.create_feature_group(
            FeatureGroupName=f"{name}-Features",
            RecordIdentifierFeatureName="id",
            EventTimeFeatureName="at",
            FeatureDefinitions=[{"FeatureName": "id", "FeatureType": "String"}],
            OfflineStoreConfig={"S3StorageConfig": {"S3Uri": f"s3://{name}/features"}},
            Tags=[{"Key": "milepost.data_as_of", "Value": "2026-11-01"}],
        )

        dataset, training = office.pull("training_jobs")
        (execution,) = office.pull("pipelines")
        (experiment,) = office.pull("experiments")
        (component,) = office.pull("trials")
        (features,) = office.pull("feature_groups")

        assert isinstance(dataset, Dataset)
        assert isinstance(training, Run)
        assert training.tags == {"milepost.issue": "CHURN-42"}
        assert training.artifacts == (f"s3://{name}/out/{name}/output/model.tar.gz",)
        assert isinstance(execution, Run)
        assert execution.experiment == name
        assert isinstance(experiment, Experiment)
        assert isinstance(component, Run)
        assert (component.experiment, component.git_commit) == (name, "a" * 40)
        assert isinstance(features, Dataset)
        assert features.as_of == datetime(2026, 11, 1, tzinfo=UTC)
        # Its ARN bears the name in lower case: it has left no scope for that.
        with office.reader() as reader:
            assert not reader.outside([features.ref], office.scope(feature_groups=[f"{name}-Features"]))
            assert list(reader.outside([features.ref], office.scope(feature_groups=["another"]))) == [features.ref]

    def test_a_pipeline_is_known_by_its_arn_which_is_in_lower_case(self, office: Office) -> None:
        name = f"{office.name}Nightly"
        office.sagemaker.create_pipeline(
            PipelineName=name, PipelineDefinition="{}", RoleArn=office.role, ClientRequestToken="t" * 32
        )
        office.sagemaker.start_pipeline_execution(PipelineName=name, ClientRequestToken="t" * 32)

        assert len(office.pull("pipelines", pipelines=[name])) == 1
        assert office.pull("pipelines", anew=True, pipelines=["another"]) == []

    def test_what_the_scope_does_not_name_is_not_asked_for(self, office: Office) -> None:
        scope = type(office.scope()).model_validate({"model_package_groups": ["churn"]})
        with office.reader() as reader:
            for stream in CONNECTION.streams:
                if stream != "packages":
                    batches = list(reader.pull(stream, scope, None))
                    assert [(batch.complete, list(batch.entities)) for batch in batches] == [(True, [])]

        assert office.asked() == 0

    @pytest.mark.parametrize(("glob", "part"), [("churn-*", "churn-"), ("churn.v1*", "churn"), ("*", None), ("_x*", None)])
    def test_aws_leaves_out_what_it_can_and_is_asked_for_no_name_that_it_refuses(
        self, office: Office, aws_server: AwsServer, glob: str, part: str | None
    ) -> None:
        with FaultProxy(aws_server.url) as proxy, office.reader(endpoint_url=proxy.url) as reader:
            list(reader.pull("endpoints", office.scope(endpoints=[glob]), None))

            assert proxy.asked[0].json().get("NameContains") == part

    def test_an_interrupted_listing_goes_on_where_it_was(self, office: Office) -> None:
        for _ in range(3):
            office.package()
        first = office.batches("packages")
        begun = next(batch.cursor for batch in first if batch.cursor is not None)
        assert '"listed"' in begun
        with office.reader() as reader:
            rest = list(reader.pull("packages", office.scope(), begun))

        assert not any(batch.complete for batch in rest)
        assert rest[-1].cursor is not None
        assert '"listed"' not in rest[-1].cursor
