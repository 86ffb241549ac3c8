"""Tests of the alarms on fan-outs: their states over the lines that `reconcile` prints, and their refusals."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, Validations
from aws_cdk.assertions import Annotations, Match
from cdk_nag import AwsSolutionsChecks

from fairlane.cloudwatch.alarms import evaluate_alarms
from fairlane.cloudwatch.samples import Samples, emf_samples
from fairlane.cloudwatch.states import State
from fairlane.monitoring import FanOutAlarms, MonitoredFanOut
from fairlane.monitoring.alarms import FanOutFailures, FanOutLimits, FanOutStalled
from tests.cfn_lint import findings
from tests.fairlane.monitoring.alarms.monitored_queues import resources_of_type
from tests.fairlane_lambda.fan_out.job_histories import FAN_OUT, START, Life
from tests.fairlane_lambda.fan_out.outcome_world import MINUTE, World
from tests.support import problems_of, template_of

WEST = "us-west-2"
OK, ALARM = State.OK, State.ALARM
TOPIC = "arn:aws:sns:us-east-1:111122223333:alarms"


def campaigns(**changes: Any) -> MonitoredFanOut:
    values: dict[str, Any] = {"name": FAN_OUT, "region": "us-east-1", "regions": ["us-east-1", WEST]}
    return MonitoredFanOut(**values | changes)


def build(**changes: Any) -> tuple[Stack, FanOutAlarms]:
    stack = Stack(App(), "Stack", env=Environment(account="111122223333", region="us-east-1"))
    settings: dict[str, Any] = {"fan_out": campaigns(), "notify": [TOPIC]}
    return stack, FanOutAlarms(stack, "Alarms", **settings | changes)


def states(minutes: int, script: Callable[[World, int], bool], **changes: Any) -> dict[str, list[State]]:
    """Return the states of each alarm over a time, without the first one, by path.

    Args:
        minutes: Length of the time.
        script: Function that changes the world at a minute. It returns False if `reconcile` does not run then.
        changes: Arguments of the alarms.
    """
    stack, alarms = build(**changes)
    template = template_of(stack)
    world, samples = World(), Samples()
    for minute in range(0, minutes, 5):
        world.now = START + minute * MINUTE
        if script(world, minute):
            world.reconcile()
    for sample in emf_samples(world.printed.splitlines()):
        samples.add(sample.namespace, sample.name, sample.dimensions, sample.time_seconds, sample.values)
    history = evaluate_alarms(template, samples, start=START // 1000, end=START // 1000 + 60 * minutes)
    ids = {stack.resolve(alarm.logical_id): path for path, alarm in alarms.alarms.items()}
    return {ids[name]: [state for _, state in entries][1:] for name, entries in history.items() if name in ids}


def put_lines(world: World, first: int, end: int, state: str = "RUNNING") -> None:
    for number in range(first, end):
        world.put_line(Life(f"{number:032x}", f"job-{number}"), state=state, updated_at=world.now)


def test_a_region_without_progress_is_stalled_until_lines_are_submitted() -> None:
    def script(world: World, minute: int) -> bool:
        if minute == 0:
            world.put_manifest(regions={WEST: 100}, state="SUBMITTING")
        if minute >= 180:
            put_lines(world, minute - 180, minute - 175)
        return True

    history = states(270, script)
    assert history[f"campaigns/fan-out-stalled-{WEST}-Warning"] == [OK, ALARM, OK]
    assert history["campaigns/fan-out-stalled-us-east-1-Warning"] == [OK]
    assert history["campaigns/fan-out-stalled-unpublished-Warning"] == [OK]


def test_a_manifest_that_takes_hours_is_not_stalled() -> None:
    def script(world: World, minute: int) -> bool:
        if minute == 0:
            world.put_manifest(regions={WEST: 400}, state="SUBMITTING")
        put_lines(world, minute, minute + 5)
        return True

    assert states(360, script)[f"campaigns/fan-out-stalled-{WEST}-Warning"] == [OK]


def test_a_stopped_manifest_is_not_stalled() -> None:
    def script(world: World, minute: int) -> bool:
        if minute == 0:
            world.put_manifest(regions={WEST: 400}, state="STOPPED")
        return True

    assert states(180, script)[f"campaigns/fan-out-stalled-{WEST}-Warning"] == [OK]


def test_a_fan_out_that_publishes_nothing_is_noticed() -> None:
    history = states(300, lambda world, minute: minute < 150)
    assert history["campaigns/fan-out-stalled-unpublished-Warning"] == [OK, ALARM]
    assert history[f"campaigns/fan-out-stalled-{WEST}-Warning"] == [OK]


@pytest.mark.parametrize(("failed", "expected"), [(0, [OK]), (1, [OK]), (2, [OK, ALARM])])
def test_a_share_of_failed_lines_triggers_the_alarm(failed: int, expected: list[State]) -> None:
    def script(world: World, minute: int) -> bool:
        if minute == 60:
            world.put_manifest(created_at=world.now)
            put_lines(world, 0, 18, "SUCCEEDED")
            put_lines(world, 18, 18 + failed, "FAILED")
        return True

    history = states(180, script)
    assert history[f"campaigns/fan-out-failures-{WEST}-Warning"] == expected
    assert history["campaigns/fan-out-failures-us-east-1-Warning"] == [OK]


def test_failures_count_until_they_are_retried() -> None:
    def script(world: World, minute: int) -> bool:
        if minute == 0:
            world.put_manifest()
            put_lines(world, 0, 1, "FAILED")
        if minute == 90:
            world.put_manifest(created_at=world.now, operation="retry")
            retry = Life("f" * 32, "job-retry")
            world.put_line(retry, id="drive-0", state="SUCCEEDED", claimed_at=world.now, updated_at=world.now)
        return True

    assert states(180, script)[f"campaigns/fan-out-failures-{WEST}-Warning"] == [ALARM, OK]


def test_too_few_lines_do_not_trigger_the_alarm() -> None:
    def script(world: World, minute: int) -> bool:
        if minute == 0:
            world.put_manifest()
            put_lines(world, 0, 3, "FAILED")
        return True

    limits = FanOutLimits(fan_out_failures={"Warning": FanOutFailures(minimum_lines=4)})
    assert states(60, script, limits=limits)[f"campaigns/fan-out-failures-{WEST}-Warning"] == [OK]


def test_one_composite_alarm_for_each_severity_notifies() -> None:
    limits = FanOutLimits(
        fan_out_stalled={"Warning": FanOutStalled(), "Critical": FanOutStalled(minutes=240)}, fan_out_failures={}
    )
    stack, alarms = build(limits=limits)
    composites = resources_of_type(stack, "CloudWatch::CompositeAlarm")
    assert [composite["AlarmActions"] for composite in composites.values()] == [[TOPIC], [TOPIC]]
    assert alarms.composites.keys() == {"Warning", "Critical"}
    assert alarms.composite_count == 2
    assert len(resources_of_type(stack, "CloudWatch::Alarm")) == 2 * 3 == len(alarms.arns)
    assert alarms.metric_count == 2 * (2 * 3 + 1)


def test_alarms_without_targets_cause_a_warning() -> None:
    stack, _ = build(notify=[])
    text = Match.string_like_regexp("Warning alarms notify nobody: add a target to notify")
    Annotations.from_stack(stack).has_warning("/Stack/Alarms", text)


def test_mistakes_are_reported_together() -> None:
    limits = FanOutLimits(
        fan_out_stalled={"Warning": FanOutStalled(minutes=10)},
        fan_out_failures={"Warning": FanOutFailures(percent=0, minimum_lines=0)},
    )
    other = campaigns(name="Bad Name", regions=["us-east-1", "west"])
    problems = problems_of(lambda: build(fan_out=other, limits=limits, notify=["x"], runbooks=" "))
    assert [problem.partition(":")[0] for problem in problems] == [
        "fan_out.name",
        "fan_out.regions[1]",
        "runbooks",
        "notify[0]",
        "limits.fan_out_stalled.Warning.minutes",
        "limits.fan_out_failures.Warning.percent",
        "limits.fan_out_failures.Warning.minimum_lines",
    ]


def test_alarms_must_be_in_the_home_region() -> None:
    (problem,) = problems_of(lambda: build(fan_out=campaigns(region=WEST)))
    assert "create FanOutAlarms in a stack of that Region" in problem
    (problem,) = problems_of(lambda: build(fan_out=campaigns(regions=[])))
    assert "the list is empty" in problem
    assert problems_of(lambda: build(fan_out="campaigns"))
    assert problems_of(lambda: build(limits={}))


def test_the_template_passes_cfn_lint_and_nag() -> None:
    app = App()
    stack = Stack(app, "Stack", env=Environment(account="111122223333", region="us-east-1"))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    FanOutAlarms(stack, "Alarms", fan_out=campaigns(), notify=[TOPIC])
    app.synth()
    assert findings(template_of(stack)) == []
