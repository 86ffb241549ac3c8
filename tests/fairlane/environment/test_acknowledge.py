"""`acknowledge` in an environment file: ids of warnings and reasons."""

import re
from pathlib import Path

import pytest

from fairlane import ConfigurationError
from fairlane.environment import load_environment
from fairlane.environment.acknowledge import WARNING_IDS, WARNING_PREFIXES, acknowledge_problems
from tests.support import REPOSITORY


def test_the_list_has_the_ids_of_all_warnings_of_a_synth() -> None:
    """A job is in no stack: commands print its warnings."""
    found = {f"fairlane:{owner}.noAction" for owner in ("FanOutAlarms", "HyperPodMonitoring", "QueueAlarms")}
    for path in (file for folder in ("constructs", "stacks") for file in (REPOSITORY / folder).rglob("*.py")):
        text = path.read_text()
        if path.name != "acknowledge.py" and re.search(r"add_(warning|info)_v2|Advice\(", text):
            for owner, name in re.findall(r'"fairlane:(?!ElasticTrainingJob)([A-Z]\w+)\.(\w+|\{name\})', text):
                names = re.findall(r'_warn\([^()"]*"(\w+)"', text) if name == "{name}" else [name]
                found |= {f"fairlane:{owner}.{each}" for each in names}
    assert found == {".".join(warning.split(".")[:2]) for warning in (*WARNING_IDS, *WARNING_PREFIXES)}
    assert sorted(WARNING_IDS) == [*WARNING_IDS]


@pytest.mark.parametrize(
    ("warning", "reason", "problem"),
    [
        (
            "fairlane:GpuQueue.idelGpus",
            "test queue",
            "got 'fairlane:GpuQueue.idelGpus', allowed: the id of a warning, which the synth prints after the "
            "warning (did you mean fairlane:GpuQueue.idleGpus?)",
        ),
        ("fairlane:ReplicatedRepository.noTemplate.", "r", "got 'fairlane:ReplicatedRepository.noTemplate.', allowed"),
        ("Annotation::fairlane:GpuQueue.idle", "r", "got 'Annotation::fairlane:GpuQueue.idle', allowed"),
        ("idleGpus", "r", "got 'idleGpus', allowed: the id of a warning"),
        ("", "r", "got '', allowed: the id of a warning"),
        ("fairlane:GpuQueue.idleGpus", "", "got '', allowed: the reason why the warning is acknowledged"),
        ("@aws-cdk/aws-ec2:noSubnetRouteTableId", " ", "got ' ', allowed: the reason"),
    ],
)
def test_an_unknown_id_and_an_empty_reason_are_refused(warning: str, reason: str, problem: str) -> None:
    (found,) = acknowledge_problems({warning: reason})
    assert found.field == ("acknowledge", warning)
    assert str(found).partition(": got ")[2].startswith(problem.removeprefix("got "))


@pytest.mark.parametrize(
    "warning",
    [
        *WARNING_IDS,
        *(f"{start}us-east-1" for start in WARNING_PREFIXES),
        f"Annotation::{WARNING_IDS[0]}",
        "@aws-cdk/aws-ec2:noSubnetRouteTableId",
    ],
)
def test_an_id_with_a_reason_is_accepted(warning: str) -> None:
    assert list(acknowledge_problems({warning: "intended"})) == []


def test_an_id_in_an_error_has_the_words_of_the_warning(tmp_path: Path) -> None:
    path = tmp_path / "prod.yaml"
    warning = "fairlane:QuotaManagement.quotaBelowCapacity"
    queue = "{capacity: 1, scheduling: {policy: fifo}}"
    path.write_text(f"region: us-east-1\nqueues: {{q: {queue}}}\nacknowledge:\n  {warning}: intended\n")
    with pytest.raises(ConfigurationError) as error:
        load_environment(path)
    assert str(error.value.problems[0]) == (
        f"line 4, acknowledge.\"{warning}\": got '{warning}', allowed: the id of a warning, which the synth prints "
        "after the warning (did you mean fairlane:QuotaManagement.quotasBelowCapacity?)"
    )
