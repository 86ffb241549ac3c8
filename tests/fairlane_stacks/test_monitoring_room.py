"""Assignment of alarms and dashboards to the monitoring stacks of a Region."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlane import ConfigurationError
from fairlane_stacks.monitoring_room import DASHBOARD, ROOM, Size, count_stacks, dashboard_place, place

FIRST = Size(100, 100_000)
NAMES = st.text("abcdefghij-0123456789", min_size=1, max_size=20)
SIZES = st.builds(Size, st.integers(1, 150), st.integers(1_000, 250_000))
PARTS = st.dictionaries(NAMES, SIZES, max_size=50)
DASHBOARDS = st.lists(st.builds(Size, st.just(1), st.integers(50_000, DASHBOARD.characters)), max_size=5)


def places(parts: dict[str, Size], number: int) -> dict[str, int]:
    return {name: place(name, number) for name in parts}


@given(parts=PARTS, dashboards=DASHBOARDS, smallest=st.integers(1, 6))
def test_every_stack_has_room_for_its_parts(parts: dict[str, Size], dashboards: list[Size], smallest: int) -> None:
    number = count_stacks("prod", FIRST, parts, dashboards, smallest)
    assert number >= smallest
    for stack in range(1, number + 1):
        own = [size for name, size in parts.items() if place(name, number) == stack]
        own += [size for count, size in enumerate(dashboards, 1) if dashboard_place(count, number) == stack]
        own += [FIRST] if stack == 1 else []
        assert sum(size.resources for size in own) <= ROOM.resources
        assert sum(size.characters for size in own) <= ROOM.characters
    assert {dashboard_place(count, number) for count in range(1, len(dashboards) + 1)} <= set(range(1, number + 1))


@given(parts=PARTS, dashboards=DASHBOARDS, smallest=st.integers(1, 6), name=NAMES, size=SIZES)
def test_an_added_queue_moves_alarms_only_to_new_stacks(
    parts: dict[str, Size], dashboards: list[Size], smallest: int, name: str, size: Size
) -> None:
    before = count_stacks("prod", FIRST, parts, dashboards, smallest)
    after = count_stacks("prod", FIRST, {name: size} | parts, dashboards, smallest)
    assert after >= before
    old, new = places(parts, before), places(parts, after)
    assert all(new[part] == old[part] or new[part] > max(before, 1) for part in parts)
    for count in range(1, len(dashboards) + 1):
        assert dashboard_place(count, after) >= dashboard_place(count, before)


@given(parts=PARTS, dashboards=DASHBOARDS, removed=st.integers(0, 60))
def test_a_removed_queue_moves_nothing_if_the_number_of_stacks_is_set(
    parts: dict[str, Size], dashboards: list[Size], removed: int
) -> None:
    before = count_stacks("prod", FIRST, parts, dashboards)
    rest = dict(list(parts.items())[removed:])
    after = count_stacks("prod", FIRST, rest, dashboards, smallest=before)
    assert after == before
    assert places(rest, after) == {name: place(name, before) for name in rest}


@given(parts=PARTS, number=st.integers(2, 49))
def test_one_more_stack_takes_over_only_its_own_part(parts: dict[str, Size], number: int) -> None:
    old, new = places(parts, number), places(parts, number + 1)
    assert all(new[name] in (old[name], number + 1) for name in parts)


@pytest.mark.parametrize("alarms", [18, 30])
def test_fifty_queues_need_few_stacks(alarms: int) -> None:
    parts = {f"queue team-{number}": Size(alarms, 1_250 * alarms) for number in range(50)}
    assert count_stacks("prod", Size(260, 380_000), parts, [DASHBOARD] * 4) <= 8


def test_a_small_environment_has_one_stack() -> None:
    parts = {f"queue team-{number}": Size(18, 23_000) for number in range(10)}
    assert count_stacks("prod", FIRST, parts, [Size(1, 300_000)]) == 1


@pytest.mark.parametrize("size", [Size(491, 1), Size(1, 980_001)])
def test_a_queue_that_no_stack_has_room_for_is_refused(size: Size) -> None:
    with pytest.raises(ConfigurationError, match=r"prod: 1 problem\n  - queues: .*its largest part, queue a, takes"):
        count_stacks("prod", FIRST, {"queue a": size})


def test_an_exporter_that_the_first_stack_has_no_room_for_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="its largest part, the exporter, takes 500 and 1,000"):
        count_stacks("prod", Size(500, 1_000), {})
