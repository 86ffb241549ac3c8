"""What the poller prints of a queue on a day: the real handler, and an AWS Batch that answers from the script."""

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
from fairlane_lambda.queue_poller._batch import Definitions
from tests.fairlane.monitoring.days.script import Exporter, Jobs, at
from tests.fairlane_lambda.queue_poller.fake_batch import Record
from tests.fairlane_lambda.queue_poller.polling import Context, definition, definition_arn, units

_UNITS: Final = {"service": "ml.p4d.24xlarge", "compute": "VCPU"}
_IN_TIME: Final = Context(300_000)

Printed = list[tuple[int, list[str]]]
"""When lines were printed, in seconds since 1970, and the lines."""


class _AtOnce:
    """An executor without threads, which would cost more than all else."""

    def __init__(self, threads: int) -> None:
        pass

    def __enter__(self) -> "_AtOnce":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(function(*arguments))
        return done


class Batch:
    """boto3's client for one queue, which answers as the script has it.

    Args:
        told: what the poller is told of the queue.
        jobs: of the queue.
        exporter: how the exporter does.

    Attributes:
        minute: which it is.
    """

    def __init__(self, told: Record, jobs: tuple[Jobs, ...], exporter: Exporter) -> None:
        self.minute = 0
        self._told = told
        self._jobs = jobs
        self._exporter = exporter
        self._summaries = [list(self._summarized(n, some)) for n, some in enumerate(jobs)]

    def list_service_jobs(self, **request: Any) -> Record:
        return self._listed("ListServiceJobs", request)

    def list_jobs(self, **request: Any) -> Record:
        return self._listed("ListJobs", request)

    def describe_job_definitions(self, **request: Any) -> Record:
        return {"jobDefinitions": [definition(gpus=4)]}

    def get_job_queue_snapshot(self, **request: Any) -> Record:
        self._refuse("snapshot", "GetJobQueueSnapshot")
        by_share: dict[str, float] = {}
        for some in self._jobs:
            if some.state(self.minute) == "RUNNING":
                by_share[some.share] = by_share.get(some.share, 0) + some.count * some.size
        unit = _UNITS[self._told["kind"]]
        utilization: Record = {"totalCapacityUsage": units({unit: float(sum(by_share.values()))})}
        part, name = (
            ("quotaShareUtilization", "quotaShareName")
            if self._told["quota"]
            else ("fairshareUtilization", "shareIdentifier")
        )
        if self._told["shares"]:
            top = [{name: share, "capacityUsage": units({unit: float(used)})} for share, used in by_share.items()]
            utilization[part] = {"topCapacityUtilization": top}
        return {"queueUtilization": utilization}

    def _listed(self, operation: str, request: Record) -> Record:
        state = request["jobStatus"]
        self._refuse(state, operation)
        found = [
            summary
            for some, summaries in zip(self._jobs, self._summaries, strict=True)
            if some.state(self.minute) == state
            for summary in summaries
        ]
        endless = state == "RUNNABLE" and self._told["name"] in self._exporter.endless
        endless = endless and (self.minute % 3 == 0 or not self._exporter.now_and_then)
        return {"jobSummaryList": found, **({"nextToken": "more"} if endless else {})}

    def _refuse(self, what: str, operation: str) -> None:
        if what in self._exporter.throttled:
            raise ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "no"}}, operation)

    def _summarized(self, number: int, some: Jobs) -> Iterator[Record]:
        kind, quota = self._told["kind"], self._told["quota"]
        for n in range(some.count):
            name = f"{number}-{n}"
            arn = f"arn:aws:batch:us-east-1:111122223333:job/{name}"
            summary: Record = {"jobArn": arn, "jobId": name, "jobName": name, "createdAt": at(some.submitted)}
            if some.share:
                summary["quotaShareName" if quota else "shareIdentifier"] = some.share
            summary["capacityUsage"] = units({_UNITS[kind]: float(some.size)})
            yield summary | (
                {"serviceJobType": "SAGEMAKER_TRAINING"} if kind == "service" else {"jobDefinition": definition_arn()}
            )


@cache
def polled(told: str, jobs: tuple[Jobs, ...], minutes: range, exporter: Exporter) -> Printed:
    """What the poller prints.

    Args:
        told: what it is told of the queue, as JSON.
        jobs: of the queue.
        minutes: of the day.
        exporter: how the exporter does.
    """
    queue = json.loads(told)
    batch = Batch(queue, jobs, exporter)
    printed: Printed = []
    out, log, now = StringIO(), StringIO(), 0
    with (
        patch.object(handler, "ThreadPoolExecutor", _AtOnce),
        patch.object(handler, "_definitions", Definitions()),
        patch.object(handler, "_now", lambda: 1000 * now),
        patch.object(handler, "_batch", lambda: batch),
        redirect_stdout(out),
        redirect_stderr(log),
    ):
        for now in exporter.polls(minutes):
            batch.minute = (1000 * now - at(0)) // 60_000
            handler.handler({"queues": [queue]}, _IN_TIME)
            printed.append((now, out.getvalue().splitlines()))
            out.seek(0)
            out.truncate()
    assert bool(log.getvalue()) == bool(exporter.throttled)
    return printed
