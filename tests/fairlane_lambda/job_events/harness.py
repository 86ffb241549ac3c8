"""Harness that runs the handler on batches of events and compares its metrics with the reference."""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from unittest import mock

from fairlane_lambda.job_events import handler as module
from tests.fairlane_lambda.job_events.emf import compare, read_samples
from tests.fairlane_lambda.job_events.endings import COMPUTE_ENDINGS, COMPUTE_SUCCESS
from tests.fairlane_lambda.job_events.events import job_arn, job_event_messages, service_job_description
from tests.fairlane_lambda.job_events.histories import Batch
from tests.fairlane_lambda.job_events.jobs import (
    COMPUTE_QUEUES,
    HOUR_MS,
    NOW,
    NOW_MS,
    SERVICE_QUEUES,
    AttemptTimes,
    Job,
    job_transitions,
)
from tests.fairlane_lambda.job_events.reference import Sample, expected

MINUTE_MS = 60_000
END = NOW_MS - 20 * MINUTE_MS

LONG = (30 * HOUR_MS, 25 * HOUR_MS, 31 * HOUR_MS, COMPUTE_SUCCESS)
SHORT = (0, 0, 0, COMPUTE_SUCCESS)
PULL = next(ending for ending in COMPUTE_ENDINGS if ending.reason == "ImagePull")
SPOT = next(ending for ending in COMPUTE_ENDINGS if ending.reason == "SpotReclaim")
CANCEL = next(ending for ending in COMPUTE_ENDINGS if ending.reason == "Cancelled")


class FakeBatchClient:
    """Client of AWS Batch with some service jobs.

    Args:
        responses: Response of DescribeServiceJob for each job, by job id.
        failures: Number of calls that fail first.
    """

    def __init__(self, responses: dict[str, dict[str, Any]], failures: int = 0) -> None:
        self._responses = responses
        self._failures = failures

    def describe_service_job(self, jobId: str) -> dict[str, Any]:  # noqa: N803
        if self._failures:
            self._failures -= 1
            raise RuntimeError("throttled")
        return self._responses[jobId]


def fake_client(jobs: Sequence[Job], failures: int = 0) -> FakeBatchClient:
    return FakeBatchClient(
        {job_arn(job).rpartition("/")[2]: service_job_description(job) for job in jobs if job.service}, failures
    )


def run(batches: Sequence[Batch], client: FakeBatchClient) -> tuple[list[Sample], list[set[int]]]:
    """Return the metrics that a new container publishes for batches, and the indexes of the failed items of each."""
    output, failures = io.StringIO(), []
    module.forget()
    with (
        mock.patch.object(module, "batch_client", return_value=client),
        mock.patch("time.time", return_value=NOW),
        contextlib.redirect_stdout(output),
    ):
        for batch in batches:
            if batch.new_container:
                module.forget()
            answer = module.handler({"Records": _records(batch)}, None)
            failures.append({int(item["itemIdentifier"].removeprefix("m")) for item in answer["batchItemFailures"]})
    return read_samples(output.getvalue()), failures


def _records(batch: Batch) -> list[dict[str, Any]]:
    return [
        {"messageId": f"m{n}", "body": event.body, "attributes": {"ApproximateReceiveCount": str(received)}}
        for n, (event, received) in enumerate(batch.records)
    ]


def check(jobs: Sequence[Job], batches: Sequence[Batch]) -> None:
    samples, failures = run(batches, fake_client(jobs))
    assert failures == [{n for n, (event, _) in enumerate(batch.records) if event.job is None} for batch in batches]
    compare(samples, expected(batches))


def check_all(jobs: Sequence[Job]) -> None:
    """Check each event once, in one batch; then twice, in reverse order, in batches of one."""
    once = [(event, 1) for job in jobs for event in job_event_messages(job)]
    check(jobs, [Batch(tuple(once))])
    check(jobs, [Batch((record,)) for record in reversed(once * 2)])


def single(*attempts: AttemptTimes, **changes: Any) -> Job:
    service = bool(changes.get("service"))
    queue = (SERVICE_QUEUES if service else COMPUTE_QUEUES)[0]
    job = Job("j", "job", queue, queue.shares[0], job_transitions(END, attempts), capacity=(("ml.p5.48xlarge", 2),))
    return replace(job, **changes)
