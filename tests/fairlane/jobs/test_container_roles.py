"""Tests of the roles of containers: job role and execution role."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_secretsmanager as secretsmanager
from cdk_nag import AwsSolutionsChecks

from fairlane import GpuJobDefinition, MultiNodeGpuJobDefinition
from tests.iam_evaluator import is_allowed
from tests.roles import roles_of, statements_of
from tests.support import resource, template_of

HERE = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
REPOSITORY = "arn:aws:ecr:us-east-1:111122223333:repository/team/train"
PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:key-AbCdEf"


def define(scope: Stack, name: str = "train", image: str = f"{HERE}/team/train:1", **settings: Any) -> GpuJobDefinition:
    return GpuJobDefinition(scope, name, job_definition_name=name, image=image, instance_type="g5.12xlarge", **settings)


def execution_statements(stack: Stack, name: str = "train") -> list[dict[str, Any]]:
    (role,) = roles_of(stack, f"{name}ExecutionRole")
    return statements_of(role)


def pulls(statements: list[dict[str, Any]], repository: str) -> set[bool]:
    return {is_allowed(statements, action, [repository], {}) for action in PULL}


def test_only_tasks_of_the_account_can_assume_the_roles(stack: Stack) -> None:
    secret = secretsmanager.Secret.from_secret_complete_arn(stack, "Key", SECRET)
    define(stack, read=["s3://datasets/x/"], secrets={"KEY": secret})
    roles = roles_of(stack, "train")
    assert len(roles) == 2
    for role in roles:
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
        assert trust["Condition"] == {
            "StringEquals": {"aws:SourceAccount": "111122223333"},
            "ArnLike": {"aws:SourceArn": "arn:aws:ecs:us-east-1:111122223333:*"},
        }


def test_each_definition_has_an_execution_role_that_writes_only_its_own_logs(stack: Stack) -> None:
    definition = define(stack)
    other = MultiNodeGpuJobDefinition(
        stack,
        "nodes",
        job_definition_name="nodes",
        image=f"{HERE}/team/train:1",
        script=["train.py"],
        nodes=2,
        instance_type="p5.48xlarge",
    )
    definitions = {
        entry["Properties"]["JobDefinitionName"]: str(entry["Properties"])
        for entry in template_of(stack)["Resources"].values()
        if entry["Type"] == "AWS::Batch::JobDefinition"
    }
    for each in (definition, other):
        role_id = stack.get_logical_id(each.execution_role.node.default_child)  # type: ignore[arg-type]
        log_group_id = stack.get_logical_id(each.log_group.node.default_child)  # type: ignore[arg-type]
        role_arn = {"Fn::GetAtt": [stack.resolve(role_id), "Arn"]}
        assert f"'ExecutionRoleArn': {role_arn}" in definitions[each.job_definition_name]
        statements = execution_statements(stack, each.job_definition_name)
        written = [statement["Resource"] for statement in statements if "logs:PutLogEvents" in statement["Action"]]
        assert written == [f"<{stack.resolve(log_group_id)}>"]


def test_the_execution_role_pulls_only_the_repository_of_the_image(stack: Stack) -> None:
    define(stack)
    statements = execution_statements(stack)
    assert pulls(statements, REPOSITORY) == {True}
    assert is_allowed(statements, "ecr:GetAuthorizationToken", ["*"], {})
    for wrong in (
        REPOSITORY + "-2",
        REPOSITORY.replace("us-east-1", "us-west-2"),
        REPOSITORY.replace("1111222", "9999222"),
        REPOSITORY.replace("team/", ""),
    ):
        assert pulls(statements, wrong) == {False}


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        (f"{HERE}/train@sha256:0123", "arn:aws:ecr:us-east-1:111122223333:repository/train"),
        (f"{HERE}/train:1@sha256:0123", "arn:aws:ecr:us-east-1:111122223333:repository/train"),
        (f"{HERE}/train", "arn:aws:ecr:us-east-1:111122223333:repository/train"),
        (
            "763104351884.dkr.ecr.us-west-2.amazonaws.com/pytorch-training:2.9-gpu",
            "arn:aws:ecr:us-west-2:763104351884:repository/pytorch-training",
        ),
        (
            "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/a/b:1",
            "arn:aws:ecr:cn-north-1:111122223333:repository/a/b",
        ),
        (
            "111122223333.dkr.ecr-fips.us-east-1.amazonaws.com/a:1",
            "arn:aws:ecr:us-east-1:111122223333:repository/a",
        ),
        ("111122223333.dkr-ecr.us-east-1.on.aws/a:1", "arn:aws:ecr:us-east-1:111122223333:repository/a"),
    ],
)
def test_the_repository_of_any_account_follows_from_the_image(stack: Stack, image: str, repository: str) -> None:
    define(stack, image=image)
    (pull,) = (entry for entry in execution_statements(stack) if entry["Action"] == PULL)
    assert pull["Resource"] == repository


@pytest.mark.parametrize(
    "image", ["pytorch/pytorch:2.9", "public.ecr.aws/docker/library/python:3.14", f"{HERE}/*:1", "ghcr.io/a/b@sha256:0"]
)
def test_an_image_outside_amazon_ecr_needs_no_permission(stack: Stack, image: str) -> None:
    define(stack, image=image)
    assert [statement["Action"] for statement in execution_statements(stack)] == [
        ["logs:CreateLogStream", "logs:PutLogEvents"]
    ]


def test_the_repository_of_an_image_can_be_a_token(stack: Stack) -> None:
    repository = ecr.Repository(stack, "Images")
    define(stack, image=repository.repository_uri_for_tag("1"))
    name = stack.resolve(stack.get_logical_id(repository.node.default_child))  # type: ignore[arg-type]
    (pull,) = (entry for entry in execution_statements(stack) if entry["Action"] == PULL)
    assert pull["Resource"] == f"arn:aws:ecr:<{name}>:<{name}>:repository/<{name}>"


def test_an_image_known_only_at_deployment_can_be_in_any_repository_of_the_account(stack: Stack) -> None:
    define(stack, image=cdk.CfnParameter(stack, "Image").value_as_string)
    statements = execution_statements(stack)
    assert pulls(statements, REPOSITORY) == {True}
    assert pulls(statements, REPOSITORY.replace("1111222", "9999222")) == {False}


def test_the_execution_role_can_read_only_the_secrets_of_the_job(stack: Stack) -> None:
    secret = secretsmanager.Secret.from_secret_complete_arn(stack, "Key", SECRET)
    define(stack, secrets={"API_KEY": secret})
    policies = [entry for entry in template_of(stack)["Resources"].values() if entry["Type"] == "AWS::IAM::Policy"]
    (policy,) = policies
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    assert is_allowed(statements, "secretsmanager:GetSecretValue", [SECRET], {})
    assert not is_allowed(statements, "secretsmanager:GetSecretValue", [SECRET.replace("key-", "other-")], {})


def test_cdk_nag_has_no_findings() -> None:
    app = cdk.App()
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    stack = Stack(app, "Stack", env=cdk.Environment(account="111122223333", region="us-east-1"))
    define(stack)
    define(stack, "public", "pytorch/pytorch:2.9")
    define(stack, "parameter", cdk.CfnParameter(stack, "Image").value_as_string)
    app.synth()


def test_the_roles_of_a_job_differ(stack: Stack) -> None:
    define(stack, read=["s3://datasets/x/"])
    container = resource(stack, "JobDefinition")["ContainerProperties"]
    assert container["JobRoleArn"] != container["ExecutionRoleArn"]
    (job_role,) = roles_of(stack, "JobRole")
    assert is_allowed(statements_of(job_role), "s3:GetObject", ["arn:aws:s3:::datasets/x/1"], {})
    assert not is_allowed(statements_of(job_role), "ecr:BatchGetImage", [REPOSITORY], {})
