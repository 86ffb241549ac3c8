"""MIG profiles of GPUs: partitions that the quotas of HyperPod can name. Imports no aws_cdk."""

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final, NamedTuple

_FAMILY: Final = re.compile(r"ml\.([a-z0-9-]+)\.")
_COMPUTE_SLICES: Final = 7
_MEMORY_SLICES: Final = 8
_SLICES: Final = ((1, 1), (1, 2), (2, 2), (3, 4), (4, 4), (7, 8))
_A100_40GB: Final = "1g.5gb 1g.10gb 2g.10gb 3g.20gb 4g.20gb 7g.40gb"
_80GB: Final = "1g.10gb 1g.20gb 2g.20gb 3g.40gb 4g.40gb 7g.80gb"
_H200: Final = "1g.18gb 1g.35gb 2g.35gb 3g.71gb 4g.71gb 7g.141gb"
_PROFILES: Final = {
    "p4d": _A100_40GB,
    "p4de": _80GB,
    "p5": _80GB,
    "p5e": _H200,
    "p5en": _H200,
    "p6-b200": "1g.23gb 1g.45gb 2g.45gb 3g.90gb 4g.90gb 7g.180gb",
    "p6e-gb200": "1g.23gb 1g.47gb 2g.47gb 3g.93gb 4g.93gb 7g.186gb",
}


class MigProfile(NamedTuple):
    """Part of a GPU that a profile takes.

    Attributes:
        compute: Number of compute slices, of 7.
        memory: Number of memory slices, of 8.
    """

    compute: int
    memory: int

    @property
    def most_per_gpu(self) -> int:
        """Largest number of partitions of the profile on one GPU."""
        return min(_COMPUTE_SLICES // self.compute, _MEMORY_SLICES // self.memory)


def mig_profiles(instance_type: str) -> Mapping[str, MigProfile]:
    """Return the MIG profiles of the GPUs of an instance type by name, for example `mig-1g.10gb`.

    Empty for GPUs without MIG, and for GPUs whose profiles `CreateComputeQuota` does not accept (B300, RTX PRO).

    Sources: "Supported MIG Profiles" in the NVIDIA Multi-Instance GPU User Guide;
    `INSTANCE_TYPE_MIG_PROFILES` of the HyperPod CLI; `MIGProfileType` in botocore 1.44.5.

    Args:
        instance_type: SageMaker instance type.
    """
    match = _FAMILY.match(instance_type)
    return _family_profiles(match[1]) if match else MappingProxyType({})


@cache
def _family_profiles(family: str) -> Mapping[str, MigProfile]:
    names = _PROFILES.get(family, "").split()
    return MappingProxyType({f"mig-{name}": MigProfile(*slices) for name, slices in zip(names, _SLICES, strict=False)})


def least_gpus(partitions: Mapping[MigProfile, int]) -> float:
    """Return the number of GPUs that partitions take at least.

    Placement on the GPUs can need more, which depends on the MIG configuration of the nodes.

    Args:
        partitions: Number of partitions by profile.
    """
    compute = sum(profile.compute * number for profile, number in partitions.items()) / _COMPUTE_SLICES
    memory = sum(profile.memory * number for profile, number in partitions.items()) / _MEMORY_SLICES
    return max(compute, memory)
