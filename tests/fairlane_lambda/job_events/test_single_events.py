"""Events that are repeated, late, contradictory or beyond understanding, one by one."""

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

from fairlane_lambda.job_events import handler as module
from tests.fairlane_lambda.job_events.emf import compare, samples_of
from tests.fairlane_lambda.job_events.endings import COMPUTE_SUCCESS, PREEMPTIONS, SERVICE_SUCCESS
from tests.fairlane_lambda.job_events.events import REJECTED, Event, end_event, events_of, iso
from tests.fairlane_lambda.job_events.harness import (
    END,
    LONG,
    MINUTE_MS,
    SPOT,
    check,
    check_all,
    describing,
    run,
    single,
)
from tests.fairlane_lambda.job_events.histories import Batch
from tests.fairlane_lambda.job_events.jobs import HOUR_MS, NOW, NOW_MS, Job, Telling, journey
from tests.fairlane_lambda.job_events.reference import UNITS, expected, of_event
from tests.support import REPOSITORY


def test_preemption_in_a_queue_that_is_not_ours_brings_nothing() -> None:
    job = single((1, 2, 4, PREEMPTIONS[0]), (1, 2, 4, SERVICE_SUCCESS), service=True)
    event = next(event for event in events_of(job) if event.tells == "preemption")
    elsewhere = replace(job, queue=replace(job.queue, name="elsewhere"))
    assert run([Batch(((event, 1),))], describing([elsewhere])) == ([], [set()])


def test_preemption_counts_once_its_job_can_be_described() -> None:
    job = single((1, 2, 4_000, PREEMPTIONS[0]), (1, 2, 4, SERVICE_SUCCESS), service=True)
    event = next(event for event in events_of(job) if event.tells == "preemption")
    batches = [Batch(((event, 1),)), Batch(((event, 2),)), Batch(((event, 3),))]
    found, failures = run(batches, describing([job], failures=1))
    assert failures == [{0}, set(), set()]
    compare(found, expected(batches[:1]))


@pytest.mark.parametrize("event", REJECTED, ids=lambda event: event.body)
def test_rejected_record(event: Event) -> None:
    job = single((1_000, 2_000, 4_000, COMPUTE_SUCCESS))
    sound = events_of(job)[0]
    check([job], [Batch(((event, 1), (sound, 1))), Batch(((event, 2),)), Batch(((sound, 2), (event, 1)))])


def test_count_of_receives_may_be_missing() -> None:
    record = {"messageId": "m", "body": "{}"}
    output = io.StringIO()
    with contextlib.redirect_stdout(output), mock.patch("time.time", return_value=NOW):
        assert module.handler({"Records": [record]}, None) == {"batchItemFailures": [{"itemIdentifier": "m"}]}
    assert [sample.metric for sample in samples_of(output.getvalue())] == ["EventsRejected"]


def changed(job: Job, change: Callable[[dict[str, Any]], object]) -> Event:
    """The event of a job's end, with something changed."""
    fields = end_event(job)
    change(fields)
    return Event(json.dumps(fields), "end", job)


@pytest.mark.parametrize("time", ["", None, iso(NOW_MS - 15 * 24 * HOUR_MS), iso(NOW_MS + 3 * HOUR_MS)])
def test_durations_carry_the_present_where_the_time_cannot_be_used(time: str | None) -> None:
    job = single((1_000, 2_000, 4_000, COMPUTE_SUCCESS))
    event = changed(job, lambda fields: fields.update(time=time))
    found, _ = run([Batch(((event, 1),))], describing([]))
    minutes = {sample.minute // MINUTE_MS for sample in found if sample.minute is not None}
    assert minutes == {NOW_MS // MINUTE_MS}
    assert len(found) == len(of_event(event))


@pytest.mark.parametrize("ago", [13 * 24 * HOUR_MS, -HOUR_MS])
def test_durations_carry_the_minute_of_late_events(ago: int) -> None:
    job = single((1_000, 2_000, 4_000, COMPUTE_SUCCESS), transitions=journey(NOW_MS - ago, [LONG]))
    check_all([job])


def test_repetition_that_was_sent_later_counts_once() -> None:
    job = replace(single((1_000, 2_000, 4_000, SPOT)), transitions=journey(END // MINUTE_MS * MINUTE_MS, [LONG]))
    first, later = events_of(job)[0], changed(job, lambda fields: fields.update(time=iso(job.reported + 7_000)))
    found, _ = run([Batch(((first, 1), (later, 1)))], describing([]))
    compare(found, expected([Batch(((first, 1),))]))


def test_times_that_contradict_each_other_are_left_out() -> None:
    job = single((1_000, 2_000, 4_000, COMPUTE_SUCCESS))

    def contradict(fields: dict[str, Any]) -> None:
        (attempt,) = fields["attempts"]
        fields.update(scheduled=attempt["startedAt"] + 1, created=attempt["startedAt"] + 1)
        attempt["stoppedAt"] = attempt["startedAt"] - 1

    found, _ = run([Batch(((changed(job, contradict), 1),))], describing([]))
    durations = {sample.metric for sample in found if sample.minute is not None and sample.value}
    assert durations <= {"JobWaitTime"}
    succeeded = [(sample.dimensions, sample.value) for sample in found if sample.metric == "JobsSucceeded"]
    of_queue = (("JobQueueName", job.queue.name),)
    assert sorted(succeeded) == [(of_queue, 1), ((*of_queue, ("Share", str(job.share.entry))), 1)]


def test_states_in_between_bring_nothing() -> None:
    job = single((1_000, 2_000, 4_000, COMPUTE_SUCCESS), telling=Telling(noise=True))
    nothing = tuple((event, 1) for event in events_of(job) if event.tells == "nothing")
    assert run([Batch(nothing)], describing([])) == ([], [set()])


def test_rejected_record_is_not_remembered() -> None:
    job = single((1_000, 2_000, 4_000, COMPUTE_SUCCESS))
    sound = events_of(job)[0]
    rejected = Event(changed(job, lambda fields: fields.update(created="")).body, "rejected", queue=job.queue.name)
    check([job], [Batch(((rejected, 1), (sound, 1)))])


def test_what_is_no_attempt_among_the_attempts_is_passed_over() -> None:
    job = single((1_000, 2_000, 4_000, SPOT), (1_000, 2_000, 4_000, COMPUTE_SUCCESS))
    event = changed(job, lambda fields: fields.update(attempts=[None, *fields["attempts"], "attempt", 3]))
    found, _ = run([Batch(((event, 1),))], describing([]))
    compare(found, expected([Batch(((event, 1),))]))


@pytest.mark.parametrize("value", [-1, "soon", "1793530847250", [], {}])
def test_what_is_no_time_is_absent(value: Any) -> None:
    job = single((1_000, 2_000, 4_000, COMPUTE_SUCCESS), telling=Telling(scheduled=False, untold="end"))
    event = changed(job, lambda fields: fields.update(scheduled=value, stopped=value))
    found, _ = run([Batch(((event, 1),))], describing([]))
    compare(found, expected([Batch(((event, 1),))]))


def test_more_values_than_one_line_may_hold() -> None:
    check_all([single((n, n, n, COMPUTE_SUCCESS), id=f"j{n}") for n in range(250)])


def test_the_reference_knows_every_metric_of_events_by_its_unit() -> None:
    catalog = json.loads((REPOSITORY / "lambda" / "fairlane_lambda" / "metrics.json").read_text())["metrics"]
    assert {name: known["unit"] for name, known in catalog.items() if known["source"] == "job_events"} == UNITS
