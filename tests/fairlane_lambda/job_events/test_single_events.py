"""Single events that are repeated, late, contradictory or invalid."""

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

from fairlane_lambda.job_events import handler as module
from tests.fairlane_lambda.job_events.emf import compare, read_samples
from tests.fairlane_lambda.job_events.endings import COMPUTE_SUCCESS, PREEMPTIONS, SERVICE_SUCCESS
from tests.fairlane_lambda.job_events.events import REJECTED, Event, end_event, iso, job_event_messages
from tests.fairlane_lambda.job_events.harness import (
    END,
    LONG,
    MINUTE_MS,
    SPOT,
    check,
    check_all,
    fake_client,
    run,
    single,
)
from tests.fairlane_lambda.job_events.histories import Batch
from tests.fairlane_lambda.job_events.jobs import HOUR_MS, NOW, NOW_MS, Job, Reporting, job_transitions
from tests.fairlane_lambda.job_events.reference import UNITS, event_samples, expected
from tests.support import REPOSITORY


def test_a_preemption_in_another_queue_has_no_metrics() -> None:
    job = single((1, 2, 4, PREEMPTIONS[0]), (1, 2, 4, SERVICE_SUCCESS), service=True)
    event = next(event for event in job_event_messages(job) if event.kind == "preemption")
    elsewhere = replace(job, queue=replace(job.queue, name="elsewhere"))
    assert run([Batch(((event, 1),))], fake_client([elsewhere])) == ([], [set()])


def test_a_preemption_counts_when_its_job_can_be_described() -> None:
    job = single((1, 2, 4_000, PREEMPTIONS[0]), (1, 2, 4, SERVICE_SUCCESS), service=True)
    event = next(event for event in job_event_messages(job) if event.kind == "preemption")
    batches = [Batch(((event, 1),)), Batch(((event, 2),)), Batch(((event, 3),))]
    samples, failures = run(batches, fake_client([job], failures=1))
    assert failures == [{0}, set(), set()]
    compare(samples, expected(batches[:1]))


@pytest.mark.parametrize("event", REJECTED, ids=lambda event: event.body)
def test_rejected_record(event: Event) -> None:
    job = single((1_000, 2_000, 4_000, COMPUTE_SUCCESS))
    valid = job_event_messages(job)[0]
    check([job], [Batch(((event, 1), (valid, 1))), Batch(((event, 2),)), Batch(((valid, 2), (event, 1)))])


def test_an_event_without_a_receive_count_is_rejected() -> None:
    record = {"messageId": "m", "body": "{}"}
    output = io.StringIO()
    with contextlib.redirect_stdout(output), mock.patch("time.time", return_value=NOW):
        assert module.handler({"Records": [record]}, None) == {"batchItemFailures": [{"itemIdentifier": "m"}]}
    assert [sample.metric for sample in read_samples(output.getvalue())] == ["EventsRejected"]


def changed(job: Job, change: Callable[[dict[str, Any]], object]) -> Event:
    """Return the event of a job's end with changed fields."""
    fields = end_event(job)
    change(fields)
    return Event(json.dumps(fields), "end", job)


@pytest.mark.parametrize("time", ["", None, iso(NOW_MS - 15 * 24 * HOUR_MS), iso(NOW_MS + 3 * HOUR_MS)])
def test_durations_have_the_present_minute_if_the_time_is_unusable(time: str | None) -> None:
    job = single((1_000, 2_000, 4_000, COMPUTE_SUCCESS))
    event = changed(job, lambda fields: fields.update(time=time))
    samples, _ = run([Batch(((event, 1),))], fake_client([]))
    minutes = {sample.minute // MINUTE_MS for sample in samples if sample.minute is not None}
    assert minutes == {NOW_MS // MINUTE_MS}
    assert len(samples) == len(event_samples(event))


@pytest.mark.parametrize("ago", [13 * 24 * HOUR_MS, -HOUR_MS])
def test_durations_have_the_minute_of_a_late_event(ago: int) -> None:
    job = single((1_000, 2_000, 4_000, COMPUTE_SUCCESS), transitions=job_transitions(NOW_MS - ago, [LONG]))
    check_all([job])


def test_an_event_repeated_with_a_later_time_counts_once() -> None:
    job = replace(
        single((1_000, 2_000, 4_000, SPOT)), transitions=job_transitions(END // MINUTE_MS * MINUTE_MS, [LONG])
    )
    first, later = (
        job_event_messages(job)[0],
        changed(job, lambda fields: fields.update(time=iso(job.reported + 7_000))),
    )
    samples, _ = run([Batch(((first, 1), (later, 1)))], fake_client([]))
    compare(samples, expected([Batch(((first, 1),))]))


def test_contradictory_times_are_left_out() -> None:
    job = single((1_000, 2_000, 4_000, COMPUTE_SUCCESS))

    def contradict(fields: dict[str, Any]) -> None:
        (attempt,) = fields["attempts"]
        fields.update(scheduled=attempt["startedAt"] + 1, created=attempt["startedAt"] + 1)
        attempt["stoppedAt"] = attempt["startedAt"] - 1

    samples, _ = run([Batch(((changed(job, contradict), 1),))], fake_client([]))
    durations = {sample.metric for sample in samples if sample.minute is not None and sample.value}
    assert durations <= {"JobWaitTime"}
    succeeded = [(sample.dimensions, sample.value) for sample in samples if sample.metric == "JobsSucceeded"]
    queue = (("JobQueueName", job.queue.name),)
    assert sorted(succeeded) == [(queue, 1), ((*queue, ("Share", str(job.share.entry))), 1)]


def test_intermediate_states_have_no_metrics() -> None:
    job = single((1_000, 2_000, 4_000, COMPUTE_SUCCESS), reporting=Reporting(noise=True))
    nothing = tuple((event, 1) for event in job_event_messages(job) if event.kind == "nothing")
    assert run([Batch(nothing)], fake_client([])) == ([], [set()])


def test_a_rejected_event_does_not_count_as_a_duplicate() -> None:
    job = single((1_000, 2_000, 4_000, COMPUTE_SUCCESS))
    valid = job_event_messages(job)[0]
    rejected = Event(changed(job, lambda fields: fields.update(created="")).body, "rejected", queue=job.queue.name)
    check([job], [Batch(((rejected, 1), (valid, 1)))])


def test_invalid_attempts_are_skipped() -> None:
    job = single((1_000, 2_000, 4_000, SPOT), (1_000, 2_000, 4_000, COMPUTE_SUCCESS))
    event = changed(job, lambda fields: fields.update(attempts=[None, *fields["attempts"], "attempt", 3]))
    samples, _ = run([Batch(((event, 1),))], fake_client([]))
    compare(samples, expected([Batch(((event, 1),))]))


@pytest.mark.parametrize("value", [-1, "soon", "1793530847250", [], {}])
def test_invalid_times_count_as_absent(value: Any) -> None:
    job = single((1_000, 2_000, 4_000, COMPUTE_SUCCESS), reporting=Reporting(scheduled=False, omitted="end"))
    event = changed(job, lambda fields: fields.update(scheduled=value, stopped=value))
    samples, _ = run([Batch(((event, 1),))], fake_client([]))
    compare(samples, expected([Batch(((event, 1),))]))


def test_more_values_than_one_line_may_hold() -> None:
    check_all([single((n, n, n, COMPUTE_SUCCESS), id=f"j{n}") for n in range(250)])


def test_the_reference_has_every_metric_of_events_with_its_unit() -> None:
    catalog = json.loads((REPOSITORY / "lambda" / "fairlane_lambda" / "metrics.json").read_text())["metrics"]
    assert {name: metric["unit"] for name, metric in catalog.items() if metric["source"] == "job_events"} == UNITS
