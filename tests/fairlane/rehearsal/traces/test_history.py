"""Traces from the lists of jobs that AWS Batch returns."""

import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from fairlane import ConfigurationError
from fairlane.rehearsal import read_history
from fairlane.scheduler.job import Job, Trace

NOON = 1_772_625_600_000
P4 = "ml.p4d.24xlarge"


def service_job(job_id: str = "a", **more: Any) -> dict[str, Any]:
    """Return a service job that was submitted at noon, started two minutes later, and ran for an hour."""
    return {
        "jobId": job_id,
        "jobName": f"train-{job_id}",
        "jobArn": f"arn:aws:batch:us-east-1:111122223333:service-job/{job_id}",
        "serviceJobType": "SAGEMAKER_TRAINING",
        "status": "SUCCEEDED",
        "createdAt": NOON + 1_500,
        "startedAt": NOON + 120_000,
        "stoppedAt": NOON + 120_000 + 3_599_500,
        "quotaShareName": "prod",
        "capacityUsage": [{"capacityUnit": P4, "quantity": 2.0}],
    } | more


def container_job(job_id: str = "a", vcpus: float = 24, **more: Any) -> dict[str, Any]:
    job = service_job(job_id, shareIdentifier="research", capacityUsage=[{"capacityUnit": "VCPU", "quantity": vcpus}])
    del job["quotaShareName"], job["serviceJobType"]
    return job | more


def without(job: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in job.items() if name not in names}


def page(*jobs: dict[str, Any]) -> str:
    return json.dumps({"jobSummaryList": jobs}, indent=4)


def read(tmp_path: Path, *pages: str, **options: Any) -> Trace:
    paths = []
    for number, text in enumerate(pages):
        paths.append(tmp_path / f"{number}.json")
        paths[-1].write_text(text)
    return read_history(paths, **options)


def error_text(tmp_path: Path, *pages: str, **options: Any) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read(tmp_path, *pages, **options)
    return str(raised.value)


JOB = Job(
    share="prod",
    instances=2,
    instance_type=P4,
    submit=NOON // 1000 + 1,
    run=3600,
    name="train-a",
    started=NOON // 1000 + 120,
    stopped=NOON // 1000 + 120 + 3600,
)


def test_the_fields_are_fields_of_the_batch_api() -> None:
    model = botocore.session.get_session().get_service_model("batch")
    for operation, job in (("ListServiceJobs", service_job()), ("ListJobs", container_job())):
        shape = model.operation_model(operation).output_shape
        assert shape is not None
        assert job.keys() <= shape.members["jobSummaryList"].member.members.keys()


def test_a_service_job_becomes_a_job(tmp_path: Path) -> None:
    assert read(tmp_path, page(service_job())).jobs == (JOB,)


def test_share_identifier_priority_and_number_of_instances_are_read(tmp_path: Path) -> None:
    usage = [{"capacityUnit": "NUM_INSTANCES", "quantity": 3}]
    summary = without(service_job(shareIdentifier="x", schedulingPriority=5, capacityUsage=usage), "quotaShareName")
    (job,) = read(tmp_path, page(summary)).jobs
    assert (job.share, job.priority, job.instances, job.instance_type) == ("x", 5, 3, "")


@pytest.mark.parametrize(("vcpus", "gpus"), [(12, 1), (24, 2), (25, 3), (4, 1)])
def test_the_gpus_of_a_container_job_follow_from_its_vcpus(vcpus: float, gpus: int, tmp_path: Path) -> None:
    (job,) = read(tmp_path, page(container_job(vcpus=vcpus)), vcpus_per_gpu=12).jobs
    assert (job.share, job.instances, job.instance_type) == ("research", gpus, "")


def test_container_jobs_require_vcpus_per_gpu(tmp_path: Path) -> None:
    assert "vcpus_per_gpu: missing; use the number of vCPUs per GPU" in error_text(tmp_path, page(container_job()))
    assert "vcpus_per_gpu: got 0, allowed: a whole number, 1 or more" in error_text(
        tmp_path, page(container_job()), vcpus_per_gpu=0
    )


def test_several_pages_can_be_in_several_files_or_in_one(tmp_path: Path) -> None:
    jobs = [service_job(str(number), createdAt=NOON - number) for number in range(5)]
    trace = read(
        tmp_path,
        page(jobs[0]) + "\n" + page(jobs[1]),
        json.dumps([json.loads(page(jobs[2])), json.loads(page(jobs[3]))]),
        page(jobs[4]),
    )
    assert [job.name for job in trace.jobs] == [f"train-{number}" for number in (4, 3, 2, 1, 0)]
    assert list(trace.advice) == []


def test_a_job_on_two_pages_counts_once(tmp_path: Path) -> None:
    running = without(service_job(), "stoppedAt")
    for pages in ([running, service_job()], [service_job(), running]):
        assert read(tmp_path, *map(page, pages)).jobs == (JOB,)


def test_the_advice_counts_the_jobs_that_are_left_out(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        page(
            service_job(),
            without(service_job("b"), "startedAt"),
            without(service_job("c"), "startedAt", "stoppedAt"),
            without(service_job("d"), "stoppedAt"),
            service_job("e", stoppedAt=NOON + 120_000),
            without(service_job("f"), "capacityUsage"),
            service_job("g", arrayProperties={"size": 10}),
            service_job("h", arrayProperties={"size": 10, "index": 3}),
        ),
    )
    assert [job.name for job in trace.jobs] == ["train-a", "train-h"]
    file = tmp_path / "0.json"
    assert list(trace.advice) == [
        f"{file}: left out: jobs that never ran (2)",
        f"{file}: left out: jobs that have not ended (1)",
        f"{file}: left out: jobs that ended before they ran (1)",
        f"{file}: left out: jobs without exactly one entry in capacityUsage (1)",
        f"{file}: left out: parents of array jobs (list their children with --array-job-id) (1)",
    ]


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("", "it is empty"),
        (page(), "it is empty"),
        (page(without(service_job(), "startedAt")), "jobs that never ran (1)"),
        (
            page(without(service_job(), "capacityUsage"), without(service_job("b"), "stoppedAt")),
            "jobs without exactly one entry in capacityUsage (1), jobs that have not ended (1)",
        ),
    ],
)
def test_a_list_without_usable_jobs_is_refused_with_the_reasons(text: str, reasons: str, tmp_path: Path) -> None:
    assert f"  - no job in the list can be used ({reasons}): list jobs that ran" in error_text(tmp_path, text)


def test_service_jobs_refuse_vcpus_per_gpu(tmp_path: Path) -> None:
    text = error_text(tmp_path, page(container_job(), service_job("b")), vcpus_per_gpu=12)
    assert "vcpus_per_gpu: 12 vCPUs per GPU apply to container jobs only, but b is a service job: read" in text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("no json", "Expecting value"),
        ('{"jobs": []}', "jobSummaryList: field required; use the JSON that aws batch"),
        (page(service_job(createdAt="noon")), "jobSummaryList[0].createdAt: input should be a valid integer"),
        (page(service_job(), without(service_job(), "jobId")), "jobSummaryList[1].jobId: field required"),
        (
            page(service_job(capacityUsage=[{"capacityUnit": P4, "quantity": -1}])),
            "quantity: input should be",
        ),
        (
            page(service_job(capacityUsage=[{"capacityUnit": P4, "quantity": float("nan")}])),
            "quantity: input should be",
        ),
        ("[1]", "input should be a valid dictionary"),
    ],
)
def test_a_file_that_is_not_a_list_of_jobs_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    error = error_text(tmp_path, text)
    assert error.startswith(f"{tmp_path / '0.json'}: 1 problem\n")
    assert problem in error
    assert "use the JSON that aws batch list-service-jobs or list-jobs prints" in error


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"none\.json: 1 problem\n.*the file cannot be read: No such file or directory"
    ):
        read_history([tmp_path / "none.json"])
    (tmp_path / "0.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match=r"0\.json: 1 problem"):
        read_history([tmp_path / "0.json"])


def test_multi_node_jobs_have_their_nodes(tmp_path: Path) -> None:
    job = container_job(vcpus=96, nodeProperties={"numNodes": 2})
    (found,) = read(tmp_path, page(job), vcpus_per_gpu=12).jobs
    assert (found.instances, found.nodes) == (8, 2)
