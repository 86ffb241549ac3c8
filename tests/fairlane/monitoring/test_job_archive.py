"""Templates of job archives: bucket, rules, function, table, queries and grants."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Annotations, Match
from cdk_nag import AwsSolutionsChecks

from fairlane import ConfigurationError, GpuQueue, JobArchive, JobMetrics, SweepStore, TrainingQueue
from fairlane_lambda.job_archive.records import job_record
from tests import cfn_lint
from tests.support import problems_of, template_of

KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def queues(stack: Stack) -> list[Any]:
    return [
        TrainingQueue.from_job_queue_name(stack, "Training", "p4"),
        GpuQueue.from_job_queue_name(stack, "Gpu", "g5"),
    ]


def archive(stack: Stack, **arguments: Any) -> JobArchive:
    return JobArchive(stack, "Archive", queues=arguments.pop("queues", None) or queues(stack), **arguments)


def of_type(stack: Stack, kind: str) -> list[dict[str, Any]]:
    return [entry["Properties"] for entry in template_of(stack)["Resources"].values() if entry["Type"] == kind]


def only(stack: Stack, kind: str) -> dict[str, Any]:
    (properties,) = of_type(stack, kind)
    return properties


def test_the_bucket_is_encrypted_versioned_private_and_kept(stack: Stack) -> None:
    archive(stack)
    bucket = only(stack, "AWS::S3::Bucket")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    (resource,) = (item for item in template_of(stack)["Resources"].values() if item["Type"] == "AWS::S3::Bucket")
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"
    (denied,) = only(stack, "AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


@pytest.mark.parametrize(("arguments", "days"), [({}, 400), ({"expire_after_days": 30}, 30)])
def test_records_expire_and_the_table_has_their_days(stack: Stack, arguments: dict[str, Any], days: int) -> None:
    archive(stack, **arguments)
    rules = only(stack, "AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    assert {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "Prefix" in rule} == {
        "jobs/": days,
        "athena/": 7,
    }
    table = only(stack, "AWS::Glue::Table")["TableInput"]
    assert [key["Name"] for key in table["PartitionKeys"]] == ["queue", "day"]
    parameters = table["Parameters"]
    assert parameters["projection.queue.type"] == "injected"
    assert parameters["projection.day.type"] == "date"
    assert parameters["projection.day.range"] == f"NOW-{days}DAYS,NOW+1DAYS"
    template = parameters["storage.location.template"]["Fn::Join"][1]
    assert template[-1] == "/jobs/queue=${queue}/day=${day}/"


def test_the_columns_are_the_members_of_a_record(stack: Stack) -> None:
    archive(stack)
    columns = only(stack, "AWS::Glue::Table")["TableInput"]["StorageDescriptor"]["Columns"]
    event = {"type": "Batch Job State Change", "id": "a", "queue": "q", "created": 1, "status": "FAILED", "stopped": 2}
    record = job_record(event)
    assert record is not None
    assert [column["Name"] for column in columns] == [name for name in record if name != "queue"]


def test_the_rules_send_single_fields_of_the_last_events_of_each_queue(stack: Stack) -> None:
    archive(stack)
    rules = of_type(stack, "AWS::Events::Rule")
    kinds = {rule["EventPattern"]["detail-type"][0]: rule for rule in rules}
    assert {*kinds} == {"Batch Service Job State Change", "Batch Job State Change"}
    for kind, rule in kinds.items():
        detail = rule["EventPattern"]["detail"]
        assert detail["status"] == ["SUCCEEDED", "FAILED"]
        name = "p4" if "Service" in kind else "g5"
        assert detail["jobQueue"][0]["Fn::Join"][1][-1] == f":batch:us-east-1:111122223333:job-queue/{name}"
        (target,) = rule["Targets"]
        paths = target["InputTransformer"]["InputPathsMap"]
        assert len(paths) <= 100  # the most that EventBridge allows
        assert len(target["InputTransformer"]["InputTemplate"]) <= 8_192
        assert f'"queue":"{name}"' in target["InputTransformer"]["InputTemplate"]
        assert not [
            path
            for path in paths.values()
            if any(word in path for word in ("command", "environment", "tags", "ayload", "parameters", "secrets"))
        ]
        assert not {"$", "$.detail", "$.detail.container", "$.detail.nodeProperties"} & {*paths.values()}
        assert target["DeadLetterConfig"]


def test_the_function_gets_batches_and_reports_failed_items(stack: Stack) -> None:
    archive(stack)
    mapping = only(stack, "AWS::Lambda::EventSourceMapping")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["MaximumBatchingWindowInSeconds"] == 300
    assert only(stack, "AWS::Lambda::Function")["Handler"] == "fairlane_lambda.job_archive.handler.handler"
    sources = [queue for queue in of_type(stack, "AWS::SQS::Queue") if "RedrivePolicy" in queue]
    (source,) = sources
    timeout = only(stack, "AWS::Lambda::Function")["Timeout"]
    assert source["VisibilityTimeout"] >= 6 * timeout + mapping["MaximumBatchingWindowInSeconds"]
    assert all(queue["SqsManagedSseEnabled"] for queue in of_type(stack, "AWS::SQS::Queue"))


@pytest.mark.parametrize("key", [None, KEY])
def test_the_function_may_only_write_records(stack: Stack, key: str | None) -> None:
    archive(stack, encryption_key=key)
    (policy,) = only(stack, "AWS::IAM::Role")["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    actions = {action for entry in statements for action in entry["Action"] if not action.startswith(("logs:", "sqs:"))}
    assert actions == {"s3:PutObject", *(["kms:GenerateDataKey"] if key else [])}
    (put,) = (entry for entry in statements if entry["Action"] == ["s3:PutObject"])
    assert json.dumps(put["Resource"]).count("/jobs/*") == 1


def test_with_a_key_the_bucket_and_the_results_are_encrypted_by_it(stack: Stack) -> None:
    archive(stack, encryption_key=kms.Key.from_key_arn(stack, "Key", KEY))
    (rule,) = only(stack, "AWS::S3::Bucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
    configuration = only(stack, "AWS::Athena::WorkGroup")["WorkGroupConfiguration"]
    assert configuration["ResultConfiguration"]["EncryptionConfiguration"]["KmsKey"] == KEY


def test_readers_can_write_nothing_but_results_of_queries(stack: Stack) -> None:
    role = iam.Role(stack, "Reader", assumed_by=iam.AccountRootPrincipal())
    archive(stack).grants.read(role)
    statements = only(stack, "AWS::IAM::Policy")["PolicyDocument"]["Statement"]
    writes = [entry for entry in statements if "s3:PutObject" in entry["Action"]]
    assert [json.dumps(entry["Resource"]).count("/athena/*") for entry in writes] == [1]
    assert not any("Delete" in action for entry in statements for action in [*entry["Action"]])
    assert all(entry["Resource"] != "*" for entry in statements)


@pytest.mark.parametrize("known", [True, False])
def test_the_archive_with_its_grant_passes_cdk_nag_and_cfn_lint(known: bool) -> None:
    app = App()
    stack = Stack(app, "Stack", env=Environment(account="111122223333", region="us-east-1") if known else None)
    role = iam.Role(stack, "Reader", assumed_by=iam.AccountRootPrincipal())
    archive(stack, encryption_key=KEY).grants.read(role)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()  # raises if cdk-nag reports a finding
    assert cfn_lint.findings(template_of(stack)) == []


def test_the_alarm_is_on_the_only_dead_letter_queue(stack: Stack) -> None:
    topic = "arn:aws:sns:us-east-1:111122223333:alarms"
    dead_letters = stack.get_logical_id(_resource(archive(stack, notify=[topic]).dead_letters))
    alarm = only(stack, "AWS::CloudWatch::Alarm")
    assert alarm["AlarmName"] == "fairlane-job-archive-dead-letters"
    assert alarm["AlarmActions"] == alarm["OKActions"] == [topic]
    assert alarm["AlarmDescription"].endswith("Runbook: docs/runbooks/job-archive-dead-letters.md")
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": [dead_letters, "QueueName"]}}]
    arn = {"Fn::GetAtt": [dead_letters, "Arn"]}
    targets = [target for rule in of_type(stack, "AWS::Events::Rule") for target in rule["Targets"]]
    assert [target["DeadLetterConfig"]["Arn"] for target in targets] == [arn, arn]
    (source,) = (queue["RedrivePolicy"] for queue in of_type(stack, "AWS::SQS::Queue") if "RedrivePolicy" in queue)
    assert source["deadLetterTargetArn"] == arn


def _resource(queue: Any) -> Any:
    return queue.node.default_child


def test_an_alarm_without_targets_warns_and_an_archive_without_an_alarm_does_not(stack: Stack) -> None:
    archive(stack)
    found = Annotations.from_stack(stack)
    found.has_warning("/Stack/Archive", Match.string_like_regexp("the alarm on missing records has no targets"))
    other = Stack(App(), "Stack", env=Environment(account="111122223333", region="us-east-1"))
    assert archive(other, alarm=False).alarm is None
    assert of_type(other, "AWS::CloudWatch::Alarm") == []
    Annotations.from_stack(other).has_no_warning("*", Match.any_value())


def test_wrong_targets_and_runbooks_are_refused_together(stack: Stack) -> None:
    assert len(problems_of(lambda: archive(stack, notify="topic", runbooks="", expire_after_days=1))) == 3


WRONG: dict[str, tuple[Callable[[Stack], dict[str, Any]], list[str]]] = {
    "no queues": (
        lambda s: {"queues": []},
        ["queues: 0 queues are given: give 1 to 50 queues (a Region has at most 50)"],
    ),
    "a name": (
        lambda s: {"queues": ["p4"]},
        ["queues[0]: got 'p4', allowed: a list of TrainingQueue and GpuQueue; from_job_queue_arn imports other queues"],
    ),
    "twice": (lambda s: {"queues": queues(s)[:1] * 2}, ["queues[1]: queue p4 is given twice: remove one"]),
    "elsewhere": (
        lambda s: {
            "queues": [
                TrainingQueue.from_job_queue_arn(s, "Far", "arn:aws:batch:eu-west-1:111122223333:job-queue/far"),
            ]
        },
        ["queues[0]: queue far is in eu-west-1: use a queue in the account and Region of this JobArchive"],
    ),
    "instance types": (
        lambda s: {"instance_types": {"p5": "ml.p5.48xlarge", "p4": "p4d"}},
        [
            "instance_types.p5: got 'p5', allowed: the name of one of the queues: p4, g5",
            "instance_types.p4: got 'p4d', allowed: an ml.* instance type such as ml.p4d.24xlarge",
        ],
    ),
    "days": (
        lambda s: {"expire_after_days": 7},
        ["expire_after_days: got 7, allowed: a whole number of days, 8 to 3650"],
    ),
    "all": (
        lambda s: {
            "expire_after_days": 4_000,
            "encryption_key": KEY.replace("us-east-1", "eu-west-1"),
            "name_prefix": "a b",
        },
        [
            "name_prefix: got 'a b', allowed: 1 to 32 letters, digits and hyphens that start with a letter and do not "
            "end with a hyphen",
            "expire_after_days: got 4000, allowed: a whole number of days, 8 to 3650",
            "encryption_key: the key is in Region eu-west-1: use a key in Region us-east-1, where the bucket is",
        ],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_are_reported_together(stack: Stack, name: str) -> None:
    arguments, expected = WRONG[name]
    given = arguments(stack)
    given = {"queues": queues(stack)} | given if "queues" not in given else given
    assert problems_of(lambda: JobArchive(stack, "Archive", **given)) == expected
    assert stack.node.try_find_child("Archive") is None


def test_a_second_archive_needs_another_prefix(stack: Stack) -> None:
    first = archive(stack)
    with pytest.raises(ConfigurationError, match="Stack/Archive already has the name 'fairlane-job-archive'"):
        JobArchive(stack, "Second", queues=[*first_queues(stack)])
    second = JobArchive(stack, "Third", queues=[*first_queues(stack)], name_prefix="acme")
    assert (second.workgroup_name, second.database_name) == ("acme-job-archive", "acme_job_archive")
    assert first.workgroup_name == "fairlane-job-archive"
    with pytest.raises(ConfigurationError, match="already has the name 'fairlane-job-archive'"):
        SweepStore(stack, "Store", store_name="job-archive")


def first_queues(stack: Stack) -> list[Any]:
    return [stack.node.find_child("Training"), stack.node.find_child("Gpu")]


def test_an_archive_and_an_exporter_of_the_same_queues_fit_together(stack: Stack) -> None:
    archive(stack)
    JobMetrics(stack, "Metrics", queues=first_queues(stack))
    assert len(of_type(stack, "AWS::Events::Rule")) == 2 + 2 * 2 + 1
