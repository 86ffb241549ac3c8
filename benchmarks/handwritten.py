"""CDK app with the resources of the example environment in L1 constructs, without Fairlane and without checks."""

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks
from handwritten_alarms import alarms_and_dashboards
from handwritten_gpu import gpus
from handwritten_images import images
from handwritten_monitoring import exporter

app = cdk.App()
cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app, verbose=True))
stack = cdk.Stack(app, "fairlane-example-training", env=cdk.Environment(account="123456789012", region="us-east-1"))


def service_environment(name: str, unit: str, capacity: int) -> batch.CfnServiceEnvironment:
    """Create a service environment with one capacity limit."""
    limit = batch.CfnServiceEnvironment.CapacityLimitProperty(capacity_unit=unit, max_capacity=capacity)
    return batch.CfnServiceEnvironment(
        stack,
        f"{name}-environment",
        service_environment_name=name,
        service_environment_type="SAGEMAKER_TRAINING",
        state="ENABLED",
        capacity_limits=[limit],
    )


def job_queue(
    name: str,
    environment: batch.CfnServiceEnvironment,
    policy: batch.CfnSchedulingPolicy | None,
    priority: int = 1,
) -> batch.CfnJobQueue:
    """Create a SageMaker training queue on one service environment."""
    order = batch.CfnJobQueue.ServiceEnvironmentOrderProperty(
        order=1, service_environment=environment.attr_service_environment_arn
    )
    queue = batch.CfnJobQueue(
        stack,
        f"{name}-queue",
        job_queue_name=name,
        job_queue_type="SAGEMAKER_TRAINING",
        priority=priority,
        state="ENABLED",
        service_environment_order=[order],
        scheduling_policy_arn=policy.attr_arn if policy else None,
    )
    cdk.CfnOutput(stack, f"{name}-QueueName", value=name)
    cdk.CfnOutput(stack, f"{name}-QueueArn", value=queue.attr_job_queue_arn)
    return queue


for queue_name, unit, quotas in (
    ("training-p4", "ml.p4d.24xlarge", {"ProdExp1": 60, "ProdExp2": 40}),
    ("training-p5", "ml.p5.48xlarge", {"ProdExp1": 12, "ProdExp2": 8}),
):
    policy = batch.CfnSchedulingPolicy(
        stack,
        f"{queue_name}-policy",
        quota_share_policy=batch.CfnSchedulingPolicy.QuotaSharePolicyProperty(idle_resource_assignment_strategy="FIFO"),
    )
    queue = job_queue(queue_name, service_environment(queue_name, unit, sum(quotas.values())), policy)
    share = batch.CfnQuotaShare
    for name, capacity in quotas.items():
        share(
            stack,
            f"{queue_name}-{name}",
            job_queue=queue.attr_job_queue_arn,
            quota_share_name=name,
            state="ENABLED",
            capacity_limits=[share.QuotaShareCapacityLimitProperty(capacity_unit=unit, max_capacity=capacity)],
            resource_sharing_configuration=share.QuotaShareResourceSharingConfigurationProperty(
                strategy="LEND_AND_BORROW", borrow_limit=-1
            ),
            preemption_configuration=share.QuotaSharePreemptionConfigurationProperty(in_share_preemption="ENABLED"),
        )

weights = [
    batch.CfnSchedulingPolicy.ShareAttributesProperty(share_identifier=name, weight_factor=weight)
    for name, weight in {"HIGHPRI": 1, "MIDPRI": 3, "LOWPRI": 5}.items()
]
fair_share = batch.CfnSchedulingPolicy(
    stack,
    "training-g6-policy",
    fairshare_policy=batch.CfnSchedulingPolicy.FairsharePolicyProperty(share_distribution=weights),
)
job_queue("training-g6", service_environment("training-g6", "NUM_INSTANCES", 16), fair_share)
job_queue("cpu", service_environment("cpu", "NUM_INSTANCES", 10), None, priority=2)

arn = "arn:aws:"
logs = "logs:us-east-1:123456789012:log-group:/aws/sagemaker/TrainingJobs"
streams, datasets, models = f"{logs}:*", "s3:::example-datasets", "s3:::example-models"
to_logs = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
upload = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
repository = "ecr:us-east-1:123456789012:repository/training"
namespaces = {"StringLike": {"cloudwatch:namespace": ["/aws/sagemaker/*", "aws/sagemaker/*"]}}
statements: list[dict[str, object]] = [
    {"Action": "s3:GetObject", "Resource": f"{arn}{datasets}/*"},
    {"Action": upload, "Resource": f"{arn}{models}/search/*"},
    {"Action": "s3:ListBucket", "Resource": arn + datasets, "Condition": {"StringLike": {"s3:prefix": "*"}}},
    {"Action": "s3:ListBucket", "Resource": arn + models, "Condition": {"StringLike": {"s3:prefix": "search/*"}}},
    {"Action": pull, "Resource": arn + repository},
    {"Action": "ecr:GetAuthorizationToken", "Resource": "*"},
    {"Action": to_logs, "Resource": [arn + logs, arn + streams]},
    {"Action": "cloudwatch:PutMetricData", "Resource": "*", "Condition": namespaces},
]
trust = {
    "Effect": "Allow",
    "Action": "sts:AssumeRole",
    "Principal": {"Service": "sagemaker.amazonaws.com"},
    "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
}
role = iam.CfnRole(
    stack,
    "search-role",
    assume_role_policy_document={"Version": "2012-10-17", "Statement": [trust]},
    policies=[
        iam.CfnRole.PolicyProperty(
            policy_name="Training",
            policy_document={"Version": "2012-10-17", "Statement": [{"Effect": "Allow"} | s for s in statements]},
        )
    ],
)
cdk.CfnOutput(stack, "search-ExecutionRoleArn", value=role.attr_arn)
for wildcard in (f"{datasets}/*", f"{models}/search/*", streams):
    finding = f"AwsSolutions-IAM5[Resource::{arn}{wildcard}]"
    cdk.Validations.of(role).acknowledge(cdk.Acknowledgment(id=finding, reason="below one prefix"))
anything = cdk.Acknowledgment(id="AwsSolutions-IAM5[Resource::*]", reason="these actions have no resource")
cdk.Validations.of(role).acknowledge(anything)
gpus(stack)
monitoring = cdk.Stack(
    app, "fairlane-example-monitoring", env=cdk.Environment(account="123456789012", region="us-east-1")
)
training_queues, gpu_queues = ["training-p4", "training-p5", "training-g6", "cpu"], ["gpu-g5", "gpu-p5"]
exporter(monitoring, training_queues, gpu_queues)
images(app)
alarms_and_dashboards(monitoring, {**dict.fromkeys(training_queues, True), **dict.fromkeys(gpu_queues, False)})
app.synth()
