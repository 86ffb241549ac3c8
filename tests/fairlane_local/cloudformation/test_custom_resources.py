"""Custom resources in the local AWS: requests to their functions, and the handling of responses."""

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
    properties = event["ResourceProperties"]
    with open(properties["Log"], "a") as log:
        print(json.dumps(event), file=log)
    if event["RequestType"] in properties.get("Raises", []):
        raise ValueError("no such luck")
    fails = event["RequestType"] in properties.get("Fails", [])
    response = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    response |= {"Status": "FAILED" if fails else "SUCCESS", "Reason": "it is Monday", "PhysicalResourceId": properties["Name"]}
    response |= {"Data": {"Echo": "from " + event["RequestType"]}, **properties.get("Response", {})}
    if "Silent" not in properties:
        request = urllib.request.Request(event["ResponseURL"], json.dumps(response).encode(), {"Content-Type": ""}, method="PUT")
        urllib.request.urlopen(request)
"""


@pytest.fixture
def cloudformation(aws: LocalAws) -> Any:
    return client("cloudformation", aws.port, "123456789012", "us-east-1")


@pytest.fixture
def template(tmp_path: Path) -> Callable[..., str]:
    def body(kind: str = "Custom::Thing", *, runtime: str = "python3.14", queue: Any = 30, **properties: Any) -> str:
        base = {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}, "Log": str(tmp_path / "log"), "Name": "thing"}
        function = {
            "Code": {"ZipFile": CODE},
            "Handler": "index.handler",
            "Runtime": runtime,
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        }
        resources = {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}},
            "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
            "Thing": {"Type": kind, "Properties": base | properties},
            "After": {
                "Type": "AWS::SQS::Queue",
                "DependsOn": "Thing",
                "Properties": {"VisibilityTimeout": queue},
            },
        }
        outputs = {"Ref": {"Value": {"Ref": "Thing"}}, "Echo": {"Value": {"Fn::GetAtt": ["Thing", "Echo"]}}}
        return json.dumps({"Resources": resources, "Outputs": {} if runtime != "python3.14" else outputs})

    return body


@pytest.fixture
def requests(tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    """Return the requests that the function has received since the last call."""

    def read() -> list[dict[str, Any]]:
        path = tmp_path / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]

    return read


def summaries(requests: list[dict[str, Any]]) -> list[str]:
    """Return type, physical ID and requested name of each request."""
    return [
        f"{request['RequestType']} {request.get('PhysicalResourceId')} {request['ResourceProperties']['Name']}"
        for request in requests
    ]


def stack(cloudformation: Any) -> Any:
    return cloudformation.describe_stacks(StackName="s")["Stacks"][0]


def reasons(cloudformation: Any) -> str:
    events = cloudformation.describe_stack_events(StackName="s")["StackEvents"]
    return "\n".join(event.get("ResourceStatusReason", "") for event in events)


def outputs(cloudformation: Any) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack(cloudformation)["Outputs"]}


@pytest.mark.parametrize("kind", ["Custom::Thing", "AWS::CloudFormation::CustomResource"])
def test_a_custom_resource_is_created_updated_and_deleted(
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
    expected = {"Number": "5", "Yes": "true", "List": [{"a": "1"}]}
    assert created["ResourceProperties"] | expected == created["ResourceProperties"]
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


def test_a_new_physical_id_replaces_the_resource(
    cloudformation: Any, template: Callable[..., str], requests: Callable[[], Any]
) -> None:
    cloudformation.create_stack(StackName="s", TemplateBody=template())
    cloudformation.update_stack(StackName="s", TemplateBody=template(Name="other"))
    assert summaries(requests()) == ["Create None thing", "Update thing other", "Delete thing thing"]
    assert outputs(cloudformation)["Ref"] == "other"


def test_a_failed_creation_fails_the_stack_with_its_reason_and_deletes_the_resource(
    cloudformation: Any, template: Callable[..., str], requests: Callable[[], Any]
) -> None:
    cloudformation.create_stack(StackName="s", TemplateBody=template(Fails=["Create"]))
    assert stack(cloudformation)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "Received response status [FAILED] from custom resource. Message returned: it is Monday" in reasons(
        cloudformation
    )
    assert summaries(requests()) == ["Create None thing", "Delete thing thing"]


def test_a_failed_update_is_reverted(
    cloudformation: Any, template: Callable[..., str], requests: Callable[[], Any]
) -> None:
    cloudformation.create_stack(StackName="s", TemplateBody=template(Number=1))
    cloudformation.update_stack(StackName="s", TemplateBody=template(Number=2, Fails=["Update"]))
    assert stack(cloudformation)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    _, failed, reverse = requests()
    assert reverse["ResourceProperties"] == failed["OldResourceProperties"]
    assert reverse["OldResourceProperties"] == failed["ResourceProperties"]
    cloudformation.delete_stack(StackName="s")
    assert [request["ResourceProperties"]["Number"] for request in requests()] == ["1"]


def test_an_update_is_reverted_if_a_later_resource_fails(
    cloudformation: Any, template: Callable[..., str], requests: Callable[[], Any]
) -> None:
    cloudformation.create_stack(StackName="s", TemplateBody=template())
    requests()
    broken = {"queue": "no number"}
    cloudformation.update_stack(StackName="s", TemplateBody=template(Number=2, **broken))
    assert stack(cloudformation)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    update, reverse = requests()
    assert reverse["OldResourceProperties"] == update["ResourceProperties"]
    assert "Number" not in reverse["ResourceProperties"]
    cloudformation.update_stack(StackName="s", TemplateBody=template(Name="other", **broken))
    assert summaries(requests()) == ["Update thing other", "Update other thing", "Delete other other"]
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
        ({"Silent": True}, "sent no response"),
        ({"Response": {"RequestId": "another"}}, "Invalid RequestId"),
        ({"Response": {"Reason": "long" * 1024}}, "Response object is too long"),
        ({"Response": {"Data": {}}}, "Vendor response doesn't contain Echo"),
    ],
)
def test_an_invalid_response_fails_the_stack(
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
