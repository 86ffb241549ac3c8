"""Functions as tasks, and the Invoke call of Lambda."""

import base64
import io
import json
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairlane_local import LocalAws
from tests.fairlane_local.step_functions.support import Machines, task

pytestmark = pytest.mark.slow

CODE = """
import os
import time
import boto3
class TooBusy(Exception):
    pass
def handler(event, context):
    print("called")
    time.sleep(event.get("sleep", 0))
    if event.get("raises"):
        raise TooBusy("come back")
    if "queue" in event:
        return boto3.client("sqs").send_message(QueueUrl=event["queue"], MessageBody="hello")["MessageId"]
    return {"region": os.environ["AWS_REGION"], "event": event} | {"large": "x" * event.get("large", 0)}
"""


@pytest.fixture
def function(machines: Machines) -> str:
    return deploy(machines)


def deploy(machines: Machines, runtime: str = "python3.14") -> str:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("index.py", CODE)
    role = machines.client("iam").create_role(RoleName=f"r-{runtime}", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    created = machines.client("lambda").create_function(
        FunctionName="f", Runtime=runtime, Role=role, Handler="index.handler", Code={"ZipFile": package.getvalue()}
    )
    return str(created["FunctionArn"])


def test_a_task_gets_the_answer_of_its_function(machines: Machines, function: str) -> None:
    invoke = task("lambda:invoke", {"FunctionName": function, "Payload.$": "$"})
    output = machines.output(machines.start(invoke, given={"a": 1}))
    assert (output["StatusCode"], output["Payload"]["event"]) == (200, {"a": 1})
    direct = task(function, {"b.$": "$.a"})
    assert machines.output(machines.start(direct, given={"a": 2}))["event"] == {"b": 2}


def test_a_task_takes_the_time_that_its_function_slept(aws: LocalAws, machines: Machines, function: str) -> None:
    execution = machines.start(task("lambda:invoke", {"FunctionName": function, "Payload.$": "$"}), given={"sleep": 90})
    aws.timeline.advance(89)
    assert machines.status(execution) == "RUNNING"
    aws.timeline.advance(1)
    assert machines.status(execution) == "SUCCEEDED"


@pytest.mark.parametrize("resource", ["function", "lambda:invoke"])
def test_the_error_of_a_function_is_retried_and_caught(
    resource: str, aws: LocalAws, machines: Machines, function: str
) -> None:
    parameters = {"FunctionName": function, "Payload": {"raises": True}}
    retry = {"ErrorEquals": ["TooBusy"], "IntervalSeconds": 30, "MaxAttempts": 1}
    catch = {"ErrorEquals": ["TooBusy"], "Next": "1"}
    states = {"function": task(function, {"raises": True}), "lambda:invoke": task("lambda:invoke", parameters)}
    execution = machines.start(states[resource] | {"Retry": [retry], "Catch": [catch]}, {"Type": "Pass"})
    assert machines.status(execution) == "RUNNING"
    aws.timeline.advance(30)
    output = machines.output(execution)
    assert output["Error"] == "TooBusy"
    assert json.loads(output["Cause"])["errorMessage"] == "come back"


def test_an_unknown_function_fails_the_execution(machines: Machines) -> None:
    error, cause = machines.error(machines.start(task("lambda:invoke", {"FunctionName": "none"})))
    assert error == "Lambda.ResourceNotFoundException"
    assert "none" in cause


def test_a_function_of_another_runtime_fails_the_execution(machines: Machines) -> None:
    error, cause = machines.error(machines.start(task(deploy(machines, "nodejs24.x"))))
    assert error == "Runtime.NotAvailable"
    assert "a Python runtime only, and this function has the runtime nodejs24.x" in cause


def test_invoke_returns_the_log_and_the_error(machines: Machines, function: str) -> None:
    response = machines.client("lambda").invoke(FunctionName="f", Payload=b'{"raises": 1}', LogType="Tail")
    payload = json.loads(response["Payload"].read())
    assert (response["StatusCode"], response["FunctionError"]) == (200, "Unhandled")
    assert (payload["errorType"], payload["errorMessage"]) == ("TooBusy", "come back")
    assert b"TooBusy" in base64.b64decode(response["LogResult"])
    response = machines.client("lambda").invoke(FunctionName=function, LogType="Tail")
    assert "FunctionError" not in response
    assert base64.b64decode(response["LogResult"]).startswith(b"called")


def test_an_event_runs_later(aws: LocalAws, machines: Machines, function: str) -> None:
    sqs, invoke = machines.client("sqs"), machines.client("lambda").invoke
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    payload = json.dumps({"queue": url})
    assert invoke(FunctionName=function, Payload=payload, InvocationType="DryRun")["StatusCode"] == 204
    assert invoke(FunctionName=function, Payload=payload, InvocationType="Event")["StatusCode"] == 202
    aws.timeline.advance(0)
    (message,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert message["Body"] == "hello"


def test_an_answer_that_is_too_large_is_an_error(machines: Machines, function: str) -> None:
    response = machines.client("lambda").invoke(FunctionName=function, Payload=b'{"large": 7000000}')
    assert json.loads(response["Payload"].read())["errorType"] == "Function.ResponseSizeTooLarge"


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"FunctionName": "f", "Payload": b"no JSON"}, "InvalidRequestContentException"),
        ({"FunctionName": "g"}, "ResourceNotFoundException"),
        ({"FunctionName": "f", "InvocationType": "Sometimes"}, "InvalidParameterValueException"),
    ],
)
def test_invoke_refuses_wrong_requests(request_: dict[str, Any], error: str, machines: Machines, function: str) -> None:
    with pytest.raises(ClientError, match=error):
        machines.client("lambda").invoke(**request_)
