"""Alarm on failed replications to a Region, with a runbook."""

import json
import re
from typing import Any

import pytest
from aws_cdk import Environment, Stack
from aws_cdk import aws_sns as sns

from fairlane.images import ReplicationAlarm
from tests.fairlane.images import fleet
from tests.support import REPOSITORY, problems_of

PHONE = "arn:aws:sns:us-west-2:111122223333:phone"


def build(region: str = "us-west-2", **arguments: Any) -> Stack:
    app = fleet.app()
    repository = fleet.repository(fleet.stack(app))
    destination = fleet.stack(app, region)
    ReplicationAlarm(destination, "Failed", **{"repositories": [repository], "notify": [PHONE], **arguments})
    return destination


def test_a_failed_replication_goes_to_a_queue_and_raises_an_alarm() -> None:
    destination = build()
    pattern = fleet.resource(destination, "AWS::Events::Rule")["EventPattern"]
    assert (pattern["source"], pattern["detail-type"]) == (["aws.ecr"], ["ECR Replication Action"])
    assert pattern["detail"] == {
        "result": ["FAILED"],
        "repository-name": ["training/pytorch"],
        "source-region": ["us-east-1"],
    }
    queue = fleet.resource(destination, "AWS::SQS::Queue")
    assert (queue["MessageRetentionPeriod"], queue["SqsManagedSseEnabled"]) == (14 * 86_400, True)
    (allow,) = (
        statement
        for statement in fleet.resource(destination, "AWS::SQS::QueuePolicy")["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    )
    assert allow["Principal"] == {"Service": "events.amazonaws.com"}
    assert "aws:SourceArn" in allow["Condition"]["ArnEquals"]
    alarm = fleet.resource(destination, "AWS::CloudWatch::Alarm")
    assert (alarm["MetricName"], alarm["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 1)
    assert alarm["AlarmActions"] == alarm["OKActions"] == [PHONE]


def test_the_alarm_links_to_an_existing_runbook() -> None:
    description = fleet.resource(build(), "AWS::CloudWatch::Alarm")["AlarmDescription"]
    runbook = re.search(r"Runbook: (\S+)$", description)
    assert runbook is not None
    assert (REPOSITORY / runbook[1]).is_file()
    custom = fleet.resource(build(runbooks="https://wiki/runbooks"), "AWS::CloudWatch::Alarm")["AlarmDescription"]
    assert custom.endswith("Runbook: https://wiki/runbooks/replication-failed.md")


def test_a_topic_construct_is_a_target() -> None:
    app = fleet.app()
    repository = fleet.repository(fleet.stack(app))
    destination = fleet.stack(app, "us-west-2")
    ReplicationAlarm(destination, "Failed", repositories=[repository], notify=[sns.Topic(destination, "Topic")])
    (action,) = fleet.resource(destination, "AWS::CloudWatch::Alarm")["AlarmActions"]
    assert list(action) == ["Ref"]


def test_an_alarm_without_targets_raises_a_warning() -> None:
    assert "fairlane:ReplicationAlarm.noAction" in fleet.synth_warnings(build(notify=[]).node.root)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"region": "sa-east-1"},
            "repositories[0]: training/pytorch is not replicated to sa-east-1",
        ),
        ({"repositories": []}, "repositories: the list has 0 repositories: use 1 to 100"),
        ({"repositories": "a"}, "repositories: got 'a', allowed: a list of ReplicatedRepository"),
        ({"notify": PHONE}, f"notify: got '{PHONE}', allowed: a list of topics or ARNs"),
        (
            {"repositories": "a", "runbooks": "our wiki"},
            "repositories: got 'a', allowed: a list of ReplicatedRepository",
        ),
        ({"runbooks": "our wiki"}, "runbooks: got 'our wiki', allowed: an address of at most 500 characters"),
        ({"notify": ["phone"]}, "notify[0]: got 'phone', allowed: the ARN of an SNS topic (arn:"),
        ({"notify": [5]}, "notify[0]: got 5, allowed: an SNS topic or an ARN"),
        (
            {"notify": [PHONE, PHONE.replace("west-2", "east-1")]},
            "notify[1]: got 'arn:aws:sns:us-east-1:111122223333:phone', allowed: an ARN in us-west-2",
        ),
        ({"notify": [PHONE] * 6}, "notify: the list has 6 targets: use at most 5"),
    ],
)
def test_an_invalid_argument_is_refused(changes: dict[str, Any], problem: str) -> None:
    assert problems_of(lambda: build(**changes))[0].startswith(problem)


def test_an_imported_topic_of_another_region_is_refused() -> None:
    app = fleet.app()
    repository, destination = fleet.repository(fleet.stack(app)), fleet.stack(app, "eu-west-1")
    topic = sns.Topic.from_topic_arn(destination, "Phone", PHONE)
    (problem,) = problems_of(lambda: ReplicationAlarm(destination, "A", repositories=[repository], notify=[topic]))
    assert problem.startswith(f"notify[0]: got '{PHONE}', allowed: an ARN in eu-west-1")


@pytest.mark.parametrize("excess", [0, 1])
def test_an_event_pattern_has_at_most_2048_characters(excess: int) -> None:
    app = fleet.app()
    home, destination = fleet.stack(app), fleet.stack(app, "us-west-2")
    empty = '{"source":["aws.ecr"],"detail-type":["ECR Replication Action"],"detail":{"result":["FAILED"],'
    empty += '"repository-name":[],"source-region":["us-east-1"]}}'
    remaining = 2048 - len(empty) - 7 * 253 - len('"",')
    names = [*(f"n{n}/{'x' * 247}" for n in range(7)), "y" * (remaining + 1 + excess)]
    repositories = [fleet.repository(home, name, regions=["us-west-2"]) for name in names]
    problems = [] if excess == 0 else problems_of(lambda: ReplicationAlarm(destination, "A", repositories=repositories))
    if excess:
        assert problems == [
            "repositories: the event pattern has 2049 characters, and EventBridge accepts at most 2048: "
            "move some repositories to another ReplicationAlarm"
        ]
    else:
        ReplicationAlarm(destination, "A", repositories=repositories)
        pattern = fleet.resource(destination, "AWS::Events::Rule")["EventPattern"]
        assert len(json.dumps(pattern, separators=(",", ":"))) == 2048


def test_the_pattern_for_a_home_without_a_region_matches_all_source_regions() -> None:
    app = fleet.app()
    repository = fleet.repository(Stack(app, "Anywhere", env=Environment(account=fleet.ACCOUNT)))
    destination = fleet.stack(app, "us-west-2")
    ReplicationAlarm(destination, "Failed", repositories=[repository])
    detail = fleet.resource(destination, "AWS::Events::Rule")["EventPattern"]["detail"]
    assert detail == {"result": ["FAILED"], "repository-name": ["training/pytorch"]}


def test_two_alarms_of_a_stack_need_different_prefixes() -> None:
    app = fleet.app()
    repository = fleet.repository(fleet.stack(app))
    destination = fleet.stack(app, "us-west-2")
    first = ReplicationAlarm(destination, "Failed", repositories=[repository])
    prefix = destination.stack_name.lower()
    assert first.alarm.alarm_name == f"{prefix}-replication-failed"
    assert problems_of(lambda: ReplicationAlarm(destination, "Again", repositories=[repository])) == [
        f"name_prefix: {first.node.path} already has the alarm {prefix}-replication-failed: use another name_prefix"
    ]
    again = ReplicationAlarm(destination, "Again", repositories=[repository], name_prefix="Other")
    assert again.alarm.alarm_name == "other-replication-failed"
