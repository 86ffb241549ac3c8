"""Job definitions for containers on GPU machines."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_batch as batch
from aws_cdk import aws_logs as logs
from constructs import Construct

from fairlane.jobs.container import Volume
from fairlane.jobs.job_definition import RegisteredJobDefinition
from fairlane.jobs.retries import DEFAULT_RETRIES, JobRetries
from fairlane.jobs.rules import GpuJobSpec
from fairlane.queues import GpuQueue

if TYPE_CHECKING:
    from aws_cdk import aws_secretsmanager as secretsmanager


class GpuJobDefinition(RegisteredJobDefinition):
    """What a job on a GPU machine runs: an image, a command, and the part of the machine that it needs.

    Without `vcpus` and `memory_mib`, a job gets the part of its machine that belongs to its GPUs, so that as many run
    at once as the machine has GPUs for. What a machine's memory is worth is Fairlane's own model: 96 % less 256 MiB.
    Half of a job's memory may be shared memory, which PyTorch's data loaders and NCCL use.

    Updates: each makes a new revision; jobs that wait keep theirs, as old revisions stay. Another name replaces it.
    Source: `RegisterJobDefinition` in the Batch API.

    Args:
        scope: where it goes in the app.
        construct_id: its id there.
        job_definition_name: 1 to 128 characters of A-Z, a-z, 0-9, - and _; people submit it by this name.
        image: the URI of the image, by digest or by a tag that does not move.
        command: what the container runs; by default what the image says. Arrays find their index in
            `AWS_BATCH_JOB_ARRAY_INDEX`.
        gpus: whole GPUs, 1 to as many as the machine has; by default all of `instance_type`.
        instance_type: the machine that vcpus and memory are worked out from; jobs may run on others that fit.
        vcpus: virtual CPUs, 1 or more.
        memory_mib: memory, 4 MiB or more, shared memory included.
        shared_memory_mib: the size of /dev/shm, at most the memory.
        environment: variables; none may begin with AWS_BATCH. They can be read by whoever may describe jobs.
        secrets: variables whose values come from AWS Secrets Manager when the job starts.
        read: S3 URIs of prefixes to read from, each with `/` at the end.
        write: S3 URIs of prefixes to write to and read from, each with `/` at the end.
        volumes: folders from outside the container.
        retries: how often, and after what.
        timeout_seconds: stops an attempt that runs longer, 60 or more; by default none is stopped.
        scheduling_priority: 0 to 9999; higher goes first within a share. Whoever submits can override it.
        log_retention: how long the jobs' logs are kept, a month by default; the log group outlives the definition.
        queue: where it will run: what the queue has no machine for is an error here, as with `queue.accepts`.
        tags: at most 50, for the definition.

    Attributes:
        job_definition: the underlying resource.
        job_role: the role that the container runs with.
        log_group: where its output goes.

    Raises:
        ConfigurationError: with every value that AWS would refuse, and every environment of `queue` that it cannot
            run on.
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
            queue=queue,
        )

    def _containers(self, container: batch.CfnJobDefinition.ContainerPropertiesProperty) -> Mapping[str, Any]:
        return {"type": "container", "container_properties": container}
