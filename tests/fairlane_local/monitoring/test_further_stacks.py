"""Deployment of the monitoring of a Region in one stack, then in several stacks, in the local AWS."""

import json
from typing import Any

import pytest

from fairlane_local import LocalAws, client
from fairlane_local.clock import Clock
from tests.fairlane_stacks.test_monitoring_stacks import QUEUES, monitoring_stacks
from tests.support import template_of

pytestmark = pytest.mark.slow

ACCOUNT = ("111122223333", "us-east-1")
NOTIFY = {"notify": ["gpus@example.com"]}


def templates(**job_metrics: int) -> dict[str, dict[str, Any]]:
    """Return the templates of the monitoring stacks by name, in the order of deployment."""
    built = monitoring_stacks(queues=QUEUES, job_metrics=job_metrics, alarms=NOTIFY)
    return {name: _without_functions(template_of(stack)) for name, stack in built.items()}


def _without_functions(template: dict[str, Any]) -> dict[str, Any]:
    """Return the template with alarms, topics and parameters only: other tests deploy the exporter."""
    kinds = ("AWS::CloudWatch::", "AWS::SNS::", "AWS::SSM::", "AWS::KMS::", "AWS::SQS::Queue")
    resources = {
        name: resource
        for name, resource in template["Resources"].items()
        if resource["Type"].startswith(kinds)
        and resource["Type"] not in ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy")
    }
    for name in [name for name, resource in resources.items() if resource["Type"] == "AWS::CloudWatch::Dashboard"]:
        del resources[name]  # links to the logs of the functions
    return {**template, "Resources": resources}


def deploy(aws: LocalAws, name: str, template: dict[str, Any], *, update: bool = False) -> None:
    cloudformation = client("cloudformation", aws.port, *ACCOUNT)
    action = cloudformation.update_stack if update else cloudformation.create_stack
    action(StackName=name, TemplateBody=json.dumps(template))
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE")


def alarms(aws: LocalAws) -> dict[str, dict[str, Any]]:
    """Return the deployed alarms and composite alarms by name."""
    pages = (
        client("cloudwatch", aws.port, *ACCOUNT)
        .get_paginator("describe_alarms")
        .paginate(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    )
    return {alarm["AlarmName"]: alarm for page in pages for alarm in [*page["MetricAlarms"], *page["CompositeAlarms"]]}


def test_a_split_moves_alarms_to_further_stacks_which_notify_the_same_topic() -> None:
    with LocalAws(clock=Clock(None)) as aws:
        client("ssm", aws.port, *ACCOUNT).get_parameter(Name="/cdk-bootstrap/hnb659fds/version")
        ((name, template),) = templates(stacks=1).items()
        deploy(aws, name, template)
        before = alarms(aws)
        (topic,) = client("sns", aws.port, *ACCOUNT).list_topics()["Topics"]
        for number, (name, template) in enumerate(templates(stacks=3).items()):
            deploy(aws, name, template, update=number == 0)
        after = alarms(aws)
        assert after.keys() == before.keys()
        for alarm_name, alarm in after.items():
            assert alarm["AlarmActions"] == before[alarm_name]["AlarmActions"]
        assert after["fairlane-prod-q-warning"]["AlarmActions"] == [topic["TopicArn"]]
