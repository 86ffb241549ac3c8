"""Functions that die before or after any call, lose answers and repeat writes: each line has one job in the end."""

from functools import cache, partial
from random import Random
from typing import Any

import pytest

from fairlane_lambda.fan_out.submit import submitter, work

from .fake_batch import Rules
from .world import REGIONS, Faults, World, manifest_lines

LINES = 200


def outcome(world: World) -> list[str]:
    events = world.plan("drives", manifest_lines(LINES))
    world.run(events)
    return [*world.problems("drives", events), *(str(event) for event in events if event["status"] != "DONE")]


@cache
def number_of_calls() -> int:
    world = World()
    assert outcome(world) == []
    return world.calls.total()


def kill(number: int, is_before: bool) -> None:
    faults = Faults(kill_before=number) if is_before else Faults(kill_after=number)
    world = World(faults=faults)
    assert outcome(world) == [], (number, is_before)
    assert world.runs > len(REGIONS)


def test_kill_at_some_calls() -> None:
    cases = [(number, is_before) for number in range(1, number_of_calls() + 1) for is_before in (True, False)]
    for number, is_before in Random(20).sample(cases, 25):
        kill(number, is_before)


@pytest.mark.slow
@pytest.mark.parametrize("is_before", [True, False])
def test_kill_at_every_call(is_before: bool) -> None:
    assert number_of_calls() >= 3 * LINES
    for number in range(1, number_of_calls() + 1):
        kill(number, is_before)


def random_world(seed: int) -> World:
    random = Random(seed)
    rules = {
        region: Rules(
            per_second=random.choice([3, 5, 5]),
            depth=random.choice([1, 2, 5]),
            lag_ms=random.randrange(60_000),
            token_ms=random.choice([0, 10_000, 10**9]),
            repeats=random.choice(["same", "refused"]),
        )
        for region in REGIONS
    }
    faults = Faults(
        kills=random.choice([0.002, 0.005, 0.01]),
        lost=0.05,
        failed=random.choice([0, 0.05]),
        repeated=0.02,
        random=random,
    )
    return World(rules, faults, call_ms=250, write_ms=15, function_ms=random.choice([60_000, 120_000, 900_000]))


def test_some_random_kills() -> None:
    for seed in range(25):
        assert outcome(random_world(seed)) == [], seed


def test_second_plan_places_lines_elsewhere() -> None:
    """Capacity changed between two plans of equal lines, and functions of both run and die."""
    for seed in range(15):
        world = random_world(seed)
        lines = manifest_lines(LINES)
        moved = [{**line, "region": REGIONS[(REGIONS.index(line["region"]) + 1) % len(REGIONS)]} for line in lines]
        first = world.plan("drives", lines, "1")
        second = world.plan("drives", moved, "2")
        at = world.simulation.now + 1_000 * (seed % 8)

        def later(event: dict[str, Any], world: World = world, at: int = at) -> None:
            world.simulation.sleep_until(at)
            world.execution(event)()

        world.run(first, *(partial(later, event) for event in second))
        assert world.problems("drives", [*first, *second]) == [], seed
        jobs = [job for batch in world.batches.values() for job in batch.jobs]
        regions = {item["job_id"]: item["region"] for item in world.ledger.lines("drives")}
        assert all(job["jobId"].startswith(regions[job["jobId"]]) for job in jobs), seed


@pytest.mark.soak
def test_random_kills() -> None:
    for seed in range(3_000):
        assert outcome(random_world(seed)) == [], seed


def test_early_look_ups_make_jobs_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other tests would see lines with two jobs."""
    for module in (submitter, work):
        monkeypatch.setattr(module, "look_up_time", lambda attempt: attempt + work.CALL_MS)
    assert any(" 2 jobs" in problem for seed in range(3) for problem in outcome(random_world(seed)))
