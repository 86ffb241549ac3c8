"""Instance groups of a HyperPod cluster as values. Imports no aws_cdk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fairlane.capacity.rules import Purchase


class DeepHealthCheck(StrEnum):
    """Test of new instances before they join the cluster."""

    INSTANCE_STRESS = "InstanceStress"
    """Stress test of the accelerators, memory and disks of each instance."""
    INSTANCE_CONNECTIVITY = "InstanceConnectivity"
    """Test of the network between accelerators, by NCCL and EFA."""


class TaintEffect(StrEnum):
    """Effect of a taint on pods that do not tolerate it."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint:
    """Kubernetes taint of nodes: keeps away pods that do not tolerate it.

    Args:
        key: Key of the taint, for example nvidia.com/gpu.
        value: Value of the taint. Default: none.
        effect: Effect on pods that do not tolerate the taint.
    """

    key: str
    value: str | None = None
    effect: TaintEffect = TaintEffect.NO_SCHEDULE


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """EBS volume of each instance of a group.

    Args:
        size_gib: Size in GiB, 1 to 16,384. Required for the data volume. None for the root volume, whose size SageMaker
            determines.
        encryption_key: ARN of the KMS key. Required for the root volume. Default: a key of AWS.
    """

    size_gib: int | None = None
    encryption_key: str | None = None


class NetworkInterface(StrEnum):
    """Interfaces of instances with Elastic Fabric Adapter (EFA)."""

    EFA = "efa"
    """EFA with an interface for IP traffic."""
    EFA_ONLY = "efa-only"
    """EFA without an interface for IP traffic."""


class PatchingStrategy(StrEnum):
    """Time at which HyperPod patches instances."""

    WHEN_IDLE = "WhenIdle"
    """Each instance when it runs no job."""
    WHEN_ALL_IDLE = "WhenAllIdle"
    """All instances of the group when none runs a job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceGroup:
    """Group of instances of a HyperPod cluster with the same settings.

    Args:
        group_name: Name of the group, 1 to 63 characters of A-Z, a-z, 0-9 and -.
        instance_type: SageMaker instance type, for example ml.p5.48xlarge. Either `instance_type` or `instance_types`.
        instance_types: 1 to 20 SageMaker instance types, of which HyperPod uses those available. Default: none.
        instance_count: Number of instances, 0 to 6,758. 0 for groups that Karpenter scales.
        min_instance_count: Smallest number of instances. If fewer start within three hours, the group rolls back.
            Default: `instance_count`.
        purchase: Purchase option, ON_DEMAND or SPOT. Default: ON_DEMAND.
        training_plan: ARN of the SageMaker training plan whose instances the group uses. Default: none.
        deep_health_checks: Tests of new instances. Default: none.
        labels: Kubernetes labels of the nodes. Default: none.
        taints: Kubernetes taints of the nodes, at most 50. Default: none.
        network_interface: Interfaces of instance types with EFA. Default: SageMaker decides.
        root_volume: KMS key of the root volume. Default: a key of AWS.
        data_volume: Volume at /opt/sagemaker. Default: none.
        threads_per_core: 1 or 2. With 1, nodes have half of the nominal vCPUs. Default: that of the instance type.
        lifecycle_script: Name of the script in the lifecycle bucket that replaces AWS's own bootstrap. Default: none.
        init_script: Name of the script that runs after AWS's own bootstrap. Default: one that does nothing.
        patching: Time at which HyperPod patches instances. Default: never; patch by hand with
            `UpdateClusterSoftware`.
        image_release: Version of the HyperPod image, x.y.z. Default: that of the cluster's oldest group.
        subnets: IDs of 1 to 16 subnets for the group, in one zone if Karpenter scales the group. Default: the subnets
            of the cluster. For instance types with EFA, and for groups that Karpenter scales, only those in the zone of
            the cluster's first subnet.
        security_groups: IDs of 1 to 5 security groups, only with `subnets`. Default: the cluster's.
    """

    group_name: str
    instance_type: str | None = None
    instance_types: Sequence[str] = ()
    instance_count: int
    min_instance_count: int | None = None
    purchase: Purchase = Purchase.ON_DEMAND
    training_plan: str | None = None
    deep_health_checks: Sequence[DeepHealthCheck] = ()
    labels: Mapping[str, str] | None = None
    taints: Sequence[Taint] = ()
    network_interface: NetworkInterface | None = None
    root_volume: Volume | None = None
    data_volume: Volume | None = None
    threads_per_core: int | None = None
    lifecycle_script: str | None = None
    init_script: str | None = None
    patching: PatchingStrategy | None = None
    image_release: str | None = None
    subnets: Sequence[str] = ()
    security_groups: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePool:
    """Nodes that Karpenter adds when pods wait, and removes when they are empty.

    Args:
        pool_name: Name of the pool, of its HyperpodNodeClass and its NodePool.
        instance_groups: Names of 1 to 10 instance groups, tried in this order of preference.
        max_accelerators: Largest number of accelerators of the pool at a time. Default: no limit.
        max_vcpus: Largest number of vCPUs of the pool at a time. Default: no limit.
    """

    pool_name: str
    instance_groups: Sequence[str]
    max_accelerators: int | None = None
    max_vcpus: int | None = None
