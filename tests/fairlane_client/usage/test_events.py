"""Use by share after random histories of events, which come doubled, in any order or not at all, through an archive."""

from hypothesis import assume, given, settings

from fairlane_client.queues.archive_records import latest, read_records
from fairlane_client.usage.holds import Gap, Hold, archived_use, holds
from fairlane_client.usage.ledger import SCALE, unit_rows
from tests.fairlane_lambda.job_archive.archive import FakeBucket, invoke, messages
from tests.fairlane_lambda.job_archive.events import body, expected_record, is_clear
from tests.fairlane_lambda.job_events.histories import Batch, deliveries
from tests.fairlane_lambda.job_events.jobs import Job


@settings(max_examples=60)
@given(deliveries())
def test_use_is_that_of_the_jobs_whose_events_arrived(delivery: tuple[list[Job], list[Batch]]) -> None:
    jobs, batches = delivery
    assume(all(is_clear(job) for job in jobs))
    bucket = FakeBucket()
    arrived: dict[str, Job] = {}
    for batch in batches:
        ended = [event.job for event, _ in batch.records if event.kind == "end" and event.job is not None]
        arrived |= {job.id: job for job in ended}
        assert not invoke(bucket, messages(*map(body, ended)))
    records = [record for job in arrived.values() if (record := expected_record(job)) is not None]
    read = latest(job for key, content in bucket.objects.items() for job in read_records(key, content))
    parts = [*holds(archived_use(job) for job in read)]
    found = [part for part in parts if isinstance(part, Hold)]

    for lost in (False, True):
        least = most = 0
        for record in records:
            for attempt in record["attempts"]:
                if (attempt["outcome"] == "PREEMPTED") == lost and attempt["stopped_at"] is not None:
                    start, stop = attempt["started_at"], attempt["stopped_at"]
                    least += record["amount"] * (stop - start) if start is not None else 0
                    most += record["amount"] * (stop - arrived[record["job_id"]].transitions[0].time)
        assert least <= sum(hold.amount * (hold.end - hold.start) for hold in found if hold.lost == lost) <= most

    start = min((record["created_at"] for record in records), default=0)
    end = max((record["stopped_at"] for record in records), default=1)
    gaps = [part for part in parts if isinstance(part, Gap)]
    rows = unit_rows("any", 5 * SCALE, {"a": 2 * SCALE}, found, [], gaps, start, end)
    assert sum(row.amounts.total for row in rows) == 5 * SCALE * (end - start)
    used = sum(row.amounts.used for row in rows)
    assert used == SCALE * sum(hold.amount * (hold.end - hold.start) for hold in found)
