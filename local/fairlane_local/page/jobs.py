"""Jobs on the page: lists of jobs, and a job with its attempts and logs."""

import re
from collections.abc import Iterator
from operator import attrgetter
from typing import Any, Final

from moto.logs.models import LogsBackend, logs_backends

from fairlane.scheduler import Outcome
from fairlane_local.batch.api import BatchApi
from fairlane_local.batch.jobs import containers, training_jobs
from fairlane_local.batch.jobs.container_job import ContainerJob
from fairlane_local.batch.jobs.job import ENDED, RUNNABLE, SERVICE_STATUSES, Attempt, Job, ServiceJob
from fairlane_local.batch.jobs.queue_jobs import find_queue, job_row, wait_texts
from fairlane_local.batch.jobs.snapshot import HOLDING
from fairlane_local.console.texts import duration_text
from fairlane_local.errors import LocalAwsError
from fairlane_local.simulation import current_simulation

_MAX_ROWS: Final = 100
_MAX_LINES: Final = 200
STATUSES: Final = {
    "waiting": (RUNNABLE,),
    "running": HOLDING,
    "ended": ENDED,
    **{status: (status,) for status in SERVICE_STATUSES},
}
"""Statuses of jobs by the value of the filter."""


def job_list(queue: str, status: str, share: str) -> dict[str, Any]:
    """Return the newest jobs of a queue, and the number of jobs that match the filters.

    Args:
        queue: ARN of the queue.
        status: Key of `STATUSES`. Empty for all jobs.
        share: Share of the jobs. Empty for all shares.

    Raises:
        LocalAwsError: If the queue or the status is unknown.
    """
    if status and status not in STATUSES:
        raise LocalAwsError(f"status: got {status!r}, allowed: {', '.join(STATUSES)}")
    api, record = find_queue(queue)
    jobs = api.lifecycle.jobs.of_queue(record["jobQueueArn"], STATUSES[status] if status else SERVICE_STATUSES)
    shares = sorted({job.share for job in jobs} - {""})
    found = [job for job in jobs if share in ("", job.share)]
    newest = found[:_MAX_ROWS]
    texts = wait_texts(api, newest)
    now = current_simulation().timeline.milliseconds
    return {
        "queue": record["jobQueueArn"],
        "shares": shares,
        "total": len(found),
        "rows": [_row(job, texts.get(job.id, ""), now) for job in newest],
    }


def job_details(api: BatchApi, job_id: str) -> dict[str, Any]:
    """Return a job with its attempts, oldest first, and the end of the log of its latest attempt.

    Raises:
        LocalAwsError: If the job is unknown.
    """
    job = api.lifecycle.jobs.find(job_id)
    if job is None:
        raise LocalAwsError(f"the local AWS has no job {job_id}: jobs are forgotten seven days after their end")
    now = current_simulation().timeline.milliseconds
    attempts = _attempts(job)
    logs = logs_backends[api.batch.account_id][api.batch.region]
    return {
        **_row(job, wait_texts(api, [job]).get(job.id, ""), now),
        "queue": job.queue.rpartition("/")[2],
        "created": job.created,
        "stopped": job.stopped,
        "attempts": [_attempt_row(job, attempt) for attempt in attempts],
        "log": _log_lines(logs, job, attempts[-1]) if attempts else [],
    }


def _row(job: Job, wait: str, now: int) -> dict[str, Any]:
    row = job_row(job, wait, now)
    return row | {"waited": duration_text(row["waited"])}


def _attempts(job: Job) -> list[Attempt]:
    ended = [*job.attempts, *(job.preempted if isinstance(job, ServiceJob) else ())]
    return [*sorted(ended, key=attrgetter("scheduled")), *([job.attempt] if job.attempt else [])]


def _attempt_row(job: Job, attempt: Attempt) -> dict[str, Any]:
    if attempt.outcome is not None:
        result = "preempted" if attempt.outcome is Outcome.PREEMPTED else attempt.outcome.name.lower()
    else:
        result = "stopping" if job.is_stopping else job.status.lower()
    return {
        "result": result,
        "scheduled": attempt.scheduled,
        "started": attempt.started,
        "stopped": attempt.stopped,
        "exit_code": attempt.exit_code,
        "reason": "" if attempt.stopped is None and not job.is_stopping else attempt.reason,
    }


def _log_lines(logs: LogsBackend, job: Job, attempt: Attempt) -> list[dict[str, Any]]:
    """Return the last lines of all log streams of an attempt, in the order of time."""
    lines = [
        {"time": event.timestamp, "host": host, "text": event.message}
        for group, host, stream in _streams(logs, job, attempt)
        for event in logs.groups[group].streams[stream].events[-_MAX_LINES:]
    ]
    return sorted(lines, key=lambda line: line["time"])[-_MAX_LINES:]


def _streams(logs: LogsBackend, job: Job, attempt: Attempt) -> Iterator[tuple[str, str, str]]:
    """Yield group, host and name of each log stream of an attempt."""
    if isinstance(job, ContainerJob):
        options = job.spec.detail.get("container", {}).get("logConfiguration", {}).get("options", {})
        group = options.get("awslogs-group", containers.LOG_GROUP)
        nodes = [*job.nodes] or [None]
        candidates = [
            ("" if node is None else f"node {node}", containers.task(attempt, job.spec.definition, node))
            for node in nodes
        ]
        names = {task["logStreamName"]: host for host, task in candidates}
    else:
        group = training_jobs.LOG_GROUP
        training_job = attempt.resource.rpartition("/")[2]
        streams = logs.groups[group].streams if group in logs.groups else {}
        names = {name: _host(name) for name in streams if name.startswith(f"{training_job}/")}
    for name, host in names.items():
        if group in logs.groups and name in logs.groups[group].streams:
            yield group, host, name


def _host(stream: str) -> str:
    """Return the host of a log stream of a training job, for example `algo-1`."""
    match = re.match(r"algo-\d+", stream.partition("/")[2])
    return match[0] if match else ""
