"""Capacities of queues in CloudFormation templates, with the GPUs of their instance types."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from fairlane.catalog import gpu_instance_type, training_gpus
from fairlane.catalog.gpu_catalog import GpuInstanceType
from fairlane.cloudwatch.template import resources, template_text
from fairlane.preview.queue_day import Capacity

_VCPU: Final = "VCPU"
_VCPUS_PER_GPU: Final = 24
"""Number of vCPUs for each GPU of instance types that are unknown."""
_INVALID_INPUT: Final = (AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""Errors that the inputs of schedules for other targets cause."""


def queue_capacities(templates: Sequence[Mapping[str, Any]]) -> dict[str, Capacity]:
    """Return the capacities of queues in the inputs of job-metrics exporters, by queue name.

    The compute environments of a queue give the GPUs and vCPUs of its instances. They are in the template of the queue.
    """
    instances = {name: instance for template in templates for name, instance in _instances(template)}
    capacities: dict[str, Capacity] = {}
    for template in templates:
        for _, properties in resources(template, "AWS::Scheduler::Schedule"):
            with suppress(*_INVALID_INPUT):
                capacities |= _event_capacities(json.loads(template_text(properties["Target"]["Input"])), instances)
    return capacities


def _event_capacities(event: Mapping[str, Any], instances: Mapping[str, GpuInstanceType]) -> dict[str, Capacity]:
    capacities = {}
    for queue in event["queues"]:
        shares = {name: float(sum(units.values())) for name, units in queue.get("shares", {}).items()}
        limit = float(sum(queue.get("limit", {}).values())) or sum(shares.values())
        if limit:
            gpus, job_size = _gpus(queue), 1.0
            if any(_VCPU in units for units in _units(queue)):
                smallest = min([limit, *(share for share in shares.values() if share)])
                gpus, job_size = _vcpu_gpus(instances.get(queue["name"]), smallest)
            capacities[queue["name"]] = Capacity(limit=limit, shares=shares, gpus=gpus, job_size=job_size)
    return capacities


def _units(queue: Mapping[str, Any]) -> list[Mapping[str, float]]:
    """Return the capacity of a queue by unit; that of its shares if the queue's is unknown."""
    return [queue["limit"]] if queue.get("limit") else [*queue.get("shares", {}).values()]


def _gpus(queue: Mapping[str, Any]) -> float:
    """Return the GPUs of an instance, the mean of all instances. 0 if the instance types are unknown."""
    amounts = [
        (training_gpus(unit) or training_gpus(queue.get("instance_type", "")) or 0, amount)
        for units in _units(queue)
        for unit, amount in units.items()
    ]
    return sum(gpus * amount for gpus, amount in amounts) / sum(amount for _, amount in amounts)


def _vcpu_gpus(instance: GpuInstanceType | None, smallest: float) -> tuple[float, float]:
    """Return the GPUs of a vCPU, and the vCPUs of a job: a whole instance, or one GPU if no instance fits a share."""
    if instance is None or not instance.gpus:
        return 1 / _VCPUS_PER_GPU, _VCPUS_PER_GPU
    size = instance.vcpus if instance.vcpus <= smallest else instance.vcpus / instance.gpus
    return instance.gpus / instance.vcpus, size


def _instances(template: Mapping[str, Any]) -> Iterator[tuple[str, GpuInstanceType]]:
    """Yield the queues for containers with the first known instance type of their compute environments."""
    environments = {f"${{{name}.ComputeEnvironmentArn}}": types for name, types in _environments(template)}
    for _, properties in resources(template, "AWS::Batch::JobQueue"):
        with suppress(*_INVALID_INPUT):
            orders = properties.get("ComputeEnvironmentOrder", ())
            names = (
                name for order in orders for name in environments.get(template_text(order["ComputeEnvironment"]), ())
            )
            if instance := next(filter(None, map(gpu_instance_type, names)), None):
                yield properties["JobQueueName"], instance


def _environments(template: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    for name, properties in resources(template, "AWS::Batch::ComputeEnvironment"):
        with suppress(*_INVALID_INPUT):
            yield name, [str(each) for each in properties["ComputeResources"]["InstanceTypes"]]
