"""Managed policies and inline policies of imported roles in stacks of the local AWS."""

import json
from typing import Any

import pytest

from fairlane_local import LocalAws, client

pytestmark = pytest.mark.slow
LOCATION = ("123456789012", "us-east-1")
POLICY = "arn:aws:iam::123456789012:policy/people"


def template(action: str, *roles: str) -> str:
    condition = {"NumericLessThanEquals": {"batch:SchedulingPriority": 50}}
    statement = {"Effect": "Allow", "Action": action, "Resource": "*", "Condition": condition}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    managed = {"ManagedPolicyName": "people", "PolicyDocument": document, "Roles": list(roles)}
    inline = {"PolicyName": "stack", "PolicyDocument": document, "Roles": ["elsewhere"]}
    resources = {
        "Managed": {"Type": "AWS::IAM::ManagedPolicy", "Properties": managed},
        "Inline": {"Type": "AWS::IAM::Policy", "Properties": inline},
    }
    return json.dumps({"Resources": resources})


@pytest.fixture
def iam(aws: LocalAws) -> Any:
    iam = client("iam", aws.port, *LOCATION)
    for role in ("first", "second"):
        iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")
    return iam


def actions(iam: Any) -> tuple[str, str]:
    """Return the actions of the managed policy and of the inline policy."""
    version = iam.get_policy(PolicyArn=POLICY)["Policy"]["DefaultVersionId"]
    managed = iam.get_policy_version(PolicyArn=POLICY, VersionId=version)["PolicyVersion"]["Document"]
    inline = iam.get_role_policy(RoleName="elsewhere", PolicyName="stack")["PolicyDocument"]
    return managed["Statement"][0]["Action"], inline["Statement"][0]["Action"]


def holders(iam: Any) -> set[str]:
    return {role["RoleName"] for role in iam.list_entities_for_policy(PolicyArn=POLICY)["PolicyRoles"]}


def test_policies_of_people_are_created_updated_and_deleted(aws: LocalAws, iam: Any) -> None:
    cloudformation = client("cloudformation", aws.port, *LOCATION)
    cloudformation.create_stack(StackName="s", TemplateBody=template("batch:ListJobs", "first"))
    assert (actions(iam), holders(iam)) == (("batch:ListJobs", "batch:ListJobs"), {"first"})
    for number in range(6):  # a policy has at most five versions
        cloudformation.update_stack(StackName="s", TemplateBody=template(f"batch:Action{number}", "second"))
    assert (actions(iam), holders(iam)) == (("batch:Action5", "batch:Action5"), {"second"})
    cloudformation.delete_stack(StackName="s")
    assert iam.list_policies(Scope="Local")["Policies"] == []
    assert iam.list_role_policies(RoleName="elsewhere")["PolicyNames"] == []
