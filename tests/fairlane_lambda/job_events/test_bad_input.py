"""Invalid events: each is counted and retried alone, without an effect on the rest of its batch."""

import json
from typing import Any

import pytest

from fairlane_lambda.job_events import handler as module
from fairlane_lambda.job_events import values

GOOD: dict[str, Any] = {
    "type": "Batch Job State Change",
    "time": "2026-11-01T10:00:00Z",
    "id": "good",
    "queue": "q",
    "shares": ["s"],
    "share": "s",
    "status": "SUCCEEDED",
    "created": 1_793_527_100_000,
    "attempts": [{"startedAt": 1_793_527_160_000, "stoppedAt": 1_793_527_220_000}],
}


def run(capsys: pytest.CaptureFixture[str], *bodies: str, received: str = "1") -> tuple[list[str], str]:
    module.forget()
    records = [
        {"messageId": str(number), "body": body, "attributes": {"ApproximateReceiveCount": received}}
        for number, body in enumerate(bodies)
    ]
    answer = module.handler({"Records": records}, None)
    return [item["itemIdentifier"] for item in answer["batchItemFailures"]], capsys.readouterr().out


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "no JSON",
        "[1]",
        "null",
        '"text"',
        "{}",
        json.dumps(GOOD | {"type": 5}),
        json.dumps(GOOD | {"type": "Batch Job Definition Change"}),
        json.dumps(GOOD | {"queue": ""}),
        json.dumps(GOOD | {"queue": None}),
        json.dumps(GOOD | {"id": ""}),
        json.dumps(GOOD | {"id": 7}),
        json.dumps(GOOD | {"created": ""}),
        json.dumps(GOOD | {"created": "soon"}),
        json.dumps(GOOD | {"status": ["FAILED"]}),
        json.dumps(GOOD | {"status": {}}),
        json.dumps(GOOD | {"type": "Batch Job Queue Blocked", "queue": ""}),
        json.dumps(GOOD | {"type": "Batch Job Queue Blocked", "time": {}}),
        json.dumps({"type": "Batch Service Job Preemption Completed", "job": "x/", "queues": {}}),
        json.dumps({"type": "Batch Service Job Preemption Completed", "job": "a", "queues": {}, "preempted": [1]}),
        json.dumps({"type": "Batch Service Job Preemption Completed", "job": "", "queues": {}}),
        json.dumps({"type": "Batch Service Job Preemption Completed", "job": "a", "queues": ""}),
        "[" * 100_000,
    ],
)
def test_an_invalid_event_is_rejected_alone(capsys: pytest.CaptureFixture[str], bad: str) -> None:
    failed, printed = run(capsys, json.dumps(GOOD), bad, json.dumps(GOOD | {"id": "other"}))
    assert failed == ["1"]
    assert '"JobsSucceeded":2' in printed
    assert ('"EventsRejected":1' in printed) is (not bad.startswith("[["))


def test_a_rejected_event_is_counted_only_at_its_first_delivery(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "no JSON", received="2") == (["0"], "")


@pytest.mark.parametrize(
    "unusual",
    [
        {"attempts": [None, *GOOD["attempts"]]},
        {"attempts": None, "started": 1_793_527_160_000, "stopped": 1_793_527_220_000},
        {"reason": "x" * 250_000},
        {"needs": [None, {"type": "GPU", "value": "²"}], "array": None, "node": "", "shares": ["s", None]},
        {"time": "yesterday", "exit": "", "why": None, "usage": ""},
        {"time": None, "scheduled": float("nan"), "started": float("inf")},
    ],
)
def test_unusual_events_are_counted(capsys: pytest.CaptureFixture[str], unusual: dict[str, Any]) -> None:
    failed, printed = run(capsys, json.dumps(GOOD | unusual))
    assert failed == []
    assert '"JobWaitTime":60' in printed
    assert '"JobRunTime":60' in printed
    assert len(printed) < 2_000


def test_no_part_of_a_job_is_printed_when_the_handler_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Any:
        raise KeyError("secret of a job")

    monkeypatch.setattr(values, "wait_times", broken)
    module.forget()
    answer = module.handler({"Records": [{"messageId": "m", "body": json.dumps(GOOD)}]}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m"}]}
    printed = capsys.readouterr()
    assert "secret" not in printed.out + printed.err
    assert "KeyError" in printed.err
    monkeypatch.undo()
    assert module.handler({"Records": [{"messageId": "m", "body": json.dumps(GOOD)}]}, None) == {
        "batchItemFailures": []
    }
    assert '"JobsSucceeded":1' in capsys.readouterr().out


class Late:
    def get_remaining_time_in_millis(self) -> int:
        return 14_999


def test_preemptions_are_retried_and_other_events_counted_when_the_time_runs_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never() -> Any:
        raise AssertionError("the handler called AWS")

    monkeypatch.setattr(module, "batch_client", never)
    module.forget()
    preemption = {"type": "Batch Service Job Preemption Completed", "job": "a/b", "preempted": 1, "queues": {"q": []}}
    records = [
        {"messageId": "p", "body": json.dumps(preemption)},
        {"messageId": "s", "body": json.dumps(GOOD)},
    ]
    assert module.handler({"Records": records}, Late()) == {"batchItemFailures": [{"itemIdentifier": "p"}]}
    assert '"JobsSucceeded":1' in capsys.readouterr().out


def test_the_memory_of_duplicates_is_bounded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_EVENTS", 3)
    run(capsys, *(json.dumps(GOOD | {"id": str(number)}) for number in range(10)))
    assert len(module._counted_events) == 3
