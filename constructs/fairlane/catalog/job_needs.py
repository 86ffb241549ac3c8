"""Resources that GPU jobs need, and comparison with instance types."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fairlane.catalog.gpu_catalog import GpuInstanceType


@dataclass(frozen=True, slots=True, kw_only=True)
class JobNeeds:
    """Resources of an instance that a job, or one node of a multi-node job, needs.

    Args:
        gpus: Number of whole GPUs, 1 or more.
        vcpus: Number of vCPUs.
        memory_mib: Memory in MiB, including shared memory.
        efa: Number of EFA interfaces. Default: 0.
        architecture: Processor architecture of the image, `x86_64` or `arm64`. Default: `x86_64`.
    """

    gpus: int
    vcpus: int
    memory_mib: int
    efa: int = 0
    architecture: str = "x86_64"

    @classmethod
    def part_of(cls, instance: GpuInstanceType, gpus: int, *, efa: bool = False) -> "JobNeeds":
        """Return the share of an instance type's vCPUs and memory for a number of GPUs.

        An instance has room for as many of these jobs as it has GPUs for.

        Args:
            instance: Instance type.
            gpus: Number of GPUs, 1 to the number of the instance type.
            efa: True if the job uses all EFA interfaces of the instance. Default: False.
        """
        return cls(
            gpus=gpus,
            vcpus=max(1, instance.vcpus * gpus // instance.gpus),
            memory_mib=instance.usable_memory_mib * gpus // instance.gpus,
            efa=len(instance.efa_cards) if efa else 0,
            architecture=instance.architecture,
        )


def shortcomings(needs: JobNeeds, instance: GpuInstanceType) -> Iterator[str]:
    """Yield the resources that an instance type has too few of for a job, for example "4 of 8 GPUs"."""
    if needs.architecture != instance.architecture:
        yield f"the architecture {instance.architecture} instead of {needs.architecture}"
    if needs.gpus > instance.gpus:
        yield f"{instance.gpus} of {needs.gpus} GPUs"
    if needs.vcpus > instance.vcpus:
        yield f"{instance.vcpus} of {needs.vcpus} vCPUs"
    if needs.memory_mib > instance.usable_memory_mib:
        yield f"{instance.usable_memory_mib} of {needs.memory_mib} MiB of usable memory"
    if needs.efa > len(instance.efa_cards):
        yield f"{len(instance.efa_cards)} of {needs.efa} EFA interfaces"


def closest(needs: JobNeeds, instances: Iterable[GpuInstanceType]) -> GpuInstanceType:
    """Return the instance type with the fewest shortcomings for a job, or the smallest ones if several have as few."""

    def distance(instance: GpuInstanceType) -> tuple[int, float]:
        pairs = (
            (needs.gpus, instance.gpus),
            (needs.vcpus, instance.vcpus),
            (needs.memory_mib, instance.usable_memory_mib),
        )
        missing = sum(max(0.0, 1 - available / needed) for needed, available in pairs if needed)
        return len([*shortcomings(needs, instance)]), missing

    return min(instances, key=distance)
