"""CloudFormation resources of AWS Batch for queues, and the registration of all resources of AWS Batch."""

from fairlane_local.batch.batch_resource import BatchResource
from fairlane_local.batch.container_resources import ComputeEnvironment, ConsumableResource, JobDefinition
from fairlane_local.cloudformation.local_resource import register


class ServiceEnvironment(BatchResource):
    """AWS::Batch::ServiceEnvironment."""

    resource_type = "AWS::Batch::ServiceEnvironment"
    kind = "ServiceEnvironment"
    name_property = "ServiceEnvironmentName"
    create_only = frozenset({"ServiceEnvironmentName", "ServiceEnvironmentType"})
    key = "serviceEnvironment"


class SchedulingPolicy(BatchResource):
    """AWS::Batch::SchedulingPolicy."""

    resource_type = "AWS::Batch::SchedulingPolicy"
    kind = "SchedulingPolicy"
    name_property = "Name"
    create_only = frozenset({"Name"})
    key = "arn"


class JobQueue(BatchResource):
    """AWS::Batch::JobQueue, for containers or SageMaker training."""

    resource_type = "AWS::Batch::JobQueue"
    kind = "JobQueue"
    name_property = "JobQueueName"
    create_only = frozenset({"JobQueueName", "JobQueueType"})
    key = "jobQueue"


class QuotaShare(BatchResource):
    """AWS::Batch::QuotaShare."""

    resource_type = "AWS::Batch::QuotaShare"
    kind = "QuotaShare"
    name_property = "QuotaShareName"
    create_only = frozenset({"QuotaShareName", "JobQueue"})
    key = "quotaShareArn"


RESOURCES = (
    ServiceEnvironment,
    SchedulingPolicy,
    JobQueue,
    QuotaShare,
    ComputeEnvironment,
    JobDefinition,
    ConsumableResource,
)


def install() -> None:
    """Register the resources with moto's CloudFormation."""
    register(RESOURCES)
