"""Custom resources in the local AWS: what their functions are asked, and what is made of what they answer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fairlane_local import LocalAws, client

CODE = """
import json, sys, time, urllib.request
def handler(event, context):
    time.sleep(3600)
    asked = event["ResourceProperties"]
    with open(asked["Log"], "a") as log:
        print(json.dumps(event), file=log)
    if event["RequestType"] in asked.get("Raises", []):
        raise ValueError("no such luck")
    fails = event["RequestType"] in asked.get("Fails", [])
    answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"Status": "FAILED" if fails else "SUCCESS", "Reason": "it is Monday", "PhysicalResourceId": asked["Name"]}
    answer |= {"Data": {"Echo": "from " + event["RequestType"]}, **asked.get("Answer", {})}
    if "Silent" not in asked:
        request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), {"Content-Type": ""}, method="PUT")
        urllib.request.urlopen(request)
"""


@pytest.fixture
def cloudformation(aws: LocalAws) -> Any:
    return client("cloudformation", aws.port, "123456789012", "us-east-1")


@pytest.fixture
def template(tmp_path: Path) -> Callable[..., str]:
    def made(kind: str = "Custom::Thing", *, runtime: str = "python3.14", queue: Any = 30, **properties: Any) -> str:
        asked = {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}, "Log": str(tmp_path / "log"), "Name": "thing"}
        function = {
            "Code": {"ZipFile": CODE},
            "Handler": "index.handler",
            "Runtime": runtime,
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        }
        resources = {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}},
            "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
            "Thing": {"Type": kind, "Properties": asked | properties},
            "After": {
                "Type": "AWS::SQS::Queue",
                "DependsOn": "Thing",
                "Properties": {"VisibilityTimeout": queue},
            },
        }
        outputs = {"Ref": {"Value": {"Ref": "Thing"}}, "Echo": {"Value": {"Fn::GetAtt": ["Thing", "Echo"]}}}
        return json.dumps({"Resources": resources, "Outputs": {} if runtime != "python3.14" else outputs})

    return made


@pytest.fixture
def requests(tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    """What the function was asked since this was last asked."""

    def read() -> list[dict[str, Any]]:
        path = tmp_path / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]

    return read


def told(requests: list[dict[str, Any]]) -> list[str]:
    """In short: what was asked of which resource, and which name it shall have."""
    return [
        f"{one['RequestType']} {one.get('PhysicalResourceId')} {one['ResourceProperties']['Name']}" for one in requests
    ]


def stack(cloudformation: Any) -> Any:
    return cloudformation.describe_stacks(StackName="s")["Stacks"][0]


def reasons(cloudformation: Any) -> str:
    events = cloudformation.describe_stack_events(StackName="s")["StackEvents"]
    return "\n".join(event.get("ResourceStatusReason", "") for event in events)


def outputs(cloudformation: Any) -> dict[str, str]:
    return {one["OutputKey"]: one["OutputValue"] for one in stack(cloudformation)["Outputs"]}


@pytest.mark.parametrize("kind", ["Custom::Thing", "AWS::CloudFormation::CustomResource"])
def test_a_custom_resource_through_its_life(
    cloudformation: Any, template: Callable[..., str], requests: Callable[[], Any], kind: str
) -> None:
    cloudformation.create_stack(StackName="s", TemplateBody=template(kind, Number=5, Yes=True, List=[{"a": 1}]))
    assert stack(cloudformation)["StackStatus"] == "CREATE_COMPLETE"
    assert outputs(cloudformation) == {"Ref": "thing", "Echo": "from Create"}
    (created,) = requests()
    assert created["ResponseURL"].startswith("http://localhost:")
    assert created["ResourceProperties"]["ServiceToken"] == created["ServiceToken"]
    assert created | {"RequestType": "Create", "LogicalResourceId": "Thing", "ResourceType": kind} == created
    assert created["StackId"] == stack(cloudformation)["StackId"]
    asked = {"Number": "5", "Yes": "true", "List": [{"a": "1"}]}
    assert created["ResourceProperties"] | asked == created["ResourceProperties"]
    assert "PhysicalResourceId" not in created

    cloudformation.update_stack(StackName="s", TemplateBody=template(kind, Number=6))
    (updated,) = requests()
    assert outputs(cloudformation) == {"Ref": "thing", "Echo": "from Update"}
    assert (updated["RequestType"], updated["PhysicalResourceId"]) == ("Update", "thing")
    assert updated["OldResourceProperties"] == created["ResourceProperties"]
    assert updated["ResourceProperties"]["Number"] == "6"
    assert updated["RequestId"] != created["RequestId"]

    cloudformation.update_stack(StackName="s", TemplateBody=template(kind, Number=6, queue=60))
    assert requests() == []

    cloudformation.delete_stack(StackName="s")
    (deleted,) = requests()
    assert deleted | {"RequestType": "Delete", "PhysicalResourceId": "thing"} == deleted
    assert deleted["ResourceProperties"] == updated["ResourceProperties"]
    assert "OldResourceProperties" not in deleted


def test_another_physical_id_is_another_resource(
    cloudformation: Any, template: Callable[..., str], requests: Callable[[], Any]
) -> None:
    cloudformation.create_stack(StackName="s", TemplateBody=template())
    cloudformation.update_stack(StackName="s", TemplateBody=template(Name="other"))
    assert told(requests()) == ["Create None thing", "Update thing other", "Delete thing thing"]
    assert outputs(cloudformation)["Ref"] == "other"


def test_a_failed_creation_fails_the_stack_with_its_reason_and_is_deleted(
    cloudformation: Any, template: Callable[..., str], requests: Callable[[], Any]
) -> None:
    cloudformation.create_stack(StackName="s", TemplateBody=template(Fails=["Create"]))
    assert stack(cloudformation)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "Received response status [FAILED] from custom resource. Message returned: it is Monday" in reasons(
        cloudformation
    )
    assert told(requests()) == ["Create None thing", "Delete thing thing"]


def test_a_failed_update_is_taken_back(
    cloudformation: Any, template: Callable[..., str], requests: Callable[[], Any]
) -> None:
    cloudformation.create_stack(StackName="s", TemplateBody=template(Number=1))
    cloudformation.update_stack(StackName="s", TemplateBody=template(Number=2, Fails=["Update"]))
    assert stack(cloudformation)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    _, failed, back = requests()
    assert back["ResourceProperties"] == failed["OldResourceProperties"]
    assert back["OldResourceProperties"] == failed["ResourceProperties"]
    cloudformation.delete_stack(StackName="s")
    assert [one["ResourceProperties"]["Number"] for one in requests()] == ["1"]


def test_what_comes_after_it_fails_and_it_is_taken_back(
    cloudformation: Any, template: Callable[..., str], requests: Callable[[], Any]
) -> None:
    cloudformation.create_stack(StackName="s", TemplateBody=template())
    requests()
    broken = {"queue": "no number"}
    cloudformation.update_stack(StackName="s", TemplateBody=template(Number=2, **broken))
    assert stack(cloudformation)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    forth, back = requests()
    assert back["OldResourceProperties"] == forth["ResourceProperties"]
    assert "Number" not in back["ResourceProperties"]
    cloudformation.update_stack(StackName="s", TemplateBody=template(Name="other", **broken))
    assert told(requests()) == ["Update thing other", "Update other thing", "Delete other other"]
    assert outputs(cloudformation)["Ref"] == "thing"


def test_a_failed_deletion_keeps_the_stack(
    cloudformation: Any, template: Callable[..., str], requests: Callable[[], Any]
) -> None:
    cloudformation.create_stack(StackName="s", TemplateBody=template(Fails=["Delete"]))
    cloudformation.delete_stack(StackName="s")
    assert stack(cloudformation)["StackStatus"] == "DELETE_FAILED"
    assert "it is Monday" in reasons(cloudformation)


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"Raises": ["Create"]}, "no such luck"),
        ({"Silent": True}, "did not answer"),
        ({"Answer": {"RequestId": "another"}}, "Invalid RequestId"),
        ({"Answer": {"Reason": "long" * 1024}}, "Response object is too long"),
        ({"Answer": {"Data": {}}}, "Vendor response doesn't contain Echo"),
    ],
)
def test_what_is_no_answer_fails_the_stack(
    cloudformation: Any, template: Callable[..., str], properties: dict[str, Any], reason: str
) -> None:
    body = json.loads(template(**properties))
    body["Resources"]["After"]["Properties"]["QueueName"] = {"Fn::GetAtt": ["Thing", "Echo"]}
    cloudformation.create_stack(StackName="s", TemplateBody=json.dumps(body | {"Outputs": {}}))
    assert stack(cloudformation)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert reason in reasons(cloudformation)


def test_a_function_of_another_runtime_is_not_run(
    cloudformation: Any, template: Callable[..., str], requests: Callable[[], Any]
) -> None:
    cloudformation.create_stack(StackName="s", TemplateBody=template(runtime="nodejs24.x"))
    assert stack(cloudformation)["StackStatus"] == "CREATE_COMPLETE"
    cloudformation.delete_stack(StackName="s")
    assert requests() == []
