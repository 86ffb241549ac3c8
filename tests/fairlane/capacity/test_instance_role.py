"""Tests of the role of the instances: what the ECS agent needs is allowed, and nothing else."""

from typing import Any

import aws_cdk as cdk
import pytest

from fairlane import Purchase
from tests.gpu import compute_environment
from tests.iam_evaluator import Context, is_allowed
from tests.roles import roles_of, statements_of
from tests.support import template_of

ECS = "arn:aws:ecs:us-east-1:111122223333"
CLUSTER = f"{ECS}:cluster/AWSBatch-Gpus-AbCdEfGh01234567-fa1784f0-7df7-36e0-aa62-3a28e0a0592d"
INSTANCE = CLUSTER.replace(":cluster/", ":container-instance/") + "/0123456789abcdef"
OF_BATCH: Context = {"ecs:cluster": CLUSTER}
OTHER_CLUSTER = f"{ECS}:cluster/payments"
OTHER_INSTANCE = f"{ECS}:container-instance/payments/0123456789abcdef"
OF_OTHER: Context = {"ecs:cluster": OTHER_CLUSTER}
LOGS = "arn:aws:logs:us-east-1:111122223333:log-group"
ECR = "arn:aws:ecr:us-east-1"

ALLOWED: list[tuple[str, str, Context]] = [
    ("ecs:RegisterContainerInstance", CLUSTER, {}),
    ("ecs:SubmitTaskStateChange", CLUSTER, {}),
    ("ecs:SubmitContainerStateChange", CLUSTER, {}),
    ("ecs:SubmitAttachmentStateChanges", CLUSTER, {}),
    ("ecs:Poll", INSTANCE, OF_BATCH),
    ("ecs:StartTelemetrySession", INSTANCE, OF_BATCH),
    ("ecs:DiscoverPollEndpoint", "*", {}),
]
REFUSED: list[tuple[str, str, Context]] = [
    *((action, OTHER_CLUSTER, {}) for action, _, _ in ALLOWED[:4]),
    *((action, CLUSTER.replace("us-east-1", "us-west-2"), {}) for action, _, _ in ALLOWED[:4]),
    *((action, CLUSTER.replace("1111222", "9999222"), {}) for action, _, _ in ALLOWED[:4]),
    ("ecs:Poll", OTHER_INSTANCE, OF_OTHER),
    ("ecs:Poll", OTHER_INSTANCE, {}),
    ("ecs:StartTelemetrySession", OTHER_INSTANCE, OF_OTHER),
    ("ecs:DeregisterContainerInstance", CLUSTER, {}),
    ("ecs:DeregisterContainerInstance", OTHER_CLUSTER, {}),
    ("ecs:UpdateContainerInstancesState", INSTANCE, OF_BATCH),
    ("ecs:UpdateContainerInstancesState", OTHER_INSTANCE, OF_OTHER),
    ("ecs:RunTask", f"{ECS}:task-definition/any:1", OF_BATCH),
    ("logs:PutLogEvents", f"{LOGS}:fairlane-prod-monitoring-JobMetricsEventsLogs-x:log-stream:a", {}),
    ("logs:PutLogEvents", f"{LOGS}:/aws/lambda/exporter:log-stream:a", {}),
    ("logs:PutLogEvents", f"{LOGS}:/aws/batch/job:log-stream:a", {}),
    ("logs:CreateLogStream", f"{LOGS}:any:log-stream:a", {}),
    ("logs:CreateLogGroup", f"{LOGS}:any", {}),
    ("ecr:GetAuthorizationToken", "*", {}),
    ("ecr:BatchGetImage", f"{ECR}:111122223333:repository/train", {}),
    ("ecr:BatchGetImage", f"{ECR}:444455556666:repository/theirs", {}),
    ("ecr:GetDownloadUrlForLayer", f"{ECR}:444455556666:repository/theirs", {}),
    ("s3:GetObject", "arn:aws:s3:::datasets/x", {}),
    ("sts:AssumeRole", "arn:aws:iam::111122223333:role/any", {}),
]


@pytest.fixture
def statements(stack: cdk.Stack) -> list[dict[str, Any]]:
    compute_environment(stack)
    (role,) = roles_of(stack, "InstanceRole")
    return statements_of(role)


@pytest.mark.parametrize(("action", "resource", "context"), ALLOWED)
def test_the_role_allows_what_the_ecs_agent_needs(
    statements: Any, action: str, resource: str, context: Context
) -> None:
    assert is_allowed(statements, action, [resource], context)


@pytest.mark.parametrize(("action", "resource", "context"), REFUSED)
def test_the_role_allows_nothing_else(statements: Any, action: str, resource: str, context: Context) -> None:
    assert not is_allowed(statements, action, [resource], context)


def test_the_role_allows_polls_with_the_arn_format_of_old_accounts(statements: Any) -> None:
    """The ARN does not name the cluster, and the simulator does not know it."""
    (poll,) = (statement for statement in statements if "ecs:Poll" in statement["Action"])
    assert poll["Resource"] == [f"{ECS}:container-instance/*"]


def test_only_spot_instances_can_drain_instances_of_the_clusters_of_aws_batch(stack: cdk.Stack) -> None:
    compute_environment(stack, purchase=Purchase.SPOT)
    (role,) = roles_of(stack, "InstanceRole")
    drain = "ecs:UpdateContainerInstancesState"
    assert is_allowed(statements_of(role), drain, [INSTANCE], OF_BATCH)
    assert not is_allowed(statements_of(role), drain, [OTHER_INSTANCE], OF_OTHER)


def test_containers_with_their_own_network_interface_cannot_read_the_instance_metadata(stack: cdk.Stack) -> None:
    compute_environment(stack)
    assert "echo ECS_AWSVPC_BLOCK_IMDS=true >> /etc/ecs/ecs.config" in str(template_of(stack))
