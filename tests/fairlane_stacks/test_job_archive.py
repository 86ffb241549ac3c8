"""Job archive of an environment: its place, queues, names and output."""

from typing import Any

from aws_cdk import App

from fairlane.environment import Environment
from fairlane_stacks import build_stacks
from fairlane_stacks.training_stack import TrainingStack
from tests.support import template_of

FIFO = {"capacity": 1, "scheduling": {"policy": "fifo"}}
REGISTRY = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def training(region: str = "us-east-1", **changes: Any) -> TrainingStack:
    settings = {"region": "us-east-1", "account": "111122223333", "queues": {"p4": FIFO}, "job_archive": {}} | changes
    stacks = build_stacks(App(), "prod", Environment.model_validate(settings))
    (stack,) = (stack for stack in stacks if isinstance(stack, TrainingStack) and stack.region == region)
    return stack


def kinds(stack: TrainingStack, kind: str) -> list[dict[str, Any]]:
    return [entry["Properties"] for entry in template_of(stack)["Resources"].values() if entry["Type"] == kind]


def test_the_archive_has_all_queues_of_its_region_and_their_instance_types() -> None:
    queues = {"p4": FIFO, "g6": FIFO | {"instance_type": "ml.g6.12xlarge"}}
    stack = training(queues=queues, regions={"eu-west-1": {"queues": {"away": FIFO}}})
    templates = [rule["Targets"][0]["InputTransformer"]["InputTemplate"] for rule in kinds(stack, "AWS::Events::Rule")]
    starts = sorted(template.partition(',"type"')[0] for template in templates)
    assert starts == ['{"queue":"g6","instance_type":"ml.g6.12xlarge"', '{"queue":"p4","instance_type":""']
    assert "JobArchiveBucketName" in template_of(stack)["Outputs"]


def test_a_region_without_the_key_has_no_archive() -> None:
    stack = training("eu-west-1", regions={"eu-west-1": {"queues": {"away": FIFO}}})
    assert stack.job_archive is None
    assert kinds(stack, "AWS::Events::Rule") == []


def test_the_settings_and_the_prefix_reach_the_archive() -> None:
    stack = training(
        job_archive={"expire_after_days": 30, "encryption_key": KEY}, stack_prefix="acme", log_encryption_key=KEY
    )
    archive = stack.job_archive
    assert archive is not None
    assert (archive.workgroup_name, archive.encryption_key_arn) == ("acme-job-archive", KEY)
    (bucket,) = kinds(stack, "AWS::S3::Bucket")
    rules = bucket["LifecycleConfiguration"]["Rules"]
    assert {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "Prefix" in rule}["jobs/"] == 30
    (group,) = kinds(stack, "AWS::Logs::LogGroup")
    assert group["KmsKeyId"] == KEY


def test_the_alarm_follows_the_settings_of_the_alarms() -> None:
    payload = {
        "AlgorithmSpecification": {"TrainingImage": f"{REGISTRY}/train:1", "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://models/nightly/"},
        "ResourceConfig": {"InstanceType": "ml.g6.12xlarge", "InstanceCount": 1, "VolumeSizeInGB": 100},
        "StoppingCondition": {"MaxRuntimeInSeconds": 14400},
    }
    nightly = {"schedule": "rate(1 day)", "queue": "p4", "execution_role": "trainer", "payload": payload}
    others: dict[str, Any] = {
        "schedules": {"nightly": nightly},
        "execution_roles": {"trainer": {"write": ["s3://models/"]}},
    }
    stack = training(alarms={"notify": ["team@example.com"], "runbooks": "https://wiki.example.com"}, **others)
    alarms = {alarm["AlarmName"]: alarm for alarm in kinds(stack, "AWS::CloudWatch::Alarm")}
    assert {*alarms} == {"fairlane-job-archive-dead-letters", "fairlane-prod-schedule-nightly-failed"}
    assert alarms["fairlane-job-archive-dead-letters"]["AlarmDescription"].endswith(
        "https://wiki.example.com/job-archive-dead-letters.md"
    )
    assert len(stack.topics) == 1
    assert all(len(alarm["AlarmActions"]) == 1 for alarm in alarms.values())
    assert kinds(training(alarms={"enabled": False}), "AWS::CloudWatch::Alarm") == []
