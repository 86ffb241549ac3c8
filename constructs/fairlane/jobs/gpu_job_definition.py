"""Job definitions of containers on one GPU instance."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_batch as batch
from aws_cdk import aws_logs as logs
from constructs import Construct

from fairlane._internal.log_encryption import AnyKey
from fairlane.jobs.container import Volume
from fairlane.jobs.job_definition import RegisteredJobDefinition
from fairlane.jobs.retries import DEFAULT_RETRIES, JobRetries
from fairlane.jobs.rules import GpuJobSpec
from fairlane.queues import GpuQueue

if TYPE_CHECKING:
    from aws_cdk import aws_secretsmanager as secretsmanager


class GpuJobDefinition(RegisteredJobDefinition):
    """Job definition of a container on one GPU instance: image, command and resources.

    Without `vcpus` and `memory_mib`, a job gets the part of its instance that belongs to its GPUs, so that an instance
    runs as many jobs at once as it has GPUs for. Jobs can use 96 % of an instance's memory minus 256 MiB, by Fairlane's
    own model. Half of a job's memory is available as shared memory, which PyTorch's data loaders and NCCL use.

    Updates: each update creates a new revision. Old revisions stay, and waiting jobs keep their revision. A new name
    replaces the job definition.
    Source: `RegisterJobDefinition` in the Batch API.

    Args:
        scope: Scope of the construct.
        construct_id: Id of the construct.
        job_definition_name: Name of the job definition, 1 to 128 characters of A-Z, a-z, 0-9, - and _. Job submissions
            use this name.
        image: URI of the image, with a digest or with an immutable tag.
        command: Command of the container and its arguments. The children of array jobs read their index from
            `AWS_BATCH_JOB_ARRAY_INDEX`. Default: the command of the image.
        gpus: Number of whole GPUs, 1 to the number of the instance type. Default: all GPUs of `instance_type`.
        instance_type: EC2 instance type that GPUs, vCPUs and memory are derived from. Jobs can run on other instance
            types with enough resources. Default: none; then `gpus`, `vcpus` and `memory_mib` are required.
        vcpus: Number of vCPUs, 1 or more. Default: the part of the instance's vCPUs that belongs to the job's GPUs.
        memory_mib: Memory in MiB, 4 or more, including shared memory. Default: the part of the instance's memory that
            belongs to the job's GPUs.
        shared_memory_mib: Size of /dev/shm in MiB, 1 to the memory of the job. Default: half of the memory.
        environment: Environment variables. Names cannot start with AWS_BATCH. All principals that can describe jobs can
            read the values. Default: none.
        secrets: Environment variables whose values come from AWS Secrets Manager when the job starts. Default: none.
        read: S3 URIs of the prefixes that jobs read from. Each ends with `/`. Default: none.
        write: S3 URIs of the prefixes that jobs write to and read from. Each ends with `/`. Default: none.
        volumes: Folders of the instance and EFS file systems that the container mounts. Default: none.
        retries: Number of attempts, and the failures after which AWS Batch tries again. Default: 3 attempts, with
            retries after Spot reclaims and failed image pulls.
        timeout_seconds: Number of seconds after which AWS Batch stops an attempt, 60 or more. Default: no limit.
        scheduling_priority: Priority of the jobs in their share, 0 to 9,999. Jobs with a higher priority start first. A
            submission can override it. Default: 0.
        log_retention: Retention time of the jobs' logs. The log group outlives the job definition. Default: one month.
        log_encryption_key: KMS key of the jobs' log group, or its ARN, as in `TrainingVpc`. Default:
            encryption with a key of CloudWatch Logs.
        queue: Queue that must accept the jobs, as with `queue.accepts`. A job that no instance of a compute environment
            has room for is an error. Default: no check.
        tags: Tags of the job definition, at most 50. Default: none.

    Attributes:
        job_definition: Underlying L1 resource.
        job_role: Role of the container.
        execution_role: Role by which the ECS agent pulls the image, writes the logs and reads the secrets.
        log_group: Log group of the container.

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
        command: Sequence[str] = (),
        gpus: int | None = None,
        instance_type: str | None = None,
        vcpus: int | None = None,
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
            spec=GpuJobSpec(
                job_definition_name=job_definition_name,
                image=image,
                command=command,
                gpus=gpus,
                instance_type=instance_type,
                vcpus=vcpus,
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
        return {"type": "container", "container_properties": container}
