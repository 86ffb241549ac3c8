"""Requests of the replicas of an elastic job, and what an instance has beside its daemons. Imports no aws_cdk."""

from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from typing import Final

from fairlane.catalog.hyperpod_catalog import HyperPodInstanceType, hyperpod_instance_types
from fairlane.hyperpod.elastic_job import ElasticTrainingJob
from fairlane.hyperpod.mig_profiles import mig_profiles
from fairlane.hyperpod.quantities import parse_quantity
from fairlane.hyperpod.quota_amounts import MIG_PREFIX
from fairlane.hyperpod.team_objects import EFA, GIB, is_extended

_MEMORY_STEPS: Final = tuple((size, Fraction(part, 100)) for size, part in ((4, 30), (4, 25), (8, 20), (112, 17)))
_MEMORY_REST: Final = Fraction(7, 100)
_MEMORY_FIXED: Final = Fraction(1, 2)
_CPU_STEPS: Final = tuple(Fraction(part, 100) for part in (30, 15, 10, 10))
_CPU_REST: Final = Fraction(6, 100)
_CPU_FIXED: Final = Fraction(1, 10)


def usable_amounts(node: HyperPodInstanceType, threads_per_core: int | None = None) -> dict[str, Fraction]:
    """Return what the pods of an instance can request beside its daemons, by resource, memory in GiB.

    ml.p5.48xlarge has 179.97 vCPUs and 1890.26 GiB of memory for pods.

    Source: the reservation in `quota_allocation_util.py` of sagemaker-hyperpod 3.12.0. Not measured on an instance.

    Args:
        node: Instance type.
        threads_per_core: 1 for nodes with half of the vCPUs. Default: all vCPUs.
    """
    vcpus = node.vcpus // 2 if threads_per_core == 1 else node.vcpus
    amounts = {"cpu": _usable_vcpus(vcpus), "memory": _usable_memory(Fraction(node.memory_gib))}
    devices = {node.resource: node.accelerators, EFA: node.efa}
    return amounts | {name: Fraction(amount) for name, amount in devices.items() if name and amount}


def device_amounts(node: HyperPodInstanceType) -> dict[str, int]:
    """Return the number of accelerators of an instance, and the most MIG partitions, by resource."""
    whole = {node.resource: node.accelerators} if node.resource else {}
    partitions = {
        f"{MIG_PREFIX}{name}": profile.most_per_gpu * node.accelerators
        for name, profile in mig_profiles(node.instance_type).items()
    }
    return whole | partitions


def replica_requests(job: ElasticTrainingJob) -> dict[str, str]:
    """Return the requests of the container of a replica as Kubernetes quantities, without those of 0.

    Requests that the job does not state are those of a whole instance, or the part of them that its accelerators are of
    the accelerators of an instance. A job that states MIG partitions has no other accelerators.

    Args:
        job: Job. Without stated requests, there are none for an instance type that is not in the catalog.
    """
    stated = {str(name): str(amount) for name, amount in (job.requests or {}).items()}
    node = hyperpod_instance_types().get(job.instance_type)
    usable = usable_amounts(node) if node else {}
    devices = device_amounts(node) if node else {}
    amounts = request_amounts({name: stated[name] for name in devices if name in stated})
    part = min(sum(amount / devices[name] for name, amount in amounts.items()), Fraction(1)) or Fraction(1)
    if node and any(amounts.values()):
        usable.pop(node.resource or "", None)
    requests = {name: _text(name, amount * part) for name, amount in usable.items()} | stated
    return {name: amount for name, amount in requests.items() if amount != "0"}


def request_amounts(requests: Mapping[str, object]) -> dict[str, Fraction]:
    """Return requests as numbers, memory in GiB. Requests that are no quantities are left out."""
    amounts = {}
    for name, quantity in requests.items():
        with suppress(ValueError):
            amounts[name] = parse_quantity(quantity) / (GIB if name == "memory" else 1)
    return amounts


def accelerator_requests(job: ElasticTrainingJob) -> list[str]:
    """Return the devices that a replica requests, without EFA interfaces."""
    return [name for name in replica_requests(job) if is_extended(name) and name != EFA]


def accelerators_per_replica(job: ElasticTrainingJob) -> int:
    """Return the number of accelerators or MIG partitions that a replica requests. 0 without."""
    node = hyperpod_instance_types().get(job.instance_type)
    amounts = request_amounts(replica_requests(job))
    return int(sum(amounts.get(name, 0) for name in device_amounts(node))) if node else 0


def replica_processes(job: ElasticTrainingJob) -> int:
    """Return the number of processes of a replica."""
    return job.processes_per_replica or accelerators_per_replica(job) or 1


def _usable_vcpus(vcpus: int) -> Fraction:
    stepped = sum(_CPU_STEPS[:vcpus], Fraction(0))
    return vcpus - (_CPU_FIXED + stepped + _CPU_REST * max(vcpus - len(_CPU_STEPS), 0))


def _usable_memory(memory: Fraction) -> Fraction:
    reserved, rest = _MEMORY_FIXED, memory
    for size, part in _MEMORY_STEPS:
        step = min(Fraction(size), rest)
        reserved += step * part
        rest -= step
    return memory - reserved - rest * _MEMORY_REST


def _text(name: str, amount: Fraction) -> str:
    """Return an amount as a whole number, rounded down, or in thousandths of a vCPU or MiB if it is less than one."""
    whole = int(amount)
    if name == "memory":
        return f"{whole}Gi" if whole else f"{int(amount * 1024)}Mi"
    return f"{int(amount * 1000)}m" if name == "cpu" and not whole else str(whole)
