"""Sizes of jobs, which DescribeJobs reports only in the requirements of containers and nodes."""

import json
from typing import Any

import pytest

from fairlane.scheduling import Fifo
from fairlane_client.queues.calls import Calls
from fairlane_client.queues.jobs import HOLDING, describe_jobs, list_jobs, read_job
from fairlane_client.queues.queue import Kind, Queue

MEMORY = {"type": "MEMORY", "value": "4096"}


class Client:
    """Client with one job, as its list and its description have it."""

    def __init__(self, summary: dict[str, Any], description: dict[str, Any]) -> None:
        self.summary = {"jobId": "job", "jobName": "train", "createdAt": 1000} | summary
        self.description = {"jobId": "job", "jobName": "train", "createdAt": 1000, "jobQueue": "queue"} | description

    def list_jobs(self, **request: Any) -> dict[str, Any]:
        return {"jobSummaryList": [self.summary] if request["jobStatus"] == self.summary["status"] else []}

    def describe_jobs(self, **request: Any) -> dict[str, Any]:
        return {"jobs": [self.description]}

    def describe_service_job(self, **request: Any) -> dict[str, Any]:
        return self.description


def queue(kind: Kind) -> Queue:
    return Queue(name="queue", kind=kind, policy=Fifo(), environments=())


def container(vcpus: str) -> dict[str, Any]:
    return {"resourceRequirements": [{"type": "VCPU", "value": vcpus}, MEMORY]}


def nodes(number: int, **groups: str) -> dict[str, Any]:
    ranges = [
        {"targetNodes": name[1:].replace("_", ":"), "container": container(vcpus)} for name, vcpus in groups.items()
    ]
    return {"nodeProperties": {"numNodes": number, "mainNode": 0, "nodeRangeProperties": ranges}}


@pytest.mark.parametrize(
    ("description", "vcpus"),
    [
        ({"container": container("8")}, 8),
        ({"container": container("0.25")}, 1),
        ({"container": {"resourceRequirements": []}}, 0),
        ({"container": None, "ecsProperties": None}, 0),
        ({}, 0),
        ({"ecsProperties": {"taskProperties": [{"containers": [container("0.5"), container("1.5")]}]}}, 2),
        ({"container": container("2"), "arrayProperties": {"size": 10}}, 2),
        (nodes(4, n0_3="8"), 32),
        (nodes(4, n0="2", n1_="8"), 26),
        (nodes(4, n_="8", n0_0="2"), 26),
        (nodes(4, n0_1="8"), 16),
    ],
)
def test_a_described_container_job_has_the_vcpus_of_all_its_containers_and_nodes(
    description: dict[str, Any], vcpus: int
) -> None:
    client = Client({"status": "RUNNABLE"}, {"status": "RUNNABLE", **description})
    job, _ = read_job(Calls(client), queue("gpu"), "job")
    assert job.amount == vcpus
    (listed,) = list_jobs(Calls(client), queue("gpu"), ["RUNNABLE"])
    (described,) = describe_jobs(Calls(client), queue("gpu"), [listed])
    assert (listed.amount, described.amount) == (0, vcpus)
    assert described.unit == ("VCPU" if vcpus else "NUM_INSTANCES")


def test_the_size_of_a_list_counts_before_that_of_the_description() -> None:
    usage = {"status": "RUNNABLE", "capacityUsage": [{"capacityUnit": "cpu", "quantity": 12.0}]}
    client = Client(usage, {"status": "RUNNABLE", "container": container("8")})
    (listed,) = list_jobs(Calls(client), queue("gpu"), ["RUNNABLE"])
    (described,) = describe_jobs(Calls(client), queue("gpu"), [listed])
    assert (described.amount, described.unit) == (12, "VCPU")


def test_a_described_container_job_keeps_the_time_since_which_it_holds_capacity() -> None:
    client = Client({"status": "STARTING", "scheduledAt": 5000}, {"status": "STARTING", "startedAt": 0})
    (listed,) = list_jobs(Calls(client), queue("gpu"), HOLDING)
    (described,) = describe_jobs(Calls(client), queue("gpu"), [listed])
    assert (listed.since, described.since) == (5, 5)


@pytest.mark.parametrize(
    ("config", "size"),
    [
        ({"InstanceType": "ml.p5.48xlarge", "InstanceCount": 4}, (4, "ml.p5.48xlarge")),
        ({"InstancePreferences": [{"InstanceType": "ml.p5.48xlarge"}], "InstanceCount": 4}, (4, "NUM_INSTANCES")),
        ({"InstanceGroups": [{"InstanceType": "ml.g5.xlarge", "InstanceCount": 2}] * 2}, (4, "ml.g5.xlarge")),
        (None, (0, "NUM_INSTANCES")),
    ],
)
def test_a_service_job_without_its_use_has_the_instances_of_its_payload(
    config: dict[str, Any] | None, size: tuple[int, str]
) -> None:
    description = {"status": "RUNNABLE", "serviceRequestPayload": json.dumps({"ResourceConfig": config})}
    job, _ = read_job(Calls(Client({}, description)), queue("training"), "job")
    assert (job.amount, job.unit) == size


@pytest.mark.parametrize("payload", ["null", "[]", "no JSON", None, '{"StoppingCondition": null}'])
def test_a_payload_that_cannot_be_read_has_no_size(payload: str | None) -> None:
    description = {"status": "RUNNABLE", "serviceRequestPayload": payload}
    job, _ = read_job(Calls(Client({}, description)), queue("training"), "job")
    assert (job.amount, job.max_seconds) == (0, None)
