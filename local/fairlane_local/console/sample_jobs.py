"""Jobs that never ran, and the metrics that the deployed exporter makes of them: the second table of `make demo`."""

from collections.abc import Iterable, Iterator
from statistics import mean
from typing import Any, Final

from rich.console import Console

from fairlane.scheduling import FairShare
from fairlane_local.batch.standing_queues import VCPUS, StandingQueue, standing_queues
from fairlane_local.console.tables import metrics_table
from fairlane_local.monitoring.exporter import Value, deliver, poll, values
from fairlane_local.monitoring.job_events import Life, blocked, ended
from fairlane_local.server.access import client
from fairlane_local.server.background import places
from fairlane_local.server.local_aws import LocalAws

_LIVES: Final = (
    Life(waited=300, ran=(7200,), exit_code=0),
    Life(waited=2400, ran=(1200, 5400), exit_code=0),
    Life(waited=7200, ran=(600, 900), failure="Host EC2 (instance i-0abc) terminated.", exit_code=143),
    Life(waited=900, ran=(3600,), exit_code=0),
    Life(
        waited=1200,
        ran=(1800,),
        failure="Essential container in task exited",
        container="OutOfMemoryError: Container killed due to memory usage",
        exit_code=137,
    ),
    Life(
        waited=10800,
        failure="Task failed to start",
        container="CannotPullContainerError: image not found",
    ),
)
_BLOCKED: Final = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested"
_SHOWN: Final = (
    "JobsSucceeded",
    "JobsFailed",
    "JobFailures",
    "QueueBlocked",
    "JobWaitTime",
    "GpuSeconds",
    "CapacityLimit",
)


def show_metrics(aws: LocalAws) -> None:
    """Submits jobs where there is an exporter, has events of their ends counted, and prints some of the metrics.

    Jobs go to the first queue for containers that has shares, with the first job definition for one container.

    Args:
        aws: where everything is deployed.
    """
    for account_id, region in places(aws.port) or []:
        where = (aws.port, account_id, region)
        if not client("lambda", *where).list_event_source_mappings()["EventSourceMappings"]:
            continue
        batch = client("batch", *where)
        queue = next(filter(_takes_jobs, standing_queues(batch)), None)
        events = _events(batch, queue) if queue else []
        if events:
            client("events", *where).put_events(Entries=events)
        invocations = [*deliver(aws, account_id, region), *poll(aws, account_id, region)]
        rows = _rows(value for done in invocations for value in values(done))
        jobs = f"{len(_LIVES)} jobs of {queue.name}, and " if queue and events else ""
        title = f"Exported in {region}, in part: {jobs}all limits"
        Console().print("", metrics_table(rows, title=title), sep="\n")


def _takes_jobs(queue: StandingQueue) -> bool:
    has_shares = isinstance(queue.scheduling, FairShare) and bool(queue.scheduling.weight_factors)
    return VCPUS in queue.capacity and has_shares


def _events(batch: Any, queue: StandingQueue) -> list[dict[str, Any]]:
    """Of jobs that are submitted for it, where they succeed at once."""
    definitions = batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]
    alone = sorted((one for one in definitions if one["type"] == "container"), key=lambda one: one["jobDefinitionName"])
    if not alone or not isinstance(queue.scheduling, FairShare):
        return []
    needs = alone[0]["containerProperties"]["resourceRequirements"]
    shares = [share.removesuffix("*") for share in queue.scheduling.weight_factors]
    events = []
    for index, life in enumerate(_LIVES):
        share = shares[index % len(shares)]
        submitted = batch.submit_job(
            jobName=f"job-{index}",
            jobQueue=queue.name,
            jobDefinition=alone[0]["jobDefinitionArn"],
            shareIdentifier=share,
            containerOverrides={"environment": [{"name": "PASSWORD", "value": "which nobody shall read"}]},
        )
        (job,) = batch.describe_jobs(jobs=[submitted["jobId"]])["jobs"]
        events.append(ended(job, needs, share, life))
    return [blocked(job, share, _BLOCKED), *events]


def _rows(values_: Iterable[Value]) -> Iterator[tuple[str, str, str]]:
    """What is shown of metrics, those of an equal name and place put together."""
    found: dict[tuple[str, str], list[Value]] = {}
    for value in values_:
        if value.metric in _SHOWN and (value.metric != "GpuSeconds" or len(value.dimensions) > 1):
            found.setdefault((value.metric, " ".join(value.dimensions.values())), []).append(value)
    for (metric, where), some in sorted(found.items(), key=lambda item: (_SHOWN.index(item[0][0]), item[0][1])):
        together = mean if metric.endswith("Time") else sum
        number = together(value.value for value in some)
        yield metric, where, f"{number:g}" + (" s" if some[0].unit == "Seconds" else "")
