"""Polls while AWS throttles calls."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.retries.bucket import TokenBucket

from fairlane_lambda.queue_poller import handler, pace
from tests.fairlane_lambda.queue_poller.fake_batch import FakeBatch, Jobs, Record
from tests.fairlane_lambda.queue_poller.polling import Clock, Container, Context, queue, service_job

TIMEOUT_SECONDS = 55
STATES = 6


class Invocation(Context):
    """Context of an invocation that starts now."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._end = clock.now + TIMEOUT_SECONDS

    def get_remaining_time_in_millis(self) -> int:
        return int(1_000 * (self._end - self._clock.now))


class LimitedBatch(FakeBatch):
    """Client for a queue of 5,000 jobs, in an account with a limit of calls per second. Each call takes 100 ms."""

    def __init__(self, clock: Clock, calls_per_second: float) -> None:
        super().__init__({"train": {"RUNNABLE": Jobs(5_000, service_job)}}, fails=self._throttles)
        self.throttled = 0
        self._clock = clock
        self._rate = calls_per_second
        self._tokens = 1.0
        self._time = 0.0

    def _throttles(self, operation: str, request: Record) -> str | None:
        self._clock.now += 0.1
        self._tokens = min(1.0, self._tokens + (self._clock.now - self._time) * self._rate)
        self._time = self._clock.now
        if self._tokens < 1:
            self.throttled += 1
            return "TooManyRequestsException"
        self._tokens -= 1
        return None


@pytest.fixture
def throttled_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Client of boto3 whose calls are all throttled."""

    def wait(*_: object, **__: object) -> None:
        raise AssertionError("botocore waits without a limit")

    def send(request: Any, **_: object) -> AWSResponse:
        body = SimpleNamespace(stream=lambda: [b'{"message": "Too many requests"}'])
        return AWSResponse(request.url, 429, {"x-amzn-ErrorType": "TooManyRequestsException"}, body)

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(TokenBucket, "acquire", wait)
    handler._batch.cache_clear()
    client = handler._batch()
    client.meta.events.register("before-send.batch", send)
    yield client
    handler._batch.cache_clear()


@pytest.mark.parametrize("count", [1, 16])
def test_polls_end_before_their_function_if_all_calls_are_throttled(throttled_client: Any, count: int) -> None:
    clock = Clock()
    container = Container(throttled_client, clock)
    for _ in range(3):
        started = clock.now
        names = [f"queue-{number}" for number in range(count)]
        published = container.poll(*(queue(name, "service") for name in names), context=Invocation(clock))
        assert clock.now - started < TIMEOUT_SECONDS - handler._LATE_SECONDS + pace._LONGEST_SECONDS
        for name in names:
            assert published[name, None].keys() == {"PollErrors", "PollSeconds", "Truncated"} or (
                published[name, None] == {"PollErrors": 1}
            )
            assert published[name, None]["PollErrors"] in {1, 1 + STATES}


@pytest.mark.parametrize("calls_per_second", [2, 5])
def test_polls_slow_down_to_the_limit_of_the_account(calls_per_second: float) -> None:
    clock = Clock()
    batch = LimitedBatch(clock, calls_per_second)
    container = Container(batch, clock)
    for _ in range(3):
        published = container.poll(queue("train", "service", max_pages=60), context=Context(300_000))["train", None]
        assert (published["RunnableJobs"], published["PollErrors"], published["Truncated"]) == (5_000, 0, 0)
    assert 0 < batch.throttled < len(batch.calls) / 5


def test_throttled_calls_of_the_same_pace_lengthen_the_interval_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    calls = pace.Pace()
    paces = [calls.wait(0) for _ in range(8)]
    assert clock.now == 0
    for number in paces:
        assert number is not None
        calls.slow_down(number)
    assert calls.wait(60) is not None
    assert clock.now == pace._FIRST_SECONDS


def test_a_call_that_would_have_to_wait_too_long_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    calls = pace.Pace()
    for _ in range(10):
        number = calls.wait(60)
        assert number is not None
        calls.slow_down(number)
    before = clock.now
    assert calls.wait(pace._LONGEST_SECONDS - 0.001) is None
    assert clock.now == before
    assert calls.wait(pace._LONGEST_SECONDS) is not None
    assert clock.now == before + pace._LONGEST_SECONDS
