"""Slots of a Region."""

from collections.abc import Callable

from fairlane_lambda.fan_out.pace import LEAD_MS, SLOT_MS, SLOTS, Pace
from fairlane_lambda.fan_out.table import Table

from .fake_dynamodb import FakeDynamoDB
from .simulation import FunctionRun, Simulation

DAY_MS = 24 * 3600 * 1000


def simulate(function: Callable[[Simulation, Callable[..., Pace]], None]) -> None:
    simulation = Simulation()
    table = Table(FakeDynamoDB(), "table")
    run = FunctionRun(simulation, simulation.now + DAY_MS)

    def pace(region: str = "eu-west-1", last: int = run.deadline) -> Pace:
        return Pace(table, region, run, last)

    simulation.run([lambda: function(simulation, pace)])


def test_functions_take_turns_of_five_seconds() -> None:
    def check(simulation: Simulation, pace: Callable[..., Pace]) -> None:
        first, second, other = pace(), pace(), pace("us-east-1")
        start = simulation.now + LEAD_MS
        assert [first.take() for _ in range(3)] == [start, start + SLOT_MS, start + 2 * SLOT_MS]
        assert second.take() == start + SLOTS * SLOT_MS
        assert [first.take() for _ in range(SLOTS)][-1] == start + 2 * SLOTS * SLOT_MS + 2 * SLOT_MS
        assert other.take() == start

    simulate(check)


def test_past_slots_are_dropped() -> None:
    def check(simulation: Simulation, pace: Callable[..., Pace]) -> None:
        only = pace()
        start = only.take()
        assert start is not None
        simulation.now += 1_000
        assert only.take() == start + 1_000
        simulation.now += 60_000
        assert only.take() == simulation.now + LEAD_MS

    simulate(check)


def test_throttled_call_moves_the_clock_for_all() -> None:
    def check(simulation: Simulation, pace: Callable[..., Pace]) -> None:
        first, second = pace(), pace()
        slot = first.take()
        assert slot is not None
        simulation.now += 6_000
        first.slow_down(slot)
        first.slow_down(slot)
        assert second.take() == simulation.now + 1_000
        slot = first.take()
        assert slot == simulation.now + 1_000 + SLOTS * SLOT_MS

    simulate(check)


def test_pauses_double_up_to_a_minute() -> None:
    def check(simulation: Simulation, pace: Callable[..., Pace]) -> None:
        only, pauses = pace(), []
        for _ in range(8):
            slot = only.take()
            assert slot is not None
            simulation.now = slot
            only.slow_down(slot)
            following = only.take()
            assert following is not None
            pauses.append((following - slot) // 1_000)
            simulation.now = following
        assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
        only.speed_up()
        only.slow_down(simulation.now)
        assert only.take() == simulation.now + 1_000

    simulate(check)


def test_no_slot_after_the_last_one() -> None:
    def check(simulation: Simulation, pace: Callable[..., Pace]) -> None:
        short = pace(last=simulation.now + 1_000)
        slots = [short.take() for _ in range(7)]
        assert [slot is None for slot in slots] == [False] * 5 + [True] * 2
        late = pace(last=simulation.now + 4_000)
        assert late.take() is None
        assert pace().take() == simulation.now + LEAD_MS + SLOTS * SLOT_MS

    simulate(check)
