"""Catalog of the instance types of HyperPod clusters."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperPodInstanceType:
    """Instance type of HyperPod clusters. Numbers are nominal: daemons of the node take a part of them.

    Attributes:
        instance_type: Name of the instance type, for example `ml.p5.48xlarge`.
        accelerators: Number of accelerators. 0 without.
        resource: Kubernetes resource of the accelerators, `nvidia.com/gpu` or `aws.amazon.com/neuron`. None without.
        model: Model of the accelerators, for example H100. None without.
        vcpus: Number of vCPUs.
        memory_gib: Memory in GiB.
        efa: Number of EFA interfaces, the Kubernetes resource `vpc.amazonaws.com/efa`. 0 without.
        architecture: Processor architecture, `x86_64` or `arm64`.
    """

    instance_type: str
    accelerators: int
    resource: str | None
    model: str | None
    vcpus: int
    memory_gib: float
    efa: int
    architecture: str


@cache
def hyperpod_instance_types() -> Mapping[str, HyperPodInstanceType]:
    """Return the instance types of HyperPod clusters by name.

    Names are those of `ClusterInstanceType` in botocore 1.44.5, numbers those of EC2, and for Trainium and GB200 those
    of the HyperPod CLI. SageMaker adds instance types between releases.
    """
    rows = json.loads(files(__package__).joinpath("hyperpod_instance_types.json").read_text())
    return MappingProxyType({row["instance_type"]: HyperPodInstanceType(**row) for row in rows})
