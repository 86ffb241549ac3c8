"""Events of a local AWS in the order of their time."""

import math
from threading import Event, Thread

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


def test_time_stands_until_the_reactions_of_a_second_have_returned() -> None:
    log: list[object] = []
    timeline = Timeline(Clock(None))
    timeline.add(Passes([5, 10], log))

    def react(second: int) -> None:
        timeline.react(lambda: log.append(("reaction", timeline.second)))

    timeline.call_at(5, react)
    timeline.call_at(7, react)
    timeline.advance(20)

    assert log == [("reaction", 5), ("pass", 5), ("reaction", 7), ("pass", 10)]


def test_a_reaction_waits_until_a_manual_clock_is_moved() -> None:
    log: list[object] = []
    timeline = Timeline(Clock(None))
    timeline.react(lambda: log.append(timeline.second))
    timeline.catch_up()
    assert log == []

    timeline.advance(5)
    assert log == [0]


def test_a_reaction_can_use_the_lock_in_another_thread_and_react_again() -> None:
    log: list[object] = []
    timeline = Timeline(Clock(None))

    def look() -> None:
        timeline.catch_up()
        log.append(timeline.second)

    def react() -> None:
        other = Thread(target=look)
        other.start()
        other.join()
        if len(log) < 3:
            timeline.react(react)

    timeline.call_at(4, lambda second: timeline.react(react))
    timeline.advance(9)

    assert log == [4, 4, 4]


def fail() -> None:
    raise ValueError("a mistake")


def test_a_failed_reaction_does_not_stop_the_clock(caplog: pytest.LogCaptureFixture) -> None:
    timeline = Timeline(Clock(None))
    timeline.react(fail)
    timeline.advance(5)

    assert timeline.second == 5
    assert "a reaction of the local AWS failed" in caplog.text


def test_time_of_a_fast_clock_stands_during_a_reaction_to_a_request() -> None:
    real_time = [0.0]
    timeline = Timeline(Clock(60, monotonic=lambda: real_time[0]))
    started, released = Event(), Event()
    seen: list[float] = []

    def react() -> None:
        seen.append(timeline.elapsed)
        started.set()
        assert released.wait(10)
        seen.append(timeline.elapsed)

    real_time[0] = 2
    timeline.react(react)
    assert started.wait(10)
    real_time[0] = 4
    released.set()
    timeline.settle()
    assert (seen, timeline.elapsed) == ([120, 120], 240)


def test_other_threads_do_not_see_the_past_while_events_are_processed_late() -> None:
    real_time = [0.0]
    timeline = Timeline(Clock(monotonic=lambda: real_time[0]))
    seen: list[float] = []

    def look(second: int) -> None:
        thread = Thread(target=lambda: seen.append(timeline.elapsed))
        thread.start()
        thread.join()
        seen.append(timeline.elapsed)

    timeline.call_at(5, look)
    real_time[0] = 100
    timeline.catch_up()
    assert seen == [100, 5]


def test_clear_keeps_permanent_sources() -> None:
    timeline = Timeline(Clock(None))
    log: list[object] = []
    timeline.add(Passes([5], log))
    timeline.add(Passes([7], log), permanent=True)
    timeline.clear()
    timeline.advance(10)
    assert log == [("pass", 7)]
