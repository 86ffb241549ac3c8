"""State machines of CloudFormation."""

import json
from typing import Any

import pytest

from tests.fairlane_local.step_functions.support import ROLE, Machines

pytestmark = pytest.mark.slow

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": "${Word}", "End": True}}}


def template(**properties: Any) -> str:
    machine = {"RoleArn": ROLE, "Tags": [{"Key": "team", "Value": "a"}]} | properties
    outputs = {"Arn": {"Ref": "M"}, "SameArn": {"Fn::GetAtt": ["M", "Arn"]}, "Name": {"Fn::GetAtt": ["M", "Name"]}}
    return json.dumps(
        {
            "Resources": {"M": {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine}},
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
    )


def outputs(machines: Machines) -> dict[str, str]:
    (stack,) = machines.client("cloudformation").describe_stacks(StackName="s")["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def result(machines: Machines, machine: str) -> Any:
    execution = machines.states.start_execution(stateMachineArn=machine)["executionArn"]
    machines.aws.timeline.advance(0)
    return machines.output(execution)


@pytest.mark.parametrize("form", ["DefinitionString", "Definition", "DefinitionS3Location"])
def test_a_definition_with_substitutions_is_executed(form: str, machines: Machines) -> None:
    s3 = machines.client("s3")
    s3.create_bucket(Bucket="definitions")
    s3.put_object(Bucket="definitions", Key="m.json", Body=json.dumps(PASS))
    definition = {
        "DefinitionString": json.dumps(PASS),
        "Definition": PASS,
        "DefinitionS3Location": {"Bucket": "definitions", "Key": "m.json"},
    }[form]
    body = template(**{form: definition}, DefinitionSubstitutions={"Word": "hello"})
    machines.client("cloudformation").create_stack(StackName="s", TemplateBody=body)
    made = outputs(machines)
    assert made["Arn"] == made["SameArn"] == f"arn:aws:states:us-east-1:123456789012:stateMachine:{made['Name']}"
    assert result(machines, made["Arn"]) == "hello"


def test_an_update_is_in_place_and_a_new_name_replaces(machines: Machines) -> None:
    cloudformation = machines.client("cloudformation")
    string = json.dumps(PASS)
    cloudformation.create_stack(StackName="s", TemplateBody=template(DefinitionString=string))
    first = outputs(machines)["Arn"]
    tags = [{"Key": "team", "Value": "b"}]
    changed = template(DefinitionString=string, DefinitionSubstitutions={"Word": "new"}, Tags=tags)
    cloudformation.update_stack(StackName="s", TemplateBody=changed)
    assert outputs(machines)["Arn"] == first
    assert result(machines, first) == "new"
    assert machines.states.list_tags_for_resource(resourceArn=first)["tags"] == [{"key": "team", "value": "b"}]

    cloudformation.update_stack(StackName="s", TemplateBody=template(DefinitionString=string, StateMachineName="other"))
    names = [machine["name"] for machine in machines.states.list_state_machines()["stateMachines"]]
    assert names == ["other"]
    cloudformation.delete_stack(StackName="s")
    assert machines.states.list_state_machines()["stateMachines"] == []


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({}, "the state machine requires DefinitionString, Definition or DefinitionS3Location"),
        ({"Definition": PASS, "DefinitionSubstitutions": {"Other": "x"}}, "DefinitionSubstitutions: missing Word"),
        ({"DefinitionString": "{}"}, "Invalid State Machine Definition"),
        ({"Definition": PASS, "RoleArn": "role"}, "Invalid Role Arn: 'role'"),
    ],
)
def test_a_wrong_state_machine_fails_the_deployment(
    properties: dict[str, Any], message: str, machines: Machines
) -> None:
    cloudformation = machines.client("cloudformation")
    cloudformation.create_stack(StackName="s", TemplateBody=template(**properties))
    (stack,) = cloudformation.describe_stacks(StackName="s")["Stacks"]
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    events = cloudformation.describe_stack_events(StackName="s")["StackEvents"]
    assert any(message in event.get("ResourceStatusReason", "") for event in events), events
