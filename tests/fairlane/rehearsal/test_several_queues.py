"""Several queues of an environment file that share environments."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fairlane import ConfigurationError, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.rehearsal import CapacityChange, QueueSetup, read_queue, read_queues, rehearse, rehearse_queues
from fairlane.scheduler.job import Job, Trace

UNIT = "ml.p5.48xlarge"
ENVIRONMENT = """
region: us-east-1
account: "123456789012"
service_environments:
  shared: {capacity: 4}
  other: {capacity: 4}
queues:
  prod: {service_environment: shared, priority: 10, scheduling: {policy: fifo}}
  research: {service_environment: shared, priority: 1, scheduling: {policy: fifo}}
  sweeps: {service_environment: shared, priority: 0, scheduling: {policy: fifo}}
  apart: {service_environment: other, scheduling: {policy: fifo}}
  alone: {capacity: 4, scheduling: {policy: fifo}}
  gpu: {compute_environments: [large, small, spot], priority: 2, scheduling: {policy: fifo}}
  more: {compute_environments: [spot, small], priority: 1, scheduling: {policy: fifo}}
network: {cidr: 10.0.0.0/16, availability_zones: 2}
compute_environments:
  large: {instance_types: [p5.48xlarge], max_gpus: 16}
  small: {instance_types: [g5.12xlarge], max_gpus: 8}
  spot: {instance_types: [g5.12xlarge], max_gpus: 4, purchase: SPOT}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "env.yaml"
    file.write_text(ENVIRONMENT)
    return file


def mistakes(path: Path, names: Sequence[str]) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        read_queues(path, names)
    return [str(problem) for problem in raised.value.problems]


def test_queues_with_a_higher_priority_are_first(path: Path) -> None:
    queues = read_queues(path, ["research", "prod"])
    jobs = [Job(queue=name, submit=submit, run=10, instances=4) for submit in (0, 1) for name in ("research", "prod")]
    found = rehearse_queues(queues, Trace.of(jobs))
    starts = {name: [each.first_start for each in rehearsal.outcomes] for name, rehearsal in found.items()}
    assert starts == {"research": [20, 30], "prod": [0, 10]}
    assert found["prod"].advice == (
        "the capacity is shared with research",
        "queues that are not rehearsed use the same environments, as if they had no jobs: sweeps",
    )
    assert found["prod"].total.jobs == found["research"].total.jobs == 2


def test_compute_environments_of_the_same_queues_count_as_one(path: Path) -> None:
    alone = read_queue(path, "gpu")
    assert (alone.capacity, alone.environments, alone.others) == (28, {"large and small and spot": 28}, ["more"])
    assert (alone.largest_instance, alone.gpus_per_instance) == (8, None)
    queues = read_queues(path, ["gpu", "more"])
    assert queues["gpu"].environments == {"large": 16, "small and spot": 12}
    assert queues["more"].environments == {"small and spot": 12}
    assert (queues["more"].largest_instance, queues["more"].others) == (4, [])
    jobs = [Job(queue="gpu", submit=0, run=10, instances=8) for _ in range(3)] + [
        Job(queue="more", submit=0, run=5)
    ] * 5
    found = rehearse_queues(queues, Trace.of(jobs))
    assert [outcome.first_start for outcome in found["gpu"].outcomes] == [0, 0, 0]
    assert [outcome.first_start for outcome in found["more"].outcomes] == [0, 0, 0, 0, 5]


def test_one_queue_gives_the_result_of_rehearse(path: Path) -> None:
    setup = read_queue(path, "prod")
    trace = Trace.of(Job(submit=row, run=10, instances=1 + row % 3) for row in range(20))
    (found,) = rehearse_queues({"prod": setup}, trace).values()
    assert found.outcomes[:] == rehearse(setup.policy, trace, capacity=setup.capacity).outcomes[:]


def test_dependencies_between_queues_hold(path: Path) -> None:
    jobs = [
        Job(queue="research", name="train", submit=0, run=30),
        Job(queue="prod", name="deploy", submit=1, run=5, after=("train",)),
    ]
    found = rehearse_queues(read_queues(path, ["prod", "research"]), Trace.of(jobs))
    assert found["prod"].outcomes[0].first_start == 30


def test_queues_that_cannot_be_rehearsed_together_are_refused(path: Path) -> None:
    assert mistakes(path, ["prod", "prod", "none"]) == [
        "queues: got 'none', allowed: a queue of the file: prod, research, sweeps, apart, alone, gpu, more",
        "queues.prod: the queue is named twice: name each queue once",
    ]
    assert mistakes(path, ["prod", "apart", "research", "alone", "gpu"]) == [
        f"queues.{name}: the queue shares no environment with prod: rehearse it alone"
        for name in ("apart", "alone", "gpu")
    ]


def setup(**fields: Any) -> QueueSetup:
    defaults: dict[str, Any] = {
        "policy": Fifo(),
        "capacity": 4,
        "unit": "instances",
        "gpus": {},
        "gpus_per_instance": None,
    }
    return QueueSetup(**(defaults | fields))


def problems(queues: dict[str, QueueSetup], jobs: Sequence[Job], **options: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        rehearse_queues(queues, Trace.of(jobs), **options)
    return [str(problem) for problem in raised.value.problems]


def test_all_mistakes_of_the_arguments_are_reported() -> None:
    two = {"a": setup(environments={"x": 4}), "b": setup(environments={"x": 4})}
    jobs = [Job(queue=name, submit=0, run=1) for name in ("a", "c", "", "c")]
    assert problems(two, jobs) == [
        "trace.queue: got 'c', allowed: a queue of the rehearsal: a, b (rows 1, 3)",
        "trace.queue: got '', allowed: a queue of the rehearsal: a, b (row 2)",
    ]
    assert problems(two, [Job(submit=0, run=1)]) == ["trace.queue: missing; use the queue of each job: a, b"]
    assert problems({}, []) == ["queues: missing; use one or more queues"]
    assert problems({"a": setup(), "b": setup()}, []) == [
        "queues.b: the queue shares no environment with a: rehearse it alone"
    ]
    assert problems({"a": setup(environments={"x": 4}), "b": setup(environments={"x": 3})}, []) == [
        "queues.a.environments.x: another queue has another capacity for this environment: use the same"
    ]
    wide = {"a": setup(environments={"x": 2, "y": 2}), "b": setup(environments={"x": 2})}
    assert problems(wide, [], capacity_changes=[CapacityChange(at=0, capacity=1)]) == [
        "capacity_changes: the queues use several environments, x, y: changes apply to one only"
    ]
    with pytest.raises(ConfigurationError, match="the jobs are of several queues, a, c, : use rehearse_queues"):
        rehearse(Fifo(), Trace.of(jobs), capacity=4)


def test_quotas_need_an_environment_of_their_own() -> None:
    policy = QuotaManagement(QuotaShare(name="a", capacity={UNIT: 4}, sharing=Sharing.RESERVE))
    shared: dict[str, Any] = {"policy": policy, "capacity": {UNIT: 4}, "unit": "instances", "gpus": {}}
    queue = QueueSetup(**shared, gpus_per_instance=None, environments={"shared": {UNIT: 4}})
    two = replace(queue, environments={"shared": {UNIT: 4}, "own": {UNIT: 4}})
    for queues in ({"x": queue, "y": queue}, {"x": two}):
        with pytest.raises(ConfigurationError) as raised:
            rehearse_queues(queues, Trace.of([]))
        sentence = "a queue with QuotaManagement needs one environment that no other queue uses: rehearse it alone"
        assert [str(problem) for problem in raised.value.problems] == [f"queues.{name}: {sentence}" for name in queues]
