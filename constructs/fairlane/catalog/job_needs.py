"""What a GPU job needs, and what a machine lacks for it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fairlane.catalog.gpu_catalog import GpuInstanceType


@dataclass(frozen=True, slots=True, kw_only=True)
class JobNeeds:
    """What a job, or one node of a multi-node job, takes of a machine.

    Args:
        gpus: whole GPUs, 1 or more.
        vcpus: virtual CPUs.
        memory_mib: memory, shared memory included.
        efa: EFA interfaces, 0 for none.
        architecture: of its image, `x86_64` or `arm64`.
    """

    gpus: int
    vcpus: int
    memory_mib: int
    efa: int = 0
    architecture: str = "x86_64"

    @classmethod
    def part_of(cls, machine: GpuInstanceType, gpus: int, *, efa: bool = False) -> "JobNeeds":
        """The part of a machine that belongs to some of its GPUs, so that as many such jobs fit as it has GPUs for.

        Args:
            machine: which machine.
            gpus: 1 to as many as it has.
            efa: whether the job takes the machine's EFA interfaces.
        """
        return cls(
            gpus=gpus,
            vcpus=max(1, machine.vcpus * gpus // machine.gpus),
            memory_mib=machine.usable_memory_mib * gpus // machine.gpus,
            efa=len(machine.efa_cards) if efa else 0,
            architecture=machine.architecture,
        )


def shortcomings(needs: JobNeeds, machine: GpuInstanceType) -> Iterator[str]:
    """Yields, in people's words, everything that a machine lacks for a job; nothing if the job fits."""
    if needs.architecture != machine.architecture:
        yield f"it is {machine.architecture}, the job {needs.architecture}"
    if needs.gpus > machine.gpus:
        yield f"it has {machine.gpus} GPUs of {needs.gpus}"
    if needs.vcpus > machine.vcpus:
        yield f"it has {machine.vcpus} vCPUs of {needs.vcpus}"
    if needs.memory_mib > machine.usable_memory_mib:
        yield f"it has {machine.usable_memory_mib} MiB of usable memory of {needs.memory_mib}"
    if needs.efa > len(machine.efa_cards):
        yield f"it has {len(machine.efa_cards)} EFA interfaces of {needs.efa}"


def closest(needs: JobNeeds, machines: Iterable[GpuInstanceType]) -> GpuInstanceType:
    """The machine that lacks the least for a job: the fewest things, and of those the smallest part."""

    def lacking(machine: GpuInstanceType) -> tuple[int, float]:
        pairs = (
            (needs.gpus, machine.gpus),
            (needs.vcpus, machine.vcpus),
            (needs.memory_mib, machine.usable_memory_mib),
        )
        return len([*shortcomings(needs, machine)]), sum(max(0.0, 1 - has / wants) for wants, has in pairs)

    return min(machines, key=lacking)
