"""Rules of the fit between GPU jobs and the instance types of a queue. Imports no aws_cdk."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fairlane._internal.tokens import is_token
from fairlane.capacity.efa_rules import efa_fit_problems
from fairlane.capacity.rules import ComputeEnvironmentSpec, Purchase
from fairlane.catalog import GpuInstanceType, JobNeeds, gpu_instance_type
from fairlane.catalog.job_needs import closest, shortcomings
from fairlane.errors import Advice, Problem

NO_NODES_ON_SPOT: Final = "multi-node jobs cannot run on Spot: use ON_DEMAND or CAPACITY_BLOCK"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSize:
    """Resources that a job needs.

    Args:
        needs: Resources of one node. None if they are known only at deployment.
        nodes: Number of nodes.
        instance_type: Instance type that the job requires. None if the job runs on any instance type with room for it.
    """

    needs: JobNeeds | None
    nodes: int
    instance_type: str | None


def fit_problems(job: JobSize, environments: Mapping[str, ComputeEnvironmentSpec]) -> Iterator[Problem]:
    """Yield a problem for each compute environment that can never run the job.

    An instance type that is not in the catalog counts as large enough.

    Args:
        job: Resources that the job needs.
        environments: Compute environments by name. The name is the path of the problem.
    """
    for name, environment in environments.items():
        field = (name,)
        if job.nodes > 1 and environment.purchase == Purchase.SPOT:
            yield Problem.relation(field, NO_NODES_ON_SPOT)
        if job.instance_type is not None and job.instance_type not in environment.instance_types:
            sentence = (
                f"the job requires {job.instance_type}, but the compute environment has "
                f"{', '.join(environment.instance_types)}: use the same instance type in both"
            )
            yield Problem.relation(field, sentence)
            continue
        if job.needs is None:
            continue
        yield from efa_fit_problems(name, job.needs.efa, efa=environment.efa)
        entries = [gpu_instance_type(instance_type) for instance_type in environment.instance_types]
        instances = [instance for instance in entries if instance is not None]
        if len(instances) < len(entries) or any(_fits(job.needs, instance) for instance in instances):
            vcpus = job.nodes * job.needs.vcpus
            if not is_token(environment.vcpus) and vcpus > environment.vcpus:
                sentence = (
                    f"the job needs {vcpus} vCPUs in all, but the compute environment has at most "
                    f"{environment.vcpus}: raise max_gpus or max_vcpus, or use a smaller job"
                )
                yield Problem.relation(field, sentence)
            continue
        nearest = closest(job.needs, instances)
        sentence = (
            f"the job needs {job.needs.gpus} GPUs, {job.needs.vcpus} vCPUs and {job.needs.memory_mib} MiB, but the "
            f"closest instance type, {nearest.instance_type}, has {', '.join(shortcomings(job.needs, nearest))}: "
            "use a larger instance type or a smaller job"
        )
        yield Problem.relation(field, sentence)


def splitting_advice(job: JobSize, instance_types: Sequence[str]) -> Iterator[Advice]:
    """Yield advice for instance types with GPUs that idle while the job uses the memory or vCPUs of those GPUs."""
    for instance in filter(None, map(gpu_instance_type, sorted(set(instance_types)))):
        if job.needs is None or not _fits(job.needs, instance):
            continue
        by_gpus = instance.gpus // job.needs.gpus
        at_once = min(by_gpus, instance.usable_memory_mib // job.needs.memory_mib, instance.vcpus // job.needs.vcpus)
        if at_once < by_gpus:
            yield Advice(
                "fairlane:GpuQueue.idleGpus",
                f"{instance.instance_type} has GPUs for {by_gpus} of these jobs, but memory and vCPUs for {at_once} "
                f"(each job uses {job.needs.memory_mib} MiB and {job.needs.vcpus} vCPUs), so that "
                f"{instance.gpus - at_once * job.needs.gpus} GPUs idle: reduce memory_mib or vcpus",
            )


def _fits(needs: JobNeeds, instance: GpuInstanceType) -> bool:
    return not any(shortcomings(needs, instance))
