"""Events of sample jobs, and a table of the metrics that the deployed exporter publishes for the jobs."""

from collections.abc import Iterable, Iterator
from statistics import mean
from typing import Any, Final

from rich.console import Console

from fairlane.scheduling import FairShare
from fairlane_local.batch.deployed_queues import VCPUS, DeployedQueue, deployed_queues
from fairlane_local.console.tables import metrics_table
from fairlane_local.monitoring.exporter import Value, deliver, poll, values
from fairlane_local.monitoring.job_events import JobHistory, job_end_event, queue_blocked_event
from fairlane_local.server.access import client
from fairlane_local.server.background import queue_locations
from fairlane_local.server.local_aws import LocalAws

_HISTORIES: Final = (
    JobHistory(wait_seconds=300, attempt_seconds=(7200,), exit_code=0),
    JobHistory(wait_seconds=2400, attempt_seconds=(1200, 5400), exit_code=0),
    JobHistory(
        wait_seconds=7200, attempt_seconds=(600, 900), failure="Host EC2 (instance i-0abc) terminated.", exit_code=143
    ),
    JobHistory(wait_seconds=900, attempt_seconds=(3600,), exit_code=0),
    JobHistory(
        wait_seconds=1200,
        attempt_seconds=(1800,),
        failure="Essential container in task exited",
        container_reason="OutOfMemoryError: Container killed due to memory usage",
        exit_code=137,
    ),
    JobHistory(
        wait_seconds=10800,
        failure="Task failed to start",
        container_reason="CannotPullContainerError: image not found",
    ),
)
_BLOCKED_REASON: Final = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested"
_METRICS: Final = (
    "JobsSucceeded",
    "JobsFailed",
    "JobFailures",
    "QueueBlocked",
    "JobWaitTime",
    "GpuSeconds",
    "CapacityLimit",
)


def print_metrics(aws: LocalAws) -> None:
    """Submit sample jobs where an exporter is deployed, send the events of their ends, and print some metrics.

    The jobs use the first container queue with shares, and the first job definition with a single container.

    Args:
        aws: Local AWS of the deployment.
    """
    for account_id, region in queue_locations(aws.port) or []:
        location = (aws.port, account_id, region)
        if not client("lambda", *location).list_event_source_mappings()["EventSourceMappings"]:
            continue
        batch = client("batch", *location)
        queue = next(filter(_has_container_shares, deployed_queues(batch)), None)
        events = _events(batch, queue) if queue else []
        if events:
            client("events", *location).put_events(Entries=events)
        invocations = [*deliver(aws, account_id, region), *poll(aws, account_id, region)]
        rows = _rows(value for invocation in invocations for value in values(invocation))
        jobs = f"{len(_HISTORIES)} jobs of {queue.name}, " if queue and events else ""
        title = f"Selected metrics in {region}: {jobs}capacity limits"
        Console().print("", metrics_table(rows, title=title), sep="\n")


def _has_container_shares(queue: DeployedQueue) -> bool:
    has_shares = isinstance(queue.scheduling, FairShare) and bool(queue.scheduling.weight_factors)
    return VCPUS in queue.capacity and has_shares


def _events(batch: Any, queue: DeployedQueue) -> list[dict[str, Any]]:
    """Submit the sample jobs, and return the events of their histories, as if they ended now."""
    definitions = batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]
    container_definitions = sorted(
        (definition for definition in definitions if definition["type"] == "container"),
        key=lambda definition: definition["jobDefinitionName"],
    )
    if not container_definitions or not isinstance(queue.scheduling, FairShare):
        return []
    definition = container_definitions[0]
    requirements = definition["containerProperties"]["resourceRequirements"]
    shares = [share.removesuffix("*") for share in queue.scheduling.weight_factors]
    events = []
    for index, history in enumerate(_HISTORIES):
        share = shares[index % len(shares)]
        submitted = batch.submit_job(
            jobName=f"job-{index}",
            jobQueue=queue.name,
            jobDefinition=definition["jobDefinitionArn"],
            shareIdentifier=share,
            containerOverrides={"environment": [{"name": "PASSWORD", "value": "not-for-logs"}]},
        )
        (job,) = batch.describe_jobs(jobs=[submitted["jobId"]])["jobs"]
        events.append(job_end_event(job, requirements, share, history))
    return [queue_blocked_event(job, share, _BLOCKED_REASON), *events]


def _rows(metric_values: Iterable[Value]) -> Iterator[tuple[str, str, str]]:
    """Yield the rows of the table, with the values of the same metric and dimensions combined."""
    groups: dict[tuple[str, str], list[Value]] = {}
    for value in metric_values:
        if value.metric in _METRICS and (value.metric != "GpuSeconds" or len(value.dimensions) > 1):
            groups.setdefault((value.metric, " ".join(value.dimensions.values())), []).append(value)
    for (metric, dimensions), group in sorted(
        groups.items(), key=lambda item: (_METRICS.index(item[0][0]), item[0][1])
    ):
        combine = mean if metric.endswith("Time") else sum
        number = combine(value.value for value in group)
        yield metric, dimensions, f"{number:g}" + (" s" if group[0].unit == "Seconds" else "")
