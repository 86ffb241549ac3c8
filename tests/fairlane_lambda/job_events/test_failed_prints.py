"""Events whose metrics cannot be printed at first: each counts once in the end."""

import json
import sys
from typing import Any

import pytest

from fairlane_lambda.output import Output
from tests.fairlane_lambda.job_events.container import Container
from tests.fairlane_lambda.job_events.emf import compare, read_samples
from tests.fairlane_lambda.job_events.endings import COMPUTE_SUCCESS
from tests.fairlane_lambda.job_events.events import REJECTED, Event, end_event, job_event_messages
from tests.fairlane_lambda.job_events.harness import single
from tests.fairlane_lambda.job_events.histories import Batch
from tests.fairlane_lambda.job_events.jobs import COMPUTE_QUEUES
from tests.fairlane_lambda.job_events.reference import expected

JOBS = [
    single((1_000, 2_000, 4_000, COMPUTE_SUCCESS), id=f"j{n}", queue=queue, share=queue.shares[0])
    for n, queue in enumerate(COMPUTE_QUEUES * 2)
]
EVENTS = [job_event_messages(job)[0] for job in JOBS]
GOOD = EVENTS[0]


def records(*events: Event, received: int = 1) -> list[dict[str, Any]]:
    attributes = {"ApproximateReceiveCount": str(received)}
    return [{"messageId": f"m{n}", "body": event.body, "attributes": attributes} for n, event in enumerate(events)]


def ids(*events: Event) -> set[str]:
    return {record["messageId"] for record in records(*events)}


def assert_counted_once(container: Container, *events: Event) -> None:
    compare(read_samples(container.printed), expected([Batch(tuple((event, 1) for event in events))]))


def whole_text() -> bytes:
    container = Container()
    assert container.invoke(records(*EVENTS)) == set()
    return container.pipe.written


def test_events_count_once_if_nothing_was_printed_at_first() -> None:
    container = Container()
    for _ in range(3):
        container.pipe.room = 0
        assert container.invoke(records(*EVENTS)) == ids(*EVENTS)
    assert container.printed == ""
    assert "printing failed: BrokenPipeError" in container.log.getvalue()
    container.pipe.room = None
    assert container.invoke(records(*EVENTS)) == set()
    assert_counted_once(container, *EVENTS)


@pytest.mark.parametrize("share", [0.001, 0.3, 0.5, 0.999])
def test_events_count_once_if_their_text_was_cut_off(share: float) -> None:
    container = Container()
    container.pipe.room = int(share * len(whole_text())) or 1
    assert container.invoke(records(*EVENTS)) == ids(*EVENTS)
    assert container.invoke(records(EVENTS[0])) == ids(EVENTS[0])
    for room in (1, None):
        container.pipe.room = room
        assert container.invoke(records(*EVENTS)) == (ids(*EVENTS) if room else set())
    assert_counted_once(container, *EVENTS)


def test_a_duplicate_in_the_same_batch_fails_together_with_its_event() -> None:
    container = Container()
    container.pipe.room = 0
    assert container.invoke(records(GOOD, GOOD)) == ids(GOOD, GOOD)


def test_events_without_metrics_need_no_output() -> None:
    container = Container()
    container.pipe.room = 0
    running = Event(json.dumps(end_event(JOBS[0]) | {"status": "RUNNING"}), "nothing", JOBS[0])
    assert container.invoke(records(running)) == set()


@pytest.mark.parametrize("room", [0, 10])
def test_a_rejection_counts_once_if_it_was_not_printed_at_first(room: int) -> None:
    container = Container()
    container.pipe.room = room
    assert container.invoke(records(REJECTED[0], GOOD)) == ids(REJECTED[0], GOOD)
    container.pipe.room = 0
    assert container.invoke(records(REJECTED[0], GOOD, received=2)) == ids(REJECTED[0], GOOD)
    container.pipe.room = None
    for received in (3, 4):
        assert container.invoke(records(REJECTED[0], GOOD, received=received)) == ids(REJECTED[0])
    assert_counted_once(container, REJECTED[0], GOOD)


def test_a_rejection_counts_once_if_an_earlier_text_was_cut_off() -> None:
    container = Container()
    container.pipe.room = 10
    container.invoke(records(GOOD))
    rejected = [{**records(REJECTED[0])[0], "messageId": "rejected"}]
    assert container.invoke(rejected) == {"rejected"}
    container.pipe.room = None
    for received in ("2", "3"):
        rejected[0]["attributes"] = {"ApproximateReceiveCount": received}
        assert container.invoke(rejected) == {"rejected"}
    assert_counted_once(container, REJECTED[0], GOOD)


def test_a_log_that_cannot_be_written_does_not_fail_the_batch() -> None:
    container = Container()
    container.log.close()
    broken = Event("[" * 100_000, "rejected")
    assert container.invoke(records(broken, GOOD)) == {"m0"}
    assert_counted_once(container, GOOD)


@pytest.mark.parametrize(
    ("changes", "queue"),
    [
        ({"needs": [{"type": "GPU", "value": "9" * 308}]}, "gpu"),
        ({"needs": [{"type": "GPU", "value": "9" * 400}]}, None),
        ({"needs": [{"type": "GPU", "value": "9" * 5_000}]}, "gpu"),
        ({"queue": "\ud800"}, "unknown"),
        ({"queue": "q" * 1_025}, "unknown"),
        ({"queue": "q\x00"}, "unknown"),
        ({"queue": "Warteschlange für GPUs"}, "unknown"),
        ({"queue": ":q"}, "unknown"),
        ({"queue": "  "}, "unknown"),
        ({"queue": ["gpu"]}, "unknown"),
        ({"id": {}}, "gpu"),
        ({"status": []}, "gpu"),
        ({"type": "Batch Job Queue Blocked", "reason": []}, "gpu"),
    ],
)
def test_a_value_that_cannot_be_printed_costs_only_its_own_record(changes: dict[str, Any], queue: str | None) -> None:
    fields = end_event(JOBS[0]) | {"id": "bad"} | changes
    bad = Event(json.dumps(fields), "rejected", queue=queue or "")
    container = Container()
    assert container.invoke(records(GOOD, bad, EVENTS[1])) == {"m1"}
    assert_counted_once(container, GOOD, EVENTS[1], *([bad] if queue else []))


@pytest.mark.parametrize("name", ["\ud800", "x" * 1_025, ":x", "\n"])
def test_a_share_that_cannot_be_printed_counts_as_other(name: str) -> None:
    fields = end_event(JOBS[0]) | {"shares": [name], "share": name}
    container = Container()
    assert container.invoke(records(Event(json.dumps(fields), "end", JOBS[0]))) == set()
    shares = {dict(sample.dimensions).get("Share", "other") for sample in read_samples(container.printed)}
    assert shares == {"other"}


def test_the_sum_of_a_batch_of_the_largest_values_can_be_printed() -> None:
    largest = "9" * 100
    jobs = [end_event(JOBS[0]) | {"id": f"j{n}", "needs": [{"type": "GPU", "value": largest}]} for n in range(100)]
    container = Container()
    assert container.invoke(records(*(Event(json.dumps(fields), "end", JOBS[0]) for fields in jobs))) == set()
    assert all(sample.value < 2.0**360 for sample in read_samples(container.printed))


def test_output_to_a_stream_in_memory(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    output = Output()
    output.print("first\n")

    class Broken:
        def flush(self) -> None:
            pass

        def write(self, text: str) -> None:
            raise ValueError("I/O operation on closed file")

    with monkeypatch.context() as broken:
        broken.setattr(sys, "stdout", Broken())
        with pytest.raises(ValueError, match="closed"):
            output.print("second\n")
    output.print("second\n")
    assert capsys.readouterr().out == "first\nsecond\n"


def test_a_pipe_without_room_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    container = Container()
    monkeypatch.setattr(container.pipe, "write", lambda data: None)
    assert container.invoke(records(GOOD)) == ids(GOOD)
    assert "printing failed: BlockingIOError" in container.log.getvalue()
