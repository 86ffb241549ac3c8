"""Runs the handler over batches of events and compares what it publishes with the reference."""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from unittest import mock

from fairlane_lambda.job_events import handler as module
from tests.fairlane_lambda.job_events.emf import compare, samples_of
from tests.fairlane_lambda.job_events.endings import COMPUTE_ENDINGS, COMPUTE_SUCCESS
from tests.fairlane_lambda.job_events.events import arn_of, described, events_of
from tests.fairlane_lambda.job_events.histories import Batch
from tests.fairlane_lambda.job_events.jobs import (
    COMPUTE_QUEUES,
    HOUR_MS,
    NOW,
    NOW_MS,
    SERVICE_QUEUES,
    Job,
    Stint,
    journey,
)
from tests.fairlane_lambda.job_events.reference import Sample, expected

MINUTE_MS = 60_000
END = NOW_MS - 20 * MINUTE_MS

LONG = (30 * HOUR_MS, 25 * HOUR_MS, 31 * HOUR_MS, COMPUTE_SUCCESS)
SHORT = (0, 0, 0, COMPUTE_SUCCESS)
PULL = next(ending for ending in COMPUTE_ENDINGS if ending.reason == "ImagePull")
SPOT = next(ending for ending in COMPUTE_ENDINGS if ending.reason == "SpotReclaim")
CANCEL = next(ending for ending in COMPUTE_ENDINGS if ending.reason == "Cancelled")


class Describing:
    """A client of Batch that knows some service jobs.

    Args:
        answers: What it says of each job, by ARN.
        failures: How many calls fail before that.
    """

    def __init__(self, answers: dict[str, dict[str, Any]], failures: int = 0) -> None:
        self._answers = answers
        self._failures = failures

    def describe_service_job(self, jobId: str) -> dict[str, Any]:  # noqa: N803
        if self._failures:
            self._failures -= 1
            raise RuntimeError("throttled")
        return self._answers[jobId]


def describing(jobs: Sequence[Job], failures: int = 0) -> Describing:
    return Describing({arn_of(job).rpartition("/")[2]: described(job) for job in jobs if job.service}, failures)


def run(batches: Sequence[Batch], client: Describing) -> tuple[list[Sample], list[set[int]]]:
    """What a new container publishes for these batches, and the places of the items that fail in each."""
    output, failures = io.StringIO(), []
    module.forget()
    with (
        mock.patch.object(module, "batch_client", return_value=client),
        mock.patch("time.time", return_value=NOW),
        contextlib.redirect_stdout(output),
    ):
        for batch in batches:
            if batch.forgotten:
                module.forget()
            answer = module.handler({"Records": _records(batch)}, None)
            failures.append({int(item["itemIdentifier"].removeprefix("m")) for item in answer["batchItemFailures"]})
    return samples_of(output.getvalue()), failures


def _records(batch: Batch) -> list[dict[str, Any]]:
    return [
        {"messageId": f"m{n}", "body": event.body, "attributes": {"ApproximateReceiveCount": str(received)}}
        for n, (event, received) in enumerate(batch.records)
    ]


def check(jobs: Sequence[Job], batches: Sequence[Batch]) -> None:
    found, failures = run(batches, describing(jobs))
    assert failures == [{n for n, (event, _) in enumerate(batch.records) if event.job is None} for batch in batches]
    compare(found, expected(batches))


def check_all(jobs: Sequence[Job]) -> None:
    """Each event once, in one batch; then in reverse, twice, in batches of one."""
    once = [(event, 1) for job in jobs for event in events_of(job)]
    check(jobs, [Batch(tuple(once))])
    check(jobs, [Batch((record,)) for record in reversed(once * 2)])


def single(*stints: Stint, **changes: Any) -> Job:
    service = bool(changes.get("service"))
    queue = (SERVICE_QUEUES if service else COMPUTE_QUEUES)[0]
    job = Job("j", "job", queue, queue.shares[0], journey(END, stints), capacity=(("ml.p5.48xlarge", 2),))
    return replace(job, **changes)
