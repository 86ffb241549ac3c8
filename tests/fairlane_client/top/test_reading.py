from pathlib import Path

import boto3
import pytest

from fairlane_client.clock import Clock
from fairlane_client.queues.calls import Calls, NotAllowed, Throttled
from fairlane_client.top.reading import MAX_REQUESTS, QueueTop, read_top
from fairlane_local.testing.local_batch import LocalBatch
from tests.fairlane_client.faults import client_error
from tests.fairlane_client.top.fake_batch import NOW, P4, FakeBatch, reader

_FILE = """
region: us-east-1
queues:
  quota:
    capacity: {ml.p4d.24xlarge: 8}
    scheduling:
      policy: quota-management
      shares:
        a: {capacity: {ml.p4d.24xlarge: 4}, sharing: LEND_AND_BORROW, borrow_limit: 50}
        b: {capacity: {ml.p4d.24xlarge: 4}, sharing: LEND}
"""


def test_use_waits_and_the_blocked_job_of_a_local_queue(local_batch: LocalBatch, tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text(_FILE)
    local_batch.deploy(tmp_path / "team.yaml")
    for _ in range(7):
        local_batch.submit("quota", share="a", run=90_000)
    blocked = local_batch.submit("quota", share="b", instances=5, name="too-big")
    local_batch.advance(3600)
    calls = Calls(boto3.client("batch", region_name="us-east-1"))
    (queue,) = read_top(calls, ["quota"], Clock(lambda: local_batch._timeline.milliseconds / 1000, lambda _: None))
    a, b = queue.shares
    assert (a.used, a.entitlement, a.ceiling, a.waiting) == (6, 4, 6, 1)
    assert a.oldest_wait == pytest.approx(3600, abs=1)
    assert (b.used, b.entitlement, b.ceiling, b.waiting) == (0, 4, 4, 1)
    assert (queue.capacity, queue.used, queue.waiting, queue.is_counted) == ({P4: 8}, {P4: 6}, 2, True)
    (head,) = queue.blocked
    assert (head.id, head.name, head.share) == (blocked.id, "too-big", "b")
    assert head.reason.startswith("MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED")
    assert calls.count == 6


def test_a_share_identifier_counts_in_the_row_of_its_prefix_and_an_unlisted_one_has_its_own() -> None:
    fair, fifo, gpu, quota = read_all(FakeBatch())
    assert {share.name: share.used for share in fair.shares} == {"vision": 28, "team-*": 30}
    assert {share.name: (share.used, share.entitlement) for share in gpu.shares} == {
        "vision": (8000, 8192),
        "team-*": (0, 4096),
        "guest": (1000, None),
    }
    assert [(share.name, share.used, share.entitlement, share.ceiling) for share in fifo.shares] == [("", 60, 64, 64)]
    assert [(share.name, share.unit, share.used) for share in quota.shares] == [
        ("ProdExp1", "ml.p4d.24xlarge", 36),
        ("ProdExp2", "ml.p4d.24xlarge", 0),
        ("Dev", "ml.p4d.24xlarge", 12),
        ("ProdExp1", "ml.p5.48xlarge", 3),
    ]


def test_a_refresh_has_two_requests_for_a_training_queue_and_three_for_a_gpu_queue() -> None:
    batch = FakeBatch(queues=4)
    queues = reader(batch)
    assert len([*queues.refresh()]) == 4
    assert len(batch.requests) == 1 + 3 + 2 + 2 + 1 + (2 + 2 + 3 + 2)
    batch.requests.clear()
    assert len([*queues.refresh()]) == 4
    assert len(batch.requests) == 2 + 2 + 3 + 2


def test_ten_thousand_waiting_jobs_take_a_bounded_number_of_requests() -> None:
    batch = FakeBatch(queues=1, waiting=10_000)
    queues = reader(batch)
    (queue,) = queues.refresh()
    assert (queue.waiting, queue.is_counted, queue.problem) == (1000, False, "")
    assert [job.name for job in queue.blocked] == ["pretrain-0"], "the head of the queue is not among the jobs"
    batch.requests.clear()
    _ = [*queues.refresh()]
    assert len(batch.requests) <= MAX_REQUESTS
    batch.requests.clear()
    assert len(queues.jobs("quota-00", "Dev", P4).jobs) > 400
    assert len(batch.requests) <= MAX_REQUESTS


def test_one_thousand_waiting_jobs_are_all() -> None:
    (queue,) = read_all(FakeBatch(queues=1, waiting=1000))
    assert (queue.waiting, queue.is_counted) == (1000, True)


def test_requests_are_at_most_ten_a_second() -> None:
    sleeps: list[float] = []
    batch = FakeBatch(queues=4)
    _ = [*reader(batch, sleeps=sleeps).refresh()]
    assert sleeps == [0.1] * len(batch.requests)


def test_what_was_read_before_a_throttled_request_is_partial() -> None:
    batch = FakeBatch(queues=2)
    batch.throttled = {"list_service_jobs"}
    first, second = read_all(batch)
    assert first.is_throttled
    assert first.shares[0].used == 28
    assert not first.is_counted
    assert first.problem == "batch:ListServiceJobs failed 6 times: TooManyRequestsException"
    assert (second.read_at, second.problem) == (None, "not read, because requests before it failed")
    assert batch.requests.count("get_job_queue_snapshot") == 1


def test_a_throttled_queue_keeps_its_former_state() -> None:
    batch = FakeBatch(queues=1)
    queues = reader(batch)
    (before,) = queues.refresh()
    batch.throttled = {"get_job_queue_snapshot"}
    (after,) = queues.refresh()
    assert after.shares == before.shares
    assert after.read_at == before.read_at
    assert after.is_throttled


def test_a_missing_permission_is_the_problem_of_its_queue() -> None:
    batch = FakeBatch(queues=4)
    batch.denied = {"describe_compute_environments"}
    problems = {queue.name: queue.problem for queue in read_all(batch) if queue.problem}
    assert list(problems) == ["gpu-02"]
    assert problems["gpu-02"].startswith("no permission for batch:DescribeComputeEnvironments: queue.grants.observe")


def test_a_refused_request_and_a_missing_policy_are_problems_of_their_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = FakeBatch(queues=4)

    def refuse(jobQueue: str) -> None:  # noqa: N803
        raise client_error("ClientException", "the queue is being created", 400, "ListQuotaShares")

    monkeypatch.setattr(batch, "_list_quota_shares", refuse)
    policies = batch._describe_scheduling_policies
    monkeypatch.setattr(
        batch,
        "_describe_scheduling_policies",
        lambda arns: {"schedulingPolicies": []} if "/fair" in arns[0] else policies(arns),
    )
    problems = {queue.name: queue.problem for queue in read_all(batch)}
    assert problems["quota-00"] == "ClientException: the queue is being created"
    assert problems["fair-01"].startswith("the scheduling policy of queue fair-01 does not exist: arn:aws:batch:")
    assert problems["fifo-03"] == problems["gpu-02"] == ""


def test_a_policy_without_settings_is_fair_share(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = FakeBatch(queues=2)
    policies = batch._describe_scheduling_policies
    monkeypatch.setattr(
        batch,
        "_describe_scheduling_policies",
        lambda arns: {"schedulingPolicies": [{"name": "fair"}]} if "/fair" in arns[0] else policies(arns),
    )
    fair, _ = read_all(batch)
    assert (fair.policy, fair.problem) == ("FairShare", "")
    assert {share.name for share in fair.shares} == {"vision", "team-a", "team-b"}


def test_the_jobs_of_a_queue_that_was_deleted_are_a_problem_and_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = FakeBatch(queues=1)
    queues = reader(batch)
    (queue,) = queues.refresh()

    def gone(**request: object) -> None:
        raise client_error("ClientException", "job queue does not exist", 400, "ListServiceJobs")

    monkeypatch.setattr(batch, "_list_service_jobs", gone)
    jobs = queues.jobs(queue.name, queue.shares[0].name, queue.shares[0].unit)
    assert "job queue does not exist" in jobs.problem


def test_without_the_list_of_queues_nothing_is_read() -> None:
    batch = FakeBatch()
    batch.denied = {"describe_job_queues"}
    with pytest.raises(NotAllowed, match="batch:DescribeJobQueues"):
        read_all(batch)
    batch.denied, batch.throttled = set(), {"describe_job_queues"}
    with pytest.raises(Throttled, match="batch:DescribeJobQueues"):
        read_all(batch)


def test_an_unknown_queue_is_named_with_the_queues_that_exist() -> None:
    with pytest.raises(LookupError, match=r"no queue nope; .*Region: fair-01, quota-00"):
        reader(FakeBatch(queues=2), "nope").queue_names()


def test_queues_have_the_order_of_the_names_and_come_once() -> None:
    names = ("fifo-03", "arn:aws:batch:us-east-1:111122223333:job-queue/quota-00", "quota-00")
    assert [queue.name for queue in reader(FakeBatch(), *names).refresh()] == ["fifo-03", "quota-00"]


def test_a_clock_that_is_behind_gives_no_negative_wait() -> None:
    batch = FakeBatch(queues=1)
    (queue,) = reader(batch, now=NOW - 90_000).refresh()
    assert queue.oldest_wait == 11_520
    behind = reader(batch, now=NOW - 90_000)
    assert len([*behind.refresh()]) == 1
    assert behind.jobs("quota-00", "Dev", P4).ahead == 90_000
    batch.snapshot = {}
    (queue,) = reader(batch, now=NOW - 90_000).refresh()
    assert queue.oldest_wait == 6, "without AWS's time, the newest job counts as submitted now"


def test_use_that_aws_does_not_report_is_unknown() -> None:
    batch = FakeBatch(queues=4)
    batch.snapshot = {}
    for queue in read_all(batch):
        assert queue.used is None
        assert {share.used for share in queue.shares} == {None}


def test_of_more_than_20_shares_those_that_are_not_listed_have_an_unknown_use() -> None:
    batch = FakeBatch(queues=2)
    usage = [{"capacityUnit": P4, "quantity": 1.0}]
    top = [{"shareIdentifier": f"s{index}", "capacityUsage": usage} for index in range(20)]
    utilization = {"totalCapacityUsage": [{"capacityUnit": P4, "quantity": 25.0}]}
    batch.snapshot = {"queueUtilization": utilization | {"fairshareUtilization": {"topCapacityUtilization": top}}}
    (queue,) = reader(batch, "fair-01").refresh()
    used = {share.name: share.used for share in queue.shares}
    assert (used["vision"], used["s19"], queue.used) == (None, 1, {"NUM_INSTANCES": 25})


def test_the_reason_of_a_job_that_is_not_blocked_is_no_blocked_reason() -> None:
    batch = FakeBatch(queues=1)
    batch.reason = "Job was preempted"
    (queue,) = read_all(batch)
    assert queue.blocked == []


def test_jobs_of_a_share_are_those_that_run_and_then_those_that_wait_in_the_order_of_the_queue() -> None:
    queues = reader(FakeBatch(queues=1))
    _ = [*queues.refresh()]
    jobs = queues.jobs("quota-00", "ProdExp1", P4)
    assert [(job.name, job.state) for job in jobs.jobs] == [
        ("pretrain-0", "RUNNING"),
        ("pretrain-2", "RUNNING"),
        ("pretrain-0", "RUNNABLE"),
        ("pretrain-2", "RUNNABLE"),
        ("pretrain-4", "RUNNABLE"),
        ("pretrain-6", "RUNNABLE"),
    ]
    assert [jobs.positions.get(job.id) for job in jobs.jobs] == [None, None, 1, 3, 5, 7]


def test_settings_are_read_again_after_five_minutes() -> None:
    batch, now = FakeBatch(queues=1), [NOW]
    queues = reader(batch)
    queues.clock = Clock(lambda: now[0], lambda _: None)
    _ = [*queues.refresh()]
    now[0] += 301
    batch.names = ["quota-00", "fifo-03"]
    assert [queue.name for queue in queues.refresh()] == ["fifo-03", "quota-00"]
    assert batch.requests.count("describe_job_queues") == 2


def read_all(batch: FakeBatch) -> list[QueueTop]:
    return [*reader(batch).refresh()]
