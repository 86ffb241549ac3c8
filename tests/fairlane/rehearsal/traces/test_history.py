"""What AWS Batch lists of jobs that ran, as a trace."""

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


def listed(job_id: str = "a", **more: Any) -> dict[str, Any]:
    """A service job that was submitted at noon, started two minutes later, and ran for an hour."""
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


def container(job_id: str = "a", vcpus: float = 24, **more: Any) -> dict[str, Any]:
    job = listed(job_id, shareIdentifier="research", capacityUsage=[{"capacityUnit": "VCPU", "quantity": vcpus}])
    del job["quotaShareName"], job["serviceJobType"]
    return job | more


def without(job: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in job.items() if name not in names}


def page(*jobs: dict[str, Any]) -> str:
    return json.dumps({"jobSummaryList": jobs}, indent=4)


def read(tmp_path: Path, *pages: str, **how: Any) -> Trace:
    paths = []
    for number, text in enumerate(pages):
        paths.append(tmp_path / f"{number}.json")
        paths[-1].write_text(text)
    return read_history(paths, **how)


def mistake(tmp_path: Path, *pages: str, **how: Any) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read(tmp_path, *pages, **how)
    return str(raised.value)


JOB = Job(share="prod", instances=2, instance_type=P4, submit=NOON // 1000 + 1, run=3600, name="train-a")


def test_what_is_read_is_what_aws_lists() -> None:
    model = botocore.session.get_session().get_service_model("batch")
    for operation, job in (("ListServiceJobs", listed()), ("ListJobs", container())):
        shape = model.operation_model(operation).output_shape
        assert shape is not None
        assert job.keys() <= shape.members["jobSummaryList"].member.members.keys()


def test_a_service_job(tmp_path: Path) -> None:
    assert read(tmp_path, page(listed())).jobs == (JOB,)


def test_a_share_identifier_a_priority_and_a_count_of_instances(tmp_path: Path) -> None:
    usage = [{"capacityUnit": "NUM_INSTANCES", "quantity": 3}]
    job = without(listed(shareIdentifier="x", schedulingPriority=5, capacityUsage=usage), "quotaShareName")
    (found,) = read(tmp_path, page(job)).jobs
    assert (found.share, found.priority, found.instances, found.instance_type) == ("x", 5, 3, "")


@pytest.mark.parametrize(("vcpus", "gpus"), [(12, 1), (24, 2), (25, 3), (4, 1)])
def test_a_container_job_needs_the_gpus_that_belong_to_its_vcpus(vcpus: float, gpus: int, tmp_path: Path) -> None:
    (found,) = read(tmp_path, page(container(vcpus=vcpus)), vcpus_per_gpu=12).jobs
    assert (found.share, found.instances, found.instance_type) == ("research", gpus, "")


def test_without_vcpus_for_each_gpu_it_is_asked_for(tmp_path: Path) -> None:
    assert "vcpus_per_gpu: missing; use how many vCPUs" in mistake(tmp_path, page(container()))
    assert "vcpus_per_gpu: got 0, allowed: a whole number, 1 or more" in mistake(
        tmp_path, page(container()), vcpus_per_gpu=0
    )


def test_pages_in_files_and_in_one_file(tmp_path: Path) -> None:
    jobs = [listed(str(number), createdAt=NOON - number) for number in range(5)]
    trace = read(
        tmp_path,
        page(jobs[0]) + "\n" + page(jobs[1]),
        json.dumps([json.loads(page(jobs[2])), json.loads(page(jobs[3]))]),
        page(jobs[4]),
    )
    assert [job.name for job in trace.jobs] == [f"train-{number}" for number in (4, 3, 2, 1, 0)]
    assert list(trace.advice) == []


def test_a_job_on_two_pages_counts_once_as_it_ended(tmp_path: Path) -> None:
    runs = without(listed(), "stoppedAt")
    for pages in ([runs, listed()], [listed(), runs]):
        assert read(tmp_path, *map(page, pages)).jobs == (JOB,)


def test_jobs_that_did_not_run_are_left_out_and_it_is_told(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        page(
            listed(),
            without(listed("b"), "startedAt"),
            without(listed("c"), "startedAt", "stoppedAt"),
            without(listed("d"), "stoppedAt"),
            listed("e", stoppedAt=NOON + 120_000),
            without(listed("f"), "capacityUsage"),
            listed("g", arrayProperties={"size": 10}),
            listed("h", arrayProperties={"size": 10, "index": 3}),
        ),
    )
    assert [job.name for job in trace.jobs] == ["train-a", "train-h"]
    file = tmp_path / "0.json"
    assert list(trace.advice) == [
        f"{file}: left out: jobs that never ran (2)",
        f"{file}: left out: jobs that have not ended (1)",
        f"{file}: left out: jobs that ended before they ran (1)",
        f"{file}: left out: jobs that do not say how much of one kind of capacity they use (1)",
        f"{file}: left out: parents of array jobs, whose children --array-job-id lists (1)",
    ]


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("", "no jobs"),
        (page(), "no jobs"),
        (page(without(listed(), "startedAt")), "jobs that never ran (1)"),
        (
            page(without(listed(), "capacityUsage"), without(listed("b"), "stoppedAt")),
            "jobs that do not say how much of one kind of capacity they use (1), jobs that have not ended (1)",
        ),
    ],
)
def test_a_history_that_makes_no_trace_is_told_and_why(text: str, got: str, tmp_path: Path) -> None:
    assert f"got {got!r}, allowed: one that ran, and says what it used" in mistake(tmp_path, text)


def test_service_jobs_have_no_vcpus(tmp_path: Path) -> None:
    said = mistake(tmp_path, page(container(), listed("b")), vcpus_per_gpu=12)
    assert "vcpus_per_gpu: got 12, allowed: container jobs alone, as service jobs such as b" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no json", "Expecting value"),
        ('{"jobs": []}', "jobSummaryList: got 'field required'"),
        (page(listed(createdAt="noon")), "jobSummaryList[0].createdAt: got"),
        (page(listed(), without(listed(), "jobId")), "jobSummaryList[1].jobId: got 'field required'"),
        (page(listed(capacityUsage=[{"capacityUnit": P4, "quantity": -1}])), "quantity: got"),
        (page(listed(capacityUsage=[{"capacityUnit": P4, "quantity": float("nan")}])), "quantity: got"),
        ("[1]", "got"),
    ],
)
def test_a_file_that_is_no_such_list_is_told(text: str, said: str, tmp_path: Path) -> None:
    error = mistake(tmp_path, text)
    assert error.startswith(f"{tmp_path / '0.json'}: 1 problem\n")
    assert said in error
    assert "as aws batch list-service-jobs and list-jobs print it" in error


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.json: 1 problem\n.*No such file or directory"):
        read_history([tmp_path / "none.json"])
    (tmp_path / "0.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match=r"0\.json: 1 problem"):
        read_history([tmp_path / "0.json"])
