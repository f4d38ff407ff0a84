"""What stands before moto: the operations that it lacks, as boto3 and botocore's own model have them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped]  # botocore ships no types

from sandbox.sagemaker.front import _OF_MONITORING, _OURS, SEARCH, Front, Violation, _response
from sandbox.sagemaker.listing import page
from sandbox.sagemaker.server import AwsServer
from sandbox.sagemaker.shapes import service_model, shaped, violations
from tests.connectors.aws import Office


@pytest.fixture
def office(aws_server: AwsServer) -> Office:
    return Office(aws_server)


def search(office: Office, **asked: Any) -> list[dict[str, Any]]:
    mine = {"Name": "ModelPackageGroupName", "Operator": "Equals", "Value": office.name}
    filters = [mine, *asked.pop("filters", ())]
    found = office.sagemaker.search(Resource="ModelPackage", SearchExpression={"Filters": filters}, **asked)
    return [one["ModelPackage"] for one in found["Results"]]


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}"


class TestSearch:
    def test_it_finds_by_the_time_of_change(self, office: Office) -> None:
        package = office.package()
        office.package()
        ahead = datetime.now(UTC) + timedelta(hours=1)
        office.sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
        since = {"Name": "LastModifiedTime", "Operator": "GreaterThanOrEqualTo"}

        changed = search(office, filters=[{**since, "Value": stamp(datetime.now(UTC) - timedelta(hours=1))}])
        assert [(one["ModelPackageArn"], one["ModelApprovalStatus"]) for one in changed] == [(package, "Approved")]
        assert search(office, filters=[{**since, "Value": stamp(ahead)}]) == []

    def test_it_sorts_and_pages(self, office: Office) -> None:
        arns = [office.package() for _ in range(5)]
        asked: dict[str, Any] = {
            "Resource": "ModelPackage",
            "SearchExpression": {"Filters": [{"Name": "ModelPackageGroupName", "Operator": "Equals", "Value": office.name}]},
            "SortBy": "CreationTime",
            "SortOrder": "Ascending",
            "MaxResults": 2,
        }
        pages = list(
            office.sagemaker.get_paginator("search").paginate(**{name: asked[name] for name in asked if name != "MaxResults"})
        )
        short = office.sagemaker.search(**asked)

        assert [one["ModelPackage"]["ModelPackageArn"] for found in pages for one in found["Results"]] == arns
        assert [one["ModelPackage"]["ModelPackageArn"] for one in short["Results"]] == arns[:2]
        following = office.sagemaker.search(**asked, NextToken=short["NextToken"])
        assert [one["ModelPackage"]["ModelPackageArn"] for one in following["Results"]] == arns[2:4]

    @pytest.mark.parametrize(
        ("expression", "said"),
        [
            ({}, "at least one"),
            ({"Filters": [{"Name": "CreationTime", "Operator": "GreaterThan", "Value": "2026-11-01T00:00:00Z"}]}, "date-time"),
            ({"Filters": [{"Name": "ModelPackageGroupName", "Operator": "GreaterThan", "Value": "a"}]}, "not supported"),
        ],
    )
    def test_it_refuses_what_aws_documents_to_refuse(self, office: Office, expression: dict[str, Any], said: str) -> None:
        office.package()
        with pytest.raises(ClientError, match=said):
            office.sagemaker.search(Resource="ModelPackage", SearchExpression=expression)

    def test_a_token_that_is_none_is_refused(self, office: Office) -> None:
        office.package()
        with pytest.raises(ClientError, match="Invalid pagination token"):
            search(office, NextToken="not-a-token")


class TestEndpoints:
    def test_an_update_takes_the_variants_of_the_new_configuration(self, office: Office) -> None:
        name = office.endpoint([office.package()])
        before = office.sagemaker.describe_endpoint(EndpointName=name)
        config = office.config([office.package(), office.package()], [3, 1])
        office.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
        after = office.sagemaker.describe_endpoint(EndpointName=name)

        assert after["EndpointConfigName"] == config
        assert [one["CurrentWeight"] for one in after["ProductionVariants"]] == [3, 1]
        assert after["LastModifiedTime"] > before["LastModifiedTime"]
        assert after["EndpointArn"] == before["EndpointArn"]

    def test_an_update_of_nothing_is_refused(self, office: Office) -> None:
        name = office.endpoint([office.package()])
        for asked in (
            {"EndpointName": "nothing", "EndpointConfigName": "x"},
            {"EndpointName": name, "EndpointConfigName": "nothing"},
        ):
            with pytest.raises(ClientError, match="Could not find"):
                office.sagemaker.update_endpoint(**asked)

    @pytest.mark.parametrize("state", ["Failed", "Updating", "RollingBack", "UpdateRollbackFailed"])
    def test_it_comes_into_any_state_that_aws_has(self, office: Office, state: str) -> None:
        name = office.endpoint([office.package()])
        office.region.turn(name, state, "a reason")
        found = office.sagemaker.describe_endpoint(EndpointName=name)

        assert (found["EndpointStatus"], found["FailureReason"]) == (state, "a reason")
        assert name in {one["EndpointName"] for one in office.sagemaker.list_endpoints(StatusEquals=state)["Endpoints"]}

    def test_new_weights_are_a_change(self, office: Office) -> None:
        name = office.endpoint([office.package()])
        before = office.sagemaker.describe_endpoint(EndpointName=name)["LastModifiedTime"]
        weights = [{"VariantName": "v0", "DesiredWeight": 5}]
        office.sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=weights)

        assert office.sagemaker.describe_endpoint(EndpointName=name)["LastModifiedTime"] > before


class TestMonitoring:
    def test_schedules_are_made_described_listed_and_deleted(self, office: Office) -> None:
        endpoint = office.endpoint([office.package()])
        schedule = office.monitor(endpoint, "ModelBias")
        described = office.sagemaker.describe_monitoring_schedule(MonitoringScheduleName=schedule)
        listed = office.sagemaker.list_monitoring_schedules(EndpointName=endpoint)["MonitoringScheduleSummaries"]

        assert (described["MonitoringType"], described["EndpointName"]) == ("ModelBias", endpoint)
        assert [one["MonitoringScheduleName"] for one in listed] == [schedule]
        with pytest.raises(ClientError, match="already exists"):
            office.monitor(endpoint, "ModelBias")
        office.sagemaker.delete_monitoring_schedule(MonitoringScheduleName=schedule)
        with pytest.raises(ClientError, match="ResourceNotFound"):
            office.sagemaker.describe_monitoring_schedule(MonitoringScheduleName=schedule)

    def test_an_execution_leaves_a_job_and_a_report(self, office: Office) -> None:
        schedule = office.monitor(office.endpoint([office.package()]))
        office.region.run_monitor(schedule, "CompletedWithViolations", [{"feature_name": "age"}])
        asked = {"MonitoringScheduleName": schedule}
        (done,) = office.sagemaker.list_monitoring_executions(**asked)["MonitoringExecutionSummaries"]
        job = office.sagemaker.describe_processing_job(ProcessingJobName=done["ProcessingJobArn"].rpartition("/")[2])
        folder = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
        key = folder.partition("monitoring/")[2] + "/constraint_violations.json"
        report = office.region.client("s3").get_object(Bucket="monitoring", Key=key)["Body"].read()

        assert done["MonitoringExecutionStatus"] == "CompletedWithViolations"
        assert msgspec.json.decode(report) == {"violations": [{"feature_name": "age"}]}
        later = datetime.now(UTC) + timedelta(hours=1)
        assert (
            office.sagemaker.list_monitoring_executions(**asked, LastModifiedTimeAfter=later)["MonitoringExecutionSummaries"] == []
        )

    def test_alerts_have_a_history_and_a_state(self, office: Office) -> None:
        schedule = office.monitor(office.endpoint([office.package()]))
        office.region.alert(schedule, "InAlert", at=time.time() - 60)
        office.region.alert(schedule, "OK")
        asked = {"MonitoringScheduleName": schedule}
        history = office.sagemaker.list_monitoring_alert_history(**asked, SortBy="CreationTime", SortOrder="Ascending")
        (now,) = office.sagemaker.list_monitoring_alerts(**asked)["MonitoringAlertSummaries"]

        assert [one["AlertStatus"] for one in history["MonitoringAlertHistory"]] == ["InAlert", "OK"]
        assert now["AlertStatus"] == "OK"


class TestWhatAwsDoes:
    def test_a_region_lets_nobody_do_anything_until_it_does_again(self, aws_server: AwsServer) -> None:
        shut, open_ = Office(aws_server, "eu-north-1"), Office(aws_server, "eu-west-1")
        shut.package()
        shut.region.refuse()
        for ask in (shut.sagemaker.list_endpoints, shut.sagemaker.list_models, shut.sagemaker.list_feature_groups, shut.package):
            with pytest.raises(ClientError, match=r"AccessDeniedException.*not authorized to perform: sagemaker:"):
                ask()
        assert shut.region.client("sts").get_caller_identity()["Account"] == shut.region.account
        assert open_.package()
        shut.region.admit()

        assert len(search(shut)) == 1

    def test_a_training_job_ends_with_what_its_log_told(self, office: Office) -> None:
        then = datetime(2026, 2, 3, 4, 5, tzinfo=UTC)
        machine = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
        office.sagemaker.create_training_job(
            TrainingJobName=office.name,
            AlgorithmSpecification={"TrainingImage": "example/churn:1", "TrainingInputMode": "File"},
            RoleArn=office.role,
            OutputDataConfig={"S3OutputPath": "s3://example/models"},
            ResourceConfig=machine,
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        )
        office.region.end_training(office.name, {"val_auc": 0.9}, at=then)
        mine = {"Name": "TrainingJobName", "Operator": "Equals", "Value": office.name}
        (found,) = office.sagemaker.search(Resource="TrainingJob", SearchExpression={"Filters": [mine]})["Results"]
        job = found["TrainingJob"]

        assert {one["MetricName"]: one["Value"] for one in job["FinalMetricDataList"]} == {"val_auc": pytest.approx(0.9)}
        assert {job[name] for name in ("CreationTime", "TrainingStartTime", "TrainingEndTime")} == {then}

    def test_a_package_is_as_old_as_it_is_said_to_be(self, office: Office) -> None:
        then = datetime(2026, 2, 3, tzinfo=UTC)
        office.region.date_package(office.package(), then)

        assert [one["CreationTime"] for one in search(office)] == [then]


def test_feature_groups_are_listed_and_refused_when_they_are_not_there(office: Office) -> None:
    office.sagemaker.create_feature_group(
        FeatureGroupName=office.name,
        RecordIdentifierFeatureName="id",
        EventTimeFeatureName="at",
        FeatureDefinitions=[{"FeatureName": "id", "FeatureType": "String"}],
        OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://example/features"}},
    )
    listed = office.sagemaker.list_feature_groups()["FeatureGroupSummaries"]
    described = office.sagemaker.describe_feature_group(FeatureGroupName=office.name)

    assert office.name in {one["FeatureGroupName"] for one in listed}
    assert office.sagemaker.describe_feature_group(FeatureGroupName=described["FeatureGroupArn"])["FeatureGroupName"] == office.name
    with pytest.raises(ClientError, match="ResourceNotFound"):
        office.sagemaker.describe_feature_group(FeatureGroupName="nothing")


class TestTheModel:
    def test_every_operation_of_ours_is_one_of_sagemakers(self) -> None:
        assert {SEARCH, *_OURS, *_OF_MONITORING} <= set(service_model().operation_names)

    @pytest.mark.parametrize(
        ("answer", "wrong"),
        [
            ({"Endpoints": [{"EndpointName": "a"}]}, "is missing"),
            ({"Endpoints": "none"}, "no list"),
            ({"Endpoints": [{"EndpointStatus": "Dreaming"}]}, "is none of"),
            ({"Endpoints": [{"CreationTime": "today"}]}, "where a timestamp belongs"),
        ],
    )
    def test_an_answer_that_is_not_as_the_model_says_is_a_mistake_of_ours(self, answer: dict[str, Any], wrong: str) -> None:
        with pytest.raises(Violation, match=wrong):
            _response("ListEndpoints", answer)

    def test_what_aws_does_not_tell_is_left_out(self) -> None:
        shape = service_model().operation_model("DescribeEndpoint").output_shape
        document = shaped(
            shape, {"EndpointName": "a", "Arn": "x", "CreationTime": datetime(2026, 1, 1, tzinfo=UTC), "FailureReason": None}
        )

        assert document == {"EndpointName": "a", "CreationTime": 1_767_225_600.0}
        assert sorted(violations(shape, document)) == [
            "/EndpointArn: is missing",
            "/EndpointStatus: is missing",
            "/LastModifiedTime: is missing",
        ]

    def test_a_request_that_is_not_as_the_model_says_is_refused(self, office: Office) -> None:
        with pytest.raises(ClientError, match="ValidationException"):
            office.sagemaker.list_monitoring_executions(MonitoringScheduleName="x" * 100)

    def test_what_is_not_ours_goes_on(self) -> None:
        seen: list[Any] = []

        def behind(environ: Any, _respond: Any) -> list[bytes]:
            seen.append(environ)
            return [b"behind"]

        environ = {
            "HTTP_X_AMZ_TARGET": "SageMaker.CreateModel",
            "HTTP_AUTHORIZATION": "Credential=a/20261121/eu-west-1/sagemaker/x",
        }
        assert list(Front(behind)(environ, lambda *_: None)) == [b"behind"]
        assert seen == [environ]


def test_pages_lose_nothing_when_objects_go() -> None:
    objects = [{"CreationTime": float(n), "Name": str(n)} for n in range(6)]
    asked: dict[str, Any] = {"MaxResults": 2}
    first, token = page(objects, asked, key=lambda one: (one["Name"],))
    second, _ = page(objects[1:], {**asked, "NextToken": token}, key=lambda one: (one["Name"],))

    assert [one["Name"] for one in (*first, *second)] == ["0", "1", "2", "3"]
