"""Records of the archive after random histories, deliveries and faults, against the histories."""

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fairlane_client.queues.archive_records import latest, read_records
from tests.fairlane_lambda.job_archive.archive import FAULTS, FakeBucket, invoke
from tests.fairlane_lambda.job_archive.events import SECRET, body, day, expected_record, is_clear
from tests.fairlane_lambda.job_events.events import Event
from tests.fairlane_lambda.job_events.histories import Batch, deliveries
from tests.fairlane_lambda.job_events.jobs import Job
from tests.fairlane_lambda.job_events.sqs import FakeSqs

_MOST_FAULTS = 4
"""Less than the number of times that SQS delivers an event."""


@st.composite
def _faults(draw: st.DrawFn) -> dict[int, tuple[Exception, bool]]:
    calls = draw(st.lists(st.integers(0, 5), max_size=_MOST_FAULTS, unique=True))
    return {call: (draw(st.sampled_from(FAULTS)), draw(st.booleans())) for call in calls}


def _ends(batch: Batch) -> list[Event]:
    """Return the events of a batch that the rules of an archive can send, and invalid ones."""
    return [event for event, _ in batch.records if event.kind in ("end", "rejected")]


def _message(event: Event) -> Event:
    return event if event.job is None else Event(body(event.job), "end", event.job)


def _check(delivery: tuple[list[Job], list[Batch]], faults: dict[int, tuple[Exception, bool]]) -> None:
    jobs, batches = delivery
    assume(all(is_clear(job) for job in jobs))
    bucket = FakeBucket(faults)
    queue = FakeSqs.of(_message(event) for batch in batches for event in _ends(batch))
    sizes = [len(_ends(batch)) for batch in batches if _ends(batch)]
    while queue.messages:
        size = sizes.pop(0) if sizes else len(queue.messages)
        queue.deliver(queue.messages[:size], lambda records: invoke(bucket, records))
    arrived = {event.job.id: event.job for batch in batches for event in _ends(batch) if event.job}
    wanted = {name: record for name, job in arrived.items() if (record := expected_record(job)) is not None}
    found = bucket.records()
    assert {record["job_id"]: record for record in found} == {
        name: record | {"day": day(record)} for name, record in wanted.items()
    }
    assert all(message.event.job is None for message in queue.dead_letters)
    rejected = sum(event.job is None for batch in batches for event in _ends(batch))
    assert len(queue.dead_letters) == rejected
    content = json.dumps(found)
    assert SECRET not in content
    assert "containerInstanceArn" not in content
    read = latest(job for key, text in bucket.objects.items() for job in read_records(key, text))
    assert {job.job_id: job.amount for job in read} == {name: record["amount"] for name, record in wanted.items()}


@settings(max_examples=150)
@given(deliveries(), _faults())
def test_the_archive_has_each_ended_job_exactly(
    delivery: tuple[list[Job], list[Batch]], faults: dict[int, tuple[Exception, bool]]
) -> None:
    _check(delivery, faults)


@pytest.mark.slow
@settings(max_examples=2_000)
@given(deliveries(), _faults())
def test_the_archive_has_each_ended_job_exactly_in_many_more_histories(
    delivery: tuple[list[Job], list[Batch]], faults: dict[int, tuple[Exception, bool]]
) -> None:
    _check(delivery, faults)


@settings(max_examples=50)
@given(deliveries(), st.randoms(use_true_random=False))
def test_a_batch_that_comes_again_replaces_its_objects(delivery: tuple[list[Job], list[Batch]], order: Any) -> None:
    bodies = [_message(event).body for batch in delivery[1] for event in _ends(batch)]
    bucket = FakeBucket()
    before: dict[str, bytes] = {}
    for again in range(2):
        records = [{"messageId": f"{again}-{number}", "body": text} for number, text in enumerate(bodies)]
        order.shuffle(records)
        invoke(bucket, records)
        if again:
            assert bucket.objects == before
        before = dict(bucket.objects)
