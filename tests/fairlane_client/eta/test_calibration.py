"""Estimates over random histories: the part of starts inside the percentiles, and histories that change."""

from random import Random

import pytest

from fairlane_client.eta.arrivals import Arrivals
from fairlane_client.eta.back_test import _verdict, back_test, state_at
from fairlane_client.eta.estimates import percentile
from fairlane_client.eta.run_times import RunTimes
from fairlane_client.eta.simulation import LATER, Simulation
from tests.fairlane_client.eta.worlds import DAY, MONDAY, POLICIES, history, queue_of, seen_at


def parts_inside(seed: int, days: int = 14) -> tuple[float, float] | None:
    """Return the parts of the starts inside the 50th and 90th percentile. None if few jobs wait in a history."""
    random, kind = Random(seed), list(POLICIES)[seed % len(POLICIES)]
    jobs = history(kind, random, days)
    for _ in range(20):
        now = MONDAY + int(random.uniform(0.57, 0.96) * days * DAY)
        known = seen_at(jobs, now)
        state = state_at(queue_of(kind), known, now)
        if len(state.waiting) >= 3:
            break
    else:
        return None
    ids = sorted(job.id for job in state.waiting)
    simulation = Simulation(state, RunTimes(known), Arrivals(known, MONDAY, now))
    found = simulation.run(60, seed, random.sample(ids, min(40, len(ids))))
    actual = {
        job.id: next((start for start, _ in job.attempts if start > now), None) for job in jobs if job.id in found
    }
    parts = [
        sum((actual[job] or LATER) <= (percentile(starts, percent) or LATER) for job, starts in found.items())
        for percent in (50, 90)
    ]
    return parts[0] / len(found), parts[1] / len(found)


def test_nine_of_ten_starts_are_inside_the_90th_percentile() -> None:
    found = [parts for seed in range(12) if (parts := parts_inside(seed, days=8))]
    assert len(found) >= 9
    assert 0.75 <= sum(part for _, part in found) / len(found) <= 1.0
    assert 0.25 <= sum(part for part, _ in found) / len(found) <= 0.8


@pytest.mark.soak
def test_the_estimates_are_calibrated_over_200_random_histories() -> None:
    found = [parts for seed in range(206) if (parts := parts_inside(seed))]
    assert len(found) >= 200
    assert 0.87 <= sum(part for _, part in found) / len(found) <= 0.93
    assert 0.43 <= sum(part for part, _ in found) / len(found) <= 0.60


@pytest.mark.parametrize("kind", list(POLICIES))
def test_a_history_that_goes_on_as_before_is_not_off(kind: str) -> None:
    jobs = history(kind, Random(5), 10)
    test = back_test(queue_of(kind), seen_at(jobs, MONDAY + 9.5 * DAY), MONDAY, MONDAY + 9.5 * DAY)
    assert test.moments >= 4
    assert test.verdict == "good"


def test_a_week_that_differs_from_the_history_is_off() -> None:
    """The run times of the last days are longer, so that estimates from the days before are wrong."""
    jobs = history("fifo", Random(3), 9, lambda second: 5.0 if second > 6.5 * DAY else 1.0)
    end = MONDAY + 8.5 * DAY
    assert back_test(queue_of("fifo"), seen_at(jobs, end), MONDAY, end).verdict == "late"


@pytest.mark.parametrize(
    ("halves", "inside", "verdict"), [(50, 90, "good"), (30, 75, "good"), (30, 74, "late"), (81, 99, "early")]
)
def test_the_verdict_follows_from_the_parts_inside(halves: int, inside: int, verdict: str) -> None:
    assert _verdict(8, 100, halves, inside) == verdict
    assert _verdict(3, 100, halves, inside) == "unknown"


def test_a_short_history_has_no_verdict() -> None:
    jobs = history("fifo", Random(3), 1)[:5]
    test = back_test(queue_of("fifo"), jobs, MONDAY, MONDAY + DAY)
    assert (test.starts, test.verdict) == (0, "unknown")


def test_the_same_seed_gives_the_same_starts_with_any_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = history("quota-management", Random(2), 8)
    now = max(job.attempts[0][0] for job in jobs[:400] if job.attempts[0][0] - job.created > 600) - 300
    known = seen_at(jobs, now)
    state = state_at(queue_of("quota-management"), known, now)
    simulation = Simulation(state, RunTimes(known), Arrivals(known, MONDAY, now))
    first = simulation.run(20, 1)
    assert first
    assert first != simulation.run(20, 2)
    monkeypatch.setattr("fairlane_client.eta.simulation._LARGE", 0)
    done: list[int] = []
    assert first == simulation.run(20, 1, progress=done.append, processes=2)
    assert done[-1] == 20
