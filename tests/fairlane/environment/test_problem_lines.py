"""Lines of problems: each reference between the parts of a file, changed to a name that does not exist."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from fairlane import ConfigurationError
from fairlane.environment import load_environment
from tests.fairlane.environment.test_loader_properties import change, everything

WRONG = "No-Such_name"
REFERENCES: list[tuple[Any, ...]] = [
    ("queues", "fair", "service_environment"),
    ("queues", "containers", "compute_environments", 0),
    ("queues", "fair", "alarms", "starved_share", "Warning", "shares", 0),
    ("job_definitions", "one", "queues", 0),
    ("job_definitions", "one", "instance_type"),
    ("job_definitions", "one", "secrets", "B"),
    ("job_definitions", "one", "retries", "rules", 0),
    ("job_definitions", "several", "queues", 0),
    ("images", "training/pytorch", "regions", 0),
    ("images", "training/pytorch", "other_accounts", "444455556666", 0),
    ("alarms", "blocked", "Warning", "reasons", 0),
    ("alarms", "notify", "Critical", 0),
    ("dashboard", "teams", "team", "quotas", 0),
    ("execution_roles", "search", "read", 0),
    ("sweeps", "store", "job_definitions", 0),
    ("sweeps", "store", "execution_roles", 0),
    ("sweeps", "store", "encryption_key"),
    ("execution_roles", "search", "kms_keys"),
    ("compute_environments", "p5", "capacity_reservation"),
    ("compute_environments", "p5", "lustre", 0, "file_system_id"),
    ("regions", "eu-west-1", "network", "vpc_id"),
    ("regions", "eu-west-1", "network", "subnet_ids", 0),
    ("regions", "eu-west-1", "compute_environments", "g5", "subnet_ids", 0),
    ("hyperpod", "cluster", "kubernetes", "chart"),
    ("hyperpod", "cluster", "instance_groups", "p5", "instance_type"),
    ("hyperpod", "cluster", "instance_groups", "p5", "init_script"),
    ("hyperpod", "cluster", "autoscaling", "spot", "instance_groups", 0),
    ("hyperpod", "cluster", "teams", "one", "roles", 0),
    ("hyperpod", "cluster", "teams", "one", "sharing"),
    ("hyperpod", "cluster", "prometheus_workspace"),
    ("image_replication",),
    ("region",),
]
RENAMED: list[tuple[Any, ...]] = [
    ("queues", "quotas"),
    ("queues", "quotas", "scheduling", "shares", "a"),
    ("queues", "fair", "scheduling", "weight_factors", "a"),
    ("queues", "containers"),
    ("compute_environments", "p5"),
    ("service_environments", "shared"),
    ("job_definitions", "one"),
    ("execution_roles", "search"),
    ("sweeps", "store"),
    ("hyperpod", "cluster", "instance_groups", "spot"),
    ("hyperpod", "cluster", "teams", "one"),
    ("regions", "eu-west-1"),
    ("alarms", "starved_share", "Warning"),
]


def problems(folder: Path, data: dict[str, Any]) -> list[tuple[int, str]]:
    """Return the line and the text of each problem of a file that has one key or value in each line."""
    file = folder / "prod.yaml"
    file.write_text(json.dumps(data, indent=1))
    with pytest.raises(ConfigurationError) as raised:
        load_environment(file)
    matches = [re.fullmatch(r"  - line (\d+), (.*)", line) for line in str(raised.value).splitlines()[1:]]
    assert all(matches), str(raised.value)
    return [(int(match[1]), match[2]) for match in matches if match]


@pytest.mark.parametrize("path", REFERENCES, ids=lambda path: ".".join(map(str, path)))
def test_a_wrong_reference_is_reported_at_its_line(tmp_path: Path, path: tuple[Any, ...]) -> None:
    data = everything()
    change(data, path, WRONG)
    found = problems(tmp_path, data)
    lines = (tmp_path / "prod.yaml").read_text().splitlines()
    assert [text for line, text in found if WRONG in lines[line - 1]]


@pytest.mark.parametrize("path", RENAMED, ids=lambda path: ".".join(map(str, path)))
def test_each_reference_to_a_renamed_entry_is_reported_with_a_line(tmp_path: Path, path: tuple[Any, ...]) -> None:
    data = everything()
    parent: Any = data
    for part in path[:-1]:
        parent = parent[part]
    parent[WRONG] = parent.pop(path[-1])
    assert problems(tmp_path, data)
