"""Deletion policies of queues and of the resources that their jobs need."""

import pytest
from aws_cdk import App, CfnResource, NestedStack, Stack
from aws_cdk.assertions import Template

from fairlane import (
    FairShare,
    Fifo,
    GpuComputeEnvironment,
    GpuQueue,
    QuotaManagement,
    QuotaShare,
    ServiceEnvironment,
    Sharing,
    State,
    TrainingQueue,
    TrainingVpc,
)
from tests.support import template_of

P4 = "ml.p4d.24xlarge"
RETAINED = ("RetainExceptOnCreate", "Retain")
DELETED = (None, None)


@pytest.fixture
def protected() -> Stack:
    return Stack(App(), "Training", termination_protection=True)


def policies(stack: Stack) -> dict[str, set[tuple[str | None, str | None]]]:
    """Return the deletion policies and replacement policies of the resources of each type."""
    found: dict[str, set[tuple[str | None, str | None]]] = {}
    for resource in template_of(stack)["Resources"].values():
        policy = (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
        found.setdefault(resource["Type"].removeprefix("AWS::Batch::"), set()).add(policy)
    return found


def policy_of(resource: CfnResource) -> tuple[str | None, str | None]:
    stack = Stack.of(resource)
    json = Template.from_stack(stack).to_json()["Resources"][stack.get_logical_id(resource)]
    return json.get("DeletionPolicy"), json.get("UpdateReplacePolicy")


def quotas(state: State = State.ENABLED) -> QuotaManagement:
    return QuotaManagement(
        QuotaShare(name="team", capacity={P4: 2}, sharing=Sharing.LEND),
        QuotaShare(name="rest", capacity={P4: 2}, sharing=Sharing.LEND, state=state),
    )


def test_a_protected_stack_keeps_a_queue_and_what_its_jobs_need(protected: Stack) -> None:
    TrainingQueue(protected, "Queue", queue_name="q", capacity={P4: 4}, scheduling=quotas())
    assert policies(protected) == {
        kind: {RETAINED} for kind in ("ServiceEnvironment", "SchedulingPolicy", "JobQueue", "QuotaShare")
    }


def test_a_stack_without_protection_keeps_nothing(stack: Stack) -> None:
    TrainingQueue(stack, "Queue", queue_name="q", capacity={P4: 4}, scheduling=quotas())
    assert {policy for kinds in policies(stack).values() for policy in kinds} == {DELETED}


def test_a_disabled_queue_can_be_deleted_with_all_that_it_has(protected: Stack) -> None:
    TrainingQueue(protected, "Queue", queue_name="q", capacity={P4: 4}, scheduling=quotas(), state=State.DISABLED)
    assert {policy for kinds in policies(protected).values() for policy in kinds} == {DELETED}


def test_a_disabled_share_can_be_deleted_and_the_queue_is_kept(protected: Stack) -> None:
    queue = TrainingQueue(protected, "Queue", queue_name="q", capacity={P4: 4}, scheduling=quotas(state=State.DISABLED))
    assert [policy_of(share) for share in queue.quota_shares.values()] == [RETAINED, DELETED]
    assert policy_of(queue.job_queue) == RETAINED


def test_a_shared_environment_is_kept_while_an_enabled_queue_uses_it(protected: Stack) -> None:
    pools = [ServiceEnvironment(protected, name, capacity=4) for name in ("Used", "Draining", "Unused")]
    for name, pool, state in (
        ("a", pools[0], State.DISABLED),
        ("b", pools[0], State.ENABLED),
        ("c", pools[1], State.DISABLED),
    ):
        TrainingQueue(
            protected, name, queue_name=name, service_environment=pool, scheduling=FairShare({"t": 1}), state=state
        )
    assert [policy_of(pool.service_environment) for pool in pools] == [RETAINED, DELETED, DELETED]


@pytest.mark.parametrize(
    ("state", "environment", "queue"),
    [
        (State.ENABLED, ("RetainExceptOnCreate", None), RETAINED),
        (State.DISABLED, DELETED, DELETED),
    ],
)
def test_a_compute_environment_is_kept_with_the_resources_of_its_instances(
    protected: Stack, state: State, environment: tuple[str | None, ...], queue: tuple[str | None, ...]
) -> None:
    vpc = TrainingVpc(protected, "Network")
    instances = GpuComputeEnvironment(protected, "Instances", vpc=vpc, instance_types=["g5.12xlarge"], max_gpus=8)
    GpuQueue(
        protected,
        "Queue",
        queue_name="q",
        compute_environments=[instances],
        scheduling=FairShare({"t": 1}),
        state=state,
    )
    found = policies(protected)
    assert found["JobQueue"] == found["SchedulingPolicy"] == {queue}
    assert found["AWS::EC2::Subnet"] == {DELETED}
    resources = [node for node in instances.node.find_all() if isinstance(node, CfnResource)]
    assert {resource.cfn_resource_type for resource in resources} == {
        "AWS::Batch::ComputeEnvironment",
        "AWS::EC2::LaunchTemplate",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::IAM::InstanceProfile",
        "AWS::IAM::Role",
    }
    assert {policy_of(resource) for resource in resources} == {environment}
    acknowledged = [resource.node for resource in resources if "W3011" in str(resource.node.metadata)]
    assert len(acknowledged) == (len(resources) if state == State.ENABLED else 0)


def test_a_nested_stack_has_the_protection_of_its_outermost_stack(protected: Stack) -> None:
    nested = NestedStack(NestedStack(protected, "Outer"), "Inner")
    TrainingQueue(nested, "Queue", queue_name="q", capacity=4, scheduling=Fifo())
    assert policies(nested) == {"ServiceEnvironment": {RETAINED}, "JobQueue": {RETAINED}}
