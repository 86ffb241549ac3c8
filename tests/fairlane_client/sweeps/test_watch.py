"""Progress bar of sweeps."""

from io import StringIO
from typing import Any

from rich.console import Console

from fairlane_client.sweeps import Clock, Counts
from tests.fairlane_client.sweeps.world import World

ARRAY: dict[str, Any] = {"queue": "gpu", "job_definition": "train", "share_identifier": "sweeps"}


def watched(world: World, interval: float = 10) -> tuple[Counts, str, list[float]]:
    """Watch a sweep whose jobs end while the client sleeps."""
    sleeps: list[float] = []

    def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        world.now += 100
        world.end_jobs(lambda index: None if index == 3 else float(index))

    sweep = world.open()
    sweep._clock = Clock(lambda: world.now, sleep)
    output = StringIO()
    counts = sweep.watch(interval=interval, console=Console(file=output, width=120))
    return counts, output.getvalue(), sleeps


def test_a_sampler_goes_on_until_all_points_have_ended() -> None:
    world = World()
    world.sweep(space={"x": {"min": 0, "max": 99}}, sampler="random", points=9, parallel=2).submit(**ARRAY)
    counts, output, sleeps = watched(world, interval=30)
    assert counts == Counts(done=8, stopped=0, running=0, waiting=0, failed=1)
    assert output.strip() == "resnet-lr: 8 done, 0 stopped, 0 running, 0 waiting, 1 failed"
    assert set(sleeps) == {30}
    assert len(sleeps) == 5


def test_a_grid_is_watched_until_its_last_job() -> None:
    world = World()
    world.sweep(space={"x": [1, 2, 3]}).submit(**ARRAY)
    counts, _, sleeps = watched(world)
    assert (counts.done, len(sleeps)) == (3, 1)


def test_a_stopped_sweep_is_not_watched() -> None:
    world = World()
    sweep = world.sweep(space={"x": {"min": 0, "max": 99}}, sampler="random", points=9, parallel=2)
    sweep.submit(**ARRAY)
    sweep.stop()
    world.now += 100
    counts, _, sleeps = watched(world)
    assert (counts.failed, counts.waiting, sleeps) == (2, 0, [])


def test_a_terminal_shows_the_counts_while_jobs_run() -> None:
    world = World()
    world.sweep(space={"x": [1, 2, 3, 4, 5]}).submit(**ARRAY)
    sweep = world.open()

    def sleep(seconds: float) -> None:
        world.now += 100
        world.end_jobs()

    sweep._clock = Clock(lambda: world.now, sleep)
    output = StringIO()
    sweep.watch(console=Console(file=output, width=140, force_terminal=True, color_system=None))
    assert "0/5" in output.getvalue()
    assert "5 waiting" in output.getvalue()
    assert output.getvalue().endswith("5 done, 0 stopped, 0 running, 0 waiting, 0 failed\n")
