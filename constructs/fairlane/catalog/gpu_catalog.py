"""Catalog of EC2 GPU instance types, the rules of AWS Batch for them, and a search."""

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

INSTANCE_TYPE: Final = re.compile(r"(?P<family>[a-z][a-z0-9-]*)\.[a-z0-9-]+")
_REFUSED: Final = (
    (r"p2|p3|p3dn|g3|g3s", "GPUs that the Amazon Linux 2023 image does not support"),
    (r"g4ad", "AMD GPUs, but AWS Batch schedules NVIDIA GPUs only"),
    (r"(trn|inf|dl)\d.*", "accelerators instead of GPUs, but AWS Batch schedules NVIDIA GPUs only"),
    (r"g6f|gr6f", "fractions of a GPU, but AWS Batch schedules whole GPUs only"),
    (r"g5g|p6e-gb200", "arm64 processors, but AWS Batch has no GPU image for arm64"),
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
    """EC2 instance type with NVIDIA GPUs, as EC2 describes it.

    Attributes:
        instance_type: Name of the instance type, for example `p5.48xlarge`.
        gpus: Number of GPUs. 0 if the instance type has a fraction of a GPU.
        gpu_model: Model of the GPUs, for example H100.
        gpu_memory_mib: Memory of each GPU in MiB.
        vcpus: Number of vCPUs.
        memory_mib: Nominal memory in MiB. For the memory that jobs can use, see `usable_memory_mib`.
        efa_cards: Indices of the network cards that support an EFA interface. Empty without EFA.
        network_cards: Number of network cards.
        architecture: Processor architecture, `x86_64` or `arm64`.
        capacity_block: True if EC2 offers the instance type in capacity blocks.
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
        """Memory that jobs can use, in MiB: 96 % of the nominal memory, minus 256 MiB.

        The formula is Fairlane's own model. It leaves memory for the kernel, the ECS agent and Docker. AWS publishes no
        figure.
        """
        return self.memory_mib * 96 // 100 - 256


@cache
def _catalog() -> dict[str, GpuInstanceType]:
    rows = json.loads(files(__package__).joinpath("gpu_instance_types.json").read_text())
    instances = (GpuInstanceType(**{**row, "efa_cards": tuple(row["efa_cards"])}) for row in rows)
    return {instance.instance_type: instance for instance in instances}


def gpu_instance_type(name: str) -> GpuInstanceType | None:
    """Return an instance type by its name, or None if it has no GPU or is newer than this release."""
    return _catalog().get(name)


def gpu_instance_types(
    *, gpu_model: str | None = None, gpus: int | None = None, gpu_memory_mib: int = 0, memory_mib: int = 0
) -> list[GpuInstanceType]:
    """Return the GPU instance types that AWS Batch can use, sorted by number of GPUs, memory, vCPUs and name.

    Args:
        gpu_model: Model of the GPUs, for example `"A100"`, in upper or lower case. Default: all models.
        gpus: Exact number of GPUs. Default: all numbers.
        gpu_memory_mib: Lowest memory of each GPU in MiB. Default: 0.
        memory_mib: Lowest nominal memory of the instance type in MiB. Default: 0.
    """
    matches = [
        instance
        for instance in _catalog().values()
        if not any(check_gpu_instance_type((), instance.instance_type))
        and (gpu_model is None or instance.gpu_model.lower() == gpu_model.lower())
        and (gpus is None or instance.gpus == gpus)
        and instance.gpu_memory_mib >= gpu_memory_mib
        and instance.memory_mib >= memory_mib
    ]
    return sorted(matches, key=lambda match: (match.gpus, match.memory_mib, match.vcpus, match.instance_type))


def check_gpu_instance_type(field: Path, name: object) -> Iterator[Problem]:
    """Check that AWS Batch can run GPU jobs on the family of an instance type; a token passes.

    The check passes for an instance type of such a family that is not in the catalog.
    """
    if is_token(name):
        return
    match = INSTANCE_TYPE.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        yield Problem(field, name, "an EC2 instance type such as g5.12xlarge")
        return
    for pattern, reason in _REFUSED:
        if re.fullmatch(pattern, match["family"]):
            yield Problem(field, name, f"an instance type such as g5.12xlarge: {match['family']} has {reason}")
            return
    if match["family"][0] not in "gp":
        allowed = "an instance type with NVIDIA GPUs, of the families g4dn, g5, g6, g6e, gr6, p4d, p5 or p6"
        yield Problem(field, name, allowed)


def is_unverified(name: str) -> bool:
    """Return True if an instance type is not in the catalog, or if the documentation of AWS Batch lacks its family."""
    return name not in _catalog() or name.partition(".")[0] in _UNVERIFIED


def training_gpus(instance_type: str) -> int | None:
    """Return the number of GPUs of a SageMaker instance type, 0 if it has no GPUs, or None if it is unknown.

    Args:
        instance_type: Name of the instance type, for example `ml.p4d.24xlarge`.
    """
    name = instance_type.removeprefix("ml.")
    if name in _catalog():
        return _catalog()[name].gpus
    if name in _GPUS_NOT_IN_DATA:
        return _GPUS_NOT_IN_DATA[name]
    return 0 if instance_type in training_instance_types() and not re.match(r"[gp]\d", name) else None
