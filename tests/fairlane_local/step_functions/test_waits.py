"""Waits, timeouts and pauses before retries of executions, which are of the local clock."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from fairlane_local import LocalAws
from fairlane_local.clock import Clock
from fairlane_local.step_functions.threads import ExecutionThread
from tests.fairlane_local.step_functions.support import Machines, task, wait


@pytest.fixture
def token_task(machines: Machines) -> dict[str, object]:
    url = machines.client("sqs").create_queue(QueueName="tokens")["QueueUrl"]
    return task("sqs:sendMessage.waitForTaskToken", {"QueueUrl": url, "MessageBody.$": "$$.Task.Token"})


def token(machines: Machines) -> str:
    sqs = machines.client("sqs")
    url = sqs.get_queue_url(QueueName="tokens")["QueueUrl"]
    return str(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"])


def execution_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if isinstance(thread, ExecutionThread)]


def test_a_wait_ends_when_the_clock_passes_its_end(aws: LocalAws, machines: Machines) -> None:
    execution = machines.start(wait(60), wait(3600))
    start = machines.describe(execution)["startDate"]
    aws.timeline.advance(3659)
    assert machines.status(execution) == "RUNNING"
    aws.timeline.advance(1)
    assert machines.status(execution) == "SUCCEEDED"
    assert machines.describe(execution)["stopDate"] - start == timedelta(seconds=3660)
    moments = [event["timestamp"] - start for event in machines.history(execution)]
    assert moments == [timedelta(seconds=second) for second in (0, 0, 60, 60, 3660, 3660)]


def test_a_wait_for_a_moment_is_of_the_local_clock(aws: LocalAws, machines: Machines) -> None:
    at = datetime.fromtimestamp(aws.timeline.clock.start + 90, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    execution = machines.start({"Type": "Wait", "Timestamp": at})
    aws.timeline.advance(89)
    assert machines.status(execution) == "RUNNING"
    aws.timeline.advance(1)
    assert machines.status(execution) == "SUCCEEDED"


def test_a_state_machine_times_out(aws: LocalAws, machines: Machines) -> None:
    execution = machines.start(wait(3600), TimeoutSeconds=100)
    aws.timeline.advance(99)
    assert machines.status(execution) == "RUNNING"
    aws.timeline.advance(1)
    assert machines.status(execution) == "TIMED_OUT"
    assert machines.history(execution)[-1]["type"] == "ExecutionTimedOut"


@pytest.mark.slow
def test_a_task_times_out_and_is_caught(aws: LocalAws, machines: Machines, token_task: dict[str, object]) -> None:
    catch = {"ErrorEquals": ["States.Timeout"], "Next": "1"}
    execution = machines.start(token_task | {"TimeoutSeconds": 300, "Catch": [catch]}, {"Type": "Pass"})
    aws.timeline.advance(299)
    assert machines.status(execution) == "RUNNING"
    aws.timeline.advance(1)
    assert machines.output(execution)["Error"] == "States.Timeout"


@pytest.mark.slow
def test_a_heartbeat_postpones_the_timeout(aws: LocalAws, machines: Machines, token_task: dict[str, object]) -> None:
    execution = machines.start(token_task | {"HeartbeatSeconds": 60, "TimeoutSeconds": 600})
    received = token(machines)
    for _ in range(3):
        aws.timeline.advance(59)
        machines.states.send_task_heartbeat(taskToken=received)
    assert machines.status(execution) == "RUNNING"
    aws.timeline.advance(60)
    assert machines.status(execution) == "FAILED"
    assert machines.describe(execution)["error"] == "States.Timeout"


@pytest.mark.slow
def test_a_token_ends_a_task(aws: LocalAws, machines: Machines, token_task: dict[str, object]) -> None:
    execution = machines.start(token_task)
    aws.timeline.advance(86_400)
    machines.states.send_task_success(taskToken=token(machines), output='{"answer": 42}')
    aws.timeline.advance(0)
    assert machines.output(execution) == {"answer": 42}


@pytest.mark.slow
@pytest.mark.parametrize("state", ["wait", "token", "retry", "map"])
def test_an_execution_stops_at_once(
    state: str, aws: LocalAws, machines: Machines, token_task: dict[str, object]
) -> None:
    retry = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 600}
    inner = {"StartAt": "W", "States": {"W": wait(600) | {"End": True}}}
    states = {
        "wait": wait(600),
        "token": token_task,
        "retry": task("aws-sdk:batch:describeServiceJob", {"JobId": "none"}, Retry=[retry]),
        "map": {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": inner},
    }
    execution = machines.start(states[state], given={"items": [1, 2, 3]})
    aws.timeline.advance(10)
    machines.states.stop_execution(executionArn=execution, error="Enough", cause="it is Friday")
    aws.timeline.advance(0)
    description = machines.describe(execution)
    assert (description["status"], description["error"], description["cause"]) == ("ABORTED", "Enough", "it is Friday")
    assert description["stopDate"] - description["startDate"] == timedelta(seconds=10)
    assert "ExecutionAborted" in [event["type"] for event in machines.history(execution)]
    assert execution_threads() == []


def test_the_end_of_the_server_ends_all_threads() -> None:
    with LocalAws(clock=Clock(None)) as aws:
        machines = Machines(aws)
        branches = [{"StartAt": "W", "States": {"W": wait(60) | {"End": True}}}] * 3
        machines.start({"Type": "Parallel", "Branches": branches}, TimeoutSeconds=600)
        machines.start(wait(60))
        assert execution_threads() != []
    assert execution_threads() == []


def test_waits_follow_a_faster_clock() -> None:
    with LocalAws(clock=Clock(3600)) as aws:
        machines = Machines(aws)
        machine = machines.create(wait(600))
        execution = machines.states.start_execution(stateMachineArn=machine)["executionArn"]
        aws.timeline.settle()  # the thread waits for the clock
        for thread in [thread for thread in threading.enumerate() if isinstance(thread, ExecutionThread)]:
            thread.end(60)
        description = machines.describe(execution)
        assert description["status"] == "SUCCEEDED"
        assert description["stopDate"] - description["startDate"] >= timedelta(seconds=600)


@pytest.mark.slow
def test_the_iterations_of_a_failed_map_stop(aws: LocalAws, machines: Machines) -> None:
    choice = {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 0, "Next": "Bad"}], "Default": "Slow"}
    states = {
        "Choice": choice,
        "Bad": {"Type": "Fail", "Error": "Bad", "Cause": "the first"},
        "Slow": wait(60) | {"Next": "Late"},
        "Late": {"Type": "Pass", "End": True},
    }
    catch = {"ErrorEquals": ["Bad"], "Next": "1"}
    map_state = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": {"StartAt": "Choice", "States": states}}
    execution = machines.start(map_state | {"Catch": [catch]}, wait(600), given={"items": [0, 1, 2]})
    aws.timeline.advance(600)
    assert machines.output(execution) == {"Error": "Bad", "Cause": "the first"}
    names = [event.get("stateEnteredEventDetails", {}).get("name") for event in machines.history(execution)]
    assert "Late" not in names
