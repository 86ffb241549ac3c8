"""Samples of a day: the output of the exporter's handlers, and the metrics that AWS publishes."""

import json
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from datetime import datetime
from io import StringIO
from typing import Final
from unittest.mock import patch

from fairlane.cloudwatch.samples import Samples
from fairlane_lambda.job_events import handler as events_handler
from tests.fairlane.monitoring.days.app import Deployment
from tests.fairlane.monitoring.days.polls import Printed, poll_output
from tests.fairlane.monitoring.days.queues import ordinary_jobs
from tests.fairlane.monitoring.days.script import MIDNIGHT, Day, Exporter, milliseconds
from tests.fairlane_lambda.job_events.events import REJECTED, block_event, end_event, preemption_event
from tests.fairlane_lambda.job_events.harness import fake_client
from tests.fairlane_lambda.job_events.jobs import Job, Queue

_BATCH: Final = 100
_RECEIVES: Final = 5
_RECEIVED_AGAIN: Final = 7
"""Minutes until a failed event is received again: the visibility timeout of the queue and a batching window."""
_POISON: Final = 3
"""Number of receives after which SQS leaves a message out of the age of the oldest message."""

Bodies = list[tuple[int, str]]
"""Events with the time of sending, in milliseconds since 1970."""


def day_samples(day: Day, deployment: Deployment) -> Samples:
    """Return all samples that CloudWatch receives on a day.

    Args:
        day: Script of the day.
        deployment: Deployment of the exporter.
    """
    samples = Samples()
    minutes = range(day.minutes)
    histories: list[Job] = []
    for name, poll_input in deployment.schedule.items():
        jobs = day.jobs.get(name, ordinary_jobs(name, minutes))
        for printed, lines in poll_output(json.dumps(poll_input), jobs, minutes, day.exporter):
            samples.add_emf(lines, arrival=day.exporter.readable(printed))
        queue = Queue(name, tuple(poll_input["shares"]), ())
        for n, group in enumerate(jobs):
            histories += group.histories(
                f"{name}-{n}", queue, service=poll_input["kind"] == "service", quota=poll_input["quota"]
            )
    _add_native_metrics(samples, histories, minutes)
    bodies = [
        (sent, body)
        for sent, body in _event_bodies(histories)
        if milliseconds(minutes[0]) <= sent < milliseconds(minutes[-1])
    ]
    for printed, lines in _events_output(sorted(bodies), histories, minutes, day.exporter):
        samples.add_emf(lines, arrival=printed + day.exporter.delay)
    _add_sqs_metrics(samples, sorted(bodies), minutes, day.exporter, deployment)
    return samples


def _event_bodies(jobs: Sequence[Job]) -> Iterator[tuple[int, str]]:
    queues = {job.queue.name: list(job.queue.declared) for job in jobs if job.service}
    for job in jobs:
        lost = [step.time for step in job.transitions if step.ending and step.ending.preempted]
        events = [block_event(job, n) for n in range(len(job.blocked))]
        events += [preemption_event(job, n, when) | {"queues": queues} for n, when in enumerate(lost, 1)]
        if job.transitions[-1].ending:
            events.append(end_event(job))
        for event in events:
            yield int(datetime.fromisoformat(event["time"]).timestamp() * 1000), json.dumps(event)


def _events_output(bodies: Bodies, jobs: Sequence[Job], minutes: range, exporter: Exporter) -> Printed:
    """Return the output of the events function, which takes the sent events at the half of each minute."""
    printed: Printed = []
    events_handler.forget()
    with patch.object(events_handler, "batch_client", return_value=fake_client(jobs)):
        waiting = [(sent, body, "1") for sent, body in bodies]
        for first in exporter.unusable:
            for n in range(_RECEIVES):
                waiting.append((milliseconds(first + n * _RECEIVED_AGAIN), REJECTED[0].body, str(n + 1)))
        waiting.sort(reverse=True)
        for minute in minutes:
            now = milliseconds(minute) + 30_000
            while waiting and waiting[-1][0] < now and minute not in exporter.events_stopped:
                taken: list[tuple[int, str, str]] = []
                while waiting and waiting[-1][0] < now and len(taken) < _BATCH:
                    taken.append(waiting.pop())
                records = [
                    {"messageId": f"m{n}", "body": body, "attributes": {"ApproximateReceiveCount": received}}
                    for n, (_, body, received) in enumerate(taken)
                ]
                with redirect_stdout(StringIO()) as out, patch("time.time", return_value=now / 1000):
                    failed = events_handler.handler({"Records": records}, None)["batchItemFailures"]
                assert len(failed) == sum(body == REJECTED[0].body for _, body, _ in taken)
                printed.append((now // 1000, out.getvalue().splitlines()))
    return printed


def _add_native_metrics(samples: Samples, jobs: Sequence[Job], minutes: range) -> None:
    """Add the metrics of AWS Batch: changes of state only; cancelled and terminated jobs are among the failed jobs."""
    counts: dict[tuple[str, str, int], int] = {}
    for job in jobs:
        for step in job.transitions:
            ending = step.ending
            names = {
                "JobsMovedToSucceeded": step.state == "SUCCEEDED",
                "JobsMovedToFailed": step.state == "FAILED",
                "JobsCancelled": step.state == "FAILED" and bool(ending and ending.cancelled),
                "JobsTerminated": step.state == "FAILED" and bool(ending and ending.terminated),
                "JobsPreempted": step.state == "RUNNABLE" and bool(ending and ending.preempted),
                "JobsRetried": step.state == "RUNNABLE" and bool(ending and not ending.preempted),
            }
            for name in (name for name, moved in names.items() if moved):
                key = (job.queue.name, name, step.time // 1000)
                counts[key] = counts.get(key, 0) + 1
    for (queue, name, time), count in counts.items():
        if milliseconds(minutes[0]) <= 1000 * time < milliseconds(minutes[-1]):
            samples.add("AWS/Batch", name, {"JobQueueName": queue}, time, [count], arrival=time + 60)


def _add_sqs_metrics(
    samples: Samples, bodies: Bodies, minutes: range, exporter: Exporter, deployment: Deployment
) -> None:
    """Add the metrics that SQS publishes for the exporter's queues, once a minute."""
    for minute in minutes:
        now = MIDNIGHT + 60 * minute
        stopped = exporter.events_stopped
        first_sent = milliseconds(stopped.start) if minute in stopped else 1000 * (now - 30)
        unread = [sent for sent, _ in bodies if first_sent <= sent <= 1000 * now]
        unread += [
            milliseconds(first) for first in exporter.unusable if 0 <= minute - first < (_POISON - 1) * _RECEIVED_AGAIN
        ]
        age = now - min(unread) // 1000 if unread else 0
        unused = sum(minute - first >= _RECEIVES * _RECEIVED_AGAIN for first in exporter.unusable)
        undelivered = sum(minute >= first for first in exporter.undelivered)
        for name, queue, value in (
            ("ApproximateAgeOfOldestMessage", deployment.events, age),
            ("ApproximateNumberOfMessagesVisible", deployment.dead_letters, unused),
            ("ApproximateNumberOfMessagesVisible", deployment.rule_dead_letters, undelivered),
        ):
            samples.add("AWS/SQS", name, {"QueueName": queue}, now, [value], arrival=now + 60)
