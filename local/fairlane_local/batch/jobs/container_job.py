"""Container jobs of a queue: jobs, array jobs with their children, and multi-node jobs with their nodes."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fairlane_client.checks.overrides import node_owner
from fairlane_local.batch.jobs.containers import describe_attempt, exit_members, task
from fairlane_local.batch.jobs.job import STATUSES, Job
from fairlane_local.batch.store import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """Specification that the children of an array job share.

    Attributes:
        definition: ARN of the job definition.
        detail: Members of `JobDetail` that never change.
        needs: Quantities of consumable resources by ARN.
        exit_code: Exit code of the containers.
        nodes: Number of nodes of a multi-node job. 0 for other jobs.
        capacity_unit: Unit of the capacity.
    """

    definition: str
    detail: Record
    needs: tuple[tuple[str, int], ...] = ()
    exit_code: int = 0
    nodes: int = 0
    capacity_unit: str = "VCPU"


@dataclass(slots=True, kw_only=True, eq=False)
class ContainerJob(Job):
    """Container job of a queue. A child of an array job is a job of its own; a node of a multi-node job is not.

    Attributes:
        spec: What the children of an array job have in common.
        parent: Array job of a child.
        index: Index of a child in its array job.
        children: Children of an array job.
        unended: Number of children that have not ended.
        blockers: Number of jobs that have to succeed first.
    """

    state_change = "Batch Job State Change"
    starting_statuses = ("STARTING",)

    spec: ContainerSpec
    parent: "ContainerJob | None" = None
    index: int | None = None
    children: "tuple[ContainerJob, ...]" = ()
    unended: int = 0
    blockers: int = 0

    @property
    def nodes(self) -> range:
        """Indexes of the nodes of a multi-node job."""
        return range(self.spec.nodes)

    def views(self) -> Iterator[Record]:
        """Yield the job, and the nodes of a multi-node job."""
        yield self.describe()
        for node in self.nodes:
            yield self.describe(node)

    def describe(self, node: int | None = None) -> dict[str, Any]:
        """Return the job, or a node of a multi-node job, as DescribeJobs describes it."""
        spec, latest = self.spec, self.latest_attempt
        suffix = "" if node is None else f"#{node}"
        description: dict[str, Any] = {
            "jobArn": self.arn + suffix,
            "jobId": self.id + suffix,
            "jobName": self.name,
            "jobQueue": self.queue,
            "status": self.status,
            "createdAt": self.created,
            "attempts": self._describe_attempts(node),
            **spec.detail,
            "tags": self.tags,
            "isCancelled": self.is_cancelled,
            "isTerminated": self.is_terminated,
        }
        if node is not None:
            properties = description.pop("nodeProperties")
            description["nodeDetails"] = {"nodeIndex": node, "isMainNode": node == properties["mainNode"]}
            description["container"] = node_owner(properties, node).get("container", {})
        if latest is not None and "container" in description:
            members = {**task(latest, spec.definition, node), **exit_members(latest)}
            description["container"] = {**description["container"], **members}
        optional: dict[str, Any] = {
            "shareIdentifier": self.share or None,
            "schedulingPriority": self.priority,
            "statusReason": self.reason or None,
            "startedAt": latest.started if latest else None,
            "stoppedAt": self.stopped,
            "arrayProperties": self._array_properties(),
        }
        return description | {name: value for name, value in optional.items() if value is not None}

    def summary(self, node: int | None = None) -> Record:
        """Return the job, or a node of a multi-node job, as ListJobs lists it."""
        latest = self.latest_attempt
        suffix = "" if node is None else f"#{node}"
        summary: Record = {
            "jobArn": self.arn + suffix,
            "jobId": self.id + suffix,
            "jobName": self.name,
            "jobDefinition": self.spec.definition,
            "status": self.status,
            "createdAt": self.created,
            "isCancelled": self.is_cancelled,
            "isTerminated": self.is_terminated,
        }
        if node is not None:
            main = self.spec.detail["nodeProperties"]["mainNode"]
            summary["nodeProperties"] = {"nodeIndex": node, "isMainNode": node == main}
        elif self.spec.nodes:
            summary["nodeProperties"] = {"numNodes": self.spec.nodes}
        if node is None:
            summary["capacityUsage"] = [{"capacityUnit": self.spec.capacity_unit, "quantity": float(self.units)}]
        optional: dict[str, Any] = {
            "shareIdentifier": self.share or None,
            "statusReason": self.reason or None,
            "scheduledAt": self.scheduled,
            "startedAt": latest.started if latest else None,
            "stoppedAt": self.stopped,
            "container": (exit_members(latest) or None) if latest else None,
            "arrayProperties": self._array_properties(),
        }
        return summary | {name: value for name, value in optional.items() if value is not None}

    def _array_properties(self) -> Record | None:
        if self.index is not None:
            return {"index": self.index}
        if not self.children:
            return None
        counts = Counter(child.status for child in self.children)
        return {
            "size": len(self.children),
            "statusSummary": {status: counts[status] for status in STATUSES},
        }

    def _describe_attempts(self, node: int | None) -> list[Record]:
        return [describe_attempt(attempt, self.spec.definition, self._names(), node) for attempt in self.attempts]

    def _names(self) -> list[str]:
        """Return the names of the containers of a job with several containers."""
        tasks = self.spec.detail.get("ecsProperties", {}).get("taskProperties", [])
        return [container.get("name", "default") for task in tasks for container in task["containers"]]
