"""Random histories of deliveries with failures, and the counts that are expected of them.

The model knows nothing of the handler. It has the rule of SQS, which delivers a message again unless its record
succeeds, and the guarantee of the exporter: an event counts exactly once in each container in which one of its records
succeeds. A text that was cut off also counts as soon as its container has printed the rest.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

from botocore.exceptions import ClientError, ReadTimeoutError

from tests.fairlane_lambda.job_events.container import TIMEOUT_SECONDS, Clock, Container
from tests.fairlane_lambda.job_events.emf import compare, read_samples
from tests.fairlane_lambda.job_events.endings import (
    BLOCKS,
    COMPUTE_ENDINGS,
    COMPUTE_SUCCESS,
    PREEMPTIONS,
    SERVICE_ENDINGS,
    SERVICE_SUCCESS,
)
from tests.fairlane_lambda.job_events.events import (
    REJECTED,
    Event,
    end_event,
    job_event_messages,
    service_job_description,
)
from tests.fairlane_lambda.job_events.harness import END
from tests.fairlane_lambda.job_events.jobs import COMPUTE_QUEUES, SERVICE_QUEUES, Job, job_transitions
from tests.fairlane_lambda.job_events.reference import Expected, Sample, event_samples
from tests.fairlane_lambda.job_events.sqs import FakeSqs, Message

_JOBS: Final = 200
_MOST_EVENTS: Final = 8
_LARGEST_BATCH: Final = 10
_THROTTLED: Final = {"Error": {"Code": "TooManyRequestsException"}, "ResponseMetadata": {"HTTPStatusCode": 429}}


def _random_job(random: Random, number: int) -> Job:
    service = random.random() < 0.5
    queue = random.choice(SERVICE_QUEUES if service else COMPUTE_QUEUES)
    endings = [ending for ending in (SERVICE_ENDINGS if service else COMPUTE_ENDINGS) if ending.retried]
    earlier = [*endings, *PREEMPTIONS * 10] if service else endings
    final = SERVICE_SUCCESS if service else COMPUTE_SUCCESS
    attempts = [random.choice(earlier) for _ in range(random.choice([0, 0, 1, 2]))]
    attempts.append(random.choice([final, *endings]))
    lengths = [(random.randrange(600_000), random.randrange(9_000), random.randrange(9_000_000)) for _ in attempts]
    transitions = job_transitions(END, [(*times, ending) for times, ending in zip(lengths, attempts, strict=True)])
    return Job(
        f"job-{number}",
        "job",
        queue,
        random.choice(queue.shares),
        transitions,
        service,
        ((transitions[0].time, random.choice(BLOCKS)),) if random.random() < 0.2 else (),
        capacity=(("ml.p5.48xlarge", 2),) if service else (),
    )


_jobs: Final = [_random_job(Random(number), number) for number in range(_JOBS)]
_descriptions: Final = {job.id: service_job_description(job) for job in _jobs if job.service}
_events: Final = [event for job in _jobs for event in job_event_messages(job)]
_compute: Final = next(job for job in _jobs if not job.service)
_rejected: Final = [
    *REJECTED,
    *(
        Event(json.dumps(end_event(_compute) | {"id": "unprintable"} | change), "rejected", queue=queue)
        for change, queue in (
            ({"needs": [{"type": "GPU", "value": "9" * 305}], "needs0": ""}, _compute.queue.name),
            ({"queue": "\ud800"}, "unknown"),
            ({"queue": "q" * 2_000}, "unknown"),
        )
    ),
]
_samples: Final[dict[str, list[Sample]]] = {event.body: event_samples(event) for event in (*_events, *_rejected)}


def check_history(seed: int) -> None:
    """Run a history until its queue is empty, and compare the printed values with the model."""
    _History(Random(seed)).run()


class _History:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._clock = Clock()
        self._trouble = random.choice([0.0, 0.2, 0.5])
        self._containers = [Container(self._describe, self._clock) for _ in range(random.choice([1, 1, 2, 3]))]
        events = random.sample(_events, random.randint(1, _MOST_EVENTS))
        events += random.sample(_rejected, random.choice([0, 0, 1, 2]))
        copies = [event for event in events for _ in range(random.choice([1, 1, 1, 2, 3]))]
        random.shuffle(copies)
        self._queue = FakeSqs.of(copies)
        self._counted: set[tuple[int, str]] = set()
        self._maybe_counted: set[tuple[int, str]] = set()
        self._rejections = _Rejections()

    def run(self) -> None:
        while self._queue.messages:
            self._deliver()
        for container in self._containers:
            container.pipe.room = None
            assert container.invoke([]) == set()
        if not self._trouble:
            assert {message.event.kind for message in self._queue.dead_letters} <= {"rejected"}
        output = "".join(container.printed for container in self._containers)
        compare(read_samples(output), self._expected())

    def _deliver(self) -> None:
        random = self._random
        number = random.randrange(len(self._containers))
        container = self._containers[number]
        waiting = self._queue.messages
        batch = random.sample(waiting, random.randint(1, min(len(waiting), _LARGEST_BATCH)))
        container.pipe.failed = False
        container.pipe.room = None
        if random.random() < self._trouble:
            container.pipe.room = random.choice([0, 0, 1, random.randrange(3_000)])
        seconds = TIMEOUT_SECONDS if random.random() >= self._trouble else random.randrange(TIMEOUT_SECONDS)
        before = len(container.pipe.written)
        deleted = self._queue.deliver(batch, lambda records: container.invoke(records, seconds))
        self._counted |= {(number, message.event.body) for message in deleted}
        cut = container.pipe.failed and len(container.pipe.written) > before
        for message in batch:
            if message.event.kind == "rejected":
                assert message not in deleted
                self._rejections.add(number, message, None if cut else not container.pipe.failed)
            elif cut:
                self._maybe_counted.add((number, message.event.body))

    def _describe(self, job: str) -> dict[str, Any]:
        random = self._random
        self._clock.call(random.choice([0.1, 5, 10]))
        if random.random() < self._trouble:
            raise random.choice(_ERRORS)()
        return _descriptions[job]

    def _expected(self) -> Expected:
        values = Expected(must=[*self._rejections.certain()], may=[*self._rejections.possible()])
        for _, body in self._counted:
            values.must += [sample for sample in _samples[body] if sample.certain]
            values.may += [sample for sample in _samples[body] if not sample.certain]
        for _, body in self._maybe_counted - self._counted:
            values.may += _samples[body]
        return values


_ERRORS: Final[tuple[Callable[[], Exception], ...]] = (
    lambda: ClientError(_THROTTLED, "DescribeServiceJob"),
    lambda: ReadTimeoutError(endpoint_url=""),
    lambda: RuntimeError("unexpected"),
)


class _Rejections:
    """Rejected messages. A rejection counts at the first delivery of its message.

    If it is not printed then, it counts at the next delivery to the same container.
    """

    def __init__(self) -> None:
        self._owed: set[tuple[int, str]] = set()
        self._counts: dict[str, int] = defaultdict(int)
        self._unsure: dict[str, Event] = {}
        self._events: dict[str, Event] = {}

    def add(self, container: int, message: Message, is_printed: bool | None) -> None:
        """Add a delivery. `is_printed` is None if a part of some text was printed."""
        owed = (container, message.id)
        if message.receives > 1 and owed not in self._owed:
            return
        self._events[message.id] = message.event
        if is_printed is None:
            self._unsure[message.id] = message.event
        if is_printed:
            self._owed.discard(owed)
            self._counts[message.id] += 1
        else:
            self._owed.add(owed)

    def certain(self) -> Iterator[Sample]:
        """Yield the values that must be printed."""
        for message, count in self._counts.items():
            if message not in self._unsure:
                yield from _samples[self._events[message].body] * count

    def possible(self) -> Iterator[Sample]:
        """Yield the values that can be printed."""
        for event in self._unsure.values():
            yield from _samples[event.body]
