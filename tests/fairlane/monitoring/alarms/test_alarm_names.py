"""Physical names of alarms: readable, unique in an account and Region, at most 255 characters, known at synth."""

import json
import re
from typing import Any

import pytest
from aws_cdk import App, CfnParameter, Environment, NestedStack, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from hypothesis import given
from hypothesis import strategies as st

from fairlane import FairShare, Fifo, JobMetrics, TrainingQueue
from fairlane.monitoring import FanOutAlarms, MonitoredFanOut, QueueAlarms
from fairlane.monitoring.alarms.alarm_names import alarm_name
from tests.fairlane.monitoring.alarms.monitored_queues import HERE, resources_of_type
from tests.support import problems_of, template_of

ARN = "arn:aws:sns:us-east-1:111122223333:alerts"
KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def queue_metrics(scope: Stack, *names: str, shares: tuple[str, ...] = ()) -> JobMetrics:
    policy = FairShare(dict.fromkeys(shares, 1)) if shares else Fifo()
    queues = [
        TrainingQueue(scope, f"Q{n}", queue_name=name, capacity=8, scheduling=policy) for n, name in enumerate(names)
    ]
    return JobMetrics(scope, "Metrics", queues=queues)


def names_of(stack: Stack) -> set[str]:
    kinds = ("CloudWatch::Alarm", "CloudWatch::CompositeAlarm")
    return {alarm["AlarmName"] for kind in kinds for alarm in resources_of_type(stack, kind).values()}


def new_stack(**settings: Any) -> Stack:
    return Stack(App(), "Stack", **{"env": HERE} | settings)


def test_names_have_the_prefix_the_queue_the_kind_the_part_and_the_severity() -> None:
    stack = new_stack()
    metrics = queue_metrics(stack, "training-p4", shares=("Vision_1",))
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics, notify=[ARN], name_prefix="fairlane-prod")
    alarms.add_alarm(
        "training-p4",
        "Loss rate",
        metric=cloudwatch.Metric(namespace="Mine", metric_name="Loss"),
        threshold=1,
        meaning="it is high",
    )
    assert {
        "fairlane-prod-training-p4-oldest-wait-warning",
        "fairlane-prod-training-p4-oldest-wait-critical",
        "fairlane-prod-training-p4-starved-share-vision-1-warning",
        "fairlane-prod-training-p4-blocked-capacity-insufficient-instance-capacity-warning",
        "fairlane-prod-training-p4-custom-loss-rate-warning",
        "fairlane-prod-training-p4-warning",
        "fairlane-prod-exporter-training-p4-stale-critical",
        "fairlane-prod-exporter-stale-events-critical",
        "fairlane-prod-exporter-dead-letters-undelivered-warning",
        "fairlane-prod-exporter-warning",
    } <= names_of(stack)
    assert all(KEBAB.fullmatch(name) for name in names_of(stack))
    path = "Queues/training-p4/custom-Loss rate-Warning"
    assert stack.resolve(alarms.arns[path])["Fn::Join"][1][-1].endswith(
        ":us-east-1:111122223333:alarm:fairlane-prod-training-p4-custom-loss-rate-warning"
    )


def test_the_default_prefix_is_the_name_of_the_stack_without_account_and_region() -> None:
    stack = Stack(App(), "Gpu-Monitoring")
    QueueAlarms(stack, "Alarms", metrics=queue_metrics(stack, "q"), notify=[ARN])
    fan_out = MonitoredFanOut(name="campaigns", region="us-east-1", regions=["us-west-2"])
    FanOutAlarms(stack, "FanOut", fan_out=fan_out, notify=[ARN])
    assert {
        "gpu-monitoring-q-oldest-wait-warning",
        "gpu-monitoring-fan-out-campaigns-stalled-us-west-2-warning",
        "gpu-monitoring-fan-out-campaigns-warning",
    } <= names_of(stack)


def test_rules_of_composite_alarms_refer_to_names_and_wait_for_the_alarms() -> None:
    stack = new_stack()
    QueueAlarms(stack, "Alarms", metrics=queue_metrics(stack, "q"), notify=[ARN])
    for composite in resources_of_type(stack, "CloudWatch::CompositeAlarm").values():
        assert '"Ref"' in (rule := json.dumps(composite["AlarmRule"]))
        assert "GetAtt" not in rule


@pytest.mark.parametrize("account", ["111122223333", "444455556666"])
def test_the_same_name_twice_in_an_account_and_region_is_one_problem(account: str) -> None:
    app = App()
    first = Stack(app, "First", env=HERE)
    QueueAlarms(first, "Alarms", metrics=queue_metrics(first, "q"), notify=[ARN], name_prefix="gpu")
    second = Stack(app, "Second", env=Environment(account=account, region="us-east-1"))
    metrics = queue_metrics(second, "r")
    if account != "111122223333":
        QueueAlarms(second, "Alarms", metrics=metrics, notify=[ARN], name_prefix="GPU")
        return
    (problem,) = problems_of(lambda: QueueAlarms(second, "Alarms", metrics=metrics, name_prefix="GPU"))
    assert problem == (
        "name_prefix: First/Alarms already has the alarms gpu-exporter-stale-events-critical, "
        "gpu-exporter-dead-letters-unused-warning, gpu-exporter-dead-letters-undelivered-warning and 2 others: "
        "use another name_prefix"
    )
    assert second.node.try_find_child("Alarms") is None
    QueueAlarms(second, "Alarms", metrics=metrics, notify=[ARN], name_prefix="gpu-2")


@pytest.mark.parametrize(
    ("queues", "shares", "name"),
    [
        (("q_1", "q-1"), (), "stack-q-1-oldest-wait-warning"),
        (("q",), ("A", "a"), "stack-q-starved-share-a-warning"),
        (("Exporter",), (), "stack-exporter-warning"),
    ],
)
def test_names_that_would_be_equal_in_one_construct_are_refused(
    queues: tuple[str, ...], shares: tuple[str, ...], name: str
) -> None:
    stack = new_stack()
    metrics = queue_metrics(stack, *queues, shares=shares)
    (problem,) = problems_of(lambda: QueueAlarms(stack, "Alarms", metrics=metrics, notify=[ARN]))
    assert problem.startswith("name_prefix: two alarms would have the name")
    assert name in problem
    assert "rename a queue or share" in problem


def test_custom_alarms_with_names_that_would_be_equal_are_refused() -> None:
    stack = new_stack()
    alarms = QueueAlarms(stack, "Alarms", metrics=queue_metrics(stack, "q"), notify=[ARN])
    settings: dict[str, Any] = {
        "metric": cloudwatch.Metric(namespace="Mine", metric_name="Loss"),
        "threshold": 1,
        "meaning": "it is high",
    }
    alarms.add_alarm("q", "loss rate", **settings)
    assert problems_of(lambda: alarms.add_alarm("q", "Loss-Rate", **settings)) == [
        "name: Stack/Alarms already has the alarm stack-q-custom-loss-rate-warning: use another name"
    ]
    token = CfnParameter(stack, "Name").value_as_string
    (problem,) = problems_of(lambda: alarms.add_alarm("q", token, **settings))
    assert problem.endswith("a name known at synth, because the alarm is named by it")


@pytest.mark.parametrize("prefix", ["", "gpu alarms", "-", "x" * 129, "gpu/prod"])
def test_an_invalid_prefix_is_refused(prefix: str) -> None:
    stack = new_stack()
    metrics = queue_metrics(stack, "q")
    (problem,) = problems_of(lambda: QueueAlarms(stack, "Alarms", metrics=metrics, name_prefix=prefix))
    assert problem.startswith(f"name_prefix: got {prefix!r}"[:100])
    assert problem.endswith("allowed: 1 to 128 characters of A-Z, a-z, 0-9, - and _, with a letter or digit")


def test_a_prefix_that_is_unknown_at_synth_is_refused() -> None:
    stack = new_stack()
    metrics = queue_metrics(stack, "q")
    token = CfnParameter(stack, "Prefix").value_as_string
    (problem,) = problems_of(lambda: QueueAlarms(stack, "Alarms", metrics=metrics, name_prefix=token))
    assert "allowed: a prefix known at synth" in problem
    nested = NestedStack(stack, "Nested")
    metrics = queue_metrics(nested, "q2")
    assert problems_of(lambda: QueueAlarms(nested, "Alarms", metrics=metrics)) == [
        "name_prefix: the name of a nested stack is not known at synth: set name_prefix"
    ]
    QueueAlarms(nested, "Alarms", metrics=metrics, notify=[ARN], name_prefix="nested")


def test_a_long_name_is_shortened_with_a_hash_and_keeps_its_severity() -> None:
    first, second = (alarm_name("p" * 120, "q" * 128, f"starved-share-{n}", "Warning") for n in range(2))
    assert len(first) == len(second) == 255
    assert first != second
    assert re.fullmatch(r"p+-q+-[0-9a-f]{8}-warning", first)
    assert first == alarm_name("p" * 120, "q" * 128, "starved-share-0", "Warning")


@given(st.lists(st.text(max_size=200), min_size=1, max_size=6))
def test_names_are_valid_whatever_their_parts(parts: list[str]) -> None:
    name = alarm_name("fairlane-prod", *parts, "Warning")
    assert len(name) <= 255
    assert KEBAB.fullmatch(name)
    assert name.startswith("fairlane-prod-")
    assert name.endswith("-warning")


def test_many_alarms_of_a_queue_keep_the_names_of_nested_composite_alarms_readable() -> None:
    stack = new_stack()
    metrics = queue_metrics(stack, "q", shares=tuple(f"team{n}" for n in range(30)))
    QueueAlarms(stack, "Alarms", metrics=metrics, notify=[ARN])
    assert {"stack-q-warning", "stack-q-warning-part-0", "stack-q-warning-part-1"} <= names_of(stack)
    assert template_of(stack)
