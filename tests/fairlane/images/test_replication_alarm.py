"""Replications that failed: an alarm in the Region where they did, with a runbook."""

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
    made = fleet.repository(fleet.stack(app))
    there = fleet.stack(app, region)
    ReplicationAlarm(there, "Failed", **{"repositories": [made], "notify": [PHONE], **arguments})
    return there


def test_a_failed_replication_is_kept_and_raises_an_alarm() -> None:
    there = build()
    pattern = fleet.only(there, "AWS::Events::Rule")["EventPattern"]
    assert (pattern["source"], pattern["detail-type"]) == (["aws.ecr"], ["ECR Replication Action"])
    assert pattern["detail"] == {
        "result": ["FAILED"],
        "repository-name": ["training/pytorch"],
        "source-region": ["us-east-1"],
    }
    queue = fleet.only(there, "AWS::SQS::Queue")
    assert (queue["MessageRetentionPeriod"], queue["SqsManagedSseEnabled"]) == (14 * 86_400, True)
    (let_in,) = (
        one
        for one in fleet.only(there, "AWS::SQS::QueuePolicy")["PolicyDocument"]["Statement"]
        if one["Effect"] == "Allow"
    )
    assert let_in["Principal"] == {"Service": "events.amazonaws.com"}
    assert "aws:SourceArn" in let_in["Condition"]["ArnEquals"]
    alarm = fleet.only(there, "AWS::CloudWatch::Alarm")
    assert (alarm["MetricName"], alarm["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 1)
    assert alarm["AlarmActions"] == alarm["OKActions"] == [PHONE]


def test_the_alarm_links_to_the_runbook_that_there_is() -> None:
    says = fleet.only(build(), "AWS::CloudWatch::Alarm")["AlarmDescription"]
    found = re.search(r"Runbook: (\S+)$", says)
    assert found is not None
    assert (REPOSITORY / found[1]).is_file()
    mine = fleet.only(build(runbooks="https://wiki/runbooks"), "AWS::CloudWatch::Alarm")["AlarmDescription"]
    assert mine.endswith("Runbook: https://wiki/runbooks/replication-failed.md")


def test_a_topic_may_be_given_as_it_is() -> None:
    app = fleet.app()
    made = fleet.repository(fleet.stack(app))
    there = fleet.stack(app, "us-west-2")
    ReplicationAlarm(there, "Failed", repositories=[made], notify=[sns.Topic(there, "Topic")])
    ((action,),) = (one["AlarmActions"] for one in fleet.of_type(there, "AWS::CloudWatch::Alarm"))
    assert list(action) == ["Ref"]


def test_an_alarm_that_nobody_hears_is_warned_of() -> None:
    assert "fairlane:ReplicationAlarm.noAction" in fleet.warnings_of(build(notify=[]).node.root)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"region": "sa-east-1"},
            "repositories[0]: got 'training/pytorch', allowed: one that is replicated to sa-east-1",
        ),
        ({"repositories": []}, "repositories: got '0 repositories', allowed: 1 to 100"),
        ({"repositories": "a"}, "repositories: got 'a', allowed: a list of ReplicatedRepository"),
        ({"notify": PHONE}, f"notify: got '{PHONE}', allowed: a list of topics or ARNs"),
        (
            {"repositories": "a", "runbooks": "our wiki"},
            "repositories: got 'a', allowed: a list of ReplicatedRepository",
        ),
        ({"runbooks": "our wiki"}, "runbooks: got 'our wiki', allowed: an address of up to 500 characters"),
        ({"notify": ["phone"]}, "notify[0]: got 'phone', allowed: the ARN of what an alarm may call"),
        ({"notify": [5]}, "notify[0]: got 5, allowed: a topic of Amazon SNS, or an ARN"),
        (
            {"notify": [PHONE, PHONE.replace("west-2", "east-1")]},
            "notify[1]: got 'arn:aws:sns:us-east-1:111122223333:phone', allowed: one in us-west-2, as alarms call nothing",
        ),
        ({"notify": [PHONE] * 6}, "notify: got '6 targets', allowed: at most 5"),
    ],
)
def test_a_mistake_is_named(changes: dict[str, Any], problem: str) -> None:
    assert problems_of(lambda: build(**changes))[0].startswith(problem)


def test_a_topic_of_another_region_is_refused_however_it_is_given() -> None:
    app = fleet.app()
    made, there = fleet.repository(fleet.stack(app)), fleet.stack(app, "eu-west-1")
    topic = sns.Topic.from_topic_arn(there, "Phone", PHONE)
    (problem,) = problems_of(lambda: ReplicationAlarm(there, "A", repositories=[made], notify=[topic]))
    assert problem.startswith(f"notify[0]: got '{PHONE}', allowed: one in eu-west-1")


@pytest.mark.parametrize("longer", [0, 1])
def test_a_pattern_is_not_longer_than_eventbridge_takes(longer: int) -> None:
    app = fleet.app()
    home, there = fleet.stack(app), fleet.stack(app, "us-west-2")
    empty = '{"source":["aws.ecr"],"detail-type":["ECR Replication Action"],"detail":{"result":["FAILED"],'
    empty += '"repository-name":[],"source-region":["us-east-1"]}}'
    left = 2048 - len(empty) - 7 * 253 - len('"",')
    names = [*(f"n{n}/{'x' * 247}" for n in range(7)), "y" * (left + 1 + longer)]
    every = [fleet.repository(home, name, regions=["us-west-2"]) for name in names]
    problems = [] if longer == 0 else problems_of(lambda: ReplicationAlarm(there, "A", repositories=every))
    if longer:
        assert problems == [
            "repositories: got '2049 characters', allowed: an event pattern of at most 2048: put some into another "
            "ReplicationAlarm"
        ]
    else:
        ReplicationAlarm(there, "A", repositories=every)
        pattern = fleet.only(there, "AWS::Events::Rule")["EventPattern"]
        assert len(json.dumps(pattern, separators=(",", ":"))) == 2048


def test_of_a_home_without_a_region_failures_are_told_whatever_it_is() -> None:
    app = fleet.app()
    made = fleet.repository(Stack(app, "Anywhere", env=Environment(account=fleet.ACCOUNT)))
    there = fleet.stack(app, "us-west-2")
    ReplicationAlarm(there, "Failed", repositories=[made])
    detail = fleet.only(there, "AWS::Events::Rule")["EventPattern"]["detail"]
    assert detail == {"result": ["FAILED"], "repository-name": ["training/pytorch"]}
