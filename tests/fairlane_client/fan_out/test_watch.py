"""Live table of a manifest by Region."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from fairlane_client.fan_out import Progress
from fairlane_client.fan_out.watch import counts_table
from fairlane_client.sweeps import Clock
from tests.fairlane_client.fan_out.reports import progress
from tests.fairlane_client.fan_out.world import World, jsonl, lines


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World()
    (tmp_path / "drives.jsonl").write_text(jsonl(lines(40)))
    world.open().start(tmp_path / "drives.jsonl")
    return world


def watched(world: World, *, terminal: bool = False) -> tuple[Progress, str, list[float]]:
    """Watch a manifest whose jobs run for one refresh, then end."""
    sleeps: list[float] = []

    def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        world.set_jobs("SUCCEEDED", only="RUNNING")
        world.set_jobs("RUNNING")
        world.sleep(seconds)

    fan_out, output = world.open(), StringIO()
    fan_out._clock = Clock(lambda: world.now, sleep)
    console = Console(file=output, width=120, force_terminal=terminal, color_system=None)
    return fan_out.watch("drives", interval=30, console=console), output.getvalue(), sleeps


def test_a_manifest_is_watched_until_its_last_job(world: World) -> None:
    progress, output, sleeps = watched(world)
    assert progress.total[:5] == (0, 0, 0, 40, 0)
    assert output.strip() == "drives: 0 waiting, 0 submitted, 0 running, 40 done, 0 failed"
    assert set(sleeps) == {30}
    assert len(sleeps) < 6


def test_a_terminal_shows_the_regions_while_jobs_run(world: World) -> None:
    _, output, _ = watched(world, terminal=True)
    for text in ("drives: submitting", "us-east-1", "eu-central-1", "running", "jobs/s", "all"):
        assert text in output
    assert output.endswith("drives: 0 waiting, 0 submitted, 0 running, 40 done, 0 failed\n")


def test_a_stopped_manifest_is_not_watched(world: World) -> None:
    world.open().stop("drives")
    world.sleep(10)
    progress, _, sleeps = watched(world)
    assert (progress.state, progress.total.running, sleeps) == ("STOPPED", 0, [])


def test_a_region_that_failed_ends_the_watch_with_waiting_lines(world: World) -> None:
    world.service.is_open = False
    world.set_jobs("SUCCEEDED")
    world.sleep(1)
    world.ledger.set_manifest("drives", state="FAILED")
    progress, _, sleeps = watched(world)
    assert progress.total.waiting == 40 - progress.total.done
    assert sleeps == []


def test_the_table_has_the_numbers_of_each_region_and_of_all() -> None:
    found = progress(4000, waiting=250)
    console = Console(file=StringIO(), width=120, color_system=None)
    console.print(counts_table(found))
    file = console.file
    assert isinstance(file, StringIO)
    rows = {line.split()[0]: line.split()[1:7] for line in file.getvalue().splitlines()[4:] if line.split()}
    expected = {name: [*(f"{number:,}" for number in counts[:-1]), "4.9"] for name, counts in found.regions.items()}
    expected["all"] = [*(f"{number:,}" for number in found.total[:-1]), "19.6"]
    assert {name: rows[name] for name in expected} == expected
