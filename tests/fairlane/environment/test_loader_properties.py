"""Whatever stands in a file, the loader takes it or says what is wrong, and never blames what is right."""

import copy
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from fairlane import ConfigurationError
from fairlane.environment import load_environment
from tests.support import REPOSITORY

ABSENT = object()
# Of the wrong type or out of range wherever they stand, save where the test says so.
JUNK: list[Any] = [None, True, 0, -5, 1.5, float("nan"), "", "é", [], ["a"], {}, {"a": 0}, {1: 2}, [[1]], ABSENT]


def example() -> dict[str, Any]:
    data: dict[str, Any] = YAML(typ="safe", pure=True).load(REPOSITORY / "environments" / "example.yaml")
    data["queues"]["cpu"]["time_limit_actions"] = [
        {"reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", "max_time_seconds": 600}
    ]
    data["service_environments"] = {"shared": {"capacity": 4}}
    data["regions"] = {"eu-west-1": {"queues": {"eu": {"capacity": 1, "scheduling": {"policy": "fifo"}}}}}
    return data


def paths(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from paths(child, (*path, key))


PATHS = list(paths(example()))


def change(data: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    parent: Any = data
    for part in path[:-1]:
        parent = parent[part]
    if value is ABSENT:
        del parent[path[-1]]
    else:
        parent[path[-1]] = copy.deepcopy(value)


def problem_fields(data: dict[str, Any], folder: Path) -> list[tuple[Any, ...]]:
    text = StringIO()
    YAML().dump(data, text)
    file = folder / "prod.yaml"
    file.write_text(text.getvalue())
    try:
        load_environment(file)
    except ConfigurationError as error:
        assert error.problems
        assert str(error)
        return [problem.field for problem in error.problems]
    return []


@pytest.mark.parametrize("path", PATHS, ids=str)
def test_one_wrong_value_is_blamed_and_nothing_else(path: tuple[Any, ...], tmp_path: Path) -> None:
    for value in JUNK:
        data = example()
        change(data, path, value)
        for field in problem_fields(data, tmp_path):
            hint_of_the_same_queue = field[:-1] == path[:-1] and field[-1] == "instance_type"
            related = field[: len(path)] == path or path[: len(field)] == field or hint_of_the_same_queue
            assert related, (value, field)


@given(st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from(JUNK)), min_size=2, max_size=6))
@settings(max_examples=300)
def test_many_wrong_values_never_break_the_loader(tmp_path_factory: pytest.TempPathFactory, changes: list[Any]) -> None:
    data = example()
    for path, value in changes:
        try:
            change(data, path, value)
        except (KeyError, IndexError, TypeError, AttributeError):
            continue  # an earlier change took its parent away
    problem_fields(data, tmp_path_factory.getbasetemp())
