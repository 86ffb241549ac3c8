"""Key `extends` of environment files: merged values, the place of each problem, and mistakes in the key itself."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fairlane import ConfigurationError
from fairlane.environment import Environment, environment_names, find_environment, load_environment
from fairlane.environment.extended_file import ExtendedFile
from tests.fairlane.environment.test_loader_properties import PATHS, change, everything

BASE = """
region: us-east-1
tags: {owner: platform, team: search}
queues:
  fair:
    capacity: 8
    scheduling: {policy: fair-share, proportions: {vision: 60, language: 30}}
    time_limit_actions:
      - {reason: "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", max_time_seconds: 3600}
      - {reason: "MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE", max_time_seconds: 3600}
  small: {capacity: 1, scheduling: {policy: fifo}}
"""

Load = Callable[..., Environment]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Return a function that writes a file and its base file, and loads the file."""

    def load(text: str, base: str = BASE) -> Environment:
        (tmp_path / "base.yaml").write_text(base)
        (tmp_path / "prod.yaml").write_text(text)
        return load_environment(tmp_path / "prod.yaml")

    return load


def problems_of(call: Callable[[], object]) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        call()
    assert Path(raised.value.subject).name == "prod.yaml"
    return [str(problem) for problem in raised.value.problems]


def test_mappings_merge_and_other_values_replace(load: Load) -> None:
    environment = load("""
extends: base.yaml
account: "123456789012"
tags: {team: maps}
queues:
  fair:
    priority: 7
    scheduling: {proportions: {language: 40}}
    time_limit_actions: [{reason: "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", max_time_seconds: 600}]
  large: {capacity: 90, scheduling: {policy: fifo}}
""")
    assert environment == load("""
region: us-east-1
account: "123456789012"
tags: {owner: platform, team: maps}
queues:
  fair:
    capacity: 8
    priority: 7
    scheduling: {policy: fair-share, proportions: {vision: 60, language: 40}}
    time_limit_actions: [{reason: "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", max_time_seconds: 600}]
  small: {capacity: 1, scheduling: {policy: fifo}}
  large: {capacity: 90, scheduling: {policy: fifo}}
""")


def test_a_file_with_nothing_but_the_base_file_is_the_base_file(load: Load, tmp_path: Path) -> None:
    assert load("extends: base.yaml\n") == load_environment(tmp_path / "base.yaml")


def test_null_removes_a_value_of_the_base_file(load: Load) -> None:
    environment = load("""
extends: base.yaml
tags: {team: null}
queues:
  fair: null
  small: {scheduling: {policy: fair-share, proportions: {a: 1}}}
""")
    assert (environment.tags, list(environment.queues)) == ({"owner": "platform"}, ["small"])


def test_a_mapping_and_another_value_replace_each_other(load: Load) -> None:
    base = "region: us-east-1\nqueues: {a: {capacity: {ml.p5.48xlarge: 1}, scheduling: {policy: fifo}}, b: null}\n"
    environment = load(
        "extends: base.yaml\nqueues: {a: {capacity: 4}, b: {capacity: 5, scheduling: {policy: fifo}}}\n", base
    )
    assert [queue.capacity for queue in environment.training_queues.values()] == [4, 5]


def test_top_level_keys_for_anchors_are_ignored_in_both_files(load: Load) -> None:
    environment = load(
        "extends: base.yaml\nx-small: &small {capacity: 3}\nqueues: {one: *small, two: *small}\n",
        "x-fifo: &fifo {policy: fifo}\nregion: us-east-1\n"
        "queues: {one: {scheduling: *fifo}, two: {scheduling: *fifo, capacity: 1}}\n",
    )
    assert [queue.capacity for queue in environment.training_queues.values()] == [3, 3]


def test_keys_for_anchors_are_allowed_at_the_top_level_only(load: Load) -> None:
    found = problems_of(lambda: load("extends: base.yaml\nregions: {eu-west-1: {x-a: 1}}\n"))
    assert [text for text in found if text.startswith("line 2, regions.eu-west-1.x-a: unknown key")]


@pytest.mark.parametrize("key", ["x_limits", "X-limits", "X_limits"])
def test_a_key_near_to_a_key_for_anchors_is_reported_with_the_right_form(load: Load, key: str) -> None:
    found = problems_of(lambda: load(f"extends: base.yaml\n{key}: {{a: 1}}\n"))
    assert found == [f"line 2, {key}: unknown key; use x-limits: keys for anchors begin with x-"]


def test_anchors_of_the_base_file_are_unknown_in_the_file(load: Load) -> None:
    with pytest.raises(ConfigurationError, match="line 2, invalid YAML: found undefined alias"):
        load("extends: base.yaml\ntags: *tags\n", BASE.replace("tags: ", "tags: &tags "))


def test_each_problem_has_the_file_and_the_line_of_its_value(load: Load) -> None:
    found = problems_of(
        lambda: load(
            """extends: base.yaml
tags: {a: 1}
queues:
  fair: {priority: 2000, time_limit_actions: [{reason: x, max_time_seconds: 600}]}
  small: {service_environment: none, capacity: null}
  new: {capacity: 1}
tags: {}
""",
            """region: us-east-1
queues:
  fair:
    capacity: 0
    scheduling: {policy: fifo}
    time_limit_actions:
      - reason: y
        max_time_seconds: 1
  small: {capacity: 1, scheduling: {policy: fifo}}
job_definitions:
  train:
    image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/training:1
    instance_type: g5.12xlarge
    gpus: 1
    queues: [missing]
sweeps: {a: {}, a: {}}
""",
        )
    )
    starts = [text.partition(": ")[0] for text in found]
    assert starts == [
        "line 2, tags.a",
        "line 4, queues.fair.priority",
        "line 4, queues.fair.time_limit_actions[0].reason",
        "line 5, queues.small.service_environment",
        "line 6, queues.new.scheduling.policy",
        "line 7, tags",
        "base.yaml line 4, queues.fair.capacity",
        "base.yaml line 15, job_definitions.train.queues[0]",
        "base.yaml line 16, sweeps.a",
    ]


def test_a_required_key_that_the_file_removes_is_missing_at_the_line_of_null(load: Load) -> None:
    found = problems_of(lambda: load("extends: base.yaml\nqueues:\n  fair:\n    scheduling: null\n"))
    assert found == ["line 4, queues.fair.scheduling.policy: missing; use fifo, fair-share or quota-management"]


def test_a_problem_inside_a_replaced_list_is_at_the_line_of_the_list(load: Load) -> None:
    text = 'extends: base.yaml\nqueues:\n  fair:\n    time_limit_actions: [{reason: "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"}]\n'
    (found,) = problems_of(lambda: load(text))
    assert found.startswith("line 4, queues.fair.time_limit_actions[0].max_time_seconds: missing")


def test_keys_of_two_forms_of_a_mapping_do_not_mix_in_silence(load: Load) -> None:
    (found,) = problems_of(lambda: load("extends: base.yaml\nqueues: {fair: {scheduling: {policy: fifo}}}\n"))
    assert found == (
        "base.yaml line 7, queues.fair.scheduling.proportions: unknown key; use policy; "
        "proportions: null in prod.yaml removes the key of base.yaml"
    )


def test_a_key_of_the_base_file_that_needs_a_removed_key_is_named(load: Load) -> None:
    (found,) = problems_of(
        lambda: load("extends: base.yaml\njob_metrics: null\n", BASE + "job_metrics: {}\nalarms: {}\n")
    )
    assert found.startswith("base.yaml line 13, alarms: alarms require job_metrics")
    assert found.endswith("; alarms: null in prod.yaml removes the key of base.yaml")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "line 1, extends: missing; use the name of a base file, base.yaml or NAME.base.yaml"),
        ("5", "line 1, extends: got 5, allowed: the name of a base file, base.yaml or NAME.base.yaml"),
        ("[base.yaml]", "line 1, extends: got ['base.yaml'], allowed: the name of a base file, base.yaml or NAME.base.yaml"),
        ("prod.yaml", "line 1, extends: the file extends itself: write the name of another file, base.yaml or NAME.base.yaml"),
        ("../base.yaml", "line 1, extends: got '../base.yaml', allowed: a base file in the same folder, by its name without a folder"),
        ("other/base.yaml", "line 1, extends: got 'other/base.yaml', allowed: a base file in the same folder, by its name without a folder"),
        ("dev.yaml", "line 1, extends: got 'dev.yaml', allowed: a file with the name base.yaml or NAME.base.yaml"),
        ("gpu.base.yaml", "line 1, extends: gpu.base.yaml does not exist in the folder of this file: use base.yaml"),
    ],
)  # fmt: skip
def test_a_wrong_value_of_extends_is_one_problem(load: Load, value: str, problem: str) -> None:
    assert problems_of(lambda: load(f"extends: {value}\nqueues: {{q: 5}}\n")) == [problem]


def test_a_base_file_that_does_not_exist_is_one_problem(tmp_path: Path) -> None:
    file = tmp_path / "prod.yaml"
    file.write_text("\nextends: base.yaml\n")
    sentence = "base.yaml does not exist in the folder of this file: create the file"
    assert problems_of(lambda: load_environment(file)) == [f"line 2, extends: {sentence}"]


@pytest.mark.parametrize(
    ("base", "problem"),
    [
        ("region: us-east-1\nextends: gpu.base.yaml\n", "base.yaml line 2, extends: a base file cannot extend another file: move the shared keys into one base file"),
        ("extends: base.yaml\n", "base.yaml line 1, extends: a base file cannot extend another file: move the shared keys into one base file"),
        ("- a\n", "base.yaml line 1, the file is no mapping: write the keys that environments share"),
        ("", "base.yaml line 1, the file is no mapping: write the keys that environments share"),
    ],
)  # fmt: skip
def test_an_unusable_base_file_is_one_problem(load: Load, base: str, problem: str) -> None:
    assert problems_of(lambda: load("extends: base.yaml\nqueues: {q: 5}\n", base)) == [problem]


def test_a_base_file_that_is_no_yaml_is_reported_with_its_own_name(load: Load, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="line 2, invalid YAML") as raised:
        load("extends: base.yaml\n", "region: us-east-1\n]\n")
    assert raised.value.subject == str(tmp_path / "base.yaml")


def test_base_files_are_no_environments(tmp_path: Path) -> None:
    for name in ("base.yaml", "gpu.base.yaml", "prod.yaml", "database.yaml"):
        (tmp_path / name).write_text("region: us-east-1\n")
    assert environment_names(tmp_path) == ["database", "prod"]
    sentence = r"base\.yaml is a base file, which environment files extend: use database, prod"
    with pytest.raises(ConfigurationError, match=sentence):
        find_environment(tmp_path, "base")


MOVED = [path for path in PATHS if len(path) <= 3 and not any(isinstance(part, int) for part in path)]


@pytest.mark.parametrize("part", range(8))
@pytest.mark.parametrize("length", [1, 2, 3])
def test_values_in_the_file_and_the_rest_in_the_base_file_are_the_whole(tmp_path: Path, length: int, part: int) -> None:
    """Each path of a length is in one of eight parts, whose values move together: no path is inside another one."""
    moved = [path for path in MOVED if len(path) == length][part::8]
    file: dict[str, Any] = {"extends": "base.yaml"}
    whole, base = everything(), everything()
    for path in moved:
        value, inner = whole, file
        for key in path[:-1]:
            value, inner = value[key], inner.setdefault(key, {})
        inner[path[-1]] = value[path[-1]]
        change(base, path, None)
    assert moved
    (tmp_path / "base.yaml").write_text(json.dumps(base))
    (tmp_path / "prod.yaml").write_text(json.dumps(file))
    assert ExtendedFile(tmp_path / "prod.yaml").data == everything()
