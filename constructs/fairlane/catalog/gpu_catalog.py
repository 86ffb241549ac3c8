"""The GPU machines of EC2: what each has, which AWS Batch can use, and a search by what one needs."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from fairlane._internal.tokens import is_token
from fairlane.catalog.training_catalog import training_instance_types
from fairlane.errors import Path, Problem

_INSTANCE_TYPE: Final = re.compile(r"(?P<family>[a-z][a-z0-9-]*)\.[a-z0-9-]+")
_REFUSED: Final = (
    (r"p2|p3|p3dn|g3|g3s", "GPUs that the Amazon Linux 2023 image does not support"),
    (r"g4ad", "AMD GPUs, and Batch schedules NVIDIA GPUs only"),
    (r"(trn|inf|dl)\d.*", "accelerators that are no GPUs, and Batch schedules NVIDIA GPUs only"),
    (r"g6f|gr6f", "fractions of a GPU, and Batch schedules whole ones only"),
    (r"g5g|p6e-gb200", "arm64 processors, for which AWS Batch has no GPU image"),
)
_UNVERIFIED: Final = ("g7", "g7e")
_GPUS_NOT_IN_DATA: Final = MappingProxyType(
    {
        "p2.xlarge": 1,
        "p2.8xlarge": 8,
        "p2.16xlarge": 16,
        "p3.2xlarge": 1,
        "p3.8xlarge": 4,
        "p3.16xlarge": 8,
        "p6e-gb200.36xlarge": 4,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuInstanceType:
    """A machine with NVIDIA GPUs, as EC2 describes it.

    Attributes:
        instance_type: its name, such as `p5.48xlarge`.
        gpus: how many it has; 0 for a fraction of one.
        gpu_model: such as H100.
        gpu_memory_mib: the memory of each GPU.
        vcpus: its virtual CPUs.
        memory_mib: its nominal memory; a job cannot have all of it, see `usable_memory_mib`.
        efa_cards: the indices of the network cards that take an EFA interface; empty without EFA.
        network_cards: how many network cards it has.
        architecture: `x86_64` or `arm64`.
        capacity_block: whether EC2 offers capacity blocks of it.
    """

    instance_type: str
    gpus: int
    gpu_model: str
    gpu_memory_mib: int
    vcpus: int
    memory_mib: int
    efa_cards: tuple[int, ...]
    network_cards: int
    architecture: str
    capacity_block: bool

    @property
    def usable_memory_mib(self) -> int:
        """What jobs can have of the memory: 96 % less 256 MiB.

        This is Fairlane's own model of what the kernel, the ECS agent and Docker keep; AWS publishes no figure.
        """
        return self.memory_mib * 96 // 100 - 256


@cache
def _known() -> dict[str, GpuInstanceType]:
    rows = json.loads(files(__package__).joinpath("gpu_instance_types.json").read_text())
    machines = (GpuInstanceType(**{**row, "efa_cards": tuple(row["efa_cards"])}) for row in rows)
    return {machine.instance_type: machine for machine in machines}


def gpu_instance_type(name: str) -> GpuInstanceType | None:
    """Looks a machine up by its name; None if EC2 did not have it when this release was made, or it has no GPU."""
    return _known().get(name)


def gpu_instance_types(
    *, gpu_model: str | None = None, gpus: int | None = None, gpu_memory_mib: int = 0, memory_mib: int = 0
) -> list[GpuInstanceType]:
    """Finds the machines that AWS Batch can use, those with the fewest GPUs and the least memory first.

    Args:
        gpu_model: such as `"A100"`, in either case; any by default.
        gpus: how many GPUs exactly; any number by default.
        gpu_memory_mib: the least memory of each GPU.
        memory_mib: the least memory of the machine.
    """
    found = [
        machine
        for machine in _known().values()
        if not any(check_gpu_instance_type((), machine.instance_type))
        and (gpu_model is None or machine.gpu_model.lower() == gpu_model.lower())
        and (gpus is None or machine.gpus == gpus)
        and machine.gpu_memory_mib >= gpu_memory_mib
        and machine.memory_mib >= memory_mib
    ]
    return sorted(found, key=lambda machine: (machine.gpus, machine.memory_mib, machine.vcpus, machine.instance_type))


def check_gpu_instance_type(field: Path, name: object) -> Iterator[Problem]:
    """Checks that a machine may run GPU jobs on AWS Batch, by its family: an unknown one of a good family passes."""
    if is_token(name):
        return
    match = _INSTANCE_TYPE.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        yield Problem(field, name, "an EC2 instance type such as g5.12xlarge")
        return
    for pattern, why in _REFUSED:
        if re.fullmatch(pattern, match["family"]):
            yield Problem(field, name, f"a machine such as g5.12xlarge: {match['family']} has {why}")
            return
    if match["family"][0] not in "gp":
        yield Problem(field, name, "a machine with NVIDIA GPUs, of the families g4dn, g5, g6, g6e, gr6, p4d, p5 or p6")


def is_unverified(name: str) -> bool:
    """Tells whether a machine is unknown here, or of a family that AWS's documentation for Batch does not name yet."""
    return name not in _known() or name.partition(".")[0] in _UNVERIFIED


def training_gpus(instance_type: str) -> int | None:
    """How many GPUs a SageMaker instance type has: 0 without any, None for a type that is not known.

    Args:
        instance_type: such as `ml.p4d.24xlarge`.
    """
    name = instance_type.removeprefix("ml.")
    if name in _known():
        return _known()[name].gpus
    if name in _GPUS_NOT_IN_DATA:
        return _GPUS_NOT_IN_DATA[name]
    return 0 if instance_type in training_instance_types() and not re.match(r"[gp]\d", name) else None
