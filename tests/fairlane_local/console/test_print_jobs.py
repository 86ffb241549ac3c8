"""Sample jobs of the demo: the queues and shares that they use, and the printed statuses."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fairlane.environment import load_environment
from fairlane_local import LocalAws, client
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.clock import Clock
from fairlane_local.console.print_jobs import print_jobs
from fairlane_local.testing.environment_file import deploy_environment

ACCOUNT = "123456789012"
FIFO = {"capacity": 5, "instance_type": "ml.g6.12xlarge", "scheduling": {"policy": "fifo"}}
FAIR = FIFO | {"capacity": 16, "scheduling": {"policy": "fair-share", "weight_factors": {"team-*": 1, "low": 3}}}
CONTAINERS = {
    "network": {"cidr": "10.0.0.0/16", "availability_zones": 2},
    "compute_environments": {"g5": {"instance_types": ["g5.12xlarge"], "max_gpus": 32}},
}
GPU_QUEUE = {
    "compute_environments": ["g5"],
    "scheduling": {"policy": "fair-share", "proportions": {"a-*": 60, "b": 40}},
}


def quotas(*sharing: str, **settings: Any) -> dict[str, Any]:
    """Return a queue with a share of 10 instances for each strategy."""
    shares = {
        f"share-{number}": {"capacity": {"ml.g6.12xlarge": 10}, "sharing": strategy}
        for number, strategy in enumerate(sharing)
    }
    shares["share-0"] |= settings
    scheduling = {"policy": "quota-management", "shares": shares}
    return {"capacity": {"ml.g6.12xlarge": 10 * len(sharing)}, "scheduling": scheduling}


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    """Local AWS of the demo."""
    with LocalAws(clock=Clock(None), options=JobOptions(throttle=False)) as aws:
        yield aws


@pytest.fixture
def printed(aws: LocalAws, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that deploys queues, runs the sample jobs, and returns the cells of the printed rows."""
    monkeypatch.setenv("COLUMNS", "100")

    def run(queues: dict[str, Any], **more: Any) -> list[list[str]]:
        path = tmp_path / "test.yaml"
        path.write_text(json.dumps({"region": "us-east-1", "account": ACCOUNT, "queues": queues, **more}))
        deploy_environment(load_environment(path), ACCOUNT)
        print_jobs(aws)
        lines = capsys.readouterr().out.splitlines()
        return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines if line.strip()]

    return run


def test_a_borrower_loses_its_instances_when_their_owners_need_them(printed: Any) -> None:
    title, _, _, *rows = printed({"quotas": quotas("LEND", "LEND_AND_BORROW", "RESERVE")})
    assert title == ["quotas: share-1 borrows 10 instances, then the other shares need them"]
    assert rows == [
        ["baseline", "share-1", "10", "RUNNING", "RUNNING"],
        ["sweep", "share-1", "10", "RUNNING", "RUNNABLE, preempted"],
        ["production", "share-0", "10", "RUNNING"],
        ["production", "share-2", "10", "RUNNING"],
    ]


@pytest.mark.parametrize(
    "queue",
    [
        quotas("LEND", "RESERVE"),
        quotas("LEND_AND_BORROW", "RESERVE"),
        quotas("LEND_AND_BORROW", "LEND", borrow_limit=0),
        quotas("LEND_AND_BORROW", "LEND", state="draining"),
        quotas("LEND", "LEND_AND_BORROW", state="draining"),
    ],
)
def test_a_queue_in_which_no_share_borrows_has_no_scenario(printed: Any, queue: dict[str, Any]) -> None:
    assert printed({"quotas": queue}) == []


def test_jobs_of_fair_shares_run_by_their_weight_factors(printed: Any) -> None:
    title, _, _, *rows = printed({"fifo": FIFO, "fair": FAIR})
    assert title == ["fair: 2 shares submit 16 jobs each, more than the queue can run"]
    assert sorted(rows) == [
        ["train", "low", "1", "4 RUNNING, 12 RUNNABLE"],
        ["train", "team-1", "1", "12 RUNNING, 4 RUNNABLE"],
    ]


def test_jobs_of_container_queues_count_vcpus(printed: Any) -> None:
    _, header, _, *rows = printed({"gpus": GPU_QUEUE}, **CONTAINERS)
    assert header[2] == "vCPUs"
    assert [row[:3] for row in rows] == [["train", "a-1", "24"], ["train", "b", "24"]]
    assert rows[0][3].endswith("RUNNABLE")


@pytest.mark.parametrize(
    ("queue", "size"), [(FIFO, "2"), (GPU_QUEUE | {"scheduling": {"policy": "fifo"}}, "192")], ids=["training", "gpus"]
)
def test_without_shares_jobs_start_in_the_order_of_their_submission(
    printed: Any, queue: dict[str, Any], size: str
) -> None:
    _, _, _, *rows = printed({"fifo": queue}, **CONTAINERS)
    assert rows == [["train-1", size, "RUNNING"], ["train-2", size, "RUNNING"], ["train-3", size, "RUNNABLE"]]


def test_disabled_queues_have_no_sample_jobs(printed: Any, aws: LocalAws) -> None:
    assert printed({"fifo": FIFO | {"state": "draining"}}) == []
    batch = client("batch", aws.port, ACCOUNT, "us-east-1")
    assert batch.list_service_jobs(jobQueue="fifo", jobStatus="RUNNABLE")["jobSummaryList"] == []
