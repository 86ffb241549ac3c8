"""Output of the real handlers for queues with jobs in all states."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from unittest.mock import patch

from fairlane.monitoring.costs import QueueUse
from fairlane_lambda.job_events import handler as job_events
from tests.fairlane_lambda.job_events.emf import read_samples
from tests.fairlane_lambda.job_events.endings import (
    BLOCKS,
    COMPUTE_ENDINGS,
    COMPUTE_SUCCESS,
    PREEMPTIONS,
    SERVICE_ENDINGS,
    SERVICE_SUCCESS,
)
from tests.fairlane_lambda.job_events.events import Event, job_event_messages
from tests.fairlane_lambda.job_events.harness import END, MINUTE_MS, fake_client
from tests.fairlane_lambda.job_events.jobs import HOUR_MS, NOW, AttemptTimes, Job, Queue, Share, job_transitions
from tests.fairlane_lambda.queue_poller.fake_batch import FakeBatch
from tests.fairlane_lambda.queue_poller.polling import (
    HOUR,
    NAMES,
    Container,
    definition,
    job,
    queue,
    service_job,
)

NAME = "training-interactive"
UNITS = {False: "VCPU", True: "ml.p4d.24xlarge"}
STATES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
REASONS = ("Terminated", "TimeLimitAction", "Other")


def share_names(use: QueueUse) -> list[str]:
    return [f"share-of-the-team-{n:02}" for n in range(use.shares)]


def poller_output(use: QueueUse) -> str:
    """Return the lines of one poll of a queue with jobs of each share in each state."""
    shares = share_names(use)
    entitled = {share: {UNITS[use.service]: 33.333} if n < use.entitled else {} for n, share in enumerate(shares)}
    submitted: list[str | None] = [*shares, *(["undeclared"] if use.other else [])]
    jobs = {
        state: [
            service_job(n, 30 * HOUR, None if use.preemption else share, share if use.preemption else None, p4d=12)
            if use.service
            else job(n, 30 * HOUR, share)
            for n, share in enumerate(submitted or [None])
        ]
        for state in (*STATES, *(["SCHEDULED"] if use.service else []))
    }
    container = Container(FakeBatch({NAME: jobs}, definitions=[definition(gpus=8)]))
    limit = {UNITS[use.service]: 100} if use.limit else {}
    kind = "service" if use.service else "compute"
    container.poll(queue(NAME, kind, quota=use.preemption, shares=entitled, limit=limit))
    assert not container.logged
    return container.printed


def events_of_all_kinds(use: QueueUse) -> tuple[list[Event], list[Job]]:
    """Return events and jobs of each share: successes, retried failures for each of `REASONS`, preemptions and blocks."""
    shares = share_names(use)
    declared = Queue(NAME, tuple(shares), ())
    submitted = [Share("quota" if use.preemption else "share", share, share) for share in shares]
    submitted += [Share("share", "undeclared", "other")] if use.other else []
    attempts: list[list[AttemptTimes]] = []
    length = 30 * HOUR_MS
    success = SERVICE_SUCCESS if use.service else COMPUTE_SUCCESS
    endings = SERVICE_ENDINGS if use.service else COMPUTE_ENDINGS
    retried = next(ending for ending in endings if ending.retried)
    for ending in (
        success,
        *(next(candidate for candidate in endings if candidate.reason == reason) for reason in REASONS),
    ):
        attempts.append([(length, length, length, retried)] * 2 + [(length, length, length, ending)])
    if use.preemption:
        attempts.append([(length, length, length, PREEMPTIONS[0]), (length, length, length, success)])
    jobs = [
        Job(
            f"{n}-{m}",
            "job",
            declared,
            share,
            job_transitions(END, parts),
            use.service,
            capacity=(("ml.p4d.24xlarge", 2),),
        )
        for n, share in enumerate(submitted or [Share()])
        for m, parts in enumerate(attempts)
    ]
    jobs[0] = replace(jobs[0], blocked=tuple((END - n * MINUTE_MS, BLOCKS[n]) for n in range(len(REASONS))))
    events = [event for job in jobs for event in job_event_messages(job)]
    queues = {NAME: list(declared.declared)}
    events = [
        replace(event, body=json.dumps(json.loads(event.body) | {"queues": queues}))
        if event.kind == "preemption"
        else event
        for event in events
    ]
    return [*events, Event(json.dumps({"type": "Something Else", "queue": NAME}), "rejected", queue=NAME)], jobs


def events_output(events: Sequence[Event], jobs: Sequence[Job]) -> str:
    """Return the lines of a new container that receives the events in one batch."""
    job_events.forget()
    records = [{"messageId": str(n), "body": event.body} for n, event in enumerate(events)]
    with (
        patch.object(job_events, "batch_client", return_value=fake_client(jobs)),
        patch("time.time", return_value=NOW),
        redirect_stdout(StringIO()) as out,
    ):
        job_events.handler({"Records": records}, None)
    return out.getvalue()


def polled_series(printed: str) -> Mapping[str, int]:
    """Return the number of series in the lines of the poller, by metric."""
    series = set()
    for line in printed.splitlines():
        record = json.loads(line)
        (directive,) = record["_aws"]["CloudWatchMetrics"]
        (names,) = directive["Dimensions"]
        dimensions = tuple((name, record[name]) for name in names)
        series |= {(metric["Name"], dimensions) for metric in directive["Metrics"]}
    return Counter(name for name, _ in series)


def event_series(printed: str) -> Mapping[str, int]:
    """Return the number of series in the lines for events, by metric."""
    return Counter(name for name, _ in {(sample.metric, sample.dimensions) for sample in read_samples(printed)})


def select_source(series: Mapping[str, int], source: str) -> dict[str, int]:
    """Return the counts above 0 of the metrics of one function."""
    return {name: count for name, count in series.items() if count and NAMES["metrics"][name]["source"] == source}
