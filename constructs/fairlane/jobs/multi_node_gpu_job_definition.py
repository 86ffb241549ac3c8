"""Job definitions for jobs of several GPU machines at once."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_batch as batch
from aws_cdk import aws_logs as logs
from constructs import Construct

from fairlane.jobs.container import Volume
from fairlane.jobs.job_definition import RegisteredJobDefinition
from fairlane.jobs.retries import DEFAULT_RETRIES, JobRetries
from fairlane.jobs.rules import MultiNodeJobSpec
from fairlane.queues import GpuQueue

if TYPE_CHECKING:
    from aws_cdk import aws_secretsmanager as secretsmanager


class MultiNodeGpuJobDefinition(RegisteredJobDefinition):
    """What a job of several GPU machines runs: PyTorch's `torchrun` on each, which find each other by the main node.

    Each node has a machine to itself. The number of nodes can be overridden at submission (`nodeOverrides.numNodes`).
    Such jobs run in queues with an environment on demand or of a capacity block, never on Spot.

    Updates: each makes a new revision; jobs that wait keep theirs, as old revisions stay. Another name replaces it.
    Sources: `RegisterJobDefinition` in the Batch API, "Multi-node parallel jobs" and "Elastic Fabric Adapter" in the
    user guide.

    Args:
        scope: where it goes in the app.
        construct_id: its id there.
        job_definition_name: as for `GpuJobDefinition`.
        image: the URI of an image that has bash and torchrun.
        script: what torchrun runs on every GPU, and its arguments, such as `["train.py", "--epochs", "3"]`.
        nodes: how many machines, 2 to 1000, unless the job says otherwise.
        instance_type: the machine; every node has all of its GPUs.
        efa: gives the container the machine's EFA interfaces; its environment must have `efa`, too.
        memory_mib: as for `GpuJobDefinition`; by default all that a job can have of the machine.
        shared_memory_mib: as for `GpuJobDefinition`.
        environment: as for `GpuJobDefinition`.
        secrets: as for `GpuJobDefinition`.
        read: as for `GpuJobDefinition`.
        write: as for `GpuJobDefinition`.
        volumes: as for `GpuJobDefinition`.
        retries: as for `GpuJobDefinition`; all nodes are tried again together.
        timeout_seconds: as for `GpuJobDefinition`.
        scheduling_priority: as for `GpuJobDefinition`.
        log_retention: as for `GpuJobDefinition`.
        queue: as for `GpuJobDefinition`.
        tags: as for `GpuJobDefinition`.

    Attributes:
        job_definition: the underlying resource.
        job_role: the role that the containers run with.
        log_group: where their output goes.

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
            queue=queue,
        )

    def _containers(self, container: batch.CfnJobDefinition.ContainerPropertiesProperty) -> Mapping[str, Any]:
        every_node = batch.CfnJobDefinition.NodeRangePropertyProperty(target_nodes="0:", container=container)
        properties = batch.CfnJobDefinition.NodePropertiesProperty(
            main_node=0, num_nodes=self.size.nodes, node_range_properties=[every_node]
        )
        return {"type": "multinode", "node_properties": properties}
