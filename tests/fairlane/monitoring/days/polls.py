"""Output of the poller on a day: the real handler with a scripted AWS Batch."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from io import StringIO
from typing import Any, Final
from unittest.mock import patch

from botocore.exceptions import ClientError

from fairlane_lambda.queue_poller import handler
from fairlane_lambda.queue_poller.batch import Definitions
from tests.fairlane.monitoring.days.script import Exporter, Jobs, milliseconds
from tests.fairlane_lambda.queue_poller.fake_batch import Record
from tests.fairlane_lambda.queue_poller.polling import Context, definition, definition_arn, units

_UNITS: Final = {"service": "ml.p4d.24xlarge", "compute": "VCPU"}
_IN_TIME: Final = Context(300_000)

Printed = list[tuple[int, list[str]]]
"""Printed lines, with their time in seconds since 1970."""


class _SynchronousExecutor:
    """Executor without threads, which would take most of the time."""

    def __init__(self, threads: int) -> None:
        pass

    def __enter__(self) -> "_SynchronousExecutor":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(function(*arguments))
        return done


class ScriptedBatch:
    """boto3 client for one queue, with answers from the script.

    Args:
        poll_input: Input of the poller for the queue.
        jobs: Jobs of the queue.
        exporter: Behavior of the exporter.

    Attributes:
        minute: Current minute of the day.
    """

    def __init__(self, poll_input: Record, jobs: tuple[Jobs, ...], exporter: Exporter) -> None:
        self.minute = 0
        self._poll_input = poll_input
        self._jobs = jobs
        self._exporter = exporter
        self._summaries = [list(self._job_summaries(n, group)) for n, group in enumerate(jobs)]

    def list_service_jobs(self, **request: Any) -> Record:
        return self._listed("ListServiceJobs", request)

    def list_jobs(self, **request: Any) -> Record:
        return self._listed("ListJobs", request)

    def describe_job_definitions(self, **request: Any) -> Record:
        return {"jobDefinitions": [definition(gpus=4)]}

    def get_job_queue_snapshot(self, **request: Any) -> Record:
        self._refuse("snapshot", "GetJobQueueSnapshot")
        by_share: dict[str, float] = {}
        for group in self._jobs:
            if group.state(self.minute) == "RUNNING":
                by_share[group.share] = by_share.get(group.share, 0) + group.count * group.size
        unit = _UNITS[self._poll_input["kind"]]
        utilization: Record = {"totalCapacityUsage": units({unit: float(sum(by_share.values()))})}
        part, name = (
            ("quotaShareUtilization", "quotaShareName")
            if self._poll_input["quota"]
            else ("fairshareUtilization", "shareIdentifier")
        )
        if self._poll_input["shares"]:
            top = [{name: share, "capacityUsage": units({unit: float(used)})} for share, used in by_share.items()]
            utilization[part] = {"topCapacityUtilization": top}
        return {"queueUtilization": utilization}

    def _listed(self, operation: str, request: Record) -> Record:
        state = request["jobStatus"]
        self._refuse(state, operation)
        summaries = [
            summary
            for group, group_summaries in zip(self._jobs, self._summaries, strict=True)
            if group.state(self.minute) == state
            for summary in group_summaries
        ]
        endless = state == "RUNNABLE" and self._poll_input["name"] in self._exporter.endless
        endless = endless and (self.minute % 3 == 0 or not self._exporter.intermittent)
        return {"jobSummaryList": summaries, **({"nextToken": "more"} if endless else {})}

    def _refuse(self, what: str, operation: str) -> None:
        if what in self._exporter.throttled:
            raise ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "no"}}, operation)

    def _job_summaries(self, number: int, group: Jobs) -> Iterator[Record]:
        kind, quota = self._poll_input["kind"], self._poll_input["quota"]
        for n in range(group.count):
            name = f"{number}-{n}"
            arn = f"arn:aws:batch:us-east-1:111122223333:job/{name}"
            summary: Record = {
                "jobArn": arn,
                "jobId": name,
                "jobName": name,
                "createdAt": milliseconds(group.submitted),
            }
            if group.share:
                summary["quotaShareName" if quota else "shareIdentifier"] = group.share
            summary["capacityUsage"] = units({_UNITS[kind]: float(group.size)})
            yield summary | (
                {"serviceJobType": "SAGEMAKER_TRAINING"} if kind == "service" else {"jobDefinition": definition_arn()}
            )


@cache
def poll_output(poll_input: str, jobs: tuple[Jobs, ...], minutes: range, exporter: Exporter) -> Printed:
    """Return the output of the poller.

    Args:
        poll_input: Input of the poller for the queue, as JSON.
        jobs: Jobs of the queue.
        minutes: Minutes of the day.
        exporter: Behavior of the exporter.
    """
    queue = json.loads(poll_input)
    batch = ScriptedBatch(queue, jobs, exporter)
    printed: Printed = []
    out, log, now = StringIO(), StringIO(), 0
    with (
        patch.object(handler, "ThreadPoolExecutor", _SynchronousExecutor),
        patch.object(handler, "_definitions", Definitions()),
        patch.object(handler, "_now", lambda: 1000 * now),
        patch.object(handler, "_batch", lambda: batch),
        redirect_stdout(out),
        redirect_stderr(log),
    ):
        for now in exporter.polls(minutes):
            batch.minute = (1000 * now - milliseconds(0)) // 60_000
            handler.handler({"queues": [queue]}, _IN_TIME)
            printed.append((now, out.getvalue().splitlines()))
            out.seek(0)
            out.truncate()
    assert bool(log.getvalue()) == bool(exporter.throttled)
    return printed
