"""Invalid events, and calls that fail: no event stops another one."""

import json
from typing import Any

import pytest

from fairlane_client.queues.archive_records import read_records
from fairlane_client.usage.holds import Hold, archived_use, holds
from tests.fairlane_lambda.job_archive.archive import FAULTS, Context, FakeBucket, invoke, messages
from tests.fairlane_lambda.job_archive.events import archive_event
from tests.fairlane_lambda.job_events.endings import COMPUTE_ENDINGS, PREEMPTIONS, SERVICE_SUCCESS
from tests.fairlane_lambda.job_events.events import REJECTED
from tests.fairlane_lambda.job_events.harness import single
from tests.fairlane_lambda.job_events.jobs import SERVICE_QUEUES, multi_node

ATTEMPT = (1_000, 2_000, 4_000, SERVICE_SUCCESS)
JOB = single(ATTEMPT, service=True, id="good")
GOOD = archive_event(JOB)
DAY = "2026-11-0"


def only(bucket: FakeBucket, job: str = "good") -> dict[str, Any]:
    (record,) = (record for record in bucket.records() if record["job_id"] == job)
    return record


@pytest.mark.parametrize(
    "text",
    [
        *(event.body for event in REJECTED),
        "",
        "{",
        '"text"',
        *(
            json.dumps(GOOD | {"id": "bad"} | changes)
            for changes in (
                {"queue": "../../other"},
                {"queue": "a/day=2026-01-01"},
                {"queue": "q" * 129},
                {"queue": 5},
                {"status": None},
                {"status": ["FAILED"]},
                {"created": 0},
                {"created": -1},
                {"created": True},
                {"stopped": 9e14},
                {"type": "Batch Job State Change", "nodes": 0},
                {"type": "Batch Job State Change", "nodes": 10_001},
                {"usage": [{"capacityUnit": ["x"], "quantity": 1}]},
                {"stopped": "", "attempts": [], "time": "never"},
            )
        ),
    ],
)
def test_an_invalid_event_fails_alone(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    bucket = FakeBucket()
    assert invoke(bucket, messages(text, json.dumps(GOOD))) == {"m0"}
    assert [record["job_id"] for record in bucket.records()] == ["good"]
    assert "an event cannot be archived: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"usage": None}, {"amount": 0, "gpus": None, "unit": "NUM_INSTANCES"}),
        ({"usage": [5, {"quantity": "4"}]}, {"amount": 0, "gpus": None, "instance_type": ""}),
        (
            {"usage": [{"capacityUnit": "ml.new.large", "quantity": 2}]},
            {"amount": 2, "gpus": None, "unit": "ml.new.large"},
        ),
        ({"usage": [{"capacityUnit": "ml.p5.48xlarge", "quantity": 2.0}]}, {"amount": 2, "gpus": 16}),
        (
            {"usage": [{"capacityUnit": "NUM_INSTANCES", "quantity": 3}], "instance_type": "ml.p5.48xlarge"},
            {"amount": 3, "gpus": 24, "unit": "NUM_INSTANCES", "instance_type": "ml.p5.48xlarge"},
        ),
        (
            {"usage": [{"capacityUnit": "NUM_INSTANCES", "quantity": 3}], "instance_type": ""},
            {"amount": 3, "gpus": None, "instance_type": ""},
        ),
        ({"share": {"a": 1}, "quota": "prod"}, {"share": "prod"}),
        (
            {"name": 5, "definition": None, "priority": "high", "limit": -1},
            {"job_name": "", "priority": None, "max_seconds": None},
        ),
        ({"attempts": "none", "started": 0}, {"attempts": [], "started_at": None}),
        ({"attempts": [None, 5, {}], "preempted": [None, 7, {}], "started": ""}, {"started_at": None}),
        ({"stopped": 0}, {"stopped_at": GOOD["stopped"]}),
        ({"array": {"index": 3}}, {"array_index": 3}),
        ({"array": "x", "node": None}, {"array_index": None}),
    ],
)
def test_absent_and_odd_fields_are_unknown(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    bucket = FakeBucket()
    assert invoke(bucket, messages(json.dumps(GOOD | changes))) == set()
    record = only(bucket)
    assert {name: record[name] for name in expected} == expected


@pytest.mark.parametrize("first", [[], [{"startedAt": 1, "stoppedAt": 2}]])
def test_an_attempt_without_an_end_is_kept_and_ends_with_its_job(first: list[dict[str, Any]]) -> None:
    bucket = FakeBucket()
    attempts = [*first, {"startedAt": GOOD["started"]}]
    assert invoke(bucket, messages(json.dumps(GOOD | {"attempts": attempts, "stopped": ""}))) == set()
    found = only(bucket)
    last = found["attempts"][-1]
    assert (last["started_at"], last["stopped_at"], last["outcome"]) == (GOOD["started"], None, "SUCCEEDED")
    (content,) = bucket.objects.values()
    (job,) = read_records("key", content)
    *_, held = holds([archived_use(job)])
    assert isinstance(held, Hold)
    assert (held.start, held.end) == (found["attempts"][-1]["scheduled_at"] or GOOD["started"], found["stopped_at"])


@pytest.mark.parametrize("status", ["RUNNING", "RUNNABLE", "SUBMITTED"])
def test_a_job_that_has_not_ended_has_no_record(status: str) -> None:
    bucket = FakeBucket()
    assert invoke(bucket, messages(json.dumps(GOOD | {"status": status}))) == set()
    assert bucket.objects == {}


def test_attempts_are_in_the_order_of_time_and_preempted_ones_count_once() -> None:
    attempts = [(1_000, 2_000, 4_000, PREEMPTIONS[0]), (8_000, 16_000, 32_000, PREEMPTIONS[0]), ATTEMPT]
    event = archive_event(single(*attempts, service=True, id="good", queue=SERVICE_QUEUES[1]))
    event["attempts"] = [*event["preempted"][:1], *event["attempts"]]  # in case AWS lists them twice
    bucket = FakeBucket()
    invoke(bucket, messages(json.dumps(event)))
    found = only(bucket)["attempts"]
    assert [attempt["outcome"] for attempt in found] == ["PREEMPTED", "PREEMPTED", "SUCCEEDED"]
    assert [attempt["stopped_at"] - attempt["started_at"] for attempt in found] == [4_000, 32_000, 4_000]
    assert [attempt["scheduled_at"] is None for attempt in found] == [True, True, False]


@pytest.mark.parametrize(
    ("ranges", "amount"),
    [
        ({"range0": "0:3"}, 4 * 96),
        ({"range0": ":"}, 4 * 96),
        ({"range0": ":1", "range1": "2:"}, 2 * 96 + 2 * 8),
        ({"range0": "0:3", "range1": "1:2"}, 2 * 96 + 2 * 8),
        ({"range0": "2"}, 96),
        ({"range0": "all"}, 4 * 8),
        ({"range0": "-1:2"}, 4 * 8),
        ({"range0": 5}, 0),
    ],
)
def test_each_node_has_the_resources_of_its_narrowest_range(ranges: dict[str, Any], amount: int) -> None:
    parent, *_ = multi_node(single((1_000, 2_000, 4_000, COMPUTE_ENDINGS[-1]), id="good"), [0.0] * 4)
    event = {name: value for name, value in archive_event(parent).items() if not name.startswith("range")}
    needs = [[{"type": "VCPU", "value": value}] for value in ("96", "8")]
    event |= ranges | {"range0needs": needs[0], "range1needs": needs[1], "needs": needs[1]}
    bucket = FakeBucket()
    invoke(bucket, messages(json.dumps(event)))
    record = only(bucket)
    assert (record["amount"], record["nodes"]) == (amount, 4)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("failed", [0, 1])
def test_a_failed_put_fails_the_events_of_its_object(
    fault: Exception, failed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    other = archive_event(single(ATTEMPT, service=True, id="other", queue=SERVICE_QUEUES[1]))
    bucket = FakeBucket({failed: (fault, False)})
    bodies = [json.dumps(event) for event in (GOOD, other, GOOD)]
    assert invoke(bucket, messages(*bodies)) == ({"m1"} if failed else {"m0", "m2"})
    assert [record["job_id"] for record in bucket.records()] == [["other", "good"][failed]]
    assert "SECRET" not in capsys.readouterr().err


def test_events_fail_if_too_little_time_is_left() -> None:
    other = archive_event(single(ATTEMPT, service=True, id="other", queue=SERVICE_QUEUES[1]))
    bucket = FakeBucket()
    context = Context([20_000, 14_999])
    assert invoke(bucket, messages(json.dumps(GOOD), json.dumps(other)), context) == {"m1"}
    assert [record["job_id"] for record in bucket.records()] == ["good"]


def test_a_job_that_ends_at_midnight_is_of_the_day_that_begins() -> None:
    bucket = FakeBucket()
    midnight = 1_793_836_800_000
    events = [GOOD | {"id": name, "stopped": time} for name, time in (("a", midnight - 1), ("b", midnight))]
    invoke(bucket, messages(*map(json.dumps, events)))
    assert {record["job_id"]: record["day"] for record in bucket.records()} == {"a": "2026-11-04", "b": "2026-11-05"}
    assert len(bucket.objects) == 2
