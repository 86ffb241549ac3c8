"""Requested GPUs and GPUs in use."""

from typing import Any

import pytest

from fairlane_lambda.queue_poller import batch as batch_module
from tests.fairlane_lambda.queue_poller.fake_batch import FakeBatch, Jobs, Record
from tests.fairlane_lambda.queue_poller.polling import (
    Container,
    definition,
    definition_arn,
    job,
    poll,
    queue,
    service_job,
)


def needs(gpus: int) -> list[Record]:
    return [{"type": "GPU", "value": str(gpus)}, {"type": "MEMORY", "value": "1000"}]


def nodes(number: int, *ranges: tuple[str, int]) -> Record:
    node_ranges = [
        {"targetNodes": target, "container": {"resourceRequirements": needs(gpus)}} for target, gpus in ranges
    ]
    return definition(
        type="multinode", nodeProperties={"numNodes": number, "mainNode": 0, "nodeRangeProperties": node_ranges}
    )


def gpus_wanted(job_definition: Record, **fields: Any) -> float:
    batch = FakeBatch({"gpus": {"RUNNABLE": [job(**fields)]}}, definitions=[job_definition])
    published = poll(batch, queue())["gpus", None]
    assert published["RunnableJobs"] == 1
    assert published["GpusInUse"] == 0
    return published["GpusWanted"]


def test_gpus_of_a_container() -> None:
    assert gpus_wanted(definition(gpus=8)) == 8
    assert gpus_wanted(definition()) == 0


def test_gpus_of_several_containers() -> None:
    containers = [{"image": "a", "resourceRequirements": needs(2)}, {"image": "b", "resourceRequirements": needs(1)}]
    task = definition(ecsProperties={"taskProperties": [{"containers": [*containers, {"image": "c"}]}]})
    del task["containerProperties"]
    assert gpus_wanted(task) == 3


@pytest.mark.parametrize(
    ("job_definition", "submitted", "gpus"),
    [
        (nodes(4, ("0:", 8)), 4, 32),
        (nodes(4, ("0:", 8)), 10, 80),
        (nodes(4, ("0:", 8)), None, 32),
        (nodes(4, ("0:0", 1), ("1:3", 8)), 4, 25),
        (nodes(4, ("0:0", 1), ("1:3", 8)), 6, 41),
        (nodes(4, ("0:0", 1), ("1:", 8)), 2, 9),
        (nodes(4, ("0:", 8), ("0", 1)), 4, 25),
        (nodes(4, (":1", 1), ("2:", 8)), 4, 18),
        (nodes(11, ("4:5", 1), ("0:10", 8)), 11, 74),
    ],
)
def test_gpus_of_a_multi_node_job(job_definition: Record, submitted: int | None, gpus: int) -> None:
    fields = {} if submitted is None else {"nodeProperties": {"numNodes": submitted}}
    assert gpus_wanted(job_definition, **fields) == gpus


def test_gpus_of_nodes_with_several_containers() -> None:
    tasks = [{"containers": [{"image": "a", "resourceRequirements": needs(3)}]}]
    properties = {
        "numNodes": 2,
        "mainNode": 0,
        "nodeRangeProperties": [{"targetNodes": "0:", "ecsProperties": {"taskProperties": tasks}}],
    }
    assert gpus_wanted(definition(nodeProperties=properties), nodeProperties={"numNodes": 2}) == 6


def test_gpus_of_service_jobs() -> None:
    jobs = {
        "RUNNABLE": [service_job(p4d=3)],
        "SCHEDULED": [service_job(p4d=1)],
        "STARTING": [service_job(g6=1)],
        "RUNNING": [service_job(any=2), service_job(p4d=1, g6=1)],
    }
    published = poll(FakeBatch({"train": jobs}), queue("train", "service", instance_type="ml.g6.12xlarge"))
    assert published["train", None]["GpusWanted"] == 24
    assert published["train", None]["GpusInUse"] == 8 + 4 + 2 * 4 + 8 + 4
    without_type = poll(FakeBatch({"train": jobs}), queue("train", "service"))
    assert without_type["train", None]["GpusInUse"] == 8 + 4 + 8 + 4


def test_a_revision_is_described_once() -> None:
    jobs = {
        state: Jobs(1_200, lambda n: job(n, jobDefinition=definition_arn(n % 250))) for state in ("RUNNABLE", "RUNNING")
    }
    batch = FakeBatch({"gpus": jobs}, definitions=[definition(n, gpus=1) for n in range(249)])
    container = Container(batch)
    assert container.poll(queue())["gpus", None]["GpusWanted"] == 1_200 - 4, "one revision does not exist"
    assert batch.count("describe_job_definitions") == 3
    container.poll(queue())
    assert batch.count("describe_job_definitions") == 3


def test_only_definitions_of_runnable_and_dispatched_jobs_are_described() -> None:
    jobs = {"PENDING": [job()], "SUBMITTED": [job()]}
    batch = FakeBatch({"gpus": jobs}, definitions=[definition(gpus=1)])
    assert poll(batch, queue())["gpus", None]["GpusWanted"] == 0
    assert batch.count("describe_job_definitions") == 0


def test_gpus_of_an_array_job_on_the_second_page_of_pending_jobs() -> None:
    array: Record = {"arrayProperties": {"size": 2, "statusSummary": {"RUNNING": 2}}}
    jobs = Jobs(1_001, lambda n: job(n, **array if n == 1_000 else {}))
    batch = FakeBatch({"gpus": {"PENDING": jobs}}, definitions=[definition(gpus=4)])
    assert poll(batch, queue())["gpus", None]["GpusInUse"] == 8


def test_the_cache_has_at_most_5000_revisions() -> None:
    jobs = Jobs(6_000, lambda n: job(n, jobDefinition=definition_arn(n)))
    batch = FakeBatch({"gpus": {"RUNNABLE": jobs}}, definitions=[definition(n, gpus=1) for n in range(6_000)])
    container = Container(batch)
    assert container.poll(queue())["gpus", None]["GpusWanted"] == 6_000
    assert len(container._definitions._needs) == batch_module._MOST_DEFINITIONS == 5_000
