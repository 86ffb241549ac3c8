"""Job definitions for jobs of several GPU machines at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from aws_cdk import aws_batch as batch
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from fairlane._checks import check_flag, check_whole_number
from fairlane._claims import Claims
from fairlane._gpu_jobs import MAX_NODES, JobRetries, job_definition_problems
from fairlane._problems import ConfigurationError, Problem
from fairlane._tokens import is_token
from fairlane._training_permissions import training_permission_problems
from fairlane.catalog import gpu_instance_type
from fairlane.jobs._container import (
    JOB_DEFINITION,
    Volume,
    container,
    job_role,
    log_group_of,
    name_taken,
    register,
    size_problems,
)
from fairlane.jobs._gpu_job_definition import needs_of
from fairlane.jobs._volumes import volume_problems
from fairlane.queues import GpuQueue, JobDefinitionBase

# The main node's address is given to the other nodes only; the main node has to look for its own.
RENDEZVOUS: Final = """\
set -euo pipefail
if [ "$AWS_BATCH_JOB_NODE_INDEX" = "$AWS_BATCH_JOB_MAIN_NODE_INDEX" ]; then
  main=$(hostname -I | awk '{print $1}')
else
  main=$AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS
fi
export NCCL_SOCKET_IFNAME=${NCCL_SOCKET_IFNAME:-^lo,docker,ecs}
exec torchrun --nnodes="$AWS_BATCH_JOB_NUM_NODES" --node_rank="$AWS_BATCH_JOB_NODE_INDEX" \\
  --nproc_per_node="$FAIRLANE_GPUS_PER_NODE" --master_addr="$main" --master_port=29500 "$@"
"""


class MultiNodeGpuJobDefinition(JobDefinitionBase):
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
        secrets: Mapping[str, secretsmanager.ISecret] | None = None,
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
        path = f"{scope.node.path}/{construct_id}"
        environment = {} if environment is None else environment
        secrets = {} if secrets is None else secrets
        retries = JobRetries() if retries is None else retries
        claims = Claims.at(scope)
        machine = gpu_instance_type(instance_type) if isinstance(instance_type, str) else None
        problems = [
            *_of_script(
                job_definition_problems(
                    job_definition_name=job_definition_name,
                    image=image,
                    command=script,
                    gpus=None,
                    instance_type=instance_type,
                    vcpus=None,
                    memory_mib=memory_mib,
                    shared_memory_mib=shared_memory_mib,
                    environment=environment,
                    secrets=secrets,
                    retries=retries,
                    timeout_seconds=timeout_seconds,
                    scheduling_priority=scheduling_priority,
                    tags=tags,
                )
            ),
            *training_permission_problems(read=read, write=write, repositories=(), kms_keys=()),
            *volume_problems(volumes),
            *check_whole_number(("nodes",), nodes, 2, MAX_NODES, of="nodes"),
            *check_flag(("efa",), efa),
        ]
        if isinstance(script, Sequence) and (not script or is_token(script)):
            problems.append(Problem(("script",), script or None, "what torchrun runs, known at synth"))
        if machine is None and not any(problem.field == ("instance_type",) for problem in problems):
            allowed = "a machine that this release knows, as each node has all of its GPUs"
            problems.append(Problem(("instance_type",), instance_type, allowed))
        if machine and efa is True and not machine.efa_cards:
            problems.append(Problem(("efa",), efa, f"False, as {instance_type} has no EFA"))
        command = ["/bin/bash", "-c", RENDEZVOUS, "torchrun", *(script if isinstance(script, list | tuple) else ())]
        problems = problems or list(
            size_problems(
                image, command, environment, secrets, len(volumes), retries, len(machine.efa_cards) if machine else 0
            )
        )
        if owner := claims.owner(JOB_DEFINITION, job_definition_name):
            problems.append(name_taken(job_definition_name, owner))
        if queue is not None and not isinstance(queue, GpuQueue):
            problems.append(Problem(("queue",), queue, "a GpuQueue that is made in this app"))
        if problems:
            raise ConfigurationError(path, problems)
        claims.add(JOB_DEFINITION, job_definition_name, path)
        needs = needs_of(instance_type, None, None, memory_mib)
        needs = replace(needs, efa=len(machine.efa_cards) if machine and efa else 0)
        super().__init__(scope, construct_id)
        self.nodes = nodes
        self.needs = None if is_token(memory_mib) else needs
        self.instance_type = instance_type
        self.log_group = log_group_of(self, log_retention)
        self.job_role = job_role(self, read, write)
        node = container(
            self,
            image=image,
            command=command,
            needs=needs,
            shared_memory_mib=shared_memory_mib or needs.memory_mib // 2,
            environment={**environment, "FAIRLANE_GPUS_PER_NODE": str(needs.gpus)},
            secrets=secrets,
            volumes=volumes,
            role=self.job_role,
            log_group=self.log_group,
            instance_type=instance_type,
        )
        every_node = batch.CfnJobDefinition.NodeRangePropertyProperty(target_nodes="0:", container=node)
        self.job_definition = register(
            self,
            name=job_definition_name,
            retries=retries,
            timeout_seconds=timeout_seconds,
            scheduling_priority=scheduling_priority,
            tags=tags,
            node_properties=batch.CfnJobDefinition.NodePropertiesProperty(
                main_node=0, num_nodes=nodes, node_range_properties=[every_node]
            ),
        )
        if queue is not None:
            queue.accepts(self)


def _of_script(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Calls the command what its user does."""
    for problem in problems:
        yield replace(problem, field=("script",)) if problem.field == ("command",) else problem
