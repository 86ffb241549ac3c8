"""Command `fairlane top` without a terminal: output, options and exit codes."""

import json

import pytest

from fairlane.cli import main, queue_options
from fairlane_client.clock import Clock
from fairlane_client.queues.calls import Calls
from fairlane_client.top import requests
from tests.fairlane_client.top.fake_batch import P4, FakeBatch


@pytest.fixture
def batch(monkeypatch: pytest.MonkeyPatch) -> FakeBatch:
    fake = FakeBatch()
    monkeypatch.setattr(queue_options, "open_calls", lambda: Calls(fake, Clock(sleep=lambda seconds: None)))
    monkeypatch.setattr(requests, "_PAUSE", 0)
    return fake


@pytest.mark.parametrize("options", [[], ["--once"]])
def test_without_a_terminal_the_state_is_printed_once(
    batch: FakeBatch, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    assert main(["top", *options]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[0].split() == ["SHARE", "USE", "USED", "ENTITLED", "CEILING", "WAITING", "OLDEST"]
    assert [line for line in captured.out.splitlines() if line.startswith("  fifo-03 ")]
    assert "\x1b" not in captured.out
    assert captured.err == ""


def test_only_the_named_queues_are_read(batch: FakeBatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--once", "--queue", "quota-00", "--queue", "fifo-03"]) == 0
    titles = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:] if line and line[0] != " "]
    assert titles == ["quota-00", "quota-00"]
    assert batch.requests.count("get_job_queue_snapshot") == 2


def test_json(batch: FakeBatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--json", "--queue", "quota-00"]) == 0
    answer = json.loads(capsys.readouterr().out)
    (queue,) = answer["queues"]
    assert answer["requests"] == len(batch.requests)
    assert (queue["name"], queue["policy"], queue["waiting"], queue["is_counted"]) == (
        *("quota-00", "QuotaManagement"),
        *(7, True),
    )
    assert queue["shares"][0] | {"oldest_wait": None} == {
        "name": "ProdExp1",
        "unit": P4,
        "used": 36,
        "entitlement": 24,
        "ceiling": 36,
        "waiting": 4,
        "oldest_wait": None,
        "is_enabled": True,
    }


def test_no_queue_at_all(batch: FakeBatch, capsys: pytest.CaptureFixture[str]) -> None:
    batch.names = []
    assert main(["top"]) == 0
    assert capsys.readouterr().out == "No queues in this account and Region.\n"
    assert main(["top", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"queues": [], "requests": 1}


def test_an_unknown_queue(batch: FakeBatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--queue", "nope"]) == 1
    names = "fair-01, fifo-03, gpu-02, quota-00"
    assert capsys.readouterr().err == f"fairlane: no queue nope; the queues of this account and Region: {names}\n"


@pytest.mark.parametrize("denied", ["describe_job_queues", "get_job_queue_snapshot"])
def test_a_missing_permission_names_its_action(
    batch: FakeBatch, capsys: pytest.CaptureFixture[str], denied: str
) -> None:
    batch.denied = {denied}
    assert main(["top", "--queue", "quota-00"]) == 1
    captured = capsys.readouterr()
    action = "".join(word.capitalize() for word in denied.split("_"))
    assert f"no permission for batch:{action}: queue" in captured.out + captured.err


def test_one_queue_of_several_that_cannot_be_read_is_no_failure(
    batch: FakeBatch, capsys: pytest.CaptureFixture[str]
) -> None:
    batch.denied = {"list_jobs"}
    assert main(["top"]) == 0
    assert capsys.readouterr().out.count("! ") == 1


def test_throttled_requests_leave_a_partial_answer(batch: FakeBatch, capsys: pytest.CaptureFixture[str]) -> None:
    batch.throttled = {"list_service_jobs"}
    assert main(["top"]) == 0
    out = capsys.readouterr().out
    assert "batch:ListServiceJobs failed 6 times: TooManyRequestsException" in out
    assert out.count("not read, because requests before it failed") == 3


@pytest.mark.parametrize("interval", ["4.9", "0", "-1", "3601", "nan", "inf"])
def test_a_wrong_interval_is_refused_before_any_request(
    batch: FakeBatch, capsys: pytest.CaptureFixture[str], interval: str
) -> None:
    assert main(["top", f"--interval={interval}"]) == 2
    assert "--interval: got" in capsys.readouterr().err
    assert batch.requests == []
