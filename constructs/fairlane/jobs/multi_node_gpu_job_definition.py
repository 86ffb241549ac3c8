"""Job definitions of multi-node jobs on GPU instances."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_batch as batch
from aws_cdk import aws_logs as logs
from constructs import Construct

from fairlane._internal.log_encryption import AnyKey
from fairlane.jobs.container import Volume
from fairlane.jobs.job_definition import RegisteredJobDefinition
from fairlane.jobs.retries import DEFAULT_RETRIES, JobRetries
from fairlane.jobs.rules import MultiNodeJobSpec
from fairlane.queues import GpuQueue

if TYPE_CHECKING:
    from aws_cdk import aws_secretsmanager as secretsmanager


class MultiNodeGpuJobDefinition(RegisteredJobDefinition):
    """Job definition of containers on several GPU instances, with PyTorch's `torchrun` on each instance.

    Each node has its own instance. The nodes connect to the address of the main node. A submission can override the
    number of nodes (`nodeOverrides.numNodes`). The jobs run on On-Demand Instances or capacity blocks, never on Spot.

    Updates: each update creates a new revision. Old revisions stay, and waiting jobs keep their revision. A new name
    replaces the job definition.
    Sources: `RegisterJobDefinition` in the Batch API, "Multi-node parallel jobs" and "Elastic Fabric Adapter" in the
    user guide.

    Args:
        scope: Scope of the construct.
        construct_id: Id of the construct.
        job_definition_name: Name of the job definition, as in `GpuJobDefinition`.
        image: URI of an image with bash and torchrun.
        script: Script that torchrun runs on each GPU, and its arguments, for example `["train.py", "--epochs", "3"]`.
        nodes: Number of nodes, 2 to 1,000. A submission can override it.
        instance_type: EC2 instance type of all nodes. Each node uses all GPUs of its instance.
        efa: True to give the containers the EFA interfaces of the instances. The compute environments must have `efa`,
            too. Default: True.
        memory_mib: Memory of each container in MiB, as in `GpuJobDefinition`. Default: all usable memory of the
            instance type.
        shared_memory_mib: Size of /dev/shm in MiB, as in `GpuJobDefinition`.
        environment: Environment variables, as in `GpuJobDefinition`.
        secrets: Environment variables from AWS Secrets Manager, as in `GpuJobDefinition`.
        read: S3 URIs of the prefixes that jobs read from, as in `GpuJobDefinition`.
        write: S3 URIs of the prefixes that jobs write to and read from, as in `GpuJobDefinition`.
        volumes: Folders of the instances and EFS file systems that the containers mount, as in `GpuJobDefinition`.
        retries: Number of attempts, and the failures after which AWS Batch tries again, as in `GpuJobDefinition`. All
            nodes retry together.
        timeout_seconds: Number of seconds after which AWS Batch stops an attempt, as in `GpuJobDefinition`.
        scheduling_priority: Priority of the jobs in their share, as in `GpuJobDefinition`.
        log_retention: Retention time of the jobs' logs, as in `GpuJobDefinition`.
        log_encryption_key: KMS key of the jobs' log group, or its ARN, as in `TrainingVpc`.
        queue: Queue that must accept the jobs, as in `GpuJobDefinition`.
        tags: Tags of the job definition, as in `GpuJobDefinition`.

    Attributes:
        job_definition: Underlying L1 resource.
        job_role: Role of the containers.
        execution_role: Role by which the ECS agent pulls the image, writes the logs and reads the secrets.
        log_group: Log group of the containers.

    Raises:
        ConfigurationError: If AWS would refuse a value, or if a compute environment of `queue` cannot run the jobs.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        job_definition_name: str,
        image: str,
        script: Sequence[str],
        nodes: int,
        instance_type: str,
        efa: bool = True,
        memory_mib: int | None = None,
        shared_memory_mib: int | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: "Mapping[str, secretsmanager.ISecret] | None" = None,
        read: Sequence[str] = (),
        write: Sequence[str] = (),
        volumes: Sequence[Volume] = (),
        retries: JobRetries | None = None,
        timeout_seconds: int | None = None,
        scheduling_priority: int = 0,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
        log_encryption_key: AnyKey | None = None,
        queue: GpuQueue | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            spec=MultiNodeJobSpec(
                job_definition_name=job_definition_name,
                image=image,
                script=script,
                nodes=nodes,
                instance_type=instance_type,
                efa=efa,
                memory_mib=memory_mib,
                shared_memory_mib=shared_memory_mib,
                read=read,
                write=write,
                volumes=volumes,
                timeout_seconds=timeout_seconds,
                scheduling_priority=scheduling_priority,
                tags=tags,
                environment=environment or {},
                secrets=secrets or {},
                retries=DEFAULT_RETRIES if retries is None else retries,
            ),
            log_retention=log_retention,
            log_encryption_key=log_encryption_key,
            queue=queue,
        )

    def _containers(self, container: batch.CfnJobDefinition.ContainerPropertiesProperty) -> Mapping[str, Any]:
        every_node = batch.CfnJobDefinition.NodeRangePropertyProperty(target_nodes="0:", container=container)
        properties = batch.CfnJobDefinition.NodePropertiesProperty(
            main_node=0, num_nodes=self.size.nodes, node_range_properties=[every_node]
        )
        return {"type": "multinode", "node_properties": properties}
