"""States of the alarms on a HyperPod cluster over histories of its events."""

from collections.abc import Mapping
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack

from fairlane.cloudwatch.alarms import evaluate_alarms
from fairlane.cloudwatch.states import State
from fairlane.hyperpod import HyperPodMonitoring
from fairlane.monitoring.alarms import HyperPodCapacity, HyperPodErrors, HyperPodLimits
from tests.fairlane.hyperpod.cluster_events import (
    cluster_event,
    failed_attempt,
    failed_script,
    filtered_samples,
    lost_readiness,
    node_health,
    provisioned,
    state_change,
)
from tests.support import template_of

START = 1_780_000_000 - 1_780_000_000 % 3600
OK, ALARM, UNKNOWN = State.OK, State.ALARM, State.INSUFFICIENT_DATA
QUIET: dict[str, list[State]] = {
    "hyperpod-failed-Critical": [],
    "hyperpod-unhealthy-Warning": [OK],
    "hyperpod-errors-Warning": [OK],
    "hyperpod-capacity-workers-Warning": [OK],
    "hyperpod-capacity-spot-Warning": [OK],
    "hyperpod-undelivered-Critical": [OK],
}


def states(
    events: Mapping[int, list[dict[str, Any]]], hours: int = 6, lost: Mapping[int, int] | None = None, **changes: Any
) -> dict[str, list[State]]:
    """Return the states of each alarm without INSUFFICIENT_DATA at the start.

    Args:
        events: Events by minute.
        hours: Length of the time. Default: 6.
        lost: Number of events that the first rule could not deliver, by minute. Default: none.
        changes: Arguments of the monitoring.
    """
    stack = Stack(App(), "Stack", env=Environment(account="111122223333", region="us-east-1"))
    settings: dict[str, Any] = {"cluster_name": "research", "instance_groups": ["workers", "spot"]}
    monitoring = HyperPodMonitoring(stack, "Monitoring", **settings | changes)
    template = template_of(stack)
    history = [(START + 60 * minute, event) for minute, group in sorted(events.items()) for event in group]
    samples = filtered_samples(template, history)
    for minute, count in (lost or {}).items():
        rule = {"RuleName": f"${{{stack.get_logical_id(monitoring.event_log.rules[0])}}}"}
        samples.add("AWS/Events", "FailedInvocations", rule, START + 60 * minute, [float(count)])
    found = evaluate_alarms(template, samples, start=START, end=START + 3600 * hours)
    names = {stack.resolve(alarm.logical_id): path.partition("/")[2] for path, alarm in monitoring.alarms.items()}
    changes_by_name = {names[name]: [state for _, state in entries] for name, entries in found.items() if name in names}
    return {name: own[1:] if own[0] == UNKNOWN else own for name, own in changes_by_name.items()}


def test_a_cluster_without_events_is_quiet() -> None:
    assert states({}) == QUIET


def test_a_failed_cluster_is_in_alarm_until_it_is_in_service() -> None:
    history = states({10: [state_change("Updating")], 30: [state_change("Failed")], 200: [state_change("Updating")]})
    assert history == QUIET | {"hyperpod-failed-Critical": [ALARM]}
    events = {30: [state_change("RollingBack")], 60: [state_change("InService")]}
    assert states(events)["hyperpod-failed-Critical"] == [ALARM, OK]
    both = [state_change("Failed"), state_change("InService")]
    assert states({30: both})["hyperpod-failed-Critical"] == [ALARM]


def test_a_failed_cluster_that_is_deleted_returns_to_ok() -> None:
    history = states({30: [state_change("Failed")], 90: [state_change("Deleting")]})
    assert history["hyperpod-failed-Critical"] == [ALARM, OK]


def test_an_unhealthy_node_triggers_an_alarm_for_an_hour() -> None:
    history = states({60: [node_health()], 65: [node_health("Healthy")]})
    assert history == QUIET | {"hyperpod-unhealthy-Warning": [OK, ALARM, OK]}


def test_an_error_event_triggers_an_alarm() -> None:
    history = states({60: [failed_script()]})
    assert history == QUIET | {"hyperpod-errors-Warning": [OK, ALARM, OK]}
    error = cluster_event("Cluster research update failed", "Error")
    assert states({60: [error]})["hyperpod-errors-Warning"] == [OK, ALARM, OK]


def test_events_of_other_levels_are_quiet() -> None:
    events = [
        cluster_event("Cluster research update started successfully"),
        cluster_event("UpdateClusterSoftware for Instance i-1 in IG workers skipped", "Warn", "workers"),
    ]
    assert states({60: events}) == QUIET


@pytest.mark.parametrize("level", ["Warn", "Error"])
def test_a_scale_up_with_its_warnings_is_quiet(level: str) -> None:
    events: dict[int, list[dict[str, Any]]] = {
        60: [
            cluster_event("InstanceGroup workers update started successfully in Cluster research", group="workers"),
            state_change("Updating", {"workers": (2, 8)}),
        ],
        240: [state_change("InService", {"workers": (8, 8)})],
    }
    for number in range(6):
        noise = lost_readiness(number + 1)
        noise["detail"]["EventDetails"]["EventLevel"] = level
        attempts = failed_attempt() if number % 2 else []
        events[70 + 25 * number] = [noise, *attempts, provisioned()]
    assert states(events) == QUIET | {"hyperpod-failed-Critical": [OK]}


def test_a_group_without_capacity_triggers_its_alarm_alone() -> None:
    events = {minute: [*failed_attempt("spot"), provisioned("workers")] for minute in range(60, 240, 10)}
    history = states(events)
    assert history == QUIET | {"hyperpod-capacity-spot-Warning": [OK, ALARM, OK]}


def test_a_few_failed_attempts_are_quiet() -> None:
    assert states({60: failed_attempt(), 70: failed_attempt(), 75: [provisioned()]}) == QUIET


def test_capacity_that_arrives_ends_the_alarm() -> None:
    events = {minute: failed_attempt() for minute in range(60, 200, 10)} | {200: [provisioned()]}
    assert states(events)["hyperpod-capacity-workers-Warning"] == [OK, ALARM, OK]


def test_an_event_that_did_not_reach_the_log_group_is_noticed() -> None:
    assert states({}, lost={60: 1}) == QUIET | {"hyperpod-undelivered-Critical": [OK, ALARM, OK]}
    assert states({}, lost={60: 0}) == QUIET


def test_limits_change_the_alarms() -> None:
    limits = HyperPodLimits(
        hyperpod_errors={"Warning": HyperPodErrors(minimum_events=3)},
        hyperpod_capacity={"Critical": HyperPodCapacity(minutes=20)},
        hyperpod_unhealthy={},
    )
    events = {60: [failed_script(), failed_script()], 100: failed_attempt(), 115: failed_attempt()}
    history = states(events, limits=limits)
    assert history["hyperpod-errors-Warning"] == [OK]
    assert history["hyperpod-capacity-workers-Critical"] == [OK, ALARM, OK]
    assert "hyperpod-unhealthy-Warning" not in history
