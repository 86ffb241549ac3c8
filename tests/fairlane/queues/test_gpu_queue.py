"""Queues for containers: resources, permissions, errors, and checks of jobs."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_batch as batch
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Annotations, Match
from cdk_nag import AwsSolutionsChecks

from fairlane import (
    ConfigurationError,
    FairShare,
    Fifo,
    GpuComputeEnvironment,
    GpuJobDefinition,
    GpuQueue,
    JobAction,
    JobStateTimeLimitAction,
    MultiNodeGpuJobDefinition,
    Purchase,
    QuotaManagement,
    QuotaShare,
    Sharing,
    State,
    TimeLimitReason,
    TrainingVpc,
)
from tests import cfn_lint
from tests.gpu import compute_environment, gpu_queue, network
from tests.iam.roles import Deployment
from tests.iam_evaluator import Context, Statement, is_allowed
from tests.support import problems_of, resource, template_of

SUBMIT = "batch:SubmitJob"
ECR = "111122223333.dkr.ecr.{}.amazonaws.com/train:1"


def arn(rest: str) -> str:
    return f"arn:aws:batch:us-east-1:111122223333:{rest}"


def job(stack: Stack, name: str = "train", **changes: Any) -> GpuJobDefinition:
    settings: dict[str, Any] = {"image": "image@sha256:0", "instance_type": "g5.12xlarge", "gpus": 1} | changes
    return GpuJobDefinition(stack, name, job_definition_name=name, **settings)


def multi_node(stack: Stack, **changes: Any) -> MultiNodeGpuJobDefinition:
    settings: dict[str, Any] = {"instance_type": "p5.48xlarge", "nodes": 2, "script": ["train.py"]} | changes
    return MultiNodeGpuJobDefinition(stack, "many", job_definition_name="many", image="image@sha256:0", **settings)


def test_a_queue_fills_its_environments_in_order(stack: Stack) -> None:
    reserved = compute_environment(stack, "Reserved", capacity_reservation="cr-0123456789abcdef0")
    on_demand, spot = compute_environment(stack, "OnDemand"), compute_environment(stack, "Spot", purchase=Purchase.SPOT)
    queue = gpu_queue(stack, reserved, on_demand, spot, priority=7, state=State.DISABLED)
    properties = resource(stack, "JobQueue")
    order = [
        {"Order": number, "ComputeEnvironment": stack.resolve(environment.compute_environment_arn)}
        for number, environment in enumerate((reserved, on_demand, spot), start=1)
    ]
    assert properties["ComputeEnvironmentOrder"] == order
    assert (properties["JobQueueType"], properties["Priority"], properties["State"]) == ("ECS", 7, "DISABLED")
    weights = resource(stack, "SchedulingPolicy")["FairsharePolicy"]["ShareDistribution"]
    assert {weight["ShareIdentifier"]: weight["WeightFactor"] for weight in weights} == {"prod": 1, "research": 3}
    assert queue.job_queue_name == "g5"


def test_first_in_first_out_has_no_policy_and_time_limits_cancel(stack: Stack) -> None:
    limit = JobStateTimeLimitAction(reason=TimeLimitReason.JOB_RESOURCE_REQUIREMENT, max_time_seconds=600)
    gpu_queue(stack, scheduling=Fifo(), time_limit_actions=[limit])
    properties = resource(stack, "JobQueue")
    assert "SchedulingPolicyArn" not in properties
    assert properties["JobStateTimeLimitActions"] == [
        {
            "Action": "CANCEL",
            "MaxTimeSeconds": 600,
            "Reason": "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
            "State": "RUNNABLE",
        }
    ]


def test_an_imported_environment_is_used(stack: Stack) -> None:
    imported = batch.ManagedEc2EcsComputeEnvironment.from_managed_ec2_ecs_compute_environment_arn(
        stack, "Imported", arn("compute-environment/imported")
    )
    queue = GpuQueue(stack, "q", queue_name="q", compute_environments=[imported], scheduling=Fifo())
    assert resource(stack, "JobQueue")["ComputeEnvironmentOrder"][0]["ComputeEnvironment"].endswith("/imported")
    queue.accepts(job(stack, gpus=8, instance_type="p5.48xlarge"))


QUOTAS = QuotaManagement(QuotaShare(name="a", capacity={"ml.p4d.24xlarge": 1}, sharing=Sharing.LEND))
LIMIT = JobStateTimeLimitAction(
    reason=TimeLimitReason.INSUFFICIENT_INSTANCE_CAPACITY, max_time_seconds=600, action=JobAction.TERMINATE
)
SAGEMAKER_LIMIT = JobStateTimeLimitAction(reason=TimeLimitReason.QUOTA_MANAGEMENT_LIMIT_EXCEEDED, max_time_seconds=600)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"scheduling": QUOTAS},
            "scheduling: quota management requires a queue for SageMaker training jobs: use FIFO or fair-share scheduling",
        ),
        ({"scheduling": FairShare({"a": 5000})}, "scheduling.weight_factors.a: got 5000"),
        ({"scheduling": "fifo"}, "scheduling: got 'fifo', allowed: Fifo or FairShare"),
        ({"time_limit_actions": [LIMIT]}, "time_limit_actions[0].action: got 'TERMINATE', allowed: CANCEL"),
        ({"time_limit_actions": [SAGEMAKER_LIMIT]}, "time_limit_actions[0].reason: got 'MISCONFIGURATION:QUOTA"),
        ({"priority": 1001}, "priority: got 1001, allowed: a whole number, 0 to 1000"),
        ({"name": "a b"}, "queue_name: got 'a b'"),
        ({"tags": {"aws:x": "y"}}, 'tags."aws:x": got'),
    ],
)
def test_an_invalid_argument_is_refused(stack: Stack, changes: dict[str, Any], problem: str) -> None:
    environment = compute_environment(stack)
    (message,) = problems_of(lambda: gpu_queue(stack, environment, **changes))
    assert message.startswith(problem)


def test_invalid_environments_are_refused(stack: Stack) -> None:
    environment = compute_environment(stack)
    fargate = batch.FargateComputeEnvironment(stack, "Fargate", vpc=network(stack))
    raw = batch.CfnComputeEnvironment(
        stack,
        "Raw",
        type="MANAGED",
        compute_resources=batch.CfnComputeEnvironment.ComputeResourcesProperty(
            type="FARGATE_SPOT", maxv_cpus=1, subnets=["s"]
        ),
    )

    def refused(*environments: Any) -> list[str]:
        return problems_of(
            lambda: GpuQueue(stack, "q", queue_name="q", compute_environments=environments, scheduling=Fifo())
        )

    assert refused() == ["compute_environments: the list has 0 compute environments: use 1 to 3"]
    assert refused(environment, environment, environment, environment)[0].startswith(
        "compute_environments: the list has 4 compute environments"
    )
    assert refused(environment, environment)[0].startswith(
        "compute_environments[1]: Stack/Gpus is listed twice: list each compute environment once"
    )
    assert refused(environment, fargate) == [
        "compute_environments[1]: Stack/Fargate is a Fargate environment, which has no GPUs: "
        "use an environment of EC2 instances"
    ]
    assert refused(raw)[0].startswith("compute_environments[0]: Stack/Raw is a Fargate environment")
    assert refused("g5")[0].startswith("compute_environments[0]: got 'g5', allowed: a GpuComputeEnvironment")


def test_the_name_of_a_queue_is_unique(stack: Stack) -> None:
    gpu_queue(stack)
    (message,) = problems_of(lambda: gpu_queue(Stack.of(stack), compute_environment(stack, "Other"), name="g5"))
    assert message == "queue_name: Stack/g5 already has the name 'g5': use another name"


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("JobSubmittedToFirstStartingDuration", "metric_job_submitted_to_first_starting_duration"),
        ("JobAttemptRunnableToStartingDuration", "metric_job_attempt_runnable_to_starting_duration"),
        ("JobsSubmitted", "metric_jobs_submitted"),
    ],
)
def test_a_queue_has_the_native_metrics_of_compute_jobs(stack: Stack, name: str, method: str) -> None:
    metric = getattr(gpu_queue(stack), method)()
    assert (metric.namespace, metric.metric_name, metric.dimensions) == ("AWS/Batch", name, {"JobQueueName": "g5"})


def policy_statements(stack: Stack, logical_id_prefix: str) -> list[Statement]:
    return Deployment.of(stack).statements(logical_id_prefix)


@pytest.mark.parametrize("definition", ["train", "train:7"])
@pytest.mark.parametrize(("share", "allowed"), [("research", True), ("prod", False), (None, False)])
def test_a_role_submits_its_definitions_to_its_share_only(
    stack: Stack, definition: str, share: str | None, allowed: bool
) -> None:
    queue, granted = gpu_queue(stack), job(stack)
    job(stack, "other-job")
    role = iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal())
    queue.grants.submit(role, job_definitions=[granted], share_identifiers=["research"])
    statements = policy_statements(stack, "Role")
    context: Context = {} if share is None else {"batch:ShareIdentifier": share}

    def may_submit(queue_name: str, definition_name: str) -> bool:
        resources = [arn(f"job-queue/{queue_name}"), arn(f"job-definition/{definition_name}"), arn("job/0")]
        return is_allowed(statements, SUBMIT, resources, context)

    assert may_submit("g5", definition) is allowed
    assert [arn("job"), arn("job/*")] in [statement["Resource"] for statement in statements]
    assert not may_submit("other", definition)
    assert not may_submit("g5", definition.replace("train", "other-job"))
    assert not may_submit("g5", definition.replace("train", "train-2"))


def test_grants_to_manage_and_to_observe(stack: Stack) -> None:
    queue = gpu_queue(stack)
    role = iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal())
    queue.grants.manage(role)
    queue.grants.observe(role)
    statements = policy_statements(stack, "Role")
    for action in ("batch:CancelJob", "batch:TerminateJob"):
        assert is_allowed(statements, action, [arn("job/0")], {})
    for action in ("batch:ListJobs", "batch:DescribeJobs", "batch:DescribeComputeEnvironments"):
        assert is_allowed(statements, action, ["*"], {})
    assert not is_allowed(statements, SUBMIT, [arn("job-queue/g5")], {})


def test_invalid_grants_are_refused(stack: Stack) -> None:
    queue, definition = gpu_queue(stack), job(stack)
    role = iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal())
    service = iam.ServicePrincipal("lambda.amazonaws.com")
    grants = queue.grants
    assert problems_of(lambda: grants.submit(role, job_definitions=[]))[0].startswith(
        "job_definitions: got [], allowed"
    )
    assert (
        "a share of the queue: prod, research"
        in (problems_of(lambda: grants.submit(role, job_definitions=[definition], share_identifiers=["ads"]))[0])
    )
    assert "services do not submit jobs" in problems_of(lambda: grants.submit(service, job_definitions=[definition]))[0]
    assert "services do not submit jobs" in problems_of(lambda: grants.manage(service))[0]


def test_cdk_nag_and_cfn_lint_accept_a_stack_with_all_grants() -> None:
    app = App()
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    stack = Stack(app, "Stack", env=Environment(account="111122223333", region="us-east-1"))
    efa = compute_environment(stack, "Efa", instance_types=["p5.48xlarge"], max_gpus=64, efa=True)
    queue = gpu_queue(stack, efa)
    definition = multi_node(stack, queue=queue, read=["s3://datasets/x/"], write=["s3://models/y/"])
    role = iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal())
    queue.grants.submit(role, job_definitions=[definition], share_identifiers=["prod"])
    queue.submit_policy("Submit", job_definitions=[definition, job(stack, read=["s3://datasets/"])])
    queue.grants.manage(role)
    app.synth()
    assert cfn_lint.findings(template_of(stack)) == []


def refused_job(stack: Stack, environment: dict[str, Any], **changes: Any) -> str:
    queue = gpu_queue(stack, compute_environment(stack, **environment))
    with pytest.raises(ConfigurationError) as raised:
        queue.accepts(job(stack, **changes))
    (problem,) = raised.value.problems
    assert raised.value.subject == "Stack/train on Stack/g5"
    return str(problem)


def test_the_error_of_a_job_that_fits_no_instance_names_the_closest_instance_type(stack: Stack) -> None:
    types = {"instance_types": ["g5.xlarge", "g5.12xlarge"]}
    message = refused_job(stack, types, instance_type="g5.48xlarge", gpus=8)
    assert message == (
        '"Stack/Gpus": the job needs 8 GPUs, 192 vCPUs and 754718 MiB, but the closest instance type, g5.12xlarge, has '
        "4 of 8 GPUs, 48 of 192 vCPUs, 188487 of 754718 MiB of usable memory: use a larger instance type or a smaller job"
    )


def test_a_job_of_two_terabytes_does_not_fit_a_smaller_instance(stack: Stack) -> None:
    message = refused_job(
        stack, {"instance_types": ["p4d.24xlarge"]}, gpus=8, instance_type="p5.48xlarge", memory_mib=2_000_000
    )
    assert "the closest instance type, p4d.24xlarge, has" in message


def test_each_environment_needs_an_instance_type_for_the_job(stack: Stack) -> None:
    queue = gpu_queue(
        stack, compute_environment(stack, "Large"), compute_environment(stack, "Small", instance_types=["g5.xlarge"])
    )
    with pytest.raises(ConfigurationError, match="Stack/Small"):
        queue.accepts(job(stack, gpus=4))
    queue.accepts(job(stack, "one", instance_type="g5.xlarge"))


def test_jobs_with_efa_or_many_nodes_are_checked_against_the_environment(stack: Stack) -> None:
    plain = gpu_queue(stack, compute_environment(stack, "G5", instance_types=["g5.48xlarge"]), name="plain")
    many = multi_node(stack)
    with pytest.raises(ConfigurationError, match=r"the job requires p5.48xlarge.*has g5.48xlarge"):
        plain.accepts(many)
    without = gpu_queue(
        stack, compute_environment(stack, "P5", instance_types=["p5.48xlarge"], max_gpus=64), name="without"
    )
    with pytest.raises(ConfigurationError, match="32 EFA interfaces, but the compute environment has no EFA"):
        without.accepts(many)
    small = gpu_queue(
        stack, compute_environment(stack, "Few", instance_types=["p5.48xlarge"], max_gpus=8, efa=True), name="small"
    )
    with pytest.raises(ConfigurationError, match=r"384 vCPUs in all.*has at most 192: raise max_gpus"):
        small.accepts(many)
    spot = gpu_queue(
        stack,
        compute_environment(stack, "Spot", instance_types=["p5.48xlarge"], purchase=Purchase.SPOT),
        name="spot",
    )
    with pytest.raises(ConfigurationError, match="multi-node jobs cannot run on Spot"):
        MultiNodeGpuJobDefinition(
            stack,
            "on-spot",
            job_definition_name="on-spot",
            image="i",
            script=["x"],
            nodes=2,
            instance_type="p5.48xlarge",
            queue=spot,
        )


def test_an_unknown_instance_type_accepts_any_job(stack: Stack) -> None:
    queue = gpu_queue(stack, compute_environment(stack, instance_types=["p9.48xlarge"], max_vcpus=1000))
    queue.accepts(job(stack, gpus=16, instance_type=None, vcpus=900, memory_mib=9_000_000))


def test_idle_gpus_raise_a_warning(stack: Stack) -> None:
    queue = gpu_queue(stack)
    queue.accepts(job(stack, "well"), job(stack, "badly", memory_mib=188_487))
    warnings = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("GPUs idle"))
    assert [str(entry.id) for entry in warnings] == ["/Stack/badly"]
    message = str(warnings[0].entry.data)
    assert "g5.12xlarge has GPUs for 4 of these jobs, but memory and vCPUs for 1 " in message
    assert "3 GPUs idle" in message


def test_queues_are_imported_by_name_and_by_arn(stack: Stack) -> None:
    by_name = GpuQueue.from_job_queue_name(stack, "ByName", "existing")
    by_arn = GpuQueue.from_job_queue_arn(stack, "ByArn", arn("job-queue/existing"))
    role = iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal())
    for queue in (by_name, by_arn):
        assert queue.job_queue_name == "existing"
        queue.grants.submit(role, job_definitions=[job(stack, f"job-{queue.node.id}")], share_identifiers=["any"])


def test_the_closest_instance_type_has_the_smallest_shortcoming(stack: Stack) -> None:
    message = refused_job(stack, {"instance_types": ["g5.12xlarge", "g5.16xlarge"]}, vcpus=4, memory_mib=255_000)
    assert "the closest instance type, g5.16xlarge, has" in message


def test_the_wildcards_of_an_imported_role_are_acknowledged() -> None:
    app = App()
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    stack = Stack(app, "Stack", env=Environment(account="111122223333", region="us-east-1"))
    role = iam.Role.from_role_name(stack, "Imported", "imported")
    gpu_queue(stack).grants.submit(role, job_definitions=[job(stack)])
    app.synth()


def test_an_invalid_name_of_an_imported_queue_is_refused(stack: Stack) -> None:
    (message,) = problems_of(lambda: GpuQueue.from_job_queue_name(stack, "All", "*"))
    assert message.startswith("job_queue_name: got '*'")


@pytest.mark.parametrize("wrong", ["train", None, ["train"], []])
def test_a_grant_needs_job_definitions(stack: Stack, wrong: Any) -> None:
    role = iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal())
    (message,) = problems_of(lambda: gpu_queue(stack).grants.submit(role, job_definitions=wrong))
    assert message.startswith(("job_definitions: got", "job_definitions: missing", "job_definitions[0]: got"))


def test_an_image_outside_ecr_without_nat_gateways_raises_a_warning() -> None:
    stack = Stack(App(), "Stack", env=Environment(account="111122223333", region="us-east-1"))
    for name, gateways in (("Closed", 0), ("Open", 1)):
        vpc = TrainingVpc(stack, f"{name}Network", nat_gateways=gateways)
        capacity = GpuComputeEnvironment(stack, f"{name}Gpus", vpc=vpc, instance_types=["g5.12xlarge"], max_gpus=4)
        queue = GpuQueue(stack, name, queue_name=name, compute_environments=[capacity], scheduling=Fifo())
        for index, image in enumerate(("pytorch/pytorch:2", ECR.format("eu-west-1"), ECR.format("us-east-1"))):
            GpuJobDefinition(
                stack,
                f"{name}{index}",
                job_definition_name=f"{name}{index}",
                image=image,
                instance_type="g5.12xlarge",
                queue=queue,
            )
    found = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("not in Amazon ECR"))
    assert [entry.id for entry in found] == ["/Stack/Closed0", "/Stack/Closed1"]
