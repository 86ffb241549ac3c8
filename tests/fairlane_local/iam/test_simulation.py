"""Simulations of the policies of roles, and the role of the caller."""

import json
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from fairlane_local import LocalAws, client
from fairlane_local.server.access import ACCOUNT_ID

TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
BUCKET = "arn:aws:s3:::bucket/*"
KEY = "arn:aws:s3:::bucket/key"


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource} | more


def deny(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return allow(action, resource, **more) | {"Effect": "Deny"}


@pytest.fixture
def iam(aws: LocalAws) -> Any:
    return client("iam", aws.port, ACCOUNT_ID, "us-east-1")


def role(iam: Any, *statements: dict[str, Any], **options: str) -> str:
    arn: str = iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST, **options)["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName="r", PolicyName="inline", PolicyDocument=document(*statements))
    return arn


def results(iam: Any, arn: str, actions: list[str], **parameters: Any) -> list[dict[str, Any]]:
    response = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=actions, **parameters)
    found: list[dict[str, Any]] = response["EvaluationResults"]
    return found


def decisions(iam: Any, arn: str, actions: list[str], **parameters: Any) -> list[str]:
    return [result["EvalDecision"] for result in results(iam, arn, actions, **parameters)]


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([], "implicitDeny"),
        ([allow()], "allowed"),
        ([allow("s3:PutObject", BUCKET)], "allowed"),
        ([allow("S3:putobject", BUCKET)], "allowed"),
        ([allow("s3:Put*", KEY)], "allowed"),
        ([allow("s3:PutObjec?", BUCKET)], "allowed"),
        ([allow(["s3:GetObject", "s3:PutObject"], [BUCKET, "arn:aws:s3:::other"])], "allowed"),
        ([allow("s3:GetObject", BUCKET)], "implicitDeny"),
        ([allow("s3:PutObject", "arn:aws:s3:::bucket")], "implicitDeny"),
        ([allow("s3:PutObject", "arn:aws:s3:::BUCKET/*")], "implicitDeny"),
        ([allow("s3:PutObject", "arn:aws:s3:::[b]ucket/*")], "implicitDeny"),
        ([allow(), deny("s3:*", BUCKET)], "explicitDeny"),
        ([deny("s3:*", BUCKET)], "explicitDeny"),
        ([allow(), deny("s3:GetObject")], "allowed"),
        ([{"Effect": "Allow", "NotAction": "s3:Get*", "NotResource": "arn:aws:s3:::other/*"}], "allowed"),
        ([{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}], "implicitDeny"),
        ([{"Effect": "Allow", "Action": "*", "NotResource": BUCKET}], "implicitDeny"),
    ],
)
def test_the_decision_follows_from_the_statements(iam: Any, statements: list[dict[str, Any]], expected: str) -> None:
    assert decisions(iam, role(iam, *statements), ["s3:PutObject"], ResourceArns=[KEY]) == [expected]


@pytest.mark.parametrize(
    ("condition", "got", "expected"),
    [
        ({"StringEquals": {"aws:SourceAccount": ["1", "2"]}}, ["2"], "allowed"),
        ({"StringEquals": {"AWS:sourceaccount": "2"}}, ["2"], "allowed"),
        ({"StringEquals": {"aws:SourceAccount": "2"}}, ["3"], "implicitDeny"),
        ({"StringEquals": {"aws:SourceAccount": "2"}}, None, "implicitDeny"),
        ({"StringEqualsIfExists": {"aws:SourceAccount": "2"}}, None, "allowed"),
        ({"StringEqualsIfExists": {"aws:SourceAccount": "2"}}, ["3"], "implicitDeny"),
        ({"StringNotEquals": {"aws:SourceAccount": ["2", "3"]}}, ["3"], "implicitDeny"),
        ({"StringNotEquals": {"aws:SourceAccount": "2"}}, None, "allowed"),
        ({"StringLike": {"aws:SourceAccount": "1*"}}, ["123"], "allowed"),
        ({"StringNotLike": {"aws:SourceAccount": "1*"}}, ["123"], "implicitDeny"),
        ({"ArnLike": {"aws:SourceAccount": "arn:*:role/?"}}, ["arn:aws:iam::1:role/r"], "allowed"),
        ({"NumericLessThanEquals": {"aws:SourceAccount": "5"}}, ["5.0"], "allowed"),
        ({"NumericLessThan": {"aws:SourceAccount": "5"}}, ["5"], "implicitDeny"),
        ({"Bool": {"aws:SourceAccount": "true"}}, ["true"], "allowed"),
        ({"Null": {"aws:SourceAccount": "true"}}, None, "allowed"),
        ({"Null": {"aws:SourceAccount": "true"}}, ["2"], "implicitDeny"),
        ({"ForAnyValue:StringEquals": {"aws:SourceAccount": "2"}}, ["1", "2"], "allowed"),
        ({"ForAllValues:StringEquals": {"aws:SourceAccount": "2"}}, ["1", "2"], "implicitDeny"),
        ({"ForAllValues:StringEquals": {"aws:SourceAccount": "2"}}, None, "allowed"),
        ({"StringLike": {"aws:SourceAccount": "1*"}, "Bool": {"aws:X": "true"}}, ["123"], "implicitDeny"),
    ],
)
def test_a_condition_is_evaluated_with_the_context(
    iam: Any, condition: dict[str, Any], got: list[str] | None, expected: str
) -> None:
    entry = {"ContextKeyName": "aws:SourceAccount", "ContextKeyValues": got, "ContextKeyType": "stringList"}
    context = {} if got is None else {"ContextEntries": [entry]}
    assert decisions(iam, role(iam, allow(Condition=condition)), ["s3:PutObject"], **context) == [expected]


def test_a_condition_of_an_unknown_kind_is_an_error(iam: Any) -> None:
    arn = role(iam, allow("s3:*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
    assert decisions(iam, arn, ["sqs:SendMessage"]) == ["implicitDeny"]
    context = [{"ContextKeyName": "aws:SourceIp", "ContextKeyValues": ["10.0.0.1"], "ContextKeyType": "ip"}]
    with pytest.raises(ClientError, match="does not evaluate the condition IpAddress") as raised:
        decisions(iam, arn, ["s3:PutObject"], ContextEntries=context)
    assert raised.value.response["Error"]["Code"] == "PolicyEvaluation"


def test_a_result_names_action_resource_policies_and_missing_keys(iam: Any) -> None:
    arn = role(iam, allow("s3:*", BUCKET), deny(Condition={"Bool": {"aws:SecureTransport": "false"}}))
    found = results(iam, arn, ["s3:GetObject", "s3:PutObject"], ResourceArns=[KEY, "arn:aws:s3:::other"])
    assert [(result["EvalActionName"], result["EvalResourceName"], result["EvalDecision"]) for result in found] == [
        ("s3:GetObject", KEY, "allowed"),
        ("s3:GetObject", "arn:aws:s3:::other", "implicitDeny"),
        ("s3:PutObject", KEY, "allowed"),
        ("s3:PutObject", "arn:aws:s3:::other", "implicitDeny"),
    ]
    assert found[0]["MatchedStatements"] == [{"SourcePolicyId": "inline"}]
    assert found[1]["MatchedStatements"] == []
    assert found[0]["MissingContextValues"] == ["aws:SecureTransport"]
    assert results(iam, arn, ["s3:GetObject"])[0]["EvalResourceName"] == "*"


def test_the_paginator_returns_all_results(iam: Any) -> None:
    arn = role(iam, allow())
    actions = [f"s3:Action{number}" for number in range(7)]
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=arn, ActionNames=actions, PaginationConfig={"PageSize": 3}
    )
    names = [[result["EvalActionName"] for result in page["EvaluationResults"]] for page in pages]
    assert names == [actions[:3], actions[3:6], actions[6:]]


def test_managed_policies_count_in_their_default_version(iam: Any) -> None:
    arn = role(iam)
    policy = iam.create_policy(PolicyName="p", PolicyDocument=document(allow("s3:*")))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="r", PolicyArn=policy)
    assert decisions(iam, arn, ["s3:PutObject", "batch:SubmitJob"]) == ["allowed", "implicitDeny"]
    iam.create_policy_version(PolicyArn=policy, PolicyDocument=document(allow("batch:*")), SetAsDefault=True)
    assert decisions(iam, arn, ["s3:PutObject", "batch:SubmitJob"]) == ["implicitDeny", "allowed"]
    iam.detach_role_policy(RoleName="r", PolicyArn=policy)
    assert decisions(iam, arn, ["s3:PutObject", "batch:SubmitJob"]) == ["implicitDeny", "implicitDeny"]


def test_managed_policies_of_aws_can_be_attached(iam: Any) -> None:
    arn = role(iam)
    iam.attach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess")
    assert decisions(iam, arn, ["sagemaker:CreateTrainingJob", "batch:SubmitJob"]) == ["allowed", "implicitDeny"]
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.attach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::aws:policy/NoSuchPolicy")


def test_policies_of_a_deployed_role_count_also_after_an_update(aws: LocalAws, iam: Any) -> None:
    cloudformation = client("cloudformation", aws.port, ACCOUNT_ID, "us-east-1")

    def template(action: str, *managed: str) -> str:
        inline = {"PolicyName": "inline", "PolicyDocument": json.loads(document(allow(action)))}
        properties = {"RoleName": "deployed", "AssumeRolePolicyDocument": json.loads(TRUST), "Policies": [inline]}
        properties["ManagedPolicyArns"] = list(managed)
        return json.dumps({"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}})

    arn = f"arn:aws:iam::{ACCOUNT_ID}:role/deployed"
    cloudformation.create_stack(StackName="s", TemplateBody=template("s3:*"))
    assert decisions(iam, arn, ["s3:PutObject", "batch:SubmitJob"]) == ["allowed", "implicitDeny"]
    batch = "arn:aws:iam::aws:policy/AWSBatchFullAccess"
    cloudformation.update_stack(StackName="s", TemplateBody=template("sqs:*", batch))
    assert decisions(iam, arn, ["s3:PutObject", "batch:SubmitJob"]) == ["implicitDeny", "allowed"]


def test_a_permissions_boundary_limits_the_role(iam: Any) -> None:
    boundary = iam.create_policy(PolicyName="b", PolicyDocument=document(allow("s3:*")))["Policy"]["Arn"]
    arn = role(iam, allow(), PermissionsBoundary=boundary)
    inside, outside = results(iam, arn, ["s3:PutObject", "batch:SubmitJob"])
    assert (inside["EvalDecision"], outside["EvalDecision"]) == ("allowed", "implicitDeny")
    details = [result["PermissionsBoundaryDecisionDetail"] for result in (inside, outside)]
    assert details == [{"AllowedByPermissionsBoundary": True}, {"AllowedByPermissionsBoundary": False}]


def test_policies_of_the_request_count_too(iam: Any) -> None:
    arn = role(iam, allow("s3:*"))
    inputs = [document(allow("batch:*")), document(deny("s3:PutObject"))]
    actions = ["s3:GetObject", "s3:PutObject", "batch:SubmitJob"]
    assert decisions(iam, arn, actions, PolicyInputList=inputs) == ["allowed", "explicitDeny", "allowed"]


@pytest.mark.parametrize(
    ("arn", "code"),
    [("arn:aws:iam::123456789012:role/none", "NoSuchEntity"), ("arn:aws:iam::123456789012:thing/r", "InvalidInput")],
)
def test_a_principal_that_is_no_role_is_an_error(iam: Any, arn: str, code: str) -> None:
    with pytest.raises(ClientError) as raised:
        decisions(iam, arn, ["s3:PutObject"])
    assert raised.value.response["Error"]["Code"] == code


@pytest.mark.parametrize("account_id", [ACCOUNT_ID, "111122223333"])
def test_the_caller_is_a_role_that_may_do_everything_and_trusts_sagemaker(aws: LocalAws, account_id: str) -> None:
    identity = client("sts", aws.port, account_id, "us-east-1").get_caller_identity()
    assert identity["Account"] == account_id
    assert identity["Arn"] == f"arn:aws:sts::{account_id}:assumed-role/fairlane-local/fairlane"
    iam = client("iam", aws.port, account_id, "us-east-1")
    found = iam.get_role(RoleName=identity["Arn"].split("/")[1])["Role"]
    assert found["Arn"] == f"arn:aws:iam::{account_id}:role/fairlane-local"
    assert identity["UserId"] == f"{found['RoleId']}:fairlane"
    (statement,) = found["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    assert decisions(iam, found["Arn"], ["sagemaker:CreateTrainingJob"], ResourceArns=[KEY]) == ["allowed"]


def test_the_caller_with_a_key_of_a_user_is_the_user(aws: LocalAws, iam: Any) -> None:
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    sts = boto3.client("sts", "us-east-1", endpoint_url=aws.endpoint_url, config=Config(proxies={}), **keys)
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT_ID}:user/u"


def test_a_condition_has_numbers_with_and_without_quotes(iam: Any) -> None:
    for value in (10, "10"):
        ceiling = {"NumericLessThanEqualsIfExists": {"batch:SchedulingPriority": value}}
        document_of = document(allow("batch:SubmitServiceJob", "*", Condition=ceiling))
        iam.create_policy(PolicyName=f"p-{type(value).__name__}", PolicyDocument=document_of)
    malformed = document(allow(Condition={"StringEquals": {"aws:SourceAccount": {"a": "b"}}}))
    with pytest.raises(ClientError, match="Syntax errors in policy"):
        iam.create_policy(PolicyName="p", PolicyDocument=malformed)
