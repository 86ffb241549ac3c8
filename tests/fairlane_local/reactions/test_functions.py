"""Functions that have the local clock, and that fail."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fairlane_local import LocalAws
from fairlane_local.errors import LocalAwsError
from fairlane_local.functions import FunctionError, run_function, stop_functions
from tests.fairlane_local.reactions.functions import (
    ACCOUNT,
    MIDNIGHT,
    REGION,
    deploy_function,
    events,
    log_lines,
    new_queue,
    put_event,
    put_rule,
    received,
    service,
)

pytestmark = pytest.mark.slow


def test_a_function_has_the_local_clock(aws: LocalAws) -> None:
    code = """
import datetime, time
from datetime import date
import boto3
def handler(event, context):
    begin = time.time()
    time.sleep(3)
    region = boto3.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    kinds = isinstance(datetime.datetime.fromisoformat("2020-01-01"), datetime.datetime), isinstance(3, date)
    return [begin, time.time(), datetime.datetime.now(datetime.timezone.utc).isoformat(), date.today().isoformat(),
            time.gmtime().tm_year, kinds, context.get_remaining_time_in_millis()]
"""
    arn = deploy_function(aws, code)
    aws.timeline.advance(3600)
    now = MIDNIGHT + 3600
    answer = run_function(aws.port, ACCOUNT, REGION, arn, {}).answer
    assert answer == [now, now + 3, "2026-03-02T01:00:03+00:00", "2026-03-02", 2026, [True, False], 57_000]


def test_the_request_rates_count_the_seconds_that_a_function_slept(aws: LocalAws) -> None:
    code = """
import json, time
import boto3
from botocore.config import Config
def handler(event, context):
    batch = boto3.client("batch", config=Config(retries={"total_max_attempts": 1}))
    def submit():
        try:
            batch.submit_service_job(jobName="j", jobQueue="q", serviceJobType="SAGEMAKER_TRAINING",
                                     serviceRequestPayload=json.dumps({"ResourceConfig": {"InstanceCount": 1}}))
        except Exception as error:
            return error.response["Error"]["Code"]
    codes = [submit() for _ in range(6)]
    time.sleep(1)
    return codes + [submit() for _ in range(6)]
"""
    batch = service(aws, "batch")
    batch.create_service_environment(
        serviceEnvironmentName="e",
        serviceEnvironmentType="SAGEMAKER_TRAINING",
        capacityLimits=[{"maxCapacity": 1, "capacityUnit": "NUM_INSTANCES"}],
    )
    order = [{"order": 1, "serviceEnvironment": "e"}]
    batch.create_job_queue(
        jobQueueName="q", jobQueueType="SAGEMAKER_TRAINING", priority=1, serviceEnvironmentOrder=order
    )
    invocation = run_function(aws.port, ACCOUNT, REGION, deploy_function(aws, code), {})
    assert invocation.answer == [*[None] * 5, "TooManyRequestsException"] * 2
    assert invocation.slept == 1


def test_a_process_stays_for_the_next_invocation(aws: LocalAws) -> None:
    code = "count = []\ndef handler(event, context):\n count.append(1)\n return len(count)"
    arn = deploy_function(aws, code)
    assert [run_function(aws.port, ACCOUNT, REGION, arn, {}).answer for _ in range(3)] == [1, 2, 3]
    service(aws, "lambda").update_function_configuration(FunctionName="f", Environment={"Variables": {"A": "b"}})
    assert run_function(aws.port, ACCOUNT, REGION, arn, {}).answer == 1


@pytest.mark.parametrize(
    ("code", "settings", "kind", "line"),
    [
        ("def handler(event, context): raise ValueError('no')", {}, "ValueError", "[ERROR] ValueError: no"),
        ("import missing", {}, "Runtime.ImportModuleError", "Unable to import module 'index'"),
        ("x = 1", {}, "Runtime.HandlerNotFound", "Handler 'handler' missing"),
        ("def handler(event, context): return {1, 2}", {}, "Runtime.MarshalError", "Unable to marshal response"),
        ("import os\ndef handler(event, context): os._exit(3)", {}, "Runtime.ExitError", "exit status 3"),
        ("def handler(event, context):\n while True: pass", {"Timeout": 1}, "Sandbox.Timedout", "after 1.00 seconds"),
        ("", {"Runtime": "nodejs22.x"}, "Runtime.NotAvailable", "this function has the runtime nodejs22.x"),
    ],
)
def test_a_failed_function_is_an_error_in_its_log_group(
    aws: LocalAws, code: str, settings: dict[str, Any], kind: str, line: str
) -> None:
    arn = deploy_function(aws, code, **settings)
    with pytest.raises(FunctionError) as raised:
        run_function(aws.port, ACCOUNT, REGION, arn, {})
    assert raised.value.invocation.error is not None
    assert raised.value.invocation.error["errorType"] == kind
    assert any(line in text for text in log_lines(aws))


def test_an_asynchronous_invocation_is_retried_twice_and_then_reported(aws: LocalAws) -> None:
    code = "import time\ndef handler(event, context):\n print('event', int(time.time()))\n raise ValueError"
    url, queue = new_queue(aws, "failures")
    dead_url, dead = new_queue(aws, "dead")
    arn = deploy_function(aws, code, DeadLetterConfig={"TargetArn": dead})
    destinations = {"OnFailure": {"Destination": queue}}
    service(aws, "lambda").put_function_event_invoke_config(FunctionName="f", DestinationConfig=destinations)
    put_rule(aws, arn)
    put_event(aws, number=1)
    aws.timeline.advance(3600)
    assert [second - MIDNIGHT for second in events(aws)] == [0, 60, 180]
    (record,) = received(aws, url)
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responsePayload"]["errorType"] == "ValueError"
    assert record["requestPayload"]["detail"] == received(aws, dead_url)[0]["detail"] == {"number": 1}


def test_a_function_can_cause_an_event_of_its_own_second(aws: LocalAws) -> None:
    code = """
import boto3, json
def handler(event, context):
    entry = {"Source": "function", "DetailType": "kind", "Detail": json.dumps(event["detail"])}
    boto3.client("events").put_events(Entries=[entry])
"""
    put_rule(aws, deploy_function(aws, code))
    url, queue = new_queue(aws, "q")
    bus = service(aws, "events")
    bus.put_rule(Name="second", EventPattern=json.dumps({"source": ["function"]}))
    bus.put_targets(Rule="second", Targets=[{"Id": "q", "Arn": queue}])
    put_event(aws, number=1)
    aws.timeline.advance(5)
    (message,) = received(aws, url)
    assert message["time"] == "2026-03-02T00:00:00Z"


def test_a_rule_calls_its_function_in_real_time_without_waiting_for_the_clock() -> None:
    with LocalAws() as aws:
        put_rule(aws, deploy_function(aws))
        put_event(aws, number=1)
        aws.timeline.settle()
        (event,) = events(aws)
        assert event["detail"] == {"number": 1}


FORK = """
import os, signal
def handler(event, context):
    os.fork()
    signal.pause()
"""


def test_a_timeout_also_ends_the_processes_that_a_function_started(aws: LocalAws) -> None:
    arn = deploy_function(aws, FORK, Timeout=1)
    with pytest.raises(FunctionError, match=r"timed out after 1\.00 seconds"):
        run_function(aws.port, ACCOUNT, REGION, arn, {})


def test_a_process_that_ended_while_it_waited_is_replaced(aws: LocalAws) -> None:
    arn = deploy_function(aws, "import os\ndef handler(event, context):\n return os.getpid()")
    first = run_function(aws.port, ACCOUNT, REGION, arn, {}).answer
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert run_function(aws.port, ACCOUNT, REGION, arn, {}).answer != first


def test_stopping_ends_the_functions_that_run(aws: LocalAws) -> None:
    code = """
import boto3, signal
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=event["url"], MessageBody="{}")
    signal.pause()
"""
    url, _ = new_queue(aws, "q")
    arn = deploy_function(aws, code)
    with ThreadPoolExecutor() as executor:
        run = executor.submit(run_function, aws.port, ACCOUNT, REGION, arn, {"url": url})
        service(aws, "sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20)
        stop_functions()
        with pytest.raises(FunctionError, match="Runtime exited with exit status -9"):
            run.result()
    with pytest.raises(LocalAwsError, match="has stopped"):
        run_function(aws.port, ACCOUNT, REGION, arn, {"url": url})
