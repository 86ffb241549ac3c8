"""The days are such as AWS could have them."""

from itertools import product

import botocore.session
import pytest
from botocore import xform_name

from fairlane.cloudwatch.samples import MetricKey
from tests.fairlane.monitoring.days.days import DAYS
from tests.fairlane.monitoring.days.polls import Batch
from tests.fairlane.monitoring.days.queues import QUEUES, ordinary
from tests.fairlane.monitoring.days.script import MIDNIGHT, Day, Exporter
from tests.fairlane.monitoring.days.watching import deployed, samples
from tests.fairlane_lambda.queue_poller.fake_batch import check_shape

MODEL = botocore.session.get_session().get_service_model("batch")
SHAPES = {xform_name(name): MODEL.operation_model(name).output_shape for name in MODEL.operation_names}


def total(day: str, namespace: str, name: str, **dimensions: str) -> float:
    """The sum of a metric over a day."""
    key = MetricKey.of(namespace, name, dimensions)
    return samples(day).aggregate(key, "Sum", 86_400, [MIDNIGHT]).get(MIDNIGHT, 0)


@pytest.mark.parametrize("queue", QUEUES)
def test_answers_have_the_shape_of_awss(queue: str) -> None:
    told = deployed().schedule[queue]
    batch = Batch(told, ordinary(queue, range(100)), Exporter(endless=frozenset({queue})))
    operation = "list_service_jobs" if told["kind"] == "service" else "list_jobs"
    listed = []
    for batch.minute, state in product((10, 50, 90), ("RUNNABLE", "RUNNING")):
        answer = getattr(batch, operation)(jobQueue=queue, jobStatus=state)
        listed += answer["jobSummaryList"]
        check_shape(answer, SHAPES[operation])
        check_shape(batch.get_job_queue_snapshot(jobQueue=queue), SHAPES["get_job_queue_snapshot"])
    assert listed
    check_shape(batch.describe_job_definitions(jobDefinitions=[]), SHAPES["describe_job_definitions"])


@pytest.mark.parametrize("name", DAYS)
def test_no_queue_uses_more_than_it_has(name: str) -> None:
    day, _ = DAYS[name]
    for queue, told in deployed().schedule.items():
        (limit,) = told["limit"].values()
        jobs = day.jobs.get(queue, ordinary(queue, range(day.minutes)))
        for minute in range(0, day.minutes, 10):
            assert sum(one.count * one.size for one in jobs if one.state(minute) == "RUNNING") <= limit


@pytest.mark.parametrize("name", ["busy", "200 jobs cancelled and terminated", "jobs fail everywhere"])
def test_events_and_native_metrics_tell_the_same(name: str) -> None:
    for queue, told in deployed().schedule.items():
        native = {
            metric: total(name, "AWS/Batch", metric, JobQueueName=queue)
            for metric in ("JobsMovedToSucceeded", "JobsMovedToFailed", "JobsCancelled", "JobsTerminated")
        }
        assert any(native.values()), "something ends on each queue"
        failed = native["JobsMovedToFailed"] - native["JobsCancelled"] - native["JobsTerminated"]
        for metric, counted in (("JobsSucceeded", native["JobsMovedToSucceeded"]), ("JobsFailed", failed)):
            assert total(name, "Fairlane", metric, JobQueueName=queue) == counted
            of_shares = [total(name, "Fairlane", metric, JobQueueName=queue, Share=share) for share in told["shares"]]
            assert not of_shares or sum(of_shares) == counted


def test_every_poll_of_a_busy_day_tells_of_every_queue_and_share() -> None:
    for queue, told in deployed().schedule.items():
        for share in (None, *told["shares"]):
            key = MetricKey.of(
                "Fairlane", "RunnableJobs", {"JobQueueName": queue} | ({"Share": share} if share else {})
            )
            minutes = DAYS["busy"][0].minutes
            counted = samples("busy").aggregate(key, "SampleCount", 60, range(MIDNIGHT, MIDNIGHT + 60 * minutes, 60))
            assert list(counted.values()) == [1] * minutes


def test_polls_that_drift_leave_every_other_minute_out() -> None:
    polls = Exporter(drifting=True).polls(range(6))
    assert [(time - MIDNIGHT) // 60 for time in polls] == [0, 0, 2, 2, 4, 4]
    assert Day(exporter=Exporter(late=30)).exporter.readable(MIDNIGHT + 30 * 60 + 5) == MIDNIGHT + 40 * 60 + 5
