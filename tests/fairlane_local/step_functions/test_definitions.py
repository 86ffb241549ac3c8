"""Wrong definitions and requests, and the status of executions."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairlane_local import LocalAws
from fairlane_local.step_functions import definitions
from tests.fairlane_local.step_functions.support import ROLE, Machines, task, wait

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (task("aws-sdk:batch:submitEverything"), "the service batch has no operation submitEverything"),
        (task("aws-sdk:batsch:submitJob"), "there is no service batsch"),
        (task("batch:submitService"), "arn:aws:states:::batch:submitService not recognized"),
        ({"Type": "Waiting"}, "Waiting"),
        ({"Type": "Wait"}, "Undefined WaitFunction for StateWait"),
    ],
)
def test_a_wrong_definition_is_refused(state: dict[str, Any], message: str, machines: Machines) -> None:
    with pytest.raises(ClientError, match="InvalidDefinition") as caught:
        machines.create(state)
    assert message in str(caught.value)


def test_a_definition_that_is_no_json_is_refused(machines: Machines) -> None:
    with pytest.raises(ClientError, match="InvalidDefinition"):
        machines.states.create_state_machine(name="m", definition="StartAt: 0", roleArn=ROLE)


@pytest.mark.parametrize("name", ["jobQueue", "JobQueu", "Queue"])
def test_an_unknown_parameter_fails_the_execution(name: str, machines: Machines) -> None:
    error, cause = machines.error(machines.start(task("aws-sdk:batch:listServiceJobs", {name: "q"})))
    assert error == "States.Runtime"
    assert f'The field "{name}" is not supported by Step Functions; allowed: Filters, JobQueue, JobStatus' in cause


def test_an_error_that_nobody_catches_fails_the_execution(machines: Machines) -> None:
    catch = {"ErrorEquals": ["Batch.TooManyRequestsException"], "Next": "1"}
    state = task("aws-sdk:batch:describeServiceJob", {"JobId": "none"}, Catch=[catch])
    execution = machines.start(state, {"Type": "Pass"})
    error, cause = machines.error(execution)
    assert error == "Batch.ClientException"
    assert "Service: Batch, Status Code: 400, Request ID: " in cause
    assert machines.history(execution)[-1]["executionFailedEventDetails"] == {"error": error, "cause": cause}


def test_a_missing_path_fails_the_execution(machines: Machines) -> None:
    error, cause = machines.error(machines.start({"Type": "Pass", "InputPath": "$.none"}))
    assert error == "States.Runtime"
    assert "$.none" in cause


def test_executions_of_a_name_are_idempotent_while_they_run(aws: LocalAws, machines: Machines) -> None:
    machine = machines.create(wait(60))
    start = machines.states.start_execution
    first = start(stateMachineArn=machine, name="e", input="{}")["executionArn"]
    assert start(stateMachineArn=machine, name="e", input="{}")["executionArn"] == first
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        start(stateMachineArn=machine, name="e", input='{"a": 1}')
    aws.timeline.advance(60)
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        start(stateMachineArn=machine, name="e", input="{}")
    other = start(stateMachineArn=machine)["executionArn"]
    assert start(stateMachineArn=machine)["executionArn"] != other


def test_an_update_leaves_running_executions_as_they_are(aws: LocalAws, machines: Machines) -> None:
    machine = machines.create(wait(60), {"Type": "Pass", "Result": "old"})
    first = machines.states.start_execution(stateMachineArn=machine)["executionArn"]
    definition = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": "new", "End": True}}}
    machines.states.update_state_machine(stateMachineArn=machine, definition=json.dumps(definition))
    second = machines.states.start_execution(stateMachineArn=machine)["executionArn"]
    aws.timeline.advance(60)
    assert (machines.output(first), machines.output(second)) == ("old", "new")


def test_the_bus_gets_the_status_of_executions(aws: LocalAws, machines: Machines) -> None:
    sqs, events = machines.client("sqs"), machines.client("events")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["aws.states"]}))
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": arn}])
    execution = machines.start(wait(60), {"Type": "Fail", "Error": "Bad", "Cause": "luck"}, given={"a": 1})
    aws.timeline.advance(60)
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    sent = [json.loads(message["Body"]) for message in messages]
    assert [(event["detail-type"], event["resources"]) for event in sent] == [
        ("Step Functions Execution Status Change", [execution])
    ] * 2
    running, failed = (event["detail"] for event in sent)
    assert (running["status"], running["stopDate"], json.loads(running["input"])) == ("RUNNING", None, {"a": 1})
    assert (failed["status"], failed["error"], failed["cause"]) == ("FAILED", "Bad", "luck")
    assert failed["stopDate"] - failed["startDate"] == 60_000


def test_another_state_machine_runs_as_a_task(aws: LocalAws, machines: Machines) -> None:
    inner = machines.create(wait(60), {"Type": "Pass", "Result": {"answer": 42}})
    parameters = {"StateMachineArn": inner, "Input": {"a": 1}}
    execution = machines.start(task("states:startExecution.sync:2", parameters))
    aws.timeline.advance(120)
    assert machines.output(execution)["Output"] == {"answer": 42}


JSONATA = {"Type": "Pass", "Output": "{% $states.input.a + 1 %}"}


def test_jsonata_without_its_package_is_refused(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definitions, "find_spec", lambda name: None)
    with pytest.raises(ClientError, match=r"InvalidDefinition.*: pip install jsonata-python"):
        machines.create(JSONATA, QueryLanguage="JSONata")
    with pytest.raises(ClientError, match=r"InvalidDefinition.*: pip install jsonata-python"):
        machines.create(JSONATA | {"QueryLanguage": "JSONata"})


def test_jsonata_is_evaluated(machines: Machines) -> None:
    assert machines.output(machines.start(JSONATA, given={"a": 41}, QueryLanguage="JSONata")) == 42
