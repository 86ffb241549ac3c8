"""Key `schedules` of environment files: payloads, references to other keys, and alarms."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from ruamel.yaml import YAML

from fairlane import ConfigurationError
from fairlane.environment import load_environment
from fairlane_stacks import build_stacks
from fairlane_stacks.monitoring_stack import MonitoringStack
from fairlane_stacks.training_stack import TrainingStack
from tests.fairlane.schedules.payloads import PAYLOAD
from tests.support import template_of

PROD = """\
region: us-east-1
account: "123456789012"
execution_roles: {jobs: {}}
network: {}
compute_environments: {g5: {instance_types: [g5.12xlarge], max_gpus: 8}}
queues:
  fair: {capacity: 4, scheduling: {policy: fair-share, proportions: {vision: 1}}}
  quotas:
    capacity: {ml.p5.48xlarge: 4}
    scheduling: {policy: quota-management, shares: {vision: {capacity: {ml.p5.48xlarge: 4}, sharing: LEND}}}
  gpu: {compute_environments: [g5], scheduling: {policy: fifo}}
job_definitions:
  evaluate: {image: "evaluate:1", command: [evaluate, "Ref::date"], gpus: 1, instance_type: g5.12xlarge}
  large: {image: "evaluate:1", gpus: 8, instance_type: p4d.24xlarge}
schedules:
  nightly: {schedule: rate(1 day), queue: fair, share: vision, execution_role: jobs, payload: payload.json}
  weekly: {schedule: rate(7 days), queue: gpu, job_definition: evaluate, parameters: {date: a}}
"""


def write(folder: Path, others: dict[str, Any] | None = None, name: str = "nightly", **changes: Any) -> Path:
    """Write a file with changed keys of a schedule, and other changed keys."""
    (folder / "payload.json").write_text(json.dumps(PAYLOAD))
    yaml = YAML(typ="safe", pure=True)
    data = yaml.load(PROD) | (others or {})
    changed = data["schedules"][name] | changes
    data["schedules"][name] = {key: value for key, value in changed.items() if value is not None}
    path = folder / "prod.yaml"
    yaml.dump(data, path)
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        load_environment(path)
    return [str(problem).partition(", schedules.")[2] for problem in raised.value.problems]


def stack_of(path: Path) -> TrainingStack:
    stack = build_stacks(App(), "prod", load_environment(path))[0]
    assert isinstance(stack, TrainingStack)
    return stack


def usd(stack: Stack) -> float:
    """Return the estimated cost of the monitoring."""
    assert isinstance(stack, MonitoringStack)
    assert stack.cost is not None
    return stack.cost.estimate.usd


def inputs(stack: TrainingStack) -> dict[str, Any]:
    """Return the requests by schedule, with ROLE for the execution role."""
    found = {}
    for each in template_of(stack)["Resources"].values():
        if each["Type"] == "AWS::Scheduler::Schedule":
            text = each["Properties"]["Target"]["Input"]
            parts = [text] if isinstance(text, str) else text["Fn::Join"][1]
            found[each["Properties"]["Name"]] = json.loads(
                "".join(part if isinstance(part, str) else "ROLE" for part in parts)
            )
    return found


@pytest.mark.parametrize("payload", ["payload.json", PAYLOAD])
def test_a_payload_is_a_file_or_a_mapping(tmp_path: Path, payload: Any) -> None:
    requests = inputs(stack_of(write(tmp_path, payload=payload)))
    assert json.loads(requests["nightly"]["ServiceRequestPayload"]) == PAYLOAD | {"RoleArn": "ROLE"}
    assert requests["nightly"]["ShareIdentifier"] == "vision"
    assert requests["weekly"]["Parameters"] == {"date": "a"}


def test_a_share_of_quota_management_is_a_quota_share(tmp_path: Path) -> None:
    requests = inputs(stack_of(write(tmp_path, queue="quotas", state="disabled")))
    assert requests["nightly"]["QuotaShareName"] == "vision"


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("nightly", {"schedule": None}, "nightly.schedule: missing; use a schedule expression, for example rate(1 day), rate(6 hours) or cron(0 6 * * ? *)"),
        ("nightly", {"schedule": "cron(0 25 * * ? *)"}, "nightly.schedule: got 'cron(0 25 * * ? *)', allowed: a schedule expression, for example rate(1 day), rate(6 hours) or cron(0 6 * * ? *)"),
        ("nightly", {"time_zone": "Berlin"}, "nightly.time_zone: got 'Berlin', allowed: a time zone such as Europe/Berlin"),
        ("nightly", {"queue": None}, "nightly.queue: missing; use a queue of the Region"),
        ("nightly", {"queue": "other"}, "nightly.queue: got 'other', allowed: a queue of the Region: fair, gpu, quotas"),
        ("nightly", {"share": None}, "nightly.share: missing; use a share of queue fair: vision"),
        ("nightly", {"share": "audio"}, "nightly.share: got 'audio', allowed: a share of queue fair: vision"),
        ("nightly", {"priority": 10_000}, "nightly.priority: got 10000, allowed: a whole number, 0 to 9999"),
        ("nightly", {"execution_role": "other"}, "nightly.execution_role: got 'other', allowed: a key of execution_roles: jobs"),
        ("nightly", {"execution_role": None}, "nightly.execution_role: missing; use an execution role of the training jobs"),
        ("nightly", {"payload": None}, "nightly.payload: missing; use a CreateTrainingJob request without RoleArn"),
        ("nightly", {"payload": "prod.yaml"}, "nightly.payload: prod.yaml is not JSON, Expecting value: line 1 column 1 (char 0): use the JSON text of a CreateTrainingJob request"),
        ("nightly", {"payload": PAYLOAD | {"StoppingCondition": {"MaxRuntimeInSeconds": "1h"}}}, "nightly.payload.StoppingCondition.MaxRuntimeInSeconds: got '1h', allowed: a whole number"),
        ("nightly", {"state": "draining"}, "nightly.state: got 'draining', allowed: enabled or disabled"),
        ("weekly", {"job_definition": "other"}, "weekly.job_definition: got 'other', allowed: a key of job_definitions: evaluate, large"),
        ("weekly", {"job_definition": None}, "weekly.job_definition: missing; use a job definition of containers"),
        ("weekly", {"parameters": None}, "weekly.parameters.date: missing; use a value for Ref::date in the command of evaluate"),
        ("weekly", {"priority": 1}, "weekly.priority: queue gpu ignores priorities: remove priority"),
        ("weekly", {"share": "vision"}, "weekly.share: queue gpu has no shares: remove share"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_with_its_key(tmp_path: Path, name: str, changes: dict[str, Any], expected: str) -> None:
    assert problems(write(tmp_path, name=name, **changes)) == [expected]


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    (problem,) = problems(write(tmp_path, payload="other.json"))
    assert problem.startswith("nightly.payload: other.json is no file in ")


def test_a_job_without_room_in_the_queue_of_its_schedule_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(write(tmp_path, name="weekly", job_definition="large", parameters=None))
    assert problem.startswith("weekly.job_definition: ")
    assert problem.endswith("(compute environment g5)")


def test_each_schedule_has_an_alarm_that_notifies_and_that_the_estimate_counts(tmp_path: Path) -> None:
    topic = "arn:aws:sns:us-east-1:123456789012:pages"
    notify = {"Warning": ["gpus@example.com"], "Critical": [topic]}
    path = write(tmp_path, {"job_metrics": {}, "alarms": {"notify": notify}})
    training, monitoring = build_stacks(App(), "prod", load_environment(path))
    alarms = [
        each["Properties"]["AlarmActions"]
        for each in template_of(training)["Resources"].values()
        if each["Type"] == "AWS::CloudWatch::Alarm"
    ]
    assert [len(actions) for actions in alarms] == [2, 2]
    assert topic in alarms[0]
    yaml = YAML(typ="safe", pure=True)
    yaml.dump({key: value for key, value in yaml.load(path.read_text()).items() if key != "schedules"}, path)
    _, other = build_stacks(App(), "prod", load_environment(path))
    assert usd(monitoring) > usd(other)


def test_disabled_alarms_create_none(tmp_path: Path) -> None:
    stack = stack_of(write(tmp_path, {"alarms": {"enabled": False}}))
    assert [schedule.alarm for schedule in stack.schedules.values()] == [None, None]
