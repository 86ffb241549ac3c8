from collections.abc import Callable

import pytest

from fairlane_client.queues.calls import NotAllowed
from fairlane_client.top import live
from fairlane_client.top.lines import Row
from tests.fairlane_client.top.fake_batch import P4, FakeBatch, reader


class _Wake:
    """Event whose waits move a clock instead, and which runs a function after each of them."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.now = 0.0
        self.part = 1.0
        self.is_on = False
        self.after: Callable[[], None] = lambda: None

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        self.now += seconds * self.part
        self.after()
        return self.is_on

    def is_set(self) -> bool:
        return self.is_on

    def set(self) -> None:
        self.is_on = True

    def clear(self) -> None:
        self.is_on = False


@pytest.fixture
def wake(monkeypatch: pytest.MonkeyPatch) -> _Wake:
    wake = _Wake()
    monkeypatch.setattr(live, "time", wake)
    monkeypatch.setattr("threading.Event", lambda: wake)
    return wake


@pytest.mark.parametrize("operation", ["list_service_jobs", "describe_job_queues"])
def test_pauses_double_while_aws_throttles_and_are_short_again_afterwards(wake: _Wake, operation: str) -> None:
    batch = FakeBatch()
    refresher = live.Refresher(reader(batch), 15)
    statuses = []

    def after() -> None:
        statuses.append(refresher.status())
        if len(wake.pauses) == 1:
            batch.throttled = {operation}
            refresher._reader._listed_at = 0
        if len(wake.pauses) == 7:
            batch.throttled = set()
        if len(wake.pauses) == 9:
            refresher.stop()

    wake.after = after
    refresher.run()
    assert wake.pauses == [15, 30, 60, 120, 240, 300, 300, 15, 15]
    assert statuses[0] == "next in 0s"
    assert statuses[1] == "requests failed, next in 0s"
    assert [queue.problem for queue in refresher.queues()] == [""] * 4
    assert refresher.error is None


def test_opened_jobs_are_read_at_once_and_at_each_refresh(wake: _Wake) -> None:
    batch, row = FakeBatch(queues=1), Row("quota-00", "Dev", P4)
    refresher = live.Refresher(reader(batch), 15)
    counts = []
    wake.part = 0.5

    def after() -> None:
        found = refresher.jobs_of(row)
        counts.append(None if found is None else len(found.jobs))
        batch.waiting = 9
        refresher.open(row)
        if len(counts) == 2:
            wake.part = 1
        if len(counts) == 4:
            refresher.stop()

    wake.after = after
    refresher.run()
    assert counts == [None, 4, 4, 5]
    assert refresher.jobs_of(Row("quota-00", "ProdExp1", P4)) is None
    assert refresher.jobs_of(None) is None


def test_queues_that_were_deleted_go_and_new_ones_come(wake: _Wake) -> None:
    batch = FakeBatch(queues=2)
    refresher = live.Refresher(reader(batch), 15)
    assert [queue.name for queue in refresher.queues()] == ["fair-01", "quota-00"]

    def after() -> None:
        batch.names = ["fifo-03", "quota-00"]
        refresher._reader._listed_at = 0
        if len(wake.pauses) == 2:
            refresher.stop()

    wake.after = after
    refresher.run()
    assert [queue.name for queue in refresher.queues()] == ["fifo-03", "quota-00"]


def test_a_permission_that_was_taken_away_ends_the_view(wake: _Wake) -> None:
    batch = FakeBatch(queues=1)
    refresher = live.Refresher(reader(batch), 15)

    def after() -> None:
        batch.denied = {"describe_job_queues"}
        refresher._reader._listed_at = 0

    wake.after = after
    refresher.run()
    assert isinstance(refresher.error, NotAllowed)
