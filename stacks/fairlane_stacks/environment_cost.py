"""Estimated cost of an environment file: monitoring, network, and instances at full use."""

from collections.abc import Iterator, Mapping
from math import ceil

from fairlane.capacity.rules import ComputeEnvironmentSpec, Purchase
from fairlane.catalog import gpu_instance_type
from fairlane.catalog.hyperpod_catalog import hyperpod_instance_types
from fairlane.costs import CapacityUse, EnvironmentCost, InstancePrices, InstanceService, NetworkUse, read_prices
from fairlane.environment import Environment, HyperPodModel, RegionModel
from fairlane.environment.network import NewNetworkModel
from fairlane.hyperpod import InstanceGroup, NodePool
from fairlane.monitoring import MonitoringCost
from fairlane.monitoring.costs.estimate import LOG_RETENTION_DAYS, MonthlyCost
from fairlane.scheduling.capacity import NUM_INSTANCES, Capacity


def estimate(name: str, environment: Environment, monitoring: MonitoringCost | None) -> EnvironmentCost:
    """Return the estimated cost of an environment, with the prices of its price file.

    Args:
        name: Name of the environment.
        environment: Content of the environment file.
        monitoring: Cost of all monitoring. None without monitoring.

    Raises:
        ConfigurationError: If the price file has mistakes.
    """
    return EnvironmentCost(
        name=name,
        monitoring=monitoring.estimate if monitoring else MonthlyCost((), ()),
        networks=[*network_uses(environment)],
        capacity=[*capacity_uses(environment)],
        prices=read_prices(environment.prices) if environment.prices else InstancePrices(),
    )


def capacity_uses(environment: Environment) -> Iterator[CapacityUse]:
    """Yield the instances of all Regions at full use: training queues, environments, and groups of HyperPod clusters.

    Args:
        environment: Content of the environment file.
    """
    for region, model in environment.by_region().items():
        yield from _training_uses(model, region)
        yield from _compute_uses(model, region)
        for name, cluster in model.hyperpod.items():
            yield from _cluster_uses(name, cluster, region)


def network_uses(environment: Environment) -> Iterator[NetworkUse]:
    """Yield the new VPCs of all Regions: one for the compute environments, and one for each HyperPod cluster.

    Args:
        environment: Content of the environment file.
    """
    for region, model in environment.by_region().items():
        users = [[*_cluster_uses(name, cluster, region)] for name, cluster in model.hyperpod.items()]
        users = [[*_compute_uses(model, region)], *users] if model.compute_environments else users
        if isinstance(model.network, NewNetworkModel):
            for uses in users:
                yield NetworkUse(
                    region=region,
                    availability_zones=len(model.network.availability_zone_ids or ())
                    or model.network.availability_zones,
                    nat_gateways=model.network.nat_gateways,
                    instances=sum(use.most_instances for use in uses),
                    log_retention_days=environment.log_retention_days or LOG_RETENTION_DAYS,
                )


def _training_uses(model: RegionModel, region: str) -> Iterator[CapacityUse]:
    for name, queue in model.training_queues.items():
        if queue.capacity is not None:
            yield from _service_uses(f"queue {name}", region, queue.capacity, [queue.instance_type])
    for name, environment in model.service_environments.items():
        types = [queue.instance_type for queue in model.training_queues.values() if queue.service_environment == name]
        yield from _service_uses(f"environment {name}", region, environment.capacity, types)


def _service_uses(item: str, region: str, capacity: Capacity, hints: list[str | None]) -> Iterator[CapacityUse]:
    """Yield one use for each instance type of a capacity, or one for all types that its queues name."""
    alternatives: list[Mapping[str, int]]
    if isinstance(capacity, Mapping):
        alternatives = [{unit: number} for unit, number in capacity.items()]
    else:
        names = [hint for hint in hints if hint] if hints and all(hints) else [NUM_INSTANCES]
        alternatives = [dict.fromkeys(names, capacity)]
    for instances in alternatives:
        yield CapacityUse(item=item, region=region, service=InstanceService.TRAINING, instances=instances)


def _compute_uses(model: RegionModel, region: str) -> Iterator[CapacityUse]:
    for name, settings in model.compute_environments.items():
        yield CapacityUse(
            item=f"environment {name}",
            region=region,
            service=InstanceService.EC2,
            instances={instance_type: _instances(settings, instance_type) for instance_type in settings.instance_types},
            purchase=settings.purchase,
        )


def _instances(settings: ComputeEnvironmentSpec, instance_type: str) -> int | None:
    """Return the number of whole instances that reach the limit. None if Fairlane's catalog lacks the type."""
    instance = gpu_instance_type(instance_type)
    return ceil(settings.vcpus / instance.vcpus) if instance else None


def _cluster_uses(cluster_name: str, cluster: HyperPodModel, region: str) -> Iterator[CapacityUse]:
    for group in cluster.instance_groups:
        if group.instance_count:
            yield CapacityUse(
                item=f"{cluster_name}, group {group.group_name}",
                region=region,
                service=InstanceService.HYPERPOD,
                instances=dict.fromkeys(_types(group), group.instance_count),
                purchase=Purchase.CAPACITY_BLOCK if group.training_plan else group.purchase,
            )
    groups = {group.group_name: group for group in cluster.instance_groups}
    for pool in cluster.node_pools:
        own = [groups[key] for key in pool.instance_groups if key in groups]
        options = {group.purchase for group in own}
        yield CapacityUse(
            item=f"{cluster_name}, node pool {pool.pool_name}",
            region=region,
            service=InstanceService.HYPERPOD,
            instances={each: _pool_size(pool, each) for group in own for each in _types(group)},
            purchase=options.pop() if len(options) == 1 else Purchase.ON_DEMAND,
        )


def _types(group: InstanceGroup) -> list[str]:
    return [group.instance_type] if group.instance_type else [*group.instance_types]


def _pool_size(pool: NodePool, instance_type: str) -> int | None:
    """Return the number of instances that reach a limit of a pool. None without a limit."""
    instance = hyperpod_instance_types().get(instance_type)
    if instance is None:
        return None
    limits = [(pool.max_accelerators, instance.accelerators), (pool.max_vcpus, instance.vcpus)]
    return min((ceil(limit / own) for limit, own in limits if limit is not None and own), default=None)
