"""Idle capacity of queues, and the instance types and reservations of their environments.

The use of a queue is that of the queue alone: if other queues share its environments, its idle capacity is less.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fairlane_lambda.fan_out.capacity.source import pages, read
from fairlane_lambda.fan_out.placement import Idle
from fairlane_lambda.queue_poller.batch import Calls, Definitions
from fairlane_lambda.queue_poller.capacity import Snapshot
from fairlane_lambda.queue_poller.listing import Listing
from fairlane_lambda.queue_poller.queue import IN_USE, Queue, Units

_ANY: Final = "NUM_INSTANCES"
_VCPU: Final = "VCPU"
_MOST_PAGES: Final = 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a queue, from its enabled environments.

    Attributes:
        kind: `service` for SageMaker training, otherwise `compute`.
        amounts: Limit by capacity unit.
        types: Instance types that the environments name.
        launch_templates: Launch templates of the environments, as AWS Batch describes them.
    """

    kind: str
    amounts: Mapping[str, float]
    types: frozenset[str]
    launch_templates: Sequence[Mapping[str, str]] = ()

    def takes(self, instance_type: str) -> bool:
        """Return True if the instance type is one of SageMaker for SageMaker training, otherwise one of Amazon EC2."""
        return instance_type.startswith("ml.") == (self.kind == "service")


def read_limits(batch: Any, names: Sequence[str]) -> dict[str, Limits]:
    """Return the limits of queues. Absent queues have none.

    Args:
        batch: boto3 client of AWS Batch in the Region.
        names: Names of the queues.
    """
    return {
        queue["jobQueueName"]: _limits(batch, queue)
        for queue in batch.describe_job_queues(jobQueues=list(names))["jobQueues"]
    }


def read_use(calls: Calls, name: str, limits: Limits) -> Units | None:
    """Return the capacity in use of a queue by unit: from its snapshot, otherwise from its jobs. None if unknown.

    Args:
        calls: Calls to AWS Batch in the Region.
        name: Name of the queue.
        limits: Limits of the queue.
    """
    fields = {"quota": False, "shares": {}, "instance_type": None, "max_pages": _MOST_PAGES}
    queue = Queue({"name": name, "kind": limits.kind, "limit": dict(limits.amounts), **fields}, name)
    snapshot = Snapshot(calls("get_job_queue_snapshot", jobQueue=name), queue)
    if snapshot.in_use:
        return snapshot.in_use
    listing = Listing(queue, ())
    listing.list_jobs(calls, Definitions())
    return listing.total.usage if listing.is_complete(*IN_USE) and not listing.truncated else None


def idle(limits: Limits, use: Units | None, instance_type: str, vcpus: int | None) -> Idle:
    """Return the idle capacity of a queue for an instance type.

    Args:
        limits: Limits of the queue.
        use: Capacity in use by unit. None if unknown.
        instance_type: Instance type.
        vcpus: Number of vCPUs of the instance type, for a queue of containers. None if unknown.
    """
    unit = _ANY if _ANY in limits.amounts else instance_type
    counted, size = (unit, 1) if limits.kind == "service" else (_VCPU, vcpus)
    if use is None or not size:
        return Idle(None, unit)
    free = limits.amounts.get(counted, 0) - use.get(counted, 0)
    return Idle(max(0, int(free // size)), unit)


def read_vcpus(ec2: Any, types: Collection[str]) -> dict[str, int]:
    """Return the number of vCPUs of instance types of Amazon EC2. Unknown types are left out."""
    if not types:
        return {}
    wanted = [{"Name": "instance-type", "Values": sorted(types)}]
    found = pages(ec2, "describe_instance_types", Filters=wanted)
    return {item["InstanceType"]: item["VCpuInfo"]["DefaultVCpus"] for page in found for item in page["InstanceTypes"]}


def read_reservations(ec2: Any, region: str, limits: Collection[Limits]) -> set[str]:
    """Return the IDs of the capacity reservations that launch templates name. Resource groups are left out."""
    named: set[str] = set()
    for template in (template for each in limits for template in each.launch_templates):
        reference = {
            "LaunchTemplateId" if "launchTemplateId" in template else "LaunchTemplateName": template.get(
                "launchTemplateId", template.get("launchTemplateName", "")
            ),
            "Versions": [template.get("version") or "$Default"],
        }
        found: list[dict[str, Any]] = read(
            "DescribeLaunchTemplateVersions",
            region,
            lambda request=reference: pages(ec2, "describe_launch_template_versions", **request),  # type: ignore[misc]
            [],
        )
        for version in (version for page in found for version in page["LaunchTemplateVersions"]):
            specification = version["LaunchTemplateData"].get("CapacityReservationSpecification") or {}
            target = specification.get("CapacityReservationTarget") or {}
            named |= {target["CapacityReservationId"]} if target.get("CapacityReservationId") else set()
    return named


def _limits(batch: Any, queue: Mapping[str, Any]) -> Limits:
    amounts: dict[str, float] = {}
    types: set[str] = set()
    if order := queue.get("serviceEnvironmentOrder"):
        names = [item["serviceEnvironment"] for item in order]
        for environment in batch.describe_service_environments(serviceEnvironments=names)["serviceEnvironments"]:
            for limit in environment["capacityLimits"] if _is_enabled(queue, environment) else ():
                amounts[limit["capacityUnit"]] = amounts.get(limit["capacityUnit"], 0) + limit["maxCapacity"]
            types |= {limit["capacityUnit"] for limit in environment["capacityLimits"]} - {_ANY}
        return Limits("service", amounts, frozenset(types))
    names = [item["computeEnvironment"] for item in queue.get("computeEnvironmentOrder", [])]
    templates: list[Mapping[str, str]] = []
    found = batch.describe_compute_environments(computeEnvironments=names)["computeEnvironments"] if names else []
    for environment in found:
        resources = environment.get("computeResources") or {}
        if _is_enabled(queue, environment):
            amounts[_VCPU] = amounts.get(_VCPU, 0) + resources.get("maxvCpus", 0)
        types |= {name for name in resources.get("instanceTypes", []) if "." in name}
        templates += [resources["launchTemplate"]] if resources.get("launchTemplate") else []
    return Limits("compute", amounts, frozenset(types), templates)


def _is_enabled(*resources: Mapping[str, Any]) -> bool:
    return all(resource.get("state") == "ENABLED" for resource in resources)
