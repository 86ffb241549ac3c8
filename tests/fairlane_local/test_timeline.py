"""Events of a local AWS in the order of their time."""

import math
from threading import Thread

import pytest

from fairlane_local.clock import Clock
from fairlane_local.errors import LocalAwsError
from fairlane_local.timeline import Timeline


class Passes:
    """Source with a pass at some seconds, which records what it is asked."""

    def __init__(self, seconds: list[int], log: list[object]) -> None:
        self.seconds = seconds
        self.log = log
        self.now = 0

    def next_moment(self) -> int | None:
        return self.seconds[0] if self.seconds else None

    def advance(self, to: int, *, complete: bool = False) -> None:
        assert to >= self.now, "time never moves back"
        while self.seconds and self.seconds[0] < to + complete:
            self.log.append(("pass", self.seconds.pop(0)))
        self.now = to


def test_timers_come_before_the_pass_of_their_second() -> None:
    log: list[object] = []
    timeline = Timeline(Clock(None))
    timeline.add(Passes([5, 10], log))
    timeline.call_at(10, lambda second: log.append(("timer", second)))
    timeline.call_at(7, lambda second: log.append(("timer", second)))
    timeline.call_at(10, lambda second: log.append(("second timer", second)))
    timeline.advance(20)

    assert log == [("pass", 5), ("timer", 7), ("timer", 10), ("second timer", 10), ("pass", 10)]


def test_the_pass_of_the_current_second_waits_until_time_moves_on() -> None:
    log: list[object] = []
    timeline = Timeline(Clock(None))
    timeline.add(Passes([0], log))
    timeline.call_at(0, lambda second: log.append(("timer", second)))
    timeline.catch_up()
    assert log == [("timer", 0)]

    timeline.advance(1)
    assert log == [("timer", 0), ("pass", 0)]


def test_events_of_several_sources_are_in_the_order_of_time() -> None:
    log: list[object] = []
    timeline = Timeline(Clock(None))
    timeline.add(Passes([3, 30], log))
    timeline.add(Passes([2, 31], log))
    timeline.advance(60)

    assert log == [("pass", 2), ("pass", 3), ("pass", 30), ("pass", 31)]


def test_the_time_during_an_event_is_the_time_of_the_event() -> None:
    timeline = Timeline(Clock(None))
    seen: list[tuple[int, int]] = []
    timeline.call_at(7, lambda second: seen.append((timeline.second, timeline.milliseconds)))
    timeline.advance(60)

    assert seen == [(7, (timeline.clock.start + 7) * 1000)]
    assert timeline.second == 60


def test_a_timer_can_set_a_timer_of_the_same_second() -> None:
    timeline = Timeline(Clock(None))
    seen: list[int] = []
    timeline.call_at(7, lambda second: timeline.call_at(second, seen.append))
    timeline.advance(7)

    assert seen == [7]


def test_the_clock_stops_at_each_event_until_its_work_is_done() -> None:
    timeline = Timeline(Clock(None))
    seen: list[int] = []

    def work() -> None:
        seen.append(timeline.second)
        with timeline.lock:  # the work uses the API while the clock waits
            timeline.call_at(timeline.second + 5, seen.append)
        timeline.work.end()

    def start(second: int) -> None:
        timeline.work.begin()
        Thread(target=work).start()

    timeline.call_at(10, start)
    timeline.call_at(90, start)
    timeline.advance(100)
    assert seen == [10, 15, 90, 95]


def test_a_refused_advance_moves_nothing() -> None:
    timeline = Timeline(Clock(None))
    for seconds in (-1, math.inf, math.nan):
        with pytest.raises(LocalAwsError, match="the clock cannot advance"):
            timeline.advance(seconds)
    assert timeline.clock.elapsed() == 0


def test_nothing_happens_while_the_clock_is_paused() -> None:
    real_time = [100.0]
    timeline = Timeline(Clock(60, monotonic=lambda: real_time[0]))
    seen: list[int] = []
    timeline.call_at(50, seen.append)
    timeline.call_at(100, seen.append)
    real_time[0] += 1
    timeline.pause()
    assert seen == [50]

    real_time[0] += 5
    timeline.catch_up()
    assert (seen, timeline.second) == ([50], 60)
    timeline.advance(40)
    assert seen == [50, 100]
    timeline.resume()
    with pytest.raises(LocalAwsError, match="the clock is not manual"):
        timeline.advance(1)
