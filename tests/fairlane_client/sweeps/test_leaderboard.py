"""Leaderboard of results, among half-written and foreign objects."""

import json
from random import Random
from typing import Any

import pytest

from tests.fairlane_client.sweeps.world import World

ARRAY: dict[str, Any] = {"queue": "gpu", "job_definition": "train", "share_identifier": "sweeps"}


@pytest.fixture
def world() -> World:
    world = World()
    world.sweep(space={"x": list(range(2500))}).submit(**ARRAY)
    return world


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("count", [0, 1, 48, 2500])
def test_the_leaderboard_equals_a_plain_sort(count: int, direction: Any) -> None:
    world = World()
    sweep = world.sweep(space={"x": list(range(2500))}, direction=direction)
    sweep.submit(**ARRAY)
    random = Random(count)
    values = {index: round(random.uniform(-1, 1), 2) for index in random.sample(range(2500), count)}
    for index, value in values.items():
        world.put_result(index, value, point=json.dumps({"x": index}))
    sign = -1 if direction == "maximize" else 1
    expected = sorted(values, key=lambda index: (sign * values[index], index))
    board = sweep.leaderboard()
    assert [result["index"] for result in board] == expected
    assert [row["x"] for row in sweep.leaderboard(10).rows()] == expected[:10]
    assert len(sweep.leaderboard(10)) == min(10, count)
    assert board.skipped == ()


def test_a_refresh_reads_only_new_objects(world: World) -> None:
    for index in range(30):
        world.put_result(index, float(index))
    sweep = world.open()
    assert len(sweep.leaderboard()) == 30
    calls = len(world.calls)
    assert len(sweep.leaderboard(5)) == 5
    assert world.calls[calls:] == ["list_objects_v2"]
    world.put_result(40, 99.0)
    world.put_result(41, 98.0)
    calls = len(world.calls)
    assert [result["index"] for result in sweep.leaderboard(2)] == [40, 41]
    assert world.calls[calls:] == ["list_objects_v2", "get_object", "get_object"]


def test_other_objects_are_skipped_counted_and_named(world: World) -> None:
    prefix = "results/sweep=resnet-lr/"
    world.put_result(3, 0.5)
    record = json.loads(world.s3.objects[f"{prefix}3.json"][0])
    foreign = {
        "7.json": b'{"index": 7, "val',
        "8.json": b"",
        "9.json": json.dumps(record).encode(),
        "10.json": b"[1]",
        "11.json": json.dumps(record | {"index": 11, "value": "high"}).encode(),
        "12.json": json.dumps(record | {"index": 12, "value": None}).encode(),
        "13.json": json.dumps(record | {"index": 13}).replace("0.5", "NaN").encode(),
        "14.json": json.dumps(
            {name: value for name, value in record.items() if name != "state"} | {"index": 14}
        ).encode(),
        "15.json": b"\xff\xfe",
        "16.json": json.dumps(record | {"index": 16, "point": "[]"}).encode(),
        "17.json": json.dumps(record | {"index": "17"}).encode(),
        "18.json": json.dumps(record | {"index": 18, "state": "RUNNING"}).encode(),
        "19.json": json.dumps(record | {"index": 19, "value": 10**400}).encode(),
        "20.json": b"[" * 200_000,
        "021.json": json.dumps(record | {"index": 21}).encode(),
        "_SUCCESS": b"",
        "notes/readme.txt": b"hello",
    }
    for name, body in foreign.items():
        world.s3.write(prefix + name, body)
    board = world.open().leaderboard()
    assert [result["index"] for result in board] == [3]
    assert board.skipped == tuple(sorted(prefix + name for name in foreign))
    assert f"Skipped 17 objects that are no results, for example {prefix}021.json" in str(board)
    assert world.open().counts().done == 15, "a run leaves out a point whose result object exists"


def test_a_result_of_a_point_that_was_not_submitted_does_not_count(world: World) -> None:
    world.put_result(3, 0.5)
    world.put_result(2500, 0.5, state="STOPPED")
    counts = world.open().counts()
    assert (counts.done, counts.stopped) == (1, 0)


def test_parameters_with_the_names_of_columns_keep_their_values() -> None:
    world = World()
    sweep = world.sweep(space={"rank": [8], "seconds": [60], "accuracy": [1], "alpha": [2]})
    sweep.submit(**ARRAY)
    world.put_result(0, 0.5, point='{"rank": 8, "seconds": 60, "accuracy": 1, "alpha": 2}')
    assert sweep.leaderboard().rows() == [
        {
            "rank": 1,
            "index": 0,
            "accuracy": 0.5,
            "parameter.rank": 8,
            "parameter.seconds": 60,
            "parameter.accuracy": 1,
            "alpha": 2,
            "state": "SUCCEEDED",
            "seconds": 3.0,
        }
    ]


def test_skipped_objects_are_named_without_results(world: World) -> None:
    world.s3.write("results/sweep=resnet-lr/7.json", b"{")
    text = str(world.open().leaderboard())
    assert "No results." in text
    assert "Skipped 1 object that is no result: results/sweep=resnet-lr/7.json" in text


def test_the_table(world: World) -> None:
    world.put_result(3, 0.123456789, point='{"x": 3, "name": "résumé"}', seconds=12.5)
    world.put_result(4, 0.5, point='{"x": 4, "name": "b"}', state="STOPPED")
    assert str(world.open().leaderboard()).splitlines() == [
        "rank  index  accuracy  x    name      state  seconds",
        "   1      4       0.5  4       b    STOPPED        3",
        "   2      3  0.123457  3  résumé  SUCCEEDED     12.5",
    ]


def test_a_result_of_another_sweep_does_not_count(world: World) -> None:
    world.put_result(3, 0.5, sweep_id="resnet-lr-2")
    assert len(world.open().leaderboard()) == 0
