"""Run of sample jobs on a local AWS, and tables of their statuses and metrics."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from statistics import mean
from typing import Any, Final

from rich.console import Console

from fairlane.scheduler import minutes
from fairlane.scheduling import NUM_INSTANCES, QuotaManagement
from fairlane_local.batch.api import BatchApi, batch_api
from fairlane_local.batch.deployed_queues import VCPUS, deployed_queues
from fairlane_local.batch.jobs.job import RUNNABLE, Job, ServiceJob
from fairlane_local.batch.jobs.simulation_tags import FAILS, RUN_SECONDS
from fairlane_local.console.sample_jobs import SampleJobs, Scenario, scenarios
from fairlane_local.console.tables import metrics_table, sample_jobs_table
from fairlane_local.monitoring.exporter import Value, deliver, poll, values
from fairlane_local.server.access import client
from fairlane_local.server.background import queue_locations
from fairlane_local.server.local_aws import LocalAws

_METRICS: Final = (
    "JobsSucceeded",
    "JobsFailed",
    "JobFailures",
    "JobsPreempted",
    "JobWaitTime",
    "GpuSeconds",
    "CapacityBorrowed",
    "CapacityLent",
)


def print_jobs(aws: LocalAws) -> None:
    """Run sample jobs in each account and Region, and print their statuses in the first two minutes.

    If an exporter is deployed, also print some metrics: the gauges after the first minute, and the metrics of the jobs
    after all jobs have ended.

    Args:
        aws: Local AWS of the deployment, with a manual clock.
    """
    console = Console()
    for account_id, region in queue_locations(aws.port) or []:
        api = batch_api(account_id, region)
        found = scenarios(deployed_queues(client("batch", aws.port, account_id, region)))
        submitted: dict[SampleJobs, list[Job]] = {}
        statuses: dict[SampleJobs, list[str]] = {}
        invocations = []
        for minute in (0, 1):
            for scenario in found:
                for sample in scenario.samples:
                    if sample.minute == minute:
                        submitted[sample] = _submit(api, scenario, sample)
            aws.timeline.advance(minutes(1))
            for sample, jobs in submitted.items():
                statuses.setdefault(sample, [""] * sample.minute).append(_statuses(jobs))
            if minute == 0:
                invocations += poll(aws, account_id, region)
        for scenario in found:
            title = f"\n{scenario.queue.name}: {scenario.title}"
            console.print(title, sample_jobs_table(scenario, statuses), sep="\n", style="bold", highlight=False)
        jobs = [job for each in submitted.values() for job in each]
        while not all(job.has_ended for job in jobs):
            aws.timeline.advance(minutes(30))
        invocations += deliver(aws, account_id, region)
        rows = [*_metric_rows(value for invocation in invocations for value in values(invocation))]
        if rows:
            console.print("", metrics_table(rows, title=f"Selected metrics in {region}"), sep="\n")


def _submit(api: BatchApi, scenario: Scenario, sample: SampleJobs) -> list[Job]:
    """Submit the jobs of a sample."""
    request: dict[str, Any] = {
        "jobName": sample.name,
        "jobQueue": scenario.queue.name,
    }
    if sample.share:
        is_quota = isinstance(scenario.queue.scheduling, QuotaManagement)
        request["quotaShareName" if is_quota else "shareIdentifier"] = sample.share
    if scenario.unit == VCPUS:
        operation = "SubmitJob"
        request["jobDefinition"] = _register(api, sample)
    else:
        operation = "SubmitServiceJob"
        types = {} if scenario.unit == NUM_INSTANCES else {"InstanceType": scenario.unit}
        request["serviceJobType"] = "SAGEMAKER_TRAINING"
        request["serviceRequestPayload"] = json.dumps({"ResourceConfig": {"InstanceCount": sample.size, **types}})
    failure = {FAILS: sample.failure} if sample.failure else {}
    tags = [{RUN_SECONDS: str(minutes(sample.run + 5 * number)), **failure} for number in range(sample.number)]
    ids = [api.call(operation, {**request, "tags": each})["jobId"] for each in tags]
    return [job for job in map(api.lifecycle.jobs.find, ids) if job]


def _register(api: BatchApi, sample: SampleJobs) -> str:
    """Register a job definition with the vCPUs of a sample, and return its ARN."""
    resources = [{"type": "VCPU", "value": str(sample.size)}, {"type": "MEMORY", "value": "1024"}]
    request = {
        "jobDefinitionName": f"sample-{sample.name}",
        "type": "container",
        "schedulingPriority": 0,
        "containerProperties": {"image": "train", "resourceRequirements": resources},
    }
    return str(api.call("RegisterJobDefinition", request)["jobDefinitionArn"])


def _statuses(jobs: Sequence[Job]) -> str:
    """Return the status of one job, or the number of jobs with each status."""
    texts = [
        f"{job.status}, preempted"
        if isinstance(job, ServiceJob) and job.preempted and job.status == RUNNABLE
        else job.status
        for job in jobs
    ]
    if len(texts) == 1:
        return texts[0]
    return ", ".join(f"{number} {text}" for text, number in Counter(texts).items())


def _metric_rows(metric_values: Iterable[Value]) -> Iterator[tuple[str, str, str]]:
    """Yield the rows of the table. Combine values with the same metric and dimensions, and omit values below 1."""
    groups: dict[tuple[str, str], list[Value]] = {}
    for value in metric_values:
        if value.metric in _METRICS and (value.metric != "GpuSeconds" or len(value.dimensions) > 1):
            groups.setdefault((value.metric, " ".join(value.dimensions.values())), []).append(value)
    for (metric, dimensions), group in sorted(
        groups.items(), key=lambda item: (_METRICS.index(item[0][0]), item[0][1])
    ):
        combine = mean if metric.endswith("Time") else sum
        number = combine(value.value for value in group)
        if number >= 1:
            yield metric, dimensions, f"{number:.0f}" + (" s" if group[0].unit == "Seconds" else "")
