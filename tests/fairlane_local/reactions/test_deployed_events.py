"""Event buses, their policies and the events of buckets, deployed by CloudFormation."""

import json
from typing import Any, Final

import pytest

from fairlane_local import LocalAws
from tests.fairlane_local.reactions.functions import (
    ACCOUNT,
    REGION,
    new_queue,
    put_event,
    received,
    service,
)

pytestmark = pytest.mark.slow

OTHER: Final = "eu-west-1"
_QUEUE: Final = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"


def deploy(aws: LocalAws, resources: dict[str, Any], *, update: bool = False) -> None:
    cloudformation = service(aws, "cloudformation")
    call = cloudformation.update_stack if update else cloudformation.create_stack
    call(StackName="s", TemplateBody=json.dumps({"Resources": resources}))
    (stack,) = cloudformation.describe_stacks(StackName="s")["Stacks"]
    assert stack["StackStatus"] == ("UPDATE_COMPLETE" if update else "CREATE_COMPLETE")


def bus_resources(role: str) -> dict[str, Any]:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "events:PutEvents",
        "Resource": {"Fn::GetAtt": ["Bus", "Arn"]},
        "Condition": {"ArnNotLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/{role}"}},
    }
    bus = {"Ref": "Bus"}
    return {
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "home"}},
        "Policy": {
            "Type": "AWS::Events::EventBusPolicy",
            "Properties": {"EventBusName": bus, "StatementId": "only", "Statement": statement},
        },
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventBusName": bus,
                "EventPattern": {"source": ["us"]},
                "Targets": [{"Id": "q", "Arn": _QUEUE}],
            },
        },
    }


def forward(aws: LocalAws, role: str) -> None:
    """Send the events of another Region to the bus at home."""
    bus = service(aws, "events", OTHER)
    bus.put_rule(Name="rule", EventPattern=json.dumps({"source": ["us"]}))
    target = {
        "Arn": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/home",
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{role}",
    }
    bus.put_targets(Rule="rule", Targets=[{"Id": "home", **target}])


def test_a_bus_of_another_region_takes_the_events_of_permitted_roles(aws: LocalAws) -> None:
    url, _ = new_queue(aws, "q")
    deploy(aws, bus_resources("own/*"))
    forward(aws, "own/sender")
    put_event(aws, OTHER, number=1)
    forward(aws, "other")
    put_event(aws, OTHER, number=2)
    assert [(message["detail"], message["region"]) for message in received(aws, url)] == [({"number": 1}, OTHER)]


def test_an_update_replaces_the_policy_of_a_bus(aws: LocalAws) -> None:
    url, _ = new_queue(aws, "q")
    deploy(aws, bus_resources("own/*"))
    deploy(aws, bus_resources("new/*"), update=True)
    for number, role in enumerate(("own/sender", "new/sender")):
        forward(aws, role)
        put_event(aws, OTHER, number=number)
    assert [message["detail"] for message in received(aws, url)] == [{"number": 1}]


def test_a_stack_with_a_bus_is_deleted(aws: LocalAws) -> None:
    deploy(aws, bus_resources("own/*"))
    service(aws, "cloudformation").delete_stack(StackName="s")
    buses = service(aws, "events").list_event_buses()["EventBuses"]
    assert [bus["Name"] for bus in buses] == ["default"]


def bucket(*, versioned: bool, sent: bool = True) -> dict[str, Any]:
    settings: dict[str, Any] = {"NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": sent}}}
    if versioned:
        settings["VersioningConfiguration"] = {"Status": "Enabled"}
    return {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "objects", **settings}}}


@pytest.mark.parametrize("versioned", [True, False])
def test_an_object_of_a_deployed_bucket_sends_an_event_with_its_version(aws: LocalAws, versioned: bool) -> None:
    url, arn = new_queue(aws, "q")
    deploy(aws, bucket(versioned=versioned))
    rules = service(aws, "events")
    rules.put_rule(Name="rule", EventPattern=json.dumps({"source": ["aws.s3"], "detail-type": ["Object Created"]}))
    rules.put_targets(Rule="rule", Targets=[{"Id": "q", "Arn": arn}])
    s3 = service(aws, "s3")
    versions = [s3.put_object(Bucket="objects", Key="k", Body=body).get("VersionId") for body in (b"1", b"2")]
    messages = received(aws, url)
    assert [message["detail"]["object"].get("version-id") for message in messages] == versions
    assert len({*versions}) == (2 if versioned else 1)
    assert {message["time"] for message in messages} == {"2026-03-02T00:00:00Z"}
    deploy(aws, bucket(versioned=versioned, sent=False), update=True)
    s3.put_object(Bucket="objects", Key="k", Body=b"3")
    assert len(received(aws, url)) == 2


def test_an_input_transformer_starts_a_state_machine_with_the_version_of_an_object(aws: LocalAws) -> None:
    deploy(aws, bucket(versioned=True))
    states = service(aws, "stepfunctions")
    definition = json.dumps({"StartAt": "p", "States": {"p": {"Type": "Pass", "End": True}}})
    role = f"arn:aws:iam::{ACCOUNT}:role/r"
    machine = states.create_state_machine(name="m", definition=definition, roleArn=role)["stateMachineArn"]
    rules = service(aws, "events")
    rules.put_rule(Name="rule", EventPattern=json.dumps({"source": ["aws.s3"], "detail-type": ["Object Created"]}))
    transformer = {
        "InputPathsMap": {"key": "$.detail.object.key", "version": "$.detail.object.version-id"},
        "InputTemplate": '{"operation": "start", "key": <key>, "version": <version>}',
    }
    rules.put_targets(
        Rule="rule", Targets=[{"Id": "m", "Arn": machine, "RoleArn": role, "InputTransformer": transformer}]
    )
    version = service(aws, "s3").put_object(Bucket="objects", Key="k", Body=b"1")["VersionId"]
    aws.timeline.advance(0)
    (execution,) = states.list_executions(stateMachineArn=machine)["executions"]
    given = states.describe_execution(executionArn=execution["executionArn"])["input"]
    assert json.loads(given) == {"operation": "start", "key": "k", "version": version}


def test_a_bus_without_a_matching_rule_takes_no_object_event(aws: LocalAws) -> None:
    url, arn = new_queue(aws, "q")
    deploy(aws, bucket(versioned=True))
    rules = service(aws, "events")
    rules.create_event_bus(Name="other")
    rules.put_rule(Name="rule", EventBusName="other", EventPattern=json.dumps({"source": ["aws.s3"]}))
    rules.put_targets(Rule="rule", EventBusName="other", Targets=[{"Id": "q", "Arn": arn}])
    service(aws, "s3").put_object(Bucket="objects", Key="k", Body=b"1")
    assert received(aws, url) == []
