"""Points of Optuna's samplers, and sweeps with them."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import optuna
import pytest

from fairlane_client.sweeps.plan import Plan
from fairlane_client.sweeps.samplers import ask
from tests.fairlane_client.sweeps.world import World

ARRAY: dict[str, Any] = {"queue": "gpu", "job_definition": "train", "share_identifier": "sweeps"}
SAMPLERS = ("random", "sobol", "tpe", "cma-es")
SPACE: dict[str, Any] = {
    "rate": {"min": 1e-5, "max": 1e-1, "distribution": "log_uniform_values"},
    "decay": {"min": 0.0, "max": 0.5},
    "layers": {"min": 2, "max": 12},
    "model": ["resnet18", "resnet50"],
}


def plan(sampler: str, space: Any = SPACE, seed: int = 0) -> Plan:
    made = Plan("s", space, "accuracy", "maximize", 1, sampler, 1000, None, seed, None)
    assert not [*made.problems()]
    return made


def value(point: Any) -> float:
    """Return a value that is best at a rate of 1e-3, a decay of 0.3 and 9 layers."""
    return float(-abs(math.log10(point["rate"]) + 3) - 4 * abs(point["decay"] - 0.3) - abs(point["layers"] - 9) / 5)


def play(sampler: str, count: int, each: int, seed: int = 0) -> list[dict[str, Any]]:
    """Return the points of a sweep whose rounds end before the next one."""
    points: list[dict[str, Any]] = []
    while len(points) < count:
        points += ask(plan(sampler, seed=seed), each, [(point, value(point)) for point in points], [])
    return points


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_points_are_reproducible_and_differ(sampler: str) -> None:
    points = play(sampler, 24, 4)
    assert points == play(sampler, 24, 4)
    assert points != play(sampler, 24, 4, seed=1)
    assert len({str(point) for point in points}) == 24
    assert {point["model"] for point in points} == {"resnet18", "resnet50"}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_points_are_in_their_ranges(sampler: str) -> None:
    for point in play(sampler, 24, 8):
        assert list(point) == list(SPACE)
        assert 1e-5 <= point["rate"] <= 1e-1
        assert 0 <= point["decay"] <= 0.5
        assert isinstance(point["layers"], int)
        assert 2 <= point["layers"] <= 12


@pytest.mark.parametrize(
    ("values", "allowed"),
    [
        ({"min": 1, "max": 4}, {1, 2, 3, 4}),
        ({"min": 1, "max": 4, "distribution": "int_uniform"}, {1, 2, 3, 4}),
        ({"min": 16, "max": 70, "distribution": "q_uniform", "q": 16}, {16, 32, 48, 64}),
        ({"min": 16, "max": 70, "q": 16}, {16, 32, 48, 64}),
        ({"min": 5, "max": 39, "distribution": "q_uniform", "q": 10}, {10, 20, 30}),
        ({"min": -0.95, "max": 0.15, "q": 0.5}, {-0.5, 0.0}),
        ({"min": 0.5, "max": 30.5, "distribution": "q_uniform", "q": 10}, {10, 20, 30}),
        ({"min": 0.0, "max": 0.3, "distribution": "q_uniform", "q": 0.1}, {0.0, 0.1, 0.2, 0.3}),
        ({"min": 0, "max": 2, "distribution": "q_uniform", "q": 0.5}, {0.0, 0.5, 1.0, 1.5, 2.0}),
        ({"min": 1, "max": 4, "distribution": "q_log_uniform_values"}, {1, 2, 3, 4}),
        pytest.param(["a", True, 3, 0.5], {"a", True, 3, 0.5}, id="list"),
    ],
    ids=lambda value: str(sorted(value)) if isinstance(value, set) else str(value),
)
def test_steps_and_lists(values: Any, allowed: set[Any]) -> None:
    found = {round(x, 9) if isinstance(x, float) else x for x in points_of(values, 60)}
    assert found == allowed
    assert {type(x) for x in found} == {type(x) for x in allowed}


@pytest.mark.parametrize("low", [1, 1.0])
def test_uniform_distributions_give_any_number(low: float) -> None:
    for distribution in ("uniform", "log_uniform_values"):
        found = points_of({"min": low, "max": 4, "distribution": distribution}, 20)
        assert all(isinstance(x, float) and 1 <= x <= 4 for x in found)
        assert any(x != int(x) for x in found)


def test_logarithmic_ranges_are_even_in_the_exponent() -> None:
    found = points_of({"min": 1e-6, "max": 1.0, "distribution": "log_uniform_values"}, 300)
    below = sum(x < 1e-3 for x in found)
    assert 110 < below < 190


def test_a_sobol_sequence_goes_on_after_earlier_points() -> None:
    """Rounds of any size give the points of one long sequence, evenly spread."""
    space = {"x": {"min": 0.0, "max": 1.0}, "name": ["a", "b"]}
    at_once = ask(plan("sobol", space), 16, [], [])
    by_rounds: list[dict[str, Any]] = []
    for number in (1, 2, 5, 8):
        by_rounds += ask(plan("sobol", space), number, [(point, 1.0) for point in by_rounds[:2]], by_rounds[2:])
    assert by_rounds == at_once
    assert Counter(int(point["x"] * 4) for point in at_once) == {0: 4, 1: 4, 2: 4, 3: 4}


@pytest.mark.parametrize("sampler", ["tpe", "cma-es"])
def test_samplers_that_learn_are_better_than_random(sampler: str) -> None:
    def mean(points: Sequence[Any]) -> float:
        return sum(value(point) for point in points[-16:]) / 16

    assert mean(play(sampler, 64, 4)) > mean(play("random", 64, 4)) + 0.5


def test_running_points_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    studies: list[optuna.Study] = []
    create = optuna.create_study

    def create_and_note(**options: Any) -> optuna.Study:
        studies.append(create(**options))
        return studies[-1]

    monkeypatch.setattr(optuna, "create_study", create_and_note)
    world = World()
    space = {"x": {"min": 0.0, "max": 1.0}}
    world.sweep(space=space, sampler="tpe", points=9, parallel=4, direction="minimize").submit(**ARRAY)
    world.now += 100
    world.put_result(1, 0.25)
    world.put_result(2, 0.75)
    assert world.open().advance() == 2
    study = studies[-1]
    states = Counter(trial.state.name for trial in study.get_trials()[:4])
    assert states == {"COMPLETE": 2, "RUNNING": 2}
    assert {trial.value for trial in study.get_trials() if trial.value is not None} == {0.25, 0.75}
    assert study.direction.name == "MINIMIZE"


@pytest.mark.parametrize(("sampler", "parallel"), [("tpe", 3), ("random", None), ("sobol", 20), ("cma-es", 1)])
def test_a_sweep_has_its_points_and_never_more_at_once(sampler: str, parallel: int | None) -> None:
    world = World()
    space = {"x": {"min": 0.0, "max": 1.0}, "y": {"min": 0.0, "max": 1.0}}
    world.sweep(space=space, sampler=sampler, points=11, parallel=parallel).submit(**ARRAY)
    for _ in range(40):
        waiting = [job for job in world.batch.jobs if job["status"] not in ("SUCCEEDED", "FAILED")]
        assert sum(len(world.indices(job)) for job in waiting) <= (parallel or 11)
        if not waiting:
            break
        job = waiting[0]
        failed = {index % 5 == 4 for index in world.indices(job)}
        for index in world.indices(job):
            if index % 5 != 4:
                world.put_result(index, index / 10)
        world.batch.end(job, ["FAILED" if True in failed else "SUCCEEDED"] * len(job["children"]))
        world.now += 100
        world.open().advance()
    assert world.submitted() == Counter(range(11))
    counts = world.open().counts()
    assert (counts.done, counts.failed, counts.running, counts.waiting) == (9, 2, 0, 0)
    names = [job["jobName"] for job in world.batch.jobs]
    assert all(earlier < later for earlier, later in pairwise(names))


def points_of(values: Any, number: int) -> list[Any]:
    return [point["x"] for point in ask(plan("random", {"x": values}), number, [], [])]
