"""Clock of a local AWS."""

import math

import pytest

from fairlane_local.clock import Clock
from fairlane_local.errors import LocalAwsError


class RealTime:
    """Real time that a test moves."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_a_clock_with_a_speed_runs_faster_than_real_time() -> None:
    real_time = RealTime()
    clock = Clock(60, monotonic=real_time)
    real_time.seconds += 2

    assert clock.elapsed() == 120
    assert clock.now() == clock.start + 120
    assert clock.real_seconds_until(180) == 1
    assert clock.real_seconds_until(100) == 0


def test_a_manual_clock_starts_at_a_whole_minute_so_that_tests_do_not_depend_on_the_time() -> None:
    assert Clock(None).start % 60 == 0


def test_only_advance_moves_a_manual_clock() -> None:
    real_time = RealTime()
    clock = Clock(None, monotonic=real_time)
    real_time.seconds += 500
    assert clock.elapsed() == 0

    clock.advance(7200)
    assert clock.now() == clock.start + 7200
    assert clock.real_seconds_until(7300) is None


@pytest.mark.parametrize("seconds", [-1, -0.5, math.nan, math.inf])
def test_a_manual_clock_moves_forward_by_a_number(seconds: float) -> None:
    clock = Clock(None)
    with pytest.raises(LocalAwsError, match=r"the clock cannot advance by .* seconds: use 0 to 31,622,400"):
        clock.advance(seconds)
    assert clock.elapsed() == 0


def test_a_real_clock_cannot_be_advanced() -> None:
    with pytest.raises(LocalAwsError, match="the clock is not manual: start the local AWS with --clock manual"):
        Clock().advance(1)


@pytest.mark.parametrize("speed", [0, -1, math.inf, math.nan])
def test_a_speed_is_above_zero(speed: float) -> None:
    with pytest.raises(LocalAwsError, match=r"speed: got .*, allowed: a number above 0"):
        Clock(speed)


def test_a_paused_clock_stands_and_can_be_advanced() -> None:
    real_time = RealTime()
    clock = Clock(60, monotonic=real_time)
    real_time.seconds += 2
    clock.pause()
    real_time.seconds += 500
    clock.pause()
    assert (clock.is_paused, clock.elapsed(), clock.real_seconds_until(180)) == (True, 120, None)

    clock.advance(600)
    clock.resume()
    assert (clock.is_paused, clock.elapsed()) == (False, 720)
    real_time.seconds += 1
    clock.resume()
    assert (clock.elapsed(), clock.real_seconds_until(840)) == (780, 1)
    with pytest.raises(LocalAwsError, match="the clock is not manual"):
        clock.advance(1)


def test_a_manual_clock_cannot_be_paused() -> None:
    clock = Clock(None)
    for call in (clock.pause, clock.resume):
        with pytest.raises(LocalAwsError, match="a manual clock cannot be paused: it moves only when it is advanced"):
            call()
    assert not clock.is_paused
