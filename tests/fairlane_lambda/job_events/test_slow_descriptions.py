"""Preemptions while AWS Batch describes jobs slowly, throttles, or does not answer."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from fairlane_lambda.job_events import descriptions
from fairlane_lambda.job_events import handler as module
from tests.fairlane_lambda.job_events.container import TIMEOUT_SECONDS, Clock, Container
from tests.fairlane_lambda.job_events.emf import compare, read_samples
from tests.fairlane_lambda.job_events.endings import PREEMPTIONS, SERVICE_SUCCESS
from tests.fairlane_lambda.job_events.events import Event, job_event_messages, service_job_description
from tests.fairlane_lambda.job_events.harness import single
from tests.fairlane_lambda.job_events.histories import Batch
from tests.fairlane_lambda.job_events.jobs import Job
from tests.fairlane_lambda.job_events.reference import expected
from tests.fairlane_lambda.job_events.sqs import FakeSqs

BATCH = 100
CALL_SECONDS = module._CONNECT_SECONDS + module._READ_SECONDS


def preempted_jobs(count: int) -> list[Job]:
    attempts = ((1_000, 2_000, 4_000, PREEMPTIONS[0]), (1_000, 2_000, 4_000, SERVICE_SUCCESS))
    return [single(*attempts, id=f"j{n}", service=True) for n in range(count)]


def preemption(job: Job) -> Event:
    return next(event for event in job_event_messages(job) if event.kind == "preemption")


def refused(status: int) -> Exception:
    response: Any = {
        "Error": {"Code": "SomeException", "Message": "secret"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    error: Exception = ClientError(response, "DescribeServiceJob")
    return error


class Api:
    """DescribeServiceJob.

    Args:
        clock: Clock of the calls.
        jobs: Existing jobs.
        seconds: Returns the seconds that a call takes, from the number of the call.
        error: Returns the error of a call, from the number of the call.
    """

    def __init__(
        self,
        clock: Clock,
        jobs: list[Job],
        seconds: Callable[[int], float] = lambda number: 0.1,
        error: Callable[[int], Exception | None] = lambda number: None,
    ) -> None:
        self.calls: list[str] = []
        self._clock = clock
        self._descriptions = {job.id: service_job_description(job) for job in jobs}
        self._seconds = seconds
        self._error = error

    def __call__(self, job: str) -> dict[str, Any]:
        number = len(self.calls)
        self.calls.append(job)
        self._clock.call(self._seconds(number))
        if error := self._error(number):
            raise error
        return self._descriptions[job]


def count_all(jobs: list[Job], api: Api, clock: Clock) -> Container:
    """Deliver the preemptions of jobs until all are counted."""
    queue = FakeSqs.of(preemption(job) for job in jobs)
    container = Container(api, clock)
    while queue.messages:
        for start in range(0, len(queue.messages), BATCH):
            started = clock.now
            queue.deliver(queue.messages[start : start + BATCH], container.invoke)
            assert clock.now - started <= TIMEOUT_SECONDS - 15 + CALL_SECONDS
    assert queue.dead_letters == []
    compare(read_samples(container.printed), expected([Batch(tuple((preemption(job), 1) for job in jobs))]))
    return container


@pytest.mark.parametrize("seconds", [0.1, 3, 5, CALL_SECONDS])
def test_preemptions_count_once_if_every_call_is_slow(seconds: float) -> None:
    clock, jobs = Clock(), preempted_jobs(300)
    api = Api(clock, jobs, lambda number: seconds)
    count_all(jobs, api, clock)
    assert len(api.calls) == 300


def test_preemptions_count_once_if_every_first_call_times_out() -> None:
    clock, jobs = Clock(), preempted_jobs(300)

    class Unsteady(Api):
        def __call__(self, job: str) -> dict[str, Any]:
            description = super().__call__(job)
            if self.calls.count(job) == 1:
                raise ReadTimeoutError(endpoint_url="")
            return description

    api = Unsteady(clock, jobs, lambda number: CALL_SECONDS)
    count_all(jobs, api, clock)
    assert len(api.calls) == 600


@pytest.mark.parametrize("calls_per_second", [2, 5, 20])
def test_preemptions_count_once_if_calls_are_throttled(calls_per_second: float) -> None:
    clock, jobs = Clock(), preempted_jobs(300)
    state = {"tokens": 0.0, "time": 0.0}

    def throttle(number: int) -> Exception | None:
        state["tokens"] = min(calls_per_second, state["tokens"] + (clock.now - state["time"]) * calls_per_second)
        state["time"] = clock.now
        if state["tokens"] < 1:
            return refused(429)
        state["tokens"] -= 1
        return None

    api = Api(clock, jobs, error=throttle)
    count_all(jobs, api, clock)
    assert len(api.calls) > 300


@pytest.mark.parametrize("error", [refused(429), refused(500), refused(503), EndpointConnectionError(endpoint_url="")])
def test_a_call_is_repeated_after_the_calls_for_other_jobs(error: Exception) -> None:
    clock, jobs = Clock(), preempted_jobs(25)
    api = Api(clock, jobs, error=lambda number: error if number == 3 else None)
    count_all(jobs, api, clock)
    assert api.calls == [*(f"j{n}" for n in range(25)), "j3"]


def test_a_call_that_is_always_throttled_is_repeated_nine_times() -> None:
    clock, jobs = Clock(), preempted_jobs(2)
    api = Api(clock, jobs, lambda number: 0, lambda number: refused(429))
    queue = FakeSqs.of(preemption(job) for job in jobs)
    queue.deliver(queue.messages, Container(api, clock).invoke)
    assert (len(api.calls), len(queue.messages)) == (20, 2)
    assert clock.now == 10


def test_a_call_that_was_refused_is_not_repeated() -> None:
    clock, jobs = Clock(), preempted_jobs(2)
    api = Api(clock, jobs, error=lambda number: refused(403) if number == 0 else None)
    queue = FakeSqs.of(preemption(job) for job in jobs)
    container = Container(api, clock)
    queue.deliver(queue.messages, container.invoke)
    assert api.calls == ["j0", "j1"]
    assert [message.id for message in queue.messages] == ["m0"]
    assert container.log.getvalue() == "an event failed: SomeException\n"


def test_preemptions_return_to_the_queue_while_aws_does_not_answer() -> None:
    clock, jobs = Clock(), preempted_jobs(100)
    api = Api(clock, jobs, lambda number: CALL_SECONDS, lambda number: ReadTimeoutError(endpoint_url=""))
    queue = FakeSqs.of(preemption(job) for job in jobs)
    queue.deliver(queue.messages, Container(api, clock).invoke)
    assert len(queue.messages) == 100
    assert clock.now <= TIMEOUT_SECONDS - 15 + CALL_SECONDS
    count_all(jobs, Api(clock, jobs), clock)


def test_the_most_often_delivered_preemptions_are_described_first() -> None:
    clock, jobs = Clock(), preempted_jobs(40)
    api = Api(clock, jobs)
    queue = FakeSqs.of(preemption(job) for job in jobs)
    for message in queue.messages[-5:]:
        message.receives = 2
    queue.deliver(queue.messages, Container(api, clock).invoke)
    assert api.calls == [f"j{n}" for n in (*range(35, 40), *range(35))]


def test_each_job_is_described_once_in_a_batch_and_not_again() -> None:
    clock = Clock()
    lost = [(1_000, 2_000, 4_000, PREEMPTIONS[0])] * 3
    job = single(*lost, (1_000, 2_000, 4_000, SERVICE_SUCCESS), service=True)
    events = [event for event in job_event_messages(job) if event.kind == "preemption"]
    api = Api(clock, [job])
    container = Container(api, clock)
    for copies in (1, 2):
        queue = FakeSqs.of(events * copies)
        queue.deliver(queue.messages, container.invoke)
        assert queue.messages == []
    assert api.calls == [job.id]
    compare(read_samples(container.printed), expected([Batch(tuple((event, 1) for event in events))]))


@pytest.mark.parametrize(
    "change",
    [{"queues": ""}, {"job": ""}, {"job": 5}, {"type": "Other", "reason": "Batch Service Job Preemption Completed"}],
)
def test_invalid_preemptions_are_not_described(change: dict[str, Any]) -> None:
    clock, jobs = Clock(), preempted_jobs(1)
    api = Api(clock, jobs)
    invalid = replace(preemption(jobs[0]), body=json.dumps(json.loads(preemption(jobs[0]).body) | change))
    queue = FakeSqs.of([invalid])
    queue.deliver(queue.messages, Container(api, clock).invoke)
    assert (api.calls, len(queue.messages)) == ([], 1)


def test_other_events_count_if_no_client_can_be_created(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, jobs = Clock(), preempted_jobs(1)
    container = Container(None, clock)
    monkeypatch.setattr(descriptions, "describe_service_jobs", lambda *_: 1 / 0)
    end = next(event for event in job_event_messages(jobs[0]) if event.kind == "end")
    queue = FakeSqs.of([preemption(jobs[0]), end])
    queue.deliver(queue.messages, container.invoke)
    assert [message.id for message in queue.messages] == ["m0"]
    assert "an event failed: ZeroDivisionError" in container.log.getvalue()


def test_ten_calls_are_made_at_the_same_time() -> None:
    clock, jobs = Clock(), preempted_jobs(20)
    together = Barrier(10)

    class Slow(Api):
        def __call__(self, job: str) -> dict[str, Any]:
            together.wait(timeout=30)
            return super().__call__(job)

    queue = FakeSqs.of(preemption(job) for job in jobs)
    container = Container(Slow(clock, jobs), clock, ThreadPoolExecutor)
    queue.deliver(queue.messages, container.invoke)
    assert queue.messages == []


def test_the_client_repeats_no_call_and_a_call_ends_before_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(module, "_clients", [])
    config = module.batch_client().meta.config
    assert config.retries == {"mode": "standard", "total_max_attempts": 1}
    assert 1_000 * (config.connect_timeout + config.read_timeout) < module._LATE_MS
