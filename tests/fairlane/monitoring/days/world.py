"""A day as CloudWatch sees it: what the exporter's handlers print, and what AWS publishes by itself."""

import json
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from datetime import datetime
from io import StringIO
from typing import Final
from unittest.mock import patch

from fairlane.cloudwatch.samples import Samples
from fairlane_lambda.job_events import handler as events_handler
from tests.fairlane.monitoring.days.app import Deployed
from tests.fairlane.monitoring.days.polls import Printed, polled
from tests.fairlane.monitoring.days.queues import ordinary
from tests.fairlane.monitoring.days.script import MIDNIGHT, Day, Exporter, at
from tests.fairlane_lambda.job_events.events import REJECTED, block_event, end_event, preemption_event
from tests.fairlane_lambda.job_events.harness import describing
from tests.fairlane_lambda.job_events.jobs import Job, Queue

_BATCH: Final = 100
_RECEIVES: Final = 5
_RECEIVED_AGAIN: Final = 7
"""Minutes until an event that could not be used is received again: the queue's visibility timeout and a window."""
_POISON: Final = 3
"""SQS leaves what was received so often out of the age of the oldest message."""

Bodies = list[tuple[int, str]]
"""Events, by when they were sent, in milliseconds since 1970."""


def samples_of(day: Day, deployed: Deployed) -> Samples:
    """All that CloudWatch gets on a day.

    Args:
        day: what happens.
        deployed: the exporter.
    """
    samples = Samples()
    minutes = range(day.minutes)
    histories: list[Job] = []
    for name, told in deployed.schedule.items():
        jobs = day.jobs.get(name, ordinary(name, minutes))
        for printed, lines in polled(json.dumps(told), jobs, minutes, day.exporter):
            samples.add_emf(lines, arrival=day.exporter.readable(printed))
        queue = Queue(name, tuple(told["shares"]), ())
        for n, some in enumerate(jobs):
            histories += some.histories(f"{name}-{n}", queue, service=told["kind"] == "service", quota=told["quota"])
    _add_native(samples, histories, minutes)
    bodies = [(sent, body) for sent, body in _bodies(histories) if at(minutes[0]) <= sent < at(minutes[-1])]
    for printed, lines in _handled(sorted(bodies), histories, minutes, day.exporter):
        samples.add_emf(lines, arrival=printed + day.exporter.delay)
    _add_queues(samples, sorted(bodies), minutes, day.exporter, deployed)
    return samples


def _bodies(jobs: Sequence[Job]) -> Iterator[tuple[int, str]]:
    queues = {job.queue.name: list(job.queue.declared) for job in jobs if job.service}
    for job in jobs:
        lost = [step.at for step in job.transitions if step.ending and step.ending.preempted]
        events = [block_event(job, n) for n in range(len(job.blocked))]
        events += [preemption_event(job, n, when) | {"queues": queues} for n, when in enumerate(lost, 1)]
        if job.transitions[-1].ending:
            events.append(end_event(job))
        for event in events:
            yield int(datetime.fromisoformat(event["time"]).timestamp() * 1000), json.dumps(event)


def _handled(bodies: Bodies, jobs: Sequence[Job], minutes: range, exporter: Exporter) -> Printed:
    """What the handler of events prints: at the half of each minute it takes those that were sent."""
    printed: Printed = []
    events_handler.forget()
    with patch.object(events_handler, "batch_client", return_value=describing(jobs)):
        waiting = [(sent, body, "1") for sent, body in bodies]
        for first in exporter.unusable:
            for n in range(_RECEIVES):
                waiting.append((at(first + n * _RECEIVED_AGAIN), REJECTED[0].body, str(n + 1)))
        waiting.sort(reverse=True)
        for minute in minutes:
            now = at(minute) + 30_000
            while waiting and waiting[-1][0] < now and minute not in exporter.events_dead:
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


def _add_native(samples: Samples, jobs: Sequence[Job], minutes: range) -> None:
    """What AWS Batch publishes: only what moves; what was cancelled or terminated is among what failed."""
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
                key = (job.queue.name, name, step.at // 1000)
                counts[key] = counts.get(key, 0) + 1
    for (queue, name, time), count in counts.items():
        if at(minutes[0]) <= 1000 * time < at(minutes[-1]):
            samples.add("AWS/Batch", name, {"JobQueueName": queue}, time, [count], arrival=time + 60)


def _add_queues(samples: Samples, bodies: Bodies, minutes: range, exporter: Exporter, deployed: Deployed) -> None:
    """What SQS publishes of the exporter's queues, once a minute."""
    for minute in minutes:
        now = MIDNIGHT + 60 * minute
        dead = exporter.events_dead
        begun = at(dead.start) if minute in dead else 1000 * (now - 30)
        unread = [sent for sent, _ in bodies if begun <= sent <= 1000 * now]
        unread += [at(first) for first in exporter.unusable if 0 <= minute - first < (_POISON - 1) * _RECEIVED_AGAIN]
        age = now - min(unread) // 1000 if unread else 0
        unused = sum(minute - first >= _RECEIVES * _RECEIVED_AGAIN for first in exporter.unusable)
        undelivered = sum(minute >= first for first in exporter.undelivered)
        for name, queue, value in (
            ("ApproximateAgeOfOldestMessage", deployed.events, age),
            ("ApproximateNumberOfMessagesVisible", deployed.dead_letters, unused),
            ("ApproximateNumberOfMessagesVisible", deployed.rule_dead_letters, undelivered),
        ):
            samples.add("AWS/SQS", name, {"QueueName": queue}, now, [value], arrival=now + 60)
