"""Tests that the scripted days are realistic."""

from itertools import product

import botocore.session
import pytest
from botocore import xform_name

from fairlane.cloudwatch.samples import MetricKey
from tests.fairlane.monitoring.days.days import DAYS
from tests.fairlane.monitoring.days.evaluation import deployment, samples
from tests.fairlane.monitoring.days.polls import ScriptedBatch
from tests.fairlane.monitoring.days.queues import QUEUES, ordinary_jobs
from tests.fairlane.monitoring.days.script import MIDNIGHT, Day, Exporter
from tests.fairlane_lambda.queue_poller.fake_batch import check_shape

MODEL = botocore.session.get_session().get_service_model("batch")
SHAPES = {xform_name(name): MODEL.operation_model(name).output_shape for name in MODEL.operation_names}


def total(day: str, namespace: str, name: str, **dimensions: str) -> float:
    """Return the sum of a metric over a day."""
    key = MetricKey.from_dimensions(namespace, name, dimensions)
    return samples(day).aggregate(key, "Sum", 86_400, [MIDNIGHT]).get(MIDNIGHT, 0)


@pytest.mark.parametrize("queue", QUEUES)
def test_scripted_answers_have_the_shapes_of_the_batch_api(queue: str) -> None:
    poll_input = deployment().schedule[queue]
    batch = ScriptedBatch(poll_input, ordinary_jobs(queue, range(100)), Exporter(endless=frozenset({queue})))
    operation = "list_service_jobs" if poll_input["kind"] == "service" else "list_jobs"
    listed = []
    for batch.minute, state in product((10, 50, 90), ("RUNNABLE", "RUNNING")):
        answer = getattr(batch, operation)(jobQueue=queue, jobStatus=state)
        listed += answer["jobSummaryList"]
        check_shape(answer, SHAPES[operation])
        check_shape(batch.get_job_queue_snapshot(jobQueue=queue), SHAPES["get_job_queue_snapshot"])
    assert listed
    check_shape(batch.describe_job_definitions(jobDefinitions=[]), SHAPES["describe_job_definitions"])


@pytest.mark.parametrize("name", DAYS)
def test_no_queue_uses_more_than_its_limit(name: str) -> None:
    day, _ = DAYS[name]
    for queue, poll_input in deployment().schedule.items():
        (limit,) = poll_input["limit"].values()
        jobs = day.jobs.get(queue, ordinary_jobs(queue, range(day.minutes)))
        for minute in range(0, day.minutes, 10):
            assert sum(group.count * group.size for group in jobs if group.state(minute) == "RUNNING") <= limit


@pytest.mark.parametrize("name", ["busy", "200 jobs cancelled and terminated", "jobs fail everywhere"])
def test_exported_and_native_counts_are_equal(name: str) -> None:
    for queue, poll_input in deployment().schedule.items():
        native = {
            metric: total(name, "AWS/Batch", metric, JobQueueName=queue)
            for metric in ("JobsMovedToSucceeded", "JobsMovedToFailed", "JobsCancelled", "JobsTerminated")
        }
        assert any(native.values()), "jobs end on each queue"
        failed = native["JobsMovedToFailed"] - native["JobsCancelled"] - native["JobsTerminated"]
        for metric, counted in (("JobsSucceeded", native["JobsMovedToSucceeded"]), ("JobsFailed", failed)):
            assert total(name, "Fairlane", metric, JobQueueName=queue) == counted
            share_totals = [
                total(name, "Fairlane", metric, JobQueueName=queue, Share=share) for share in poll_input["shares"]
            ]
            assert not share_totals or sum(share_totals) == counted


def test_each_poll_of_a_busy_day_publishes_each_queue_and_share() -> None:
    for queue, poll_input in deployment().schedule.items():
        for share in (None, *poll_input["shares"]):
            key = MetricKey.from_dimensions(
                "Fairlane", "RunnableJobs", {"JobQueueName": queue} | ({"Share": share} if share else {})
            )
            minutes = DAYS["busy"][0].minutes
            counted = samples("busy").aggregate(key, "SampleCount", 60, range(MIDNIGHT, MIDNIGHT + 60 * minutes, 60))
            assert list(counted.values()) == [1] * minutes


def test_drifting_polls_leave_out_every_other_minute() -> None:
    polls = Exporter(drifting=True).polls(range(6))
    assert [(time - MIDNIGHT) // 60 for time in polls] == [0, 0, 2, 2, 4, 4]
    assert Day(exporter=Exporter(late_minute=30)).exporter.readable(MIDNIGHT + 30 * 60 + 5) == MIDNIGHT + 40 * 60 + 5
