"""Ended jobs of a job archive: one JSON object a line, in compressed files by queue and day.

`fairlane_lambda.job_archive.records` writes the records.
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fairlane.errors import ConfigurationError, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedAttempt:
    """Attempt of an ended job. Times are milliseconds since 1970, as AWS Batch reports them.

    Args:
        outcome: End of the attempt: `SUCCEEDED`, `FAILED` or `PREEMPTED`.
        scheduled_at: Time since which the attempt held capacity. None if AWS reports none.
        started_at: Start of its work. None if it did not start.
        stopped_at: Its end. None if AWS reports none.
        instance_type: EC2 or SageMaker instance type. Empty if unknown.
    """

    outcome: str
    scheduled_at: int | None = None
    started_at: int | None = None
    stopped_at: int | None = None
    instance_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedJob:
    """Ended job of a job archive. Times are milliseconds since 1970.

    A record has no command, environment variable, parameter, payload or tag of the job.

    Args:
        job_id: Id of the job. Children of array jobs have ids of their own.
        job_name: Name of the job.
        queue: Name of its queue.
        share: Share identifier or quota share. Empty in a queue without shares.
        kind: `training` for SageMaker training jobs, `gpu` for containers.
        status: `SUCCEEDED` or `FAILED`.
        reason_class: Class of the reason of a failure, as in the metric `JobFailures`, for example `OutOfMemory`. Empty
            for jobs that succeeded.
        unit: Capacity unit: `NUM_INSTANCES`, a SageMaker instance type, or `VCPU`.
        amount: Capacity that the job held, in `unit`, over all its nodes. 0 if AWS reports none.
        gpus: GPUs over all nodes. None if they are unknown.
        instance_type: Instance type of the latest attempt. Empty if unknown.
        priority: Scheduling priority. None if AWS reports none.
        created_at: Time of submission.
        started_at: Start of the work of the latest attempt that started. None if the job never started.
        stopped_at: End of the job.
        definition: Name and revision of the job definition, for example `train:3`. Empty for service jobs.
        array_index: Index of a child of an array job. None for other jobs.
        nodes: Number of nodes of a multi-node job. 1 for all other jobs.
        attempts: Attempts in the order of time, with those of the preempted ones that AWS reports: the most recent.
        max_seconds: Time limit of an attempt in seconds. None if the job has none.
    """

    job_id: str
    job_name: str
    queue: str
    share: str = ""
    kind: Literal["training", "gpu"]
    status: Literal["SUCCEEDED", "FAILED"]
    reason_class: str = ""
    unit: str
    amount: int
    gpus: int | None = None
    instance_type: str = ""
    priority: int | None = None
    created_at: int
    started_at: int | None = None
    stopped_at: int
    definition: str = ""
    array_index: int | None = None
    nodes: int = 1
    attempts: tuple[ArchivedAttempt, ...] = ()
    max_seconds: int | None = None


def read_records(source: str, content: bytes) -> Iterator[ArchivedJob]:
    """Yield the jobs of one object of an archive.

    Args:
        source: Path or key of the object, for errors.
        content: Its content, compressed by gzip.

    Raises:
        ConfigurationError: If the content is damaged, or if a line is no record. It names the object and the line.
    """
    try:
        lines = gzip.decompress(content).splitlines()
    except (OSError, EOFError, zlib.error) as error:
        problem = Problem.relation((), f"the object is not compressed by gzip, or it is damaged: {error}")
        raise ConfigurationError(source, [problem]) from None
    for number, line in enumerate(lines, 1):
        try:
            yield _job(json.loads(line))
        except (ValueError, TypeError, AttributeError):
            problem = Problem.relation((), f"line {number} is no record of a job archive")
            raise ConfigurationError(source, [problem]) from None


def latest(jobs: Iterable[ArchivedJob]) -> list[ArchivedJob]:
    """Return each job once, as the record with its latest end has it. An archive can have a job twice."""
    found: dict[str, ArchivedJob] = {}
    for job in jobs:
        if job.job_id not in found or found[job.job_id].stopped_at <= job.stopped_at:
            found[job.job_id] = job
    return list(found.values())


def _job(record: Mapping[str, Any]) -> ArchivedJob:
    attempts = tuple(ArchivedAttempt(**attempt) for attempt in record.get("attempts", []))
    return ArchivedJob(**{**record, "attempts": attempts})
